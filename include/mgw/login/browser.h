/* Who sits before the browser: a cookie of our own (__Host-, HttpOnly, SameSite=Lax, sealed, eight
 * hours), given when they have signed in: at the OpenID provider (auth.login), or, where there is
 * none, by a token of the gateway that they paste into a form. */
#pragma once

#include "mgw/core/identity.h"
#include "mgw/fastcgi/request.h"

/* Held by the caller. NULL: nobody is signed in. */
struct identity *browser_identity(struct request *req);
/* Answers the request: signs in, and leads back to path ("/connect/mail?x=y": of this gateway, with
 * its query), with the cookie set. */
void browser_sign_in(struct request *req, const char *path);
/* A value for a hidden field "csrf" of a form that POSTs to path, bound to the cookie and the path.
 * The caller frees it. */
char *browser_form_token(const struct request *req, const char *path);
/* Is what came with the POST of a form ours, from this browser? Else it has been answered (403). */
bool browser_check_form(struct request *req, struct str token);

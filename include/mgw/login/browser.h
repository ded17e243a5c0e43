/* Who sits before the browser: a cookie of our own (__Host-, HttpOnly, SameSite=Lax, sealed, eight
 * hours), given when they have signed in: at the OpenID provider (auth.login), or, where there is
 * none, by a token of the gateway that they paste into a form. */
#pragma once

#include "mgw/core/identity.h"
#include "mgw/fastcgi/request.h"

/* Sets context->browser; after the store is open. */
void browser_create(struct context *context);
/* The configuration is another than before: the provider may be so. */
void browser_follow(struct context *context, const struct config *before);
/* Before the HTTP client and the store go. NULL is fine. */
void browser_destroy(struct browser *browser);

/* Held by the caller. NULL: nobody is signed in. */
struct identity *browser_identity(struct request *req);
/* Is who has been found so, by a login of their own, still signed in, and let in? */
bool browser_may_stay(const struct context *context, const struct identity *identity);
/* Answers the request, or owns it: signs in, and leads back to path ("/connect/mail?x=y": of this
 * gateway, with its query, login/return_path), with the cookie set. */
void browser_sign_in(struct request *req, const char *path);
/* A value for a hidden field "csrf" of a form that POSTs to path, bound to the browser, the login
 * and the path; page_reply() sets the cookie that it needs. The caller frees it. */
char *browser_form_token(struct request *req, const char *path);
/* Is what came with the POST of a form ours, from this browser? Else it has been answered (403). */
bool browser_check_form(struct request *req, struct str token);
/* Appends a form with a button that signs out. 0, BUF_E_FULL, -ENOMEM. */
int browser_add_sign_out(struct buf *out, struct request *req);

/* GET and POST /oauth/sign-in, POST /oauth/sign-out, GET /oauth/callback (login/sign_in_back) */
void browser_on_sign_in(struct request *req);
void browser_on_sign_in_form(struct request *req);
void browser_on_sign_out(struct request *req);
void sign_in_on_callback(struct request *req);

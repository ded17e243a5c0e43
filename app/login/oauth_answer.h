/* Answers to OAuth clients. */
#pragma once

#include "mgw/fastcgi/request.h"

#include <jansson.h>

/* Of an endpoint that is there only with auth.login: the authorization server. NULL: there is none,
 * and that has been answered (404). */
struct authority *oauth_answer_authority(struct request *req);
/* May its address ask so often? Else it has been answered (429). */
bool oauth_answer_may_ask(struct request *req);
/* Not to be kept by anybody. */
void oauth_answer_json_take(struct request *req, unsigned status, json_t *object);
/* RFC 6749 5.2: 401 names the way to authenticate. why: a constant sentence, or "". */
void oauth_answer_error(struct request *req, unsigned status, const char *error, const char *why);
/* Leads the browser there (303). */
void oauth_answer_redirect(struct request *req, const char *location);

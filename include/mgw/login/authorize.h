/* The authorization endpoint (RFC 6749 3.1), and the page on which a user allows a client what it
 * asks for. */
#pragma once

#include "mgw/fastcgi/request.h"

/* GET /oauth/authorize */
void authorize_on_get(struct request *req);
/* POST /oauth/consent */
void authorize_on_consent(struct request *req);

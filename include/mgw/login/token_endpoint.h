/* Codes and refresh tokens become access tokens (RFC 6749 3.2), and end (RFC 7009). */
#pragma once

#include "mgw/fastcgi/request.h"

/* POST /oauth/token */
void token_endpoint_on_post(struct request *req);
/* POST /oauth/revoke */
void token_endpoint_on_revoke(struct request *req);

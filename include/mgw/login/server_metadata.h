/* What our authorization server can do (RFC 8414), also where OpenID clients look. */
#pragma once

#include "mgw/fastcgi/request.h"

void server_metadata_on_get(struct request *req);

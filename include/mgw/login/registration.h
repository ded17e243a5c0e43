/* Clients register themselves (RFC 7591). Nothing is kept: auth/client. */
#pragma once

#include "mgw/fastcgi/request.h"

/* POST /oauth/register */
void registration_on_post(struct request *req);

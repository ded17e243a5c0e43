/* What our resources say of themselves (RFC 9728 3): who gives out tokens for them. 404 where
 * nobody does. */
#pragma once

#include "mgw/fastcgi/request.h"

void resource_metadata_on_get(struct request *req);

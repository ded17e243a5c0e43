/* From a request to the room that answers it: Origin, path, method, user. */
#pragma once

#include "mgw/gate/front.h"

/* Answers the request, or gives it an owner. */
void route_request(struct request *req);

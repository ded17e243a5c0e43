/* The body of a POST, read as JSON: once, and then it is gone. */
#pragma once

#include "mgw/fastcgi/request.h"

#include <jansson.h>

/* The body, where it is a call that may go on as it came (rpc_glance_call()), to be released; NULL:
 * it is for the next one. */
json_t *request_body_glance(struct request *req);
/* The body as JSON, to be released; each request in it carries its trace context, and none that is
 * not sound. NULL: it is none, or there is no memory for it, and that has been answered. What is
 * refused with its head (route) has no id: its body has not been read. */
json_t *request_body_json(struct request *req);

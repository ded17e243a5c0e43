/* Answers to requests that are not served, in the forms and with the status codes that clients act
 * upon. */
#pragma once

#include "mgw/gate/front.h"

#include <jansson.h>

/* A JSON-RPC error; id is borrowed, NULL: none could be read, or it is of no request. An array of
 * ids: one error for each. */
void refuse_message(struct request *req, unsigned status, json_t *id, int code, const char *why,
                    json_t *data_take);
/* status: 429 (too many at once) or 503 (going down, or full), with Retry-After. */
void refuse_busy(struct request *req, json_t *id, unsigned status);
/* asked: the protocol version that is not spoken here. */
void refuse_version(struct request *req, json_t *id, struct str asked);
/* The body, where it is a call that may go on as it came (rpc_glance_call()), to be released; NULL:
 * it is for the next one. */
json_t *glance_at_body(struct request *req);
/* The body as JSON, to be released. NULL: it is none, or there is no memory for it, and that has
 * been answered. What is refused with its head (route) has no id: its body has not been read. */
json_t *require_json_body(struct request *req);

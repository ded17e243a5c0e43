/* Answers to requests that are not served, in the forms and with the status codes that clients act
 * upon. */
#pragma once

#include "mgw/gate/front.h"

#include <jansson.h>

/* A JSON-RPC error; id is borrowed, NULL: none could be read. */
void refuse_message(struct request *req, unsigned status, json_t *id, int code, const char *why,
                    json_t *data_take);
/* status: 429 (too many at once) or 503 (going down, or full), with Retry-After. */
void refuse_busy(struct request *req, json_t *id, unsigned status);
/* As that, for want of memory: LEDGER_E_PAYER (429), LEDGER_E_WHOLE (503). */
void refuse_memory(struct request *req, int outcome);
/* asked: the protocol version that is not spoken here. */
void refuse_version(struct request *req, json_t *id, struct str asked);
/* The body, where it is a call that may go on as it came (rpc_glance_call()), to be released; NULL:
 * it is for the next one. */
json_t *glance_at_body(struct request *req);
/* The body as JSON, to be released. NULL: it is none, and that has been answered. */
json_t *require_json_body(struct request *req);

/* Answers to requests that are not served, in the forms and with the status codes that clients act
 * upon. */
#pragma once

#include "mgw/fastcgi/request.h"

#include <jansson.h>

/* A JSON-RPC error; id is borrowed, NULL: none could be read, or it is of no request. An array of
 * ids: one error for each. */
void refuse_message(struct request *req, unsigned status, json_t *id, int code, const char *why,
                    json_t *data_take);
/* status: 429 (too many at once) or 503 (going down, or full), with Retry-After. */
void refuse_busy(struct request *req, json_t *id, unsigned status);
/* asked: the protocol version that is not spoken here. */
void refuse_version(struct request *req, json_t *id, struct str asked);
/* There is no memory for what it asks: outcome RPC_E_PAYER or RPC_E_WHOLE. */
void refuse_memory(struct request *req, json_t *id, int outcome);

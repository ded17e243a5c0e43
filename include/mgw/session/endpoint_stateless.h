/* The endpoint of the stateless era: each request for itself (MCP 2026-07-28, "Streamable HTTP").
 */
#pragma once

#include "mgw/fastcgi/request.h"
#include "mgw/session/call.h"
#include "mgw/session/listing.h"

/* A POST whose body has been read, of a client that speaks the stateless era: root is borrowed. */
void endpoint_stateless_on_post(struct request *req, json_t *root);

/* The MCP endpoints of eras A and B. The caller has checked Origin and user. */
#pragma once

#include "mgw/gate/front.h"

/* /mcp: Streamable HTTP (2025-03-26 and later, "Transports"). */
void mcp_on_post(struct request *req);
void mcp_on_get(struct request *req);
void mcp_on_delete(struct request *req);
/* /sse and /message: HTTP+SSE (2024-11-05). */
void mcp_on_sse(struct request *req);
/* At the head: false, it has been answered. */
bool mcp_on_message_head(struct request *req);
void mcp_on_message(struct request *req);

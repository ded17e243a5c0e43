/* The MCP endpoints of eras A and B. The caller has checked Origin and user. */
#pragma once

#include "mgw/gate/front.h"

/* /mcp: Streamable HTTP (2025-03-26 and later, "Transports"). */
void mcp_on_post(struct request *req, struct user *user);
void mcp_on_get(struct request *req, struct user *user);
void mcp_on_delete(struct request *req, struct user *user);
/* /sse and /message: HTTP+SSE (2024-11-05). */
void mcp_on_sse(struct request *req, struct user *user);
void mcp_on_message(struct request *req, struct user *user);

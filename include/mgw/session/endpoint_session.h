/* The MCP endpoints of the sse and session eras. The caller has checked Origin and user. */
#pragma once

#include "mgw/fastcgi/request.h"

/* /mcp: Streamable HTTP (2025-03-26 and later, "Transports"). */
void endpoint_session_on_post(struct request *req);
void endpoint_session_on_get(struct request *req);
void endpoint_session_on_delete(struct request *req);
/* /sse and /message: HTTP+SSE (2024-11-05). */
void endpoint_session_on_sse(struct request *req);
/* At the head: false, it has been answered. */
bool endpoint_session_on_message_head(struct request *req);
void endpoint_session_on_message(struct request *req);

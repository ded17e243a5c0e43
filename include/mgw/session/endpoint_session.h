/* The MCP endpoints of the sse and session eras. The caller has checked Origin and user. */
#pragma once

#include "mgw/fastcgi/request.h"

struct rpc_msg;
struct session;

/* /mcp: Streamable HTTP (2025-03-26 and later, "Transports"). */
void endpoint_session_on_post(struct request *req);
void endpoint_session_on_get(struct request *req);
void endpoint_session_on_delete(struct request *req);
/* /sse and /message: HTTP+SSE (2024-11-05). */
void endpoint_session_on_sse(struct request *req);
/* At the head: false, it has been answered. */
bool endpoint_session_on_message_head(struct request *req);
void endpoint_session_on_message(struct request *req);
/* A notification or reply that a client has sent to another process (session_handover). */
void endpoint_session_on_stray(struct session *session, const struct rpc_msg *msg);
/* The session that a request names, by its header or its query; empty: it names none. In text, or
 * borrowed from the head. */
#define ENDPOINT_SESSION_ID_SIZE 256
struct str endpoint_session_named(const struct request *req, char text[ENDPOINT_SESSION_ID_SIZE]);

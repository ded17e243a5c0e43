/* The endpoint of the stateless era: each request for itself (MCP 2026-07-28, "Streamable HTTP").
 */
#pragma once

#include "mgw/fastcgi/request.h"
#include "mgw/session/call.h"
#include "mgw/session/listing.h"

/* A POST whose body has been read, of a client that speaks the stateless era: root is borrowed. */
void endpoint_stateless_on_post(struct request *req, struct user *user, json_t *root);
/* Makes an answer what the stateless era wants it to be. */
void endpoint_stateless_finish_answer(const struct call *call, json_t *answer);
/* Is it known which arguments of the tool must stand in headers too? */
bool endpoint_stateless_knows_tool(const struct listing_owner *owner);
/* Do they say there what they say in the body? False: the call is over. */
bool endpoint_stateless_check_tool(struct call *call, const struct listing_owner *owner);
/* Reads the lowest level of log messages that the call wants; the lowest of all running calls
 * becomes its session's. */
void endpoint_stateless_set_log_level(struct call *call);
/* Is this message for the client of this call? */
bool endpoint_stateless_wants(const struct call *call, const json_t *msg);
/* The call that a log message of this upstream is for: guess (may be NULL) if it wants any, else
 * the newest that does. NULL: none. */
struct call *endpoint_stateless_logging_call(const struct upstream_session *us, struct call *guess);

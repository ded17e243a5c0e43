/* A call of a client without a session (MCP 2026-07-28). */
#pragma once

#include "mgw/session/listing.h"

/* Makes an answer what the stateless era wants it to be. */
void call_stateless_finish_answer(const struct call *call, json_t *answer);
/* Is it known which arguments of the tool must stand in headers too? */
bool call_stateless_knows_tool(const struct listing_owner *owner);
/* Do they say there what they say in the body? False: the call is over. */
bool call_stateless_check_tool(struct call *call, const struct listing_owner *owner);
/* Reads the lowest level of log messages that the call wants; the lowest of all running calls
 * becomes its session's. */
void call_stateless_set_log_level(struct call *call);
/* Is this message for the client of this call? */
bool call_stateless_wants(const struct call *call, const json_t *msg);
/* The call that a log message of this upstream is for: guess (may be NULL) if it wants any, else
 * the newest that does. NULL: none. */
struct call *call_stateless_logging_call(const struct upstream_session *us, struct call *guess);

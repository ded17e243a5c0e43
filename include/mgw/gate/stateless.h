/* The endpoint of era C: each request for itself (MCP 2026-07-28, "Streamable HTTP"). */
#pragma once

#include "mgw/gate/call.h"
#include "mgw/gate/front.h"
#include "mgw/gate/listing.h"

/* A POST whose body has been read, of a client that speaks era C: root is borrowed. */
void stateless_on_post(struct request *req, struct user *user, json_t *root);
/* Makes an answer what era C wants it to be. */
void stateless_finish_answer(const struct call *call, json_t *answer);
/* Is it known which arguments of the tool must stand in headers too? */
bool stateless_knows_tool(const struct listing_owner *owner);
/* Do they say there what they say in the body? False: the call is over. */
bool stateless_check_tool(struct call *call, const struct listing_owner *owner);
/* Reads the lowest level of log messages that the call wants; the lowest of all running calls
 * becomes its session's. */
void stateless_set_log_level(struct call *call);
/* Is this message for the client of this call? */
bool stateless_wants(const struct call *call, const json_t *msg);
/* The call that a log message of this upstream is for: guess (may be NULL) if it wants any, else
 * the newest that does. NULL: none. */
struct call *stateless_logging_call(const struct link *link, struct call *guess);

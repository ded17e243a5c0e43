/* What the server says of itself. */
#pragma once

#include "probe_ask.h"

/* Asks initialize and server/discover. What came is in hello and discovered. */
void probe_server_greet(struct probe_peer *peer);
/* The same over HTTP+SSE, whose stream must stand. */
void probe_server_greet_by_sse(struct probe_peer *peer);
/* The way for requests: with a session, else without, else by HTTP+SSE. */
enum probe_way probe_server_way(const struct probe_peer *peer);
/* The entries of all pages of a list ("tools/list", "tools"), a new reference; NULL: it failed, and
 * why says how. */
json_t *probe_server_list(struct probe_peer *peer, const char *method, const char *key, char *why,
                          size_t why_size);
/* One of its tools, borrowed from their list; NULL: there is none of that name. */
json_t *probe_server_tool(const json_t *tools, const char *name);
/* Ends the session, if there is one. */
void probe_server_leave(struct probe_peer *peer);

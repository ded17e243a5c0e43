/* What keeps a request to a server without sessions from its answer: the client is asked first, or
 * the tools are fetched again. The exchange waits meanwhile on its link's parked. */
#pragma once

#include "link_inside.h"

struct refetch;
struct rounds;

/* Why a question does not reach the client. */
extern const char link_lacks_input[];

/* The server needs input (basic patterns, "Multi Round-Trip Requests"): asks the client of the call
 * for it, and sends the request again with what it says. */
void rounds_go_on(struct exchange *x, json_t *result);
/* NULL is fine. */
void rounds_drop(struct rounds *rounds);

/* The server wants other headers (Streamable HTTP, "Client Behavior"): fetches its tools, and sends
 * the request again. */
void refetch_start(struct exchange *x);
/* NULL is fine. */
void refetch_drop(struct refetch *refetch);

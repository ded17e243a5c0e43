/* The server of a request wants other headers (Streamable HTTP, "Client Behavior"): its tools are
 * fetched, and the request sent again. The exchange waits meanwhile on its link's parked. */
#pragma once

#include "link_inside.h"

struct refetch;

void refetch_start(struct exchange *x);
/* NULL is fine. */
void refetch_drop(struct refetch *refetch);

/* The server of a request wants other headers (Streamable HTTP, "Client Behavior"): its tools are
 * fetched, and the request sent again. The pending request is parked meanwhile. */
#pragma once

#include "upstream_inside.h"

struct header_retry;

void header_retry_start(struct pending_request *pending);
/* NULL is fine. */
void header_retry_drop(struct header_retry *header_retry);

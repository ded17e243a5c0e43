/* Once a request: what the server says after that is its last word. */
#include "header_retry.h"

#include "mgw/base/alloc.h"
#include "mgw/base/log.h"
#include "mgw/upstream/fetch.h"

#include <stdlib.h>

struct header_retry {
        struct fetch fetch;
        struct pending_request *pending;
};

/* What it answers now is its last word. */
static void header_retry_on_done(struct fetch *fetch, bool is_new)
{
        struct pending_request *pending = container_of(fetch, struct header_retry, fetch)->pending;

        (void)is_new;
        pending_request_unpark(pending);
}

void header_retry_start(struct pending_request *pending)
{
        struct header_retry *r = alloc_zeroed(sizeof(*r));

        if (upstream_may_log(pending->owner->upstream))
                log_info(NULL, "[upstream] %s: it wants other headers: its tools are fetched again",
                         upstream_name(pending->owner->upstream));
        pending_request_park(pending);
        r->pending = pending;
        r->fetch.on_done = header_retry_on_done;
        pending->header_retry = r;
        fetch_start(&r->fetch, pending->owner, LIST_TOOLS);
}

void header_retry_drop(struct header_retry *r)
{
        if (r == NULL)
                return;
        fetch_drop(&r->fetch, "nobody waits for it any more");
        loop_bury(upstream_session_loop(r->pending->owner), r, free);
}

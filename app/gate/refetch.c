#include "refetch.h"

#include "mgw/base/log.h"
#include "mgw/gate/fetch.h"

#include <stdlib.h>

struct refetch {
        struct fetch fetch;
        struct exchange *x;
};

/* What it answers now is its last word. */
static void refetch_on_done(struct fetch *fetch, bool is_new)
{
        struct exchange *x = container_of(fetch, struct refetch, fetch)->x;

        (void)is_new;
        exchange_unpark(x);
}

void refetch_start(struct exchange *x)
{
        struct refetch *r = calloc(1, sizeof(*r));

        if (r == NULL) {
                exchange_fail(x, "out of memory", FAULT_FINAL);
                return;
        }
        if (upstream_may_log(x->owner->upstream))
                log_info(NULL, "[upstream] %s: it wants other headers: its tools are fetched again",
                         upstream_name(x->owner->upstream));
        exchange_park(x);
        r->x = x;
        r->fetch.on_done = refetch_on_done;
        x->refetch = r;
        fetch_start(&r->fetch, x->owner, LINK_TOOLS);
}

void refetch_drop(struct refetch *r)
{
        if (r == NULL)
                return;
        fetch_drop(&r->fetch, "nobody waits for it any more");
        loop_bury(link_loop(r->x->owner), r, free);
}

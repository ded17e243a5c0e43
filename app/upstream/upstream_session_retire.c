/* Before an upstream session of a retired upstream is closed, and another takes its place. */
#include "upstream_inside.h"

void upstream_session_succeed(struct upstream_session *us, const struct upstream_session *before)
{
        if (json_object_size(before->subscribed) == 0)
                return;
        json_decref(us->subscribed);
        us->subscribed = json_copy(before->subscribed);
        ledger_hold_set_past(&us->watched, before->watched.bytes);
        upstream_session_try(us); /* which subscribes again */
}

/* Walks what is on its way once: each has its end by it, or is sent nowhere any more. */
void upstream_session_abandon(struct upstream_session *us, const char *why)
{
        const struct failure failure = {.why = why, .fault = FAULT_FINAL};
        struct list *const lists[] = {&us->sent, &us->waiting, &us->parked, &us->queued};
        struct list *it;

        for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
                while ((it = list_first(lists[i])) != NULL) {
                        struct pending_request *pending =
                                container_of(it, struct pending_request, node);

                        if (pending->request != NULL)
                                pending_request_give_up(pending, &failure);
                        else
                                pending_request_end(pending);
                }
}

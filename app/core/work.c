/* Shares that wait stand in a list, and each has a list of its own work. The first share runs one
 * piece and goes to the end. What has begun is finished: whoever makes a piece bounds it. */
#include "mgw/core/work.h"

#include "mgw/base/clock.h"
#include "mgw/core/share.h"

/* Of a turn, for one share; and for all that wait. What has begun is finished. */
#define SHARE_US 5000
#define ALL_US 10000

static bool has_had_its_part(const struct share *share)
{
        return share->work_turn == loop_turn_no(share->context->loop) && share->work_us >= SHARE_US;
}

/* How long it took. */
static int64_t work_run(struct share *share, struct work *work)
{
        int64_t began_us = clock_monotonic_us(), us;

        share_hold(share);
        work->on_run(work);
        us = clock_monotonic_us() - began_us;
        if (share->work_turn != loop_turn_no(share->context->loop))
                share->work_us = 0;
        share->work_turn = loop_turn_no(share->context->loop);
        share->work_us += us;
        share_let_go(share);
        return us;
}

/* The end of the turn. A share whose work was cancelled drops out. */
static void work_on_task(struct loop_task *task)
{
        struct context *context = container_of(task, struct context, work);
        struct list *it;
        int64_t left_us = ALL_US;

        while (left_us > 0 && (it = list_first(&context->busy_shares)) != NULL) {
                struct share *share = container_of(it, struct share, busy_node);
                struct list *first = list_first(&share->work);

                list_unlink(it);
                if (first == NULL)
                        continue;
                list_unlink(first);
                if (!list_is_empty(&share->work))
                        list_append(&context->busy_shares, it);
                left_us -= work_run(share, container_of(first, struct work, node));
        }
        if (!list_is_empty(&context->busy_shares))
                loop_defer(context->loop, task);
}

void work_context_init(struct context *context)
{
        context->work.on_run = work_on_task;
        list_init(&context->busy_shares);
}

void work_start(struct work *work, struct share *share)
{
        if (share == NULL) {
                work->on_run(work);
        } else if (list_is_empty(&share->work) && !has_had_its_part(share)) {
                (void)work_run(share, work);
        } else {
                list_append(&share->work, &work->node);
                if (list_is_empty(&share->busy_node))
                        list_append(&share->context->busy_shares, &share->busy_node);
                loop_defer(share->context->loop, &share->context->work);
        }
}

void work_cancel(struct work *work)
{
        list_unlink(&work->node);
}

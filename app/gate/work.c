#include "mgw/gate/work.h"

#include "mgw/base/clock.h"
#include "mgw/gate/share.h"

/* Of a turn, for one share; and for all that wait. What has begun is finished. */
#define SHARE_US 5000
#define ALL_US 10000

static bool has_had_its_part(const struct share *share)
{
        return share->work_turn == loop_turn_no(share->gate->loop) && share->work_us >= SHARE_US;
}

/* How long it took. */
static int64_t work_run(struct share *share, struct work *work)
{
        int64_t began_us = clock_monotonic_us(), us;

        share_hold(share);
        work->on_run(work);
        us = clock_monotonic_us() - began_us;
        if (share->work_turn != loop_turn_no(share->gate->loop))
                share->work_us = 0;
        share->work_turn = loop_turn_no(share->gate->loop);
        share->work_us += us;
        share_let_go(share);
        return us;
}

/* The end of the turn. A share whose work was cancelled drops out. */
static void work_on_task(struct loop_task *task)
{
        struct gate *gate = container_of(task, struct gate, work);
        struct list *it;
        int64_t left_us = ALL_US;

        while (left_us > 0 && (it = list_first(&gate->busy_shares)) != NULL) {
                struct share *share = container_of(it, struct share, busy_link);
                struct list *first = list_first(&share->work);

                list_unlink(it);
                if (first == NULL)
                        continue;
                list_unlink(first);
                if (!list_is_empty(&share->work))
                        list_append(&gate->busy_shares, it);
                left_us -= work_run(share, container_of(first, struct work, link));
        }
        if (!list_is_empty(&gate->busy_shares))
                loop_defer(gate->loop, task);
}

void work_gate_init(struct gate *gate)
{
        gate->work.on_run = work_on_task;
        list_init(&gate->busy_shares);
}

void work_start(struct work *work, struct share *share)
{
        if (share == NULL) {
                work->on_run(work);
        } else if (list_is_empty(&share->work) && !has_had_its_part(share)) {
                (void)work_run(share, work);
        } else {
                list_append(&share->work, &work->link);
                if (list_is_empty(&share->busy_link))
                        list_append(&share->gate->busy_shares, &share->busy_link);
                loop_defer(share->gate->loop, &share->gate->work);
        }
}

void work_cancel(struct work *work)
{
        list_unlink(&work->link);
}

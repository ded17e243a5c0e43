/* A binary heap, ordered by due time; each timer knows its slot, so that to disarm or re-arm it
 * costs log n and no search. The heap grows and never shrinks. */
#include "mgw/loop/timer.h"

#include "mgw/base/alloc.h"
#include "turn.h"

#include <assert.h>
#include <limits.h>

/* A hundred years: sums of due times stay far from overflow. */
#define TIMER_MAX_MS (INT64_C(100) * 366 * 24 * 3600 * 1000)

static void heap_put(struct loop *loop, uint32_t slot, struct timer_slot entry)
{
        loop->heap[slot] = entry;
        entry.timer->slot = slot;
}

static void heap_rise(struct loop *loop, uint32_t slot, struct timer_slot entry)
{
        for (; slot > 1 && loop->heap[slot / 2].due_ms > entry.due_ms; slot /= 2)
                heap_put(loop, slot, loop->heap[slot / 2]);
        heap_put(loop, slot, entry);
}

static void heap_sink(struct loop *loop, uint32_t slot, struct timer_slot entry)
{
        for (uint32_t child; (child = slot * 2) <= loop->n_timers; slot = child) {
                if (child < loop->n_timers &&
                    loop->heap[child + 1].due_ms < loop->heap[child].due_ms)
                        child++;
                if (loop->heap[child].due_ms >= entry.due_ms)
                        break;
                heap_put(loop, slot, loop->heap[child]);
        }
        heap_put(loop, slot, entry);
}

/* Puts it at slot or where it belongs above or below. */
static void heap_settle(struct loop *loop, uint32_t slot, struct timer_slot entry)
{
        if (slot > 1 && loop->heap[slot / 2].due_ms > entry.due_ms)
                heap_rise(loop, slot, entry);
        else
                heap_sink(loop, slot, entry);
}

static void heap_grow(struct loop *loop)
{
        assert(loop->heap_size <= UINT32_MAX / 4);
        loop->heap_size = loop->heap_size == 0 ? 64 : loop->heap_size * 2;
        loop->heap = alloc_again(loop->heap, loop->heap_size, sizeof(*loop->heap));
}

void timer_arm(struct loop *loop, struct timer *timer, int64_t delay_ms)
{
        int64_t least_ms = loop->is_in_timers ? 1 : 0; /* else a turn might never end */

        assert(timer->on_due != NULL);
        if (!timer_is_armed(timer) && loop->n_timers + 1 >= loop->heap_size)
                heap_grow(loop);
        if (delay_ms < least_ms)
                delay_ms = least_ms;
        if (delay_ms > TIMER_MAX_MS)
                delay_ms = TIMER_MAX_MS;
        heap_settle(loop, timer_is_armed(timer) ? timer->slot : ++loop->n_timers,
                    (struct timer_slot){loop_now_ms(loop) + delay_ms, timer});
}

void timer_disarm(struct loop *loop, struct timer *timer)
{
        uint32_t slot = timer->slot;
        struct timer_slot last;

        if (slot == 0)
                return;
        last = loop->heap[loop->n_timers--];
        timer->slot = 0;
        if (last.timer != timer)
                heap_settle(loop, slot, last);
}

void timer_run_due(struct loop *loop)
{
        loop->is_in_timers = true;
        while (loop->n_timers > 0 && loop->heap[1].due_ms <= loop->now_ms) {
                struct timer *timer = loop->heap[1].timer;

                timer_disarm(loop, timer);
                timer->on_due(timer);
        }
        loop->is_in_timers = false;
}

int timer_wait_ms(const struct loop *loop, int timeout_ms)
{
        int64_t wait_ms;

        if (loop->n_timers == 0)
                return timeout_ms;
        wait_ms = loop->heap[1].due_ms - loop_now_ms(loop);
        if (wait_ms < 0)
                wait_ms = 0;
        if (timeout_ms >= 0 && wait_ms > timeout_ms)
                wait_ms = timeout_ms;
        return wait_ms > INT_MAX ? INT_MAX : (int)wait_ms;
}

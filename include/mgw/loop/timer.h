/* Timers: a heap of due times. The owner embeds struct timer (zeroed is disarmed). */
#pragma once

#include "mgw/loop/loop.h"

struct timer {
        uint32_t slot; /* place in the heap, where its due time stands; 0 = disarmed */
        void (*on_due)(struct timer *timer);
};

/* Due in delay_ms from now (>= 0); re-arms an armed one. */
void timer_arm(struct loop *loop, struct timer *timer, int64_t delay_ms);
/* Harmless when disarmed. */
void timer_disarm(struct loop *loop, struct timer *timer);
static inline bool timer_is_armed(const struct timer *timer)
{
        return timer->slot != 0;
}

/* The inside of struct loop, for the files of this floor. */
#pragma once

#include "mgw/loop/timer.h"

#include <stdatomic.h>
#include <sys/epoll.h>

#define LOOP_BATCH 256

struct grave {
        void *object;
        void (*free_fn)(void *object);
};

/* The due time stands here, so that to order the heap touches no timer. */
struct timer_slot {
        int64_t due_ms;
        struct timer *timer;
};

struct loop {
        int epoll_fd;
        bool is_turning;
        bool is_in_timers;
        bool is_stopping;
        int64_t now_ms;
        uint64_t n_turns;
        _Atomic uint64_t n_halves; /* odd within a turn; the watchdog's thread reads it */
        struct loop_turns turns;
        struct epoll_event batch[LOOP_BATCH];
        int batch_at; /* the event being handled */
        int n_batch;
        struct timer_slot *heap; /* 1-based: a timer's slot is its index, 0 is none */
        uint32_t n_timers;
        uint32_t heap_size;
        struct list tasks;
        struct grave *graves;
        size_t n_graves;
        size_t graves_size;
};

/* In timer.c. Runs what is due at loop->now_ms. */
void timer_run_due(struct loop *loop);
/* The wait until the first timer is due: 0..timeout_ms; timeout_ms -1 is no bound. */
int timer_wait_ms(const struct loop *loop, int timeout_ms);

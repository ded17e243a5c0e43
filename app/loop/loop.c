/* One turn: wait in epoll, events, due timers, deferred tasks, morgue.
 *
 * Level-triggered, so that a handler may leave bytes unread for the next turn. What keeps a turn
 * finite and nobody waiting: at most LOOP_BATCH events are taken (epoll serves the rest first next
 * time), a timer armed by a timer's handler is not due in this turn, and a task deferred by a task
 * runs in the next turn, which then does not sleep.
 *
 * An io that is removed is scrubbed from the batch, so an event reaches neither a removed io nor
 * one that was added again with another descriptor. Objects die in the morgue alone, when no
 * handler is on the stack. */
#include "mgw/loop/loop.h"

#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/base/log.h"
#include "turn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static_assert(LOOP_IN == EPOLLIN && LOOP_OUT == EPOLLOUT && LOOP_GONE == (EPOLLERR | EPOLLHUP),
              "the bits of a loop_io are epoll's");

/* A morgue that grew past this gives its memory back. */
#define GRAVES_KEPT 1024
/* How soon to try again when standard error is full: epoll cannot watch what may be a plain file.
 */
#define LOG_RETRY_MS 5

int loop_create(struct loop **loopp)
{
        struct loop *loop = alloc_zeroed(sizeof(*loop));

        loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (loop->epoll_fd < 0) {
                int r = -errno;

                free(loop);
                return r;
        }
        list_init(&loop->tasks);
        *loopp = loop;
        return 0;
}

static void loop_empty_morgue(struct loop *loop)
{
        /* By index: freeing one object may bury another, and move the array. */
        for (size_t i = 0; i < loop->n_graves; i++) {
                struct grave grave = loop->graves[i];

                grave.free_fn(grave.object);
        }
        loop->n_graves = 0;
        if (loop->graves_size > GRAVES_KEPT) {
                free(loop->graves);
                loop->graves = NULL;
                loop->graves_size = 0;
        }
}

void loop_destroy(struct loop *loop)
{
        if (loop == NULL)
                return;
        loop_empty_morgue(loop);
        close(loop->epoll_fd);
        free(loop->graves);
        free(loop->heap);
        free(loop);
}

static void loop_run_events(struct loop *loop)
{
        for (loop->batch_at = 0; loop->batch_at < loop->n_batch; loop->batch_at++) {
                const struct epoll_event *event = &loop->batch[loop->batch_at];
                struct loop_io *io = event->data.ptr;

                if (io != NULL)
                        io->on_io(io, event->events);
        }
        loop->n_batch = 0;
}

static void loop_run_tasks(struct loop *loop)
{
        struct list due;
        struct list *node;

        list_take_all(&due, &loop->tasks);
        while ((node = list_first(&due)) != NULL) {
                struct loop_task *task = container_of(node, struct loop_task, node);

                list_unlink(node);
                task->on_run(task);
        }
}

const unsigned loop_turn_bounds_ms[LOOP_N_TURN_BOUNDS] = {1, 2, 5, 10, 25, 50, 100, 250, 500, 1000};

static void loop_begin_turn(struct loop *loop, int64_t now_us)
{
        loop->now_ms = now_us / 1000;
        loop->n_turns++;
        loop->is_turning = true;
        atomic_fetch_add_explicit(&loop->n_halves, 1, memory_order_relaxed);
}

static void loop_end_turn(struct loop *loop, int64_t began_us)
{
        uint64_t us = (uint64_t)(clock_monotonic_us() - began_us);
        size_t i = 0;

        atomic_fetch_add_explicit(&loop->n_halves, 1, memory_order_relaxed);
        loop->is_turning = false;
        while (i < LOOP_N_TURN_BOUNDS && us > UINT64_C(1000) * loop_turn_bounds_ms[i])
                i++;
        loop->turns.n[i]++;
        loop->turns.sum_us += us;
        if (us > loop->turns.longest_us)
                loop->turns.longest_us = us;
}

uint64_t loop_turn_no(const struct loop *loop)
{
        return loop->n_turns;
}

const struct loop_turns *loop_turns(const struct loop *loop)
{
        return &loop->turns;
}

int loop_turn(struct loop *loop, int timeout_ms)
{
        int64_t began_us;
        int wait_ms = list_is_empty(&loop->tasks) ? timer_wait_ms(loop, timeout_ms) : 0;
        int n;

        assert(!loop->is_turning);
        if (!log_flush() && (wait_ms < 0 || wait_ms > LOG_RETRY_MS))
                wait_ms = LOG_RETRY_MS;
        n = epoll_wait(loop->epoll_fd, loop->batch, LOOP_BATCH, wait_ms);
        if (n < 0 && errno != EINTR)
                return -errno;

        loop->n_batch = n < 0 ? 0 : n;
        began_us = clock_monotonic_us();
        loop_begin_turn(loop, began_us);
        loop_run_events(loop);
        timer_run_due(loop);
        loop_run_tasks(loop);
        loop_empty_morgue(loop);
        loop_end_turn(loop, began_us);
        return 0;
}

int loop_run(struct loop *loop)
{
        int r = 0;

        while (!loop->is_stopping && r == 0)
                r = loop_turn(loop, -1);
        loop->is_stopping = false;
        return r;
}

void loop_stop(struct loop *loop)
{
        loop->is_stopping = true;
}

int64_t loop_now_ms(const struct loop *loop)
{
        return loop->is_turning ? loop->now_ms : clock_monotonic_ms();
}

static int loop_control(struct loop *loop, int op, struct loop_io *io, uint32_t events)
{
        struct epoll_event event = {.events = events, .data.ptr = io};

        if (epoll_ctl(loop->epoll_fd, op, io->fd, &event) < 0)
                return -errno;
        io->events = events;
        return 0;
}

int loop_io_add(struct loop *loop, struct loop_io *io, uint32_t events)
{
        return loop_control(loop, EPOLL_CTL_ADD, io, events);
}

int loop_io_set(struct loop *loop, struct loop_io *io, uint32_t events)
{
        return io->events == events ? 0 : loop_control(loop, EPOLL_CTL_MOD, io, events);
}

void loop_io_remove(struct loop *loop, struct loop_io *io)
{
        if (io->fd < 0)
                return;
        /* Never added, or closed already by a library that owns it: nothing is left to undo. */
        (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL);
        for (int i = loop->batch_at; i < loop->n_batch; i++)
                if (loop->batch[i].data.ptr == io)
                        loop->batch[i].data.ptr = NULL;
        io->fd = -1;
        io->events = 0;
}

void loop_defer(struct loop *loop, struct loop_task *task)
{
        if (list_is_empty(&task->node))
                list_append(&loop->tasks, &task->node);
}

void loop_task_cancel(struct loop_task *task)
{
        list_unlink(&task->node);
}

static void loop_grow_morgue(struct loop *loop)
{
        loop->graves_size = loop->graves_size == 0 ? 64 : loop->graves_size * 2;
        loop->graves = alloc_again(loop->graves, loop->graves_size, sizeof(*loop->graves));
}

void loop_bury(struct loop *loop, void *object, void (*free_fn)(void *object))
{
        if (loop->n_graves == loop->graves_size)
                loop_grow_morgue(loop);
        loop->graves[loop->n_graves++] = (struct grave){object, free_fn};
}

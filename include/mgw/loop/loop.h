/* The turn: wait in epoll, run what is ready, run what was deferred, bury the dead.
 * One loop a process, one thread. Handlers return void and never block. */
#pragma once

#include "mgw/base/list.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;

/* Events of a loop_io; the same bits as epoll's. LOOP_GONE (error or both ways shut) is always
 * reported. */
#define LOOP_IN 0x001u
#define LOOP_OUT 0x004u
#define LOOP_GONE 0x018u

/* Embedded by the owner of a descriptor. The loop neither closes nor frees. */
struct loop_io {
        int fd;
        uint32_t events; /* what is waited for now */
        void (*on_io)(struct loop_io *io, uint32_t events);
};

/* Work for the end of this turn; runs once for each loop_defer(). */
struct loop_task {
        struct list node;
        void (*on_run)(struct loop_task *task);
};

/* How long turns took; the wait for what to do is no part of them. */
#define LOOP_N_TURN_BOUNDS 10
extern const unsigned loop_turn_bounds_ms[LOOP_N_TURN_BOUNDS];
struct loop_turns {
        uint64_t n[LOOP_N_TURN_BOUNDS +
                   1]; /* each turn once: by the least bound it kept, or past all */
        uint64_t sum_us;
        uint64_t longest_us;
};

/* 0, -errno. */
int loop_create(struct loop **loopp);
/* Buries what is left and frees the loop; NULL is fine. */
void loop_destroy(struct loop *loop);
/* Turns until loop_stop(). 0, -errno. */
int loop_run(struct loop *loop);
/* One turn that waits at most timeout_ms (-1: no bound). 0, -errno. */
int loop_turn(struct loop *loop, int timeout_ms);
void loop_stop(struct loop *loop);
/* Differs from turn to turn. */
uint64_t loop_turn_no(const struct loop *loop);
/* Of all turns so far but this one. */
const struct loop_turns *loop_turns(const struct loop *loop);
/* The monotonic time of this turn. */
int64_t loop_now_ms(const struct loop *loop);

/* io->fd and io->on_io are set by the caller. 0, -errno. */
int loop_io_add(struct loop *loop, struct loop_io *io, uint32_t events);
/* 0, -errno. Costs nothing when events are what they were. */
int loop_io_set(struct loop *loop, struct loop_io *io, uint32_t events);
/* Before close(); sets io->fd to -1; no event of this turn reaches io any more. Harmless on fd -1.
 */
void loop_io_remove(struct loop *loop, struct loop_io *io);

/* Puts the task on the list for the end of this turn; harmless when it stands there already. */
void loop_defer(struct loop *loop, struct loop_task *task);
/* Takes a task off the list; harmless when it is on none, or zeroed. */
void loop_task_cancel(struct loop_task *task);
/* The morgue: free_fn(object) at the end of this turn, when no handler can meet it any more. */
void loop_bury(struct loop *loop, void *object, void (*free_fn)(void *object));

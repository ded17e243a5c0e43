/* The inside of a child: child.c knows its life, child_io.c its three pipes. */
#pragma once

#include "keeper.h"
#include "lines.h"
#include "mgw/loop/child.h"
#include "mgw/loop/timer.h"

struct children {
        struct loop *loop;
        struct keeper keeper;
        struct list list;
        unsigned n;
        bool adopts;
        int64_t first_tick;       /* when the first child was started; 0: none yet */
        struct loop_task adopted; /* more of them are to be reaped */
};

struct child_in {
        struct loop_io io; /* fd -1: closed */
        struct buf queue;
        struct ledger_hold hold; /* of it */
        bool was_full;
};

struct child_out {
        struct loop_io io;
        struct child *child;
        int fd; /* -1: closed */
        struct lines lines;
        void (*on_line)(void *owner, struct str line); /* NULL: lines are dropped */
        uint32_t long_bytes; /* a line that grows so long is offered in pieces; 0: none is */
        bool was_offered;    /* the line in progress */
        bool is_paused;
        bool is_draining; /* nobody writes any more: the work task reads what is left */
        int n_left;
};

/* The life of its process:
 *
 *     RUNS -> ENDING    we end it: standard input is closed, signals follow
 *     RUNS, ENDING -> REAPED    it has exited
 *     ENDING -> LEFT    it has exited in a stop; the rest of its group has its time still
 *     LEFT -> REAPED    that is over
 *     REAPED -> OVER    all that it wrote is delivered, or nobody listens
 *     RUNS, ENDING, LEFT -> OVER    mgw ends, and it hangs in the kernel */
enum child_state { CHILD_RUNS, CHILD_ENDING, CHILD_LEFT, CHILD_REAPED, CHILD_OVER, CHILD_N_STATES };

struct child {
        struct list node; /* children->list until it is over */
        enum child_state state;
        struct children *children;
        struct loop *loop;
        pid_t pid;
        struct loop_io pid_io;
        struct child_in in;
        struct child_out out;
        struct child_out err;
        struct timer timer; /* the next signal of its end */
        struct loop_task work;
        struct child_handlers handlers;
        void *owner;
        void (*on_over)(void *counter);
        void *counter;
        int64_t term_after_ms;
        int64_t kill_after_ms;
        int status;
        char fault[96];  /* why we ended it */
        bool is_stopped; /* its owner listens no more */
};

/* ---- in child.c ---- */

/* Ends it for a reason that on_exit will tell, unless there was one before. */
void child_fault(struct child *child, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Closes standard input; signals follow. */
void child_begin_end(struct child *child);

/* ---- in child_io.c ---- */

/* Take over our ends of its pipes. 0, -errno; fds that were not taken are the caller's still. */
int child_io_open(struct child *child, int fds[3], const struct child_options *options);
void child_in_close(struct child *child);
void child_out_close(struct child_out *out);
/* No more is written to it: what is left is read by child_out_work(). */
void child_out_drain(struct child_out *out);
/* A step of what waits: lines that were held back, then what is left in the pipe. */
void child_out_work(struct child_out *out);
/* Is there a step to do now? */
bool child_out_has_work(const struct child_out *out);
/* Lines are dropped from now on. */
void child_out_mute(struct child_out *out);

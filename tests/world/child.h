/* Child processes, in place of loop/child: each takes what it is sent, and says what it is told
 * to. */
#pragma once

#include "mgw/base/buf.h"
#include "mgw/loop/child.h"

struct child {
        struct list node; /* on world_children, until it is over */
        const struct child_handlers *handlers;
        void *owner;
        void (*on_over)(void *counter);
        void *counter;
        uint32_t long_bytes;
        struct buf held; /* lines that it said while it was paused */
        struct loop_task resume;
        char *command;
        bool is_paused;
        bool is_full;    /* who plays says so: it does not read */
        bool is_long;    /* a long line is coming piece by piece */
        struct buf line; /* which is gathered, where its pieces are not wanted */
        bool is_given;
        bool is_over;
};

/* Those that run, the oldest first. */
extern struct list world_children;
size_t world_child_n(void);
/* The newest for 0. NULL: there are not so many. */
struct child *world_child_ago(size_t n);
/* The next starts fail with this errno; 0: no more. */
extern int world_child_start_errno;

/* A line of output, or of errors, without its end. */
void world_child_line(struct child *c, struct str line);
void world_child_error_line(struct child *c, struct str line);
/* A piece of a line, of which the first must be as long as a long one; not while it is paused. */
void world_child_piece(struct child *c, struct str piece, bool is_last);
/* It reads again (is_full). */
void world_child_drain(struct child *c);
void world_child_exit(struct child *c, int status, const char *how);
void world_child_forget(void);

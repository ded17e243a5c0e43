/* Child processes that speak in lines: lines to their standard input, lines from their standard
 * output and standard error. A child has no capabilities and can gain none. It leads its own
 * session and process group, and dies with us, the processes that it started included; one that
 * leaves its group (setsid) is out of reach. */
#pragma once

#include "mgw/base/ledger.h"
#include "mgw/base/str.h"
#include "mgw/loop/loop.h"

#include <sys/types.h>

/* Outcome of child_write() when what waits would pass the cap: nothing was taken. */
#define CHILD_E_FULL 1
/* Living children at once. */
#define CHILDREN_MAX 4096
/* A longer line of standard error is cut. */
#define CHILD_ERROR_LINE_MAX 4096

struct fence;
struct children; /* all of one loop, and the keeper that ends them when this process is killed */
struct child;

/* Set by the caller; called from the loop, never from within a function of this header. A handler
 * may call any of them, child_stop() on its own child included. */
struct child_handlers {
        /* A line of standard output without LF or CR LF; borrowed for the call. Empty ones are left
         * out; what stands after the last LF comes at the end. */
        void (*on_line)(void *owner, struct str line);
        /* A line of standard output has grown to line_long_bytes: head is what has come of it.
         * True: that is taken, and the rest comes by on_piece, however long it is; false: it is
         * gathered.
         */
        bool (*on_long_line)(void *owner, struct str head);
        /* May be empty, and end with the CR of a CR LF. A line that the child's end has cut has no
         * last piece. */
        void (*on_piece)(void *owner, struct str piece, bool is_last);
        /* A line of standard error, as on_line; it is never paused. */
        void (*on_error_line)(void *owner, struct str line);
        /* Standard input has taken all that waited, after child_write() had answered CHILD_E_FULL.
         */
        void (*on_drained)(void *owner);
        /* The end, after all output: status as waitpid() gives it; how in words that follow the
         * child's name: "exited with code 3", "was killed by SIGKILL", "sent a line of more than
         * 4096 bytes". Nothing of its group is left; the child is freed after this call. */
        void (*on_exit)(void *owner, int status, const char *how);
};

/* Copied where child_start() needs them later. */
struct child_options {
        /* Ended by NULL. argv[0] without a slash is looked up in the PATH of envp. */
        const char *const *argv;
        const char *const *envp; /* the whole environment, ended by NULL */
        const char *cwd;         /* NULL: ours; relative paths in argv[0] and PATH start here */
        struct fence *fence;     /* NULL: none */
        uid_t uid;               /* its user and group; 0: ours */
        /* 0: as we have it. */
        uint64_t data_max_bytes;     /* of a process: its heap, and what else it maps for writing */
        uint64_t processes_max;      /* of uid: processes and threads; of no effect without a uid */
        uint64_t files_max;          /* descriptors of a process */
        struct ledger_payer *memory; /* pays for the line in progress, and for what is written and
                                        not read; NULL: nobody */
        uint32_t line_max_bytes;     /* a longer line of standard output ends the child */
        uint32_t line_long_bytes;    /* 0: on_long_line is never called */
        uint32_t queue_max_bytes;    /* cap on what waits for standard input */
        /* Its process has ended, or is about to with mgw: who counts them counts one less. Called
         * once, at the very end, whatever has become of its owner. NULL: nobody counts. */
        void (*on_over)(void *counter);
        void *counter;
        /* Of the stop: from the end of standard input to SIGTERM, from there to SIGKILL. */
        int64_t term_after_ms;
        int64_t kill_after_ms;
};

/* Forks the keeper: call it early, while the process is small and has one thread. Ignores SIGPIPE.
 * 0, -errno. */
int children_create(struct loop *loop, struct children **childrenp);
/* Kills what is left and waits a second at most for its end; no handler is called. NULL is fine. */
void children_destroy(struct children *children);
/* From now on what our children leave behind becomes ours, not init's: who descends from us can be
 * told. 0, -errno. */
int children_adopt(struct children *children);
/* To be called at SIGCHLD: lets go of those that have ended. */
void children_reap_adopted(struct children *children);
/* When the first child was started, in ticks since the machine was; 0: none yet. */
int64_t children_first_tick(const struct children *children);
/* Children that have not ended yet, those in child_stop() included: a server that stopped all of
 * its own waits for 0. */
unsigned children_n(const struct children *children);

/* To be called in the main thread, which lives as long as the process (PR_SET_PDEATHSIG). Waits
 * until the command is executed or could not be. *childp is valid until on_exit or child_stop().
 * 0; -errno of what failed, with a sentence for the operator in why: ENOENT, EACCES (command or
 * cwd), EAGAIN (CHILDREN_MAX)... */
int child_start(struct children *children, const struct child_options *options,
                const struct child_handlers *handlers, void *owner, struct child **childp,
                char *why, size_t why_size);
/* Its process group too. */
pid_t child_pid(const struct child *child);
/* A whole message with its LF; copied. Never blocks. 0; CHILD_E_FULL: wait for on_drained;
 * -EMSGSIZE: longer than the cap; -EPIPE: it does not read any more; -ENOMEM. A child that closes
 * standard input or output is ended as by child_stop(), with its handlers. */
int child_write(struct child *child, struct str bytes);
/* No on_line until child_resume(), and no on_exit while there are lines to come: what the child
 * writes waits in its pipe. Memory held: what has come of one line, and a pipe's content. */
void child_pause(struct child *child);
void child_resume(struct child *child);
/* From now on its events are these handlers', with that owner; nothing is held back any more. */
void child_hand_over(struct child *child, const struct child_handlers *handlers, void *owner);
/* Closes standard input, ends the group by SIGTERM and SIGKILL when it does not go by itself. No
 * handler is called any more. The child is freed when it has ended; NULL is fine. */
void child_stop(struct child *child);

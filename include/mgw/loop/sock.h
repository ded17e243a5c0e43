/* Listening sockets: opened safely, accepted with a reserve of descriptors. */
#pragma once

#include "mgw/loop/timer.h"

#include <stddef.h>
#include <sys/types.h>

/* HAProxy answers 503 at once when a unix backlog is full. */
#define SOCK_BACKLOG 4096

/* Opens "unix:/path" or "tcp:ADDRESS:PORT" (numeric; "[::1]:9000" for IPv6). A stale unix socket is
 * removed only when it is a socket and nobody answers on it; mode and group (a name, or NULL/"")
 * are set before anybody can connect. Non-blocking, close-on-exec; *fdp is the caller's. To be
 * called before other threads run (umask). 0; -errno with a sentence for the operator in why (what,
 * where, what to do). */
int sock_listen(const char *address, unsigned mode, const char *group, int *fdp, char *why,
                size_t why_size);
/* A listening socket that this process was started with: the first that systemd passes
 * (sd_listen_fds(3)), or descriptor 0 (the FastCGI convention, spawn-fcgi). Made non-blocking and
 * close-on-exec; false: there is none. */
bool sock_inherited(int *fdp);
/* Removes the path of a unix address when nobody answers there any more: call it after the listener
 * is closed. A newer process that took the path over keeps it. */
void sock_unlink(const char *address);

/* Accepts connections. The caller tells how many more it can take (its cap on connections); the
 * listener counts descriptors against RLIMIT_NOFILE less a reserve before each accept, rests while
 * there is none to spare, and tries again on a timer and when asked. Owner sets the callbacks
 * before opening. */
struct sock_listener {
        struct loop_io io;
        struct timer rest;
        struct loop *loop;
        int fd;
        int last_fd; /* of the connection that came last */
        int near_fd; /* from here on the next one is probed for */
        bool is_resting;
        bool is_paused; /* until its owner wakes it */
        bool is_told;   /* that it rests, in the log */
        /* A new connection, non-blocking and close-on-exec; the handler owns fd. */
        void (*on_accept)(struct sock_listener *listener, int fd);
        /* How many connections may be accepted now (0 = rest). */
        unsigned (*room)(struct sock_listener *listener);
};

/* Who may not connect to our unix socket: processes that descend from ours, and users from not_uid
 * on. One peer that may is remembered while it lives. Zeroed: nobody has come yet. */
struct sock_peers {
        uint32_t not_uid;
        uint32_t not_uid_n;
        int64_t since; /* children_first_tick(): 0, there is none that could descend from us */
        int domain;    /* of all connections; AF_UNSPEC: not looked at yet */
        uid_t own_uid; /* of this process, from the first connection on */
        int last_pid;  /* who came last; 0: it cannot be told */
        uint32_t last_uid;
        int known_pid;
        int known_fd; /* a pidfd; valid where known_pid is not 0 */
};

/* fd: a connection. True where it is none of a unix socket. That a descendant is told from others
 * also when its parents have ended needs children_adopt(). */
bool sock_peer_may(struct sock_peers *peers, int fd);
void sock_peers_finish(struct sock_peers *peers);

/* Descriptors kept free for logs, upstreams and the system. */
#define SOCK_RESERVE 64
/* The first descriptor number that connections leave free: so many are the process's to use. */
int sock_ceiling(void);
/* How long a resting listener waits before it looks again. */
#define SOCK_REST_MS 250

/* Takes fd over. 0, -errno. */
int sock_listener_open(struct loop *loop, struct sock_listener *listener, int fd);
/* Looks again now instead of at the next timer: for when a connection has ended. Cheap when nothing
 * rests. */
void sock_listener_wake(struct sock_listener *listener);
/* Who connects waits, until sock_listener_resume(). Both are harmless when closed. */
void sock_listener_pause(struct sock_listener *listener);
void sock_listener_resume(struct sock_listener *listener);
/* Closes fd; harmless when zeroed or closed. */
void sock_listener_close(struct sock_listener *listener);

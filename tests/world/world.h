/* A world for the whole gateway, in one process: what would wait or differ from run to run is ours.
 * The clock stands still unless who plays turns it, random bytes are the same each time, and when
 * nothing is ready epoll does not sleep but calls on_idle. In place of servers over HTTP stands
 * world/http.c, in place of child processes world/child.c; clients connect as HAProxy does
 * (world/fcgi_client.c).
 *
 * A program of this world is linked with the options of meson.build, and plays one gateway after
 * the other. Who plays acts from on_idle: within a turn of the gateway's loop, as its own events
 * do. */
#pragma once

#include "mgw/core/context.h"
#include "mgw/loop/loop.h"
#include "mgw/loop/signal.h"

#include "http.h"

#include "child.h"

struct world_events {
        /* Nothing is left to do but to wait. */
        void (*on_idle)(void);
        /* A server has been sent something: request, or child and msg. msg is NULL where the
         * request carries no JSON. Both are valid until world_end(), msg is borrowed. */
        void (*on_sent)(const json_t *msg, struct http_request *request, struct child *child);
};

struct world {
        const struct world_events *events;
        struct loop *loop;
        struct context *context;
        struct signal_watch *signals;
        int64_t now_ms;
        int64_t next_timer_ms; /* from now; -1: none is armed */
        uint32_t seed;         /* of the random bytes */
        struct loop_io idle;
};

extern struct world world;

/* Time and chance begin anew. */
void world_begin(const struct world_events *events);
/* To the end of the gateway; its exit code. */
int world_run(struct config *config);
/* After world_run(): frees what its servers were. */
void world_end(void);
/* As from the system; not outside on_idle. */
void world_signal(int signo);

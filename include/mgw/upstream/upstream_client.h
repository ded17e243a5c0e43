/* For whom upstream sessions are there. A session embeds it, fills it in, and hears of what comes
 * by the table that it gives: this floor knows nothing else of sessions. */
#pragma once

#include "mgw/base/waiter.h"
#include "mgw/core/share.h"
#include "mgw/mcp/era.h"

#include <jansson.h>

struct identity;
struct requester;
struct rpc_msg;
struct upstream;
struct upstream_call;
struct upstream_client;
struct upstream_session;

enum upstream_client_kind {
        UPSTREAM_CLIENT_SSE,      /* a client of the sse era */
        UPSTREAM_CLIENT_SESSION,  /* of the session era */
        UPSTREAM_CLIENT_STANDING, /* all of a user's clients of the stateless era */
        UPSTREAM_CLIENT_SHARED,   /* upstream sessions that share those of this one */
};

struct upstream_client_events {
        /* An upstream session is READY, or is known to be DOWN, for the first time. */
        void (*on_settled)(struct upstream_client *client);
        /* What the server tells: lists that changed, a resource or task, a log message and the
         * like. call: the one that it belongs to, NULL: none is known. Params may be changed. */
        void (*on_notification)(struct upstream_session *us, struct upstream_call *call,
                                const struct rpc_msg *m);
        /* A server asks the client of that call (NULL: the requester's client), under its own id.
         * Who cannot be asked is answered for, also from within. */
        void (*on_server_request)(struct requester *from, struct upstream_call *call,
                                  json_t *request);
        /* The server's notifications/cancelled of one. */
        void (*on_server_request_cancelled)(struct requester *from, json_t *notification);
        /* It waits for no reply any more. */
        void (*on_requester_gone)(struct requester *from);
        /* As whom its newest request is made; NULL: it is of several. */
        const struct identity *(*identity)(const struct upstream_client *client);
        /* UPSTREAM_CLIENT_SHARED: one more shares one of its upstream sessions, or one less. */
        void (*on_shared)(struct upstream_client *client);
        /* The upstream session that the client's requests to that upstream go by: made when first
         * needed. */
        struct upstream_session *(*find_shared)(const struct upstream_client *client,
                                                struct upstream *upstream);
        /* Does it leave unread what no call has asked for? Then the waiter waits. */
        bool (*must_wait)(const struct upstream_client *client, struct waiter *waiter);
};

struct upstream_client {
        const struct upstream_client_events *events;
        struct user *user;
        struct share *share;                         /* held; pays for it */
        struct upstream_session **upstream_sessions; /* by upstream; NULL: none so far */
        int16_t log_level;                           /* lowest that it wants; -1: it has not said */
        era_revision revision;                       /* that it speaks */
        uint8_t kind;                                /* enum upstream_client_kind */
        bool is_initialized;                         /* it has been answered, and wants to hear */
        bool is_idle;                                /* it neither listens nor calls */
        bool is_ending;                              /* nothing is opened for it any more */
};

/* Who asks clients something, embedded by it. */
struct requester {
        struct upstream_client *client; /* of what no call has caused */
        const struct upstream *upstream;
        struct list server_requests; /* that wait for a reply; kept by who asks the client */
        /* What the client says to that, under the requester's own id or progress token: a reply (a
         * result or an error), or progress. From the loop, or from within on_server_request(). */
        void (*on_message_take)(struct requester *requester, json_t *msg);
};

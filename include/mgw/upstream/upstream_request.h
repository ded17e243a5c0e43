/* One request to an upstream, and the client's call that it is made for, if any. */
#pragma once

#include "mgw/base/str.h"
#include "mgw/upstream/upstream_client.h"

struct pending_request;

/* An answer longer than this is worth passing on while it comes. */
#define RELAY_MIN_BYTES (256u << 10)

struct upstream_call_events {
        /* The upstream's progress; only when it is wanted. Params may be changed. */
        void (*on_progress)(struct upstream_call *call, json_t *params);
        /* Does its client leave unread what comes before the answer? Then the waiter waits. */
        bool (*must_wait)(const struct upstream_call *call, struct waiter *waiter);
        /* Its answer grows big. head: what has come of it, id: what it was asked under,
         * of_stateless: by a server without sessions, as_event: as an event of a stream. True: head
         * is taken, and relay_feed() takes the rest; the call may be over. */
        bool (*relay_begin)(struct upstream_call *call, int64_t id, bool of_stateless,
                            bool as_event, struct str head);
        /* More of it. With its end, or when it turns out to be none, the call is over. is_last:
         * nothing more will come. */
        void (*relay_feed)(struct upstream_call *call, struct str bytes, bool is_last);
        /* Must the source of the rest wait? */
        bool (*relay_must_wait)(struct upstream_call *call, struct waiter *waiter);
};

/* A client's call: what comes in the middle of its requests goes by it. Embedded by the call. */
struct upstream_call {
        const struct upstream_call_events *events;
        struct upstream_client *client;
        struct share *share; /* whose it is, borrowed */
        bool wants_progress;
        bool is_relayed; /* kept by this floor: its answer goes on while it comes */
};

static inline bool upstream_call_is_stateless(const struct upstream_call *call)
{
        return call->client->kind == UPSTREAM_CLIENT_STANDING;
}

struct upstream_request;

/* Exactly one of them is called, from the loop or from within upstream_request_send_take(); none
 * after upstream_request_drop(). */
struct upstream_request_events {
        /* The whole answer, a result or an error, owned by the handler. */
        void (*on_answer_take)(struct upstream_request *request, json_t *answer);
        void (*on_fail)(struct upstream_request *request, const char *why);
};

/* Embedded by whoever wants the answer; zeroed, but for events, call and may_repeat, before it is
 * sent. */
struct upstream_request {
        const struct upstream_request_events *events;
        struct pending_request *pending; /* NULL: not on its way */
        struct upstream_call *call;      /* that it is made for; NULL: none */
        bool may_repeat;                 /* to do it twice does no harm */
        bool was_silent;                 /* on_fail: its server was, for longer than timeout_s */
        bool needs_grant; /* on_fail: its user has to connect the account first, or to grant more */
};

/* Sends a request; params->_meta.progressToken is replaced by one of ours where its call wants
 * progress. An upstream session that is down is opened first. */
void upstream_request_send_take(struct upstream_request *request, struct upstream_session *us,
                                const char *method, json_t *params);
/* Nobody waits for it any more; the upstream is told when why is not NULL. */
void upstream_request_drop(struct upstream_request *request, const char *why);

/* One client request from arrival to answer or cancel. */
#pragma once

#include "mgw/mcp/method.h"
#include "mgw/mcp/progress.h"
#include "mgw/observe/call_record.h"
#include "mgw/session/session.h"
#include "mgw/upstream/upstream_session.h"
#include "mgw/wire/rpc.h"

#include <assert.h>

/* A UUID, as HAProxy makes them; what is longer is cut. */
#define CALL_REQUEST_ID_SIZE 37

struct audit_entry;
struct call_connect;
struct call_input;
struct post_response;
struct span;
struct subscription;

/* How far a call is. Its moves, by call_set_state() alone; from all but the last also to ENDED:
 *
 *   NEW       -> ROUTING
 *   ROUTING   -> WAITING, LISTING, LISTENING, LEVEL, SENT
 *   LISTING   -> ROUTING
 *   LEVEL     -> SENT
 *   SENT      -> RELAYING, LINGERING, CONNECTING, ANSWERED
 *   LINGERING -> ANSWERED
 *   CONNECTING -> ROUTING, ANSWERED
 *   WAITING, LISTENING, RELAYING, ANSWERED: to ENDED alone
 *
 * Whether its client is there to be answered is another matter: post, and input. */
enum call_state {
        CALL_STATE_NEW,       /* what it may do is being looked at */
        CALL_STATE_ROUTING,   /* whose it is is being looked at */
        CALL_STATE_WAITING,   /* for its timer `work`, or for upstreams that open */
        CALL_STATE_LISTING,   /* for lists (listing): they are its answer, or tell whose it is */
        CALL_STATE_LISTENING, /* its stream carries changes (subscription) */
        CALL_STATE_LEVEL,    /* its upstream is told the level of its log first (upstream_params) */
        CALL_STATE_SENT,     /* its upstream has it (request) */
        CALL_STATE_RELAYING, /* its answer goes out while it comes (relay) */
        CALL_STATE_LINGERING,  /* its answer waits for what comes by another stream (lingering) */
        CALL_STATE_CONNECTING, /* its user is to connect an account first (connect) */
        CALL_STATE_ANSWERED,   /* its answer waits for its client's retry (input) */
        CALL_STATE_ENDED
};

struct call {
        struct list node; /* session->calls */
        struct session *session;
        struct share *share;       /* held; whose it is */
        struct identity *identity; /* held; as whom its request is made, or its newest retry */
        struct ledger_hold hold;   /* with what it asks for */
        /* NULL: the answer goes to the session's stream (the sse era), or waits for the client
         * (input) */
        struct post_response *post;
        const struct method *method;
        json_t *id;
        json_t *params;         /* or NULL; of a call of a tool they may be raw */
        char *name;             /* of the tool or prompt; NULL: it asks for none */
        json_t *progress_token; /* or NULL */
        struct progress progress;
        struct timer beat; /* the upstream has been silent for an interval */
        struct timer work; /* built-in tools that take time; or the answer lingers */
        json_t *lingering; /* NULL: it does not */
        struct upstream_call upstream_call; /* what upstreams know of it */
        struct upstream_request request;    /* to the upstream that has what it asks for */
        struct upstream *upstream;          /* where it went; NULL: nowhere yet */
        json_t *upstream_params;            /* until it is sent */
        struct listing *listing;            /* lists it has asked for */
        struct relay *relay;                /* its answer is going out while it comes */
        uint64_t n_bytes_relayed;           /* of it have gone out so */
        struct call_input *input;           /* what its upstream asks of a stateless client */
        struct call_connect *connect;       /* its user is asked to connect an account */
        struct subscription *subscription;  /* METHOD_LISTEN */
        void (*again)(struct call *call);   /* routes it once more */
        struct audit_entry *audit;          /* kept by observe; NULL: none */
        struct span *span;                  /* likewise; NULL: it is not traced */
        int64_t started_us;                 /* clock_monotonic_us() */
        unsigned n_server_requests;         /* that it has caused, and that are not answered */
        uint32_t result_max_bytes;          /* more of its result is cut; 0: nothing */
        bool is_counted;                    /* by the policy's limits */
        int16_t log_level;                  /* stateless: lowest that the client wants; -1: none */
        uint8_t state;                      /* enum call_state */
        uint8_t n_connects;    /* so often has its user been asked to connect an account */
        uint8_t error_outcome; /* enum call_outcome: what an error that answers it is */
        bool is_listed;        /* a list has shown its name */
        char request_id[CALL_REQUEST_ID_SIZE]; /* of its newest POST; "": not known */
};

static inline struct call *call_of(struct upstream_call *upstream_call)
{
        return container_of(upstream_call, struct call, upstream_call);
}

/* Is it of a client that keeps no session (the stateless era)? */
static inline bool call_is_stateless(const struct call *call)
{
        return upstream_call_is_stateless(&call->upstream_call);
}

/* The revision of MCP in which its client has made it. */
static inline const char *call_revision(const struct call *call)
{
        struct str claimed = era_claimed_in_meta(call->params);

        return call_is_stateless(call) && claimed.n > 0 ? claimed.p
                                                        : session_revision(call->session);
}

/* The upstream session by which it went: call->upstream is known. */
static inline struct upstream_session *call_upstream_session(const struct call *call)
{
        assert(call->upstream != NULL);
        return call->session->client.upstream_sessions[call->upstream->index];
}

/* Of a URI, or of a task's id, that a client names. */
#define CALL_URI_MAX_BYTES (16u << 10)

/* Stands on its session's list from now on; post is NULL in the sse era. What it is to do:
 * call_start(). */
struct call *call_create(struct session *session, struct share *share, struct post_response *post,
                         const struct rpc_msg *msg);
/* By the identity of its session's newest request from now on. */
void call_identify(struct call *call);
/* By whoever takes it on. */
void call_set_state(struct call *call, enum call_state to);
/* Its answer goes there from now on; NULL: it waits for its client. */
void call_set_post(struct call *call, struct post_response *post);
/* The whole answer (result or error, with or without its id): sent under the client's id; ends the
 * call. */
void call_answer_take(struct call *call, json_t *answer);
/* Of an error: for want of room, now. */
#define CALL_E_BUSY (-32000)
void call_fail(struct call *call, int code, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
void call_succeed_take(struct call *call, json_t *result);
/* It asks for less than it did: what it holds is counted again. */
int call_count_bytes(struct call *call);
/* The answer has gone out already: ends the call. */
void call_answered(struct call *call);
/* The gateway reports no progress of its own any more. */
void call_stop_beats(struct call *call);
/* A message that belongs to the call, before its answer: a notification or a request to the client.
 * True when it went out or is kept for replay. */
bool call_send(struct call *call, const json_t *msg);
/* Asks its client on behalf of the upstream, under that id of ours. NULL, or why it cannot be
 * asked.
 */
const char *call_ask(struct call *call, const char *id, const json_t *request);
/* The upstream's own progress, which is wanted: sent under the client's token, growing. */
void call_on_progress(struct call *call, json_t *params);
/* The client wants it no more: no answer, the upstream is told. */
void call_cancel(struct call *call, const char *reason);
/* The beats begin again for that token (NULL: none is wanted). */
void call_set_progress_token(struct call *call, json_t *token);
/* The call in this session with the client's id, or NULL. */
struct call *call_find(struct session *session, const json_t *id);

/* One client request from arrival to answer or cancel. */
#pragma once

#include "mgw/gate/link.h"
#include "mgw/mcp/method.h"
#include "mgw/mcp/progress.h"
#include "mgw/wire/rpc.h"

struct post;

struct call {
        struct list link; /* session->calls */
        struct session *session;
        struct post *post; /* NULL: era A, the answer goes to the session's stream */
        const struct method *method;
        json_t *id;
        json_t *params;         /* or NULL */
        json_t *progress_token; /* or NULL */
        struct progress progress;
        struct timer beat;         /* the upstream has been silent for an interval */
        struct timer work;         /* built-in tools that take time */
        struct errand errand;      /* to the upstream that has what it asks for */
        struct upstream *upstream; /* where it went; NULL: nowhere yet */
        struct listing *listing;   /* lists it has asked for */
        struct relay *relay;       /* its answer is going out while it comes */
};

/* Starts one request; post is NULL for era A. It is answered in any case. */
void call_start(struct session *session, struct post *post, const struct rpc_msg *msg);
/* The whole answer (result or error, with or without its id): sent under the client's id; ends the
 * call. */
void call_answer_take(struct call *call, json_t *answer);
void call_fail(struct call *call, int code, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
/* The answer has gone out already: ends the call. */
void call_answered(struct call *call);
/* The gateway reports no progress of its own any more. */
void call_stop_beats(struct call *call);
/* A message that belongs to the call, before its answer: a notification or a request to the client.
 * True when it went out or is kept for replay. */
bool call_send(struct call *call, const json_t *msg);
/* The upstream's own progress: sent under the client's token, growing. */
void call_on_progress(struct call *call, json_t *params);
/* The client wants it no more: no answer, the upstream is told. */
void call_cancel(struct call *call, const char *reason);
/* The call in this session with the client's id, or NULL. */
struct call *call_find(struct session *session, const json_t *id);
/* An upstream of the session is ready, or is known to be down: initialize waits for all of them. */
void call_on_links_settled(struct session *session);

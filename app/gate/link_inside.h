/* What the files of a link and its transports say to each other: link.c (its states), exchange.c
 * (what goes), link_receive.c (what comes), link_greet.c (of which era it is), link_stateless.c
 * (servers without sessions), link_host.c (for whom else), upstream_*.c (how). */
#pragma once

#include "failure.h"
#include "mgw/base/hash.h"
#include "mgw/gate/link.h"
#include "mgw/gate/watched.h"
#include "mgw/wire/rpc.h"

/* The longest message that an upstream may send. */
#define MESSAGE_MAX_BYTES (64u << 20)

enum exchange_kind {
        EXCHANGE_DISCOVER,
        EXCHANGE_INITIALIZE,
        EXCHANGE_REQUEST,
        EXCHANGE_LISTEN, /* subscriptions/listen: may be silent for ever */
        EXCHANGE_NOTIFY, /* of these two the server answers none */
        EXCHANGE_REPLY,  /* to a request of the server's: it has no method */
};

/* One message of ours on its way, and what is known of its answer. What it depends on is fixed when
 * it starts, and again when it is sent once more: its link may have become another meanwhile. */
struct exchange {
        struct list link;  /* on its link's exchanges, waiting or parked */
        UT_hash_handle hh; /* link->by_id while it is on exchanges, and is a request */
        struct link *owner;
        struct errand *errand; /* EXCHANGE_REQUEST: NULL once nobody waits */
        json_t *msg;
        void *wire;              /* the transport's; NULL: not sent, or over */
        struct timer silence;    /* the server's timeout_s */
        struct rounds *rounds;   /* what its server asks of the client; NULL: nothing so far */
        struct refetch *refetch; /* its server has wanted other headers */
        int64_t id;
        enum exchange_kind kind;
        bool is_unasked; /* counted in its link's n_unasked */
        bool was_retried;
        bool is_stateless;   /* it started as one to a server without sessions */
        unsigned generation; /* the upstream session that it is of; 0: it has not started */
        json_t *hello;       /* what its server had said of itself; NULL: it greets */
};

/* Of its message; borrowed. NULL: it is a reply. */
static inline const char *exchange_method(const struct exchange *x)
{
        return json_string_value(json_object_get(x->msg, "method"));
}

static inline json_t *exchange_params(const struct exchange *x)
{
        return json_object_get(x->msg, "params");
}

static inline json_t *exchange_msg_id(const struct exchange *x)
{
        return json_object_get(x->msg, "id");
}

struct transport {
        /* A link that is READY has its own server running: how others fare says nothing of it. */
        bool is_own;
        /* Servers without sessions may be reached by it. */
        bool knows_stateless;
        /* It is HTTP: to such servers headers repeat what the body says, and to drop a request is
         * to cancel it. */
        bool has_headers;
        /* What it sends is made of what the params say: they must have been made. */
        bool looks_inside;
        /* Each message has a connection of its own: what is on its way when the link begins anew
         * goes on in the session that it was sent in. */
        bool outlives_sessions;
        /* Allocates link->peer. 0, -ENOMEM. */
        int (*create)(struct link *link);
        /* Before initialize is sent: what was is void. 0; -errno: it has failed, and
         * link_open_failed_as() has been told. */
        int (*open)(struct link *link);
        /* Sends x->msg; failures come by exchange_fail(), also from within. */
        void (*send)(struct exchange *x);
        /* Nothing more of it: frees x->wire. */
        void (*drop)(struct exchange *x);
        /* The upstream has been greeted. */
        void (*on_ready)(struct link *link);
        /* Its session has become idle, or is so no more; NULL: it makes no difference. */
        void (*on_use)(struct link *link);
        /* What is to be had of it when it does not answer, or NULL; may be missing. */
        const char *(*last_words)(const struct link *link);
        /* Ends the connection in order; the link is freed at the end of the turn. */
        void (*destroy)(struct link *link);
};

extern const struct transport transport_http;
extern const struct transport transport_sse;
extern const struct transport transport_stdio;
extern const struct transport transport_rest;
extern const struct transport transport_shared;

/* A message of the upstream; via: the exchange whose answer carries it, NULL: not known. */
void link_on_text(struct link *link, struct exchange *via, struct str text);
/* The same of what its stream ended within: it may be whole, else it is as if it had not come. */
void link_on_last_text(struct link *link, struct exchange *via, struct str text);
/* The same, read already: a message, or an array of them (2025-03-26); borrowed. */
void link_on_message(struct link *link, struct exchange *via, json_t *root);
/* What is coming is gathered at the cost of its server: it takes n bytes now. false: it has no room
 * for them. Set to 0 before the link ends. */
void link_hold_init(struct ledger_hold *hold, const struct link *link);
bool link_has_room(struct ledger_hold *hold, size_t n);
/* As clients are told it. */
#define LINK_NO_ROOM "its answer takes more memory than there is for it"
/* Has the client said in initialize that it takes such a request? Some servers send it all the
 * same, and a client may leave it unanswered. */
bool link_may_ask(const struct link *link, const struct rpc_msg *m);
/* Answers an upstream's request with an error. */
void link_refuse(struct link *link, const struct rpc_msg *m, int code, const char *why);
/* A message that grows big on a connection that carries all answers: when it is the result of a
 * call, that is relayed from now on, as_event: in the form that it has. The exchange whose
 * call->relay takes the rest; NULL: it must be gathered. */
struct exchange *link_begin_relay(struct link *link, bool as_event, struct str head);
/* The same where it is known whose answer grows; x may be NULL. True: its call->relay takes the
 * rest. */
bool exchange_begin_relay(struct exchange *x, bool as_event, struct str head);
/* Does a client that what comes may go to not read? As request_must_wait(). */
bool link_must_wait(struct link *link, struct request_waiter *waiter);
/* Something of its answer has come: the time that it may be silent begins again. */
void exchange_heard(struct exchange *x);
/* Its server asks who called to leave it alone for so long. */
void exchange_rest(const struct exchange *x, int64_t ms);
/* It will get no answer. */
void exchange_fail_as(struct exchange *x, const struct failure *failure);
/* The same, where that is no sign of the server's health, and why says all. */
void exchange_fail(struct exchange *x, const char *why, enum exchange_fault fault);
/* A message that gets no answer is out. */
void exchange_end(struct exchange *x);
/* The upstream does not know its session any more: opens a new one, and sends x again in it, unless
 * it was for the old one alone. */
void exchange_again(struct exchange *x);
/* Its session is over, and nothing more of it may be sent there; fault: what the server can have
 * seen of it. It goes on as exchange_again(), or ends. */
void exchange_outlived(struct exchange *x, enum exchange_fault fault);
/* The connection or child is gone, with all that it carried. */
void link_lost(struct link *link, const struct failure *failure);
/* The transport has ended the connection for having nothing to do: DOWN until it is needed. */
void link_sleep(struct link *link);
/* Nothing is on its way, and nothing waits. */
bool link_is_quiet(const struct link *link);
/* The server does not speak this transport: tries that one. */
void link_fall_back(struct link *link, const struct transport *transport);
/* The upstream's session is gone, and no exchange told so. */
void link_forgotten(struct link *link);
/* Who waits for its answer; NULL: no call. */
struct call *exchange_call(const struct exchange *x);
/* Has it an answer to wait for still? */
bool exchange_is_open(const struct exchange *x);
/* Is it one of those that open the link? */
static inline bool exchange_greets(const struct exchange *x)
{
        return x->kind == EXCHANGE_DISCOVER || x->kind == EXCHANGE_INITIALIZE;
}
/* Is it a request, of whatever kind? */
static inline bool exchange_is_request(const struct exchange *x)
{
        return x->kind != EXCHANGE_NOTIFY && x->kind != EXCHANGE_REPLY;
}
/* Has its session ended? What the link says of itself is not true of it any more. */
static inline bool exchange_is_outlived(const struct exchange *x)
{
        return x->generation != x->owner->generation;
}
/* The protocol version that was agreed on with its server; NULL: none, it greets. */
const char *exchange_version(const struct exchange *x);
/* The text of the message as it goes out; the caller frees text->p. 0, -ENOMEM. */
int exchange_dump(const struct exchange *x, struct str *text);
/* The server does not understand x, which greets it: true when that has been acted upon, since the
 * other era is tried, or is on its way already. */
bool link_greets_otherwise(struct exchange *x);
/* A refusal (HTTP 4xx) of what greets: true when its body tells the era, and has been acted upon.
 */
bool link_takes_refusal(struct exchange *x, struct str text);
const char *link_version(const struct link *link);
/* Greetings on their way have come to nothing. */
void link_end_greetings(struct link *link);

static inline struct gate *link_gate(const struct link *link)
{
        return link->upstream->gate;
}

static inline struct loop *link_loop(const struct link *link)
{
        return link_gate(link)->loop;
}

/* ---- between link*.c and exchange.c ---- */

/* Tells the server, where that can be told, that nobody waits for its answer. */
void link_cancel(struct link *link, int64_t id, const char *why);
/* Ends it with that answer (NULL: out of memory). */
void exchange_answer_take(struct exchange *x, json_t *answer);
/* Waits for READY; takes the message. What is no request is for the session of now alone. NULL: out
 * of memory. */
struct exchange *exchange_new(struct link *link, enum exchange_kind kind, json_t *msg_take);
void exchange_start(struct exchange *x);
/* More of what nobody waits for may go out. */
void link_on_pump(struct loop_task *task);
/* The one that has this id, and waits for an answer. */
struct exchange *exchange_find(struct link *link, const json_t *id);
/* From what has been sent to another list, or none. */
void exchange_move(struct exchange *x, struct list *list);
/* It waits for something else than its server. */
void exchange_park(struct exchange *x);
/* Sends it again, under a new id. */
void exchange_unpark(struct exchange *x);
/* As exchange_fail_as(), when the upstream's failure has been counted. */
void exchange_give_up(struct exchange *x, const struct failure *failure);
/* Opens it when it is down and may be tried. */
void link_try(struct link *link);
/* Opens it by its transport. */
void link_begin(struct link *link);
/* So long may an opening take. */
int64_t link_patience_ms(const struct link *link);
/* Sends the first request. */
void link_greet(struct link *link);
/* Its answer. */
void link_on_greeting_answer(struct exchange *x, const struct rpc_msg *m);
/* OPENING takes long: true when that is a silence after server/discover, and initialize follows. */
bool link_probe_is_over(struct link *link);
/* The child is gone: true when server/discover may be why, and it is started again without. */
bool link_opens_anew(struct link *link, const char *why);
/* The upstream has answered initialize, or as good as that. */
void link_on_hello(struct link *link, json_t *result);
/* Its lists are not what they were, or may not be: clients are told, and they are fetched again. */
void link_tell_change(struct link *link);
/* DOWN, until a while is over: the breaker's, where the failure is a sign of the server's health,
 * else this link's own, which doubles. */
void link_open_failed_as(struct link *link, const struct failure *failure);
/* The same, where it is no sign, and why says all. */
void link_open_failed(struct link *link, const char *why);
/* Who calls by this link: shares what happens to others of the same user. */
static inline struct share *link_share(const struct link *link)
{
        return link->session->share;
}
/* So much is to be logged; -1: as it likes. */
void link_tell_level(struct link *link, int level);

/* ---- a child that several sessions share ---- */

/* Its link stands in a session of its own, and is the host of theirs. */
static inline bool link_is_host(const struct link *link)
{
        return link->session->kind == SESSION_HOST;
}

static inline bool link_is_lodger(const struct link *link)
{
        return link->transport == &transport_shared;
}

/* Does what comes on its connection go to one client alone? To hold it back costs nobody else. */
static inline bool link_serves_one(const struct link *link)
{
        enum session_kind kind = link->session->kind;

        return kind == SESSION_SSE || kind == SESSION_HTTP;
}

/* For a lodger that waits for it: the host is READY, or why it is not. */
void shared_on_host(struct link *lodger, const char *why);

void host_on_ready(struct link *host);
void host_on_down(struct link *host, const char *why);
void host_on_leave(struct link *host, const struct link *lodger);
/* The lowest level that a lodger wants; -1: none has said. */
int host_log_level(const struct link *host);
void host_tell_level(struct link *host);
/* Has one of the lodgers, but for one, subscribed to it? */
bool host_has_subscriber(const struct link *host, const struct watched *kind, const char *name,
                         const struct link *but);
/* URI -> true, of all lodgers; a new reference. */
json_t *host_subscribed(const struct link *host);
/* Hands a notification to all lodgers that are READY. */
void host_pass(struct link *host, json_t *msg);
/* The call's answer is not waited for any more; the child may go on with it all the same. */
void host_on_abandon(struct link *host, const struct call *call);
/* The newest call on its way, where it and all others are of one user; else NULL. */
struct call *host_only_call(const struct link *host);
/* What the child says; call: the one that can have caused it, or NULL. */
void host_on_notification(struct link *host, struct call *call, const struct rpc_msg *m);
void host_on_request(struct link *host, struct call *call, const struct rpc_msg *m);

/* ---- servers without sessions ---- */

/* The protocol version that it names, to a server without sessions. */
const char *exchange_stateless_version(const struct exchange *x);
/* Of the tool that the request calls, where it is known: its arguments may have to stand in
 * headers. Borrowed, or NULL. */
const json_t *link_input_schema(const struct exchange *x);
/* A request that such servers have no method for: true when it is answered here. */
bool link_answers_itself(struct exchange *x);
bool link_takes_notification(const struct link *link, const json_t *msg);
/* What the client that this call is of (NULL: that the link is of) has said in initialize. */
const json_t *link_init_params(const struct link *link, const struct call *call);
/* An answer that is none yet: true when the request goes on. */
bool link_goes_on(struct exchange *x, const struct rpc_msg *m);
/* The server does not speak as it did: finds out again how, and sends x once more. */
void link_doubt(struct exchange *x);
/* The error that the body of a refusal (HTTP 4xx) is, for the caller to release; NULL: none. */
json_t *link_read_refusal(struct str text, struct rpc_msg *m);
/* Is the body of a refusal (HTTP 4xx) the answer of a stateless server to that request? */
bool link_is_answer(const struct exchange *x, struct str text);
/* An answer as whoever asked knows it, a new reference; NULL: out of memory. */
json_t *link_bridge_answer(struct exchange *x, const struct rpc_msg *m);

/* What the files of an upstream session and its transports say to each other: upstream_session.c
 * (its states), pending_request.c (what goes; pending_request_message.c: as what),
 * upstream_session_ receive.c (texts that come), _message.c (what they mean), _relay.c (big ones),
 * _send.c (what nobody waits for), _handshake.c (of which era it is), _stateless.c (servers without
 * sessions), shared_session.c (for whom else), transport_*.c (how). */
#pragma once

#include "failure.h"
#include "mgw/base/hash.h"
#include "mgw/mcp/method.h"
#include "mgw/upstream/subscription_kind.h"
#include "mgw/upstream/upstream_session.h"
#include "mgw/wire/rpc.h"

/* The longest message that an upstream may send. */
#define MESSAGE_MAX_BYTES (64u << 20)

enum pending_request_kind {
        PENDING_REQUEST_DISCOVER,
        PENDING_REQUEST_INITIALIZE,
        PENDING_REQUEST_REQUEST,
        PENDING_REQUEST_LISTEN, /* subscriptions/listen: may be silent for ever */
        PENDING_REQUEST_NOTIFY, /* of these two the server answers none */
        PENDING_REQUEST_REPLY,  /* to a request of the server's: it has no method */
};

/* A message's state is the list of its upstream session that it stands on. */
enum pending_request_state {
        PENDING_REQUEST_WAITING, /* for READY */
        PENDING_REQUEST_QUEUED,  /* nobody waits for it, and many such are on their way */
        PENDING_REQUEST_SENT,    /* given to the transport, or held for what its server tells */
        PENDING_REQUEST_PARKED,  /* its server is to be given something first */
        PENDING_REQUEST_ASIDE,   /* on a list of whoever decides what becomes of it */
        PENDING_REQUEST_OVER,    /* on none; freed at the end of the turn */
        PENDING_REQUEST_N_STATES
};

/* What moves it stands in docs/architecture.md ("States"). */
static const bool pending_request_may_move[PENDING_REQUEST_N_STATES][PENDING_REQUEST_N_STATES] = {
        [PENDING_REQUEST_WAITING] = {[PENDING_REQUEST_WAITING] = true,
                                     [PENDING_REQUEST_QUEUED] = true,
                                     [PENDING_REQUEST_SENT] = true,
                                     [PENDING_REQUEST_OVER] = true},
        [PENDING_REQUEST_QUEUED] = {[PENDING_REQUEST_SENT] = true, [PENDING_REQUEST_OVER] = true},
        [PENDING_REQUEST_SENT] = {[PENDING_REQUEST_WAITING] = true,
                                  [PENDING_REQUEST_PARKED] = true,
                                  [PENDING_REQUEST_ASIDE] = true,
                                  [PENDING_REQUEST_OVER] = true},
        [PENDING_REQUEST_PARKED] =
                {[PENDING_REQUEST_WAITING] = true, [PENDING_REQUEST_OVER] = true},
        [PENDING_REQUEST_ASIDE] = {[PENDING_REQUEST_WAITING] = true, [PENDING_REQUEST_OVER] = true},
};

/* One message of ours on its way, and what is known of its answer. What it depends on is fixed when
 * it starts, and again when it is sent once more: its upstream session may have begun anew
 * meanwhile. */
struct pending_request {
        struct list node;  /* on the list of its state */
        UT_hash_handle hh; /* owner->by_id while it is SENT, and is a request */
        struct upstream_session *owner;
        struct upstream_request *request; /* PENDING_REQUEST_REQUEST: NULL once nobody waits */
        json_t *msg;
        void *transfer;       /* the transport's; NULL: not sent, or over */
        struct timer silence; /* the server's timeout_s */
        struct mrtr *mrtr;    /* what its server asks of the client; NULL: nothing so far */
        struct header_retry *header_retry; /* its server has wanted other headers */
        int64_t id;
        int64_t sent_us; /* when it was last */
        enum pending_request_kind kind;
        enum pending_request_state state;
        bool is_unasked; /* counted in its upstream session's n_unasked */
        bool was_retried;
        bool is_stateless;   /* it started as one to a server without sessions */
        unsigned generation; /* that of its upstream session when it started; 0: it has not */
        json_t *init_result; /* what its server had said of itself; NULL: it is a handshake */
};

/* Of its message; borrowed. NULL: it is a reply. */
static inline const char *pending_request_method(const struct pending_request *pending)
{
        return json_string_value(json_object_get(pending->msg, "method"));
}

static inline json_t *pending_request_params(const struct pending_request *pending)
{
        return json_object_get(pending->msg, "params");
}

static inline json_t *pending_request_msg_id(const struct pending_request *pending)
{
        return json_object_get(pending->msg, "id");
}

struct transport {
        /* An upstream session that is READY has its own server running: how others fare says
         * nothing of it. */
        bool is_own;
        /* Servers without sessions may be reached by it. */
        bool knows_stateless;
        /* It is HTTP: to such servers headers repeat what the body says, and to drop a request is
         * to cancel it. */
        bool has_headers;
        /* What it sends is made of what the params say: they must have been made. */
        bool looks_inside;
        /* Each message has a connection of its own: what is on its way when the upstream session
         * begins anew goes on in the session that it was sent in. */
        bool outlives_sessions;
        /* Log messages may come by another stream than the answer to what has caused them. */
        bool logs_beside;
        /* It hands messages to another upstream session, which others share. */
        bool shares;
        /* Allocates us->peer. */
        void (*create)(struct upstream_session *us);
        /* Before initialize is sent: what was is void. 0; -errno: it has failed, and
         * upstream_session_open_failed_as() has been told. */
        int (*open)(struct upstream_session *us);
        /* Sends pending->msg; failures come by pending_request_fail(), also from within. */
        void (*send)(struct pending_request *pending);
        /* Nothing more of it: frees pending->transfer. */
        void (*drop)(struct pending_request *pending);
        /* The upstream has been greeted. */
        void (*on_ready)(struct upstream_session *us);
        /* The upstream session that it shares is READY, or why it is not; NULL: it shares none. */
        void (*on_shared_settled)(struct upstream_session *us, const char *why);
        /* Its session has become idle, or is so no more; NULL: it makes no difference. */
        void (*on_use)(struct upstream_session *us);
        /* READY: does what the server says unasked come? NULL: always. */
        bool (*hears)(const struct upstream_session *us);
        /* What is to be had of it when it does not answer, or NULL; may be missing. */
        const char *(*last_words)(const struct upstream_session *us);
        /* Ends the connection in order; the upstream session is freed at the end of the turn. */
        void (*destroy)(struct upstream_session *us);
};

extern const struct transport transport_http;
extern const struct transport transport_sse;
extern const struct transport transport_stdio;
extern const struct transport transport_rest;
extern const struct transport transport_shared;

/* A message of the upstream; via: the pending request whose answer carries it, NULL: not known. */
void upstream_session_on_text(struct upstream_session *us, struct pending_request *via,
                              struct str text);
/* The body of a response by which an HTTP server has refused a request: an error of JSON-RPC, its
 * own or nobody's, ends it. Anything else is passed over. */
void upstream_session_on_refusal(struct upstream_session *us, struct pending_request *via,
                                 struct str text);
/* The same of what its stream ended within: it may be whole, else it is as if it had not come. */
void upstream_session_on_last_text(struct upstream_session *us, struct pending_request *via,
                                   struct str text);
/* One message, read; is_found: among other text. */
void upstream_session_on_one(struct upstream_session *us, struct pending_request *via, json_t *root,
                             bool is_found);
/* The same, read already: a message, or an array of them (2025-03-26); borrowed. */
void upstream_session_on_message(struct upstream_session *us, struct pending_request *via,
                                 json_t *root);
/* Whose answer is it? One without an id is that of the request whose HTTP answer it came by (via),
 * or of the only one that waits. */
struct pending_request *upstream_session_whose(struct upstream_session *us,
                                               struct pending_request *via, const json_t *id);
/* The only one that waits for a result, when nothing else can be answered; NULL: none. */
struct pending_request *upstream_session_only_request(const struct upstream_session *us);
/* It is left out, as the log tells. */
void upstream_session_skip(struct upstream_session *us, const char *why);
/* What an upstream session was when several messages came at once. When it begins anew, or ends,
 * the rest is of what is past. */
struct upstream_session_moment {
        unsigned generation;
        bool was_up;
};
struct upstream_session_moment upstream_session_now(const struct upstream_session *us);
bool upstream_session_is_past(const struct upstream_session *us,
                              struct upstream_session_moment then);
/* What is coming is gathered at the cost of its server: it takes n bytes now. false: it has no room
 * for them. Set to 0 before the upstream session ends. */
void upstream_session_hold_init(struct ledger_hold *hold, const struct upstream_session *us);
bool upstream_session_has_room(struct ledger_hold *hold, size_t n);
/* As clients are told it. */
#define UPSTREAM_SESSION_NO_MEMORY "its answer takes more memory than there is for it"
/* Has the client said in initialize that it takes such a request? Some servers send it all the
 * same, and a client may leave it unanswered. */
bool upstream_session_may_ask(const struct upstream_session *us, const struct rpc_msg *m);
/* Answers an upstream's request with an error. */
void upstream_session_refuse(struct upstream_session *us, const struct rpc_msg *m, int code,
                             const char *why);
/* A message that grows big on a connection that carries all answers: when it is the result of a
 * call, that is relayed from now on, as_event: in the form that it has. The pending request that
 * is to be fed the rest; NULL: it must be gathered. */
struct pending_request *upstream_session_begin_relay(struct upstream_session *us, bool as_event,
                                                     struct str head);
/* The same where it is known whose answer grows; pending may be NULL. True: it is to be fed the
 * rest. */
bool pending_request_begin_relay(struct pending_request *pending, bool as_event, struct str head);
void pending_request_feed_relay(struct pending_request *pending, struct str bytes, bool is_last);
/* Does a client that what comes may go to not read? Then the waiter waits for it. */
bool upstream_session_must_wait(struct upstream_session *us, struct waiter *waiter);
/* Something of its answer has come: the time that it may be silent begins again. */
void pending_request_heard(struct pending_request *pending);
/* Its server asks who called to leave it alone for so long. */
void pending_request_rest(const struct pending_request *pending, int64_t ms);
/* It will get no answer. */
void pending_request_fail_as(struct pending_request *pending, const struct failure *failure);
/* The same, where that is no sign of the server's health, and why says all. */
void pending_request_fail(struct pending_request *pending, const char *why,
                          enum pending_request_fault fault);
/* A message that gets no answer is out. */
void pending_request_end(struct pending_request *pending);
/* The upstream does not know its session any more: opens a new one, and sends it again there,
 * unless it was for the old one alone. */
void pending_request_again(struct pending_request *pending);
/* Its session is over, and nothing more of it may be sent there; fault: what the server can have
 * seen of it. It goes on as pending_request_again(), or ends. */
void pending_request_outlived(struct pending_request *pending, enum pending_request_fault fault);
/* The connection or child is gone, with all that it carried. */
void upstream_session_lost(struct upstream_session *us, const struct failure *failure);
/* The transport has ended the connection for having nothing to do: DOWN until it is needed. */
void upstream_session_sleep(struct upstream_session *us);
/* Nothing is on its way, and nothing waits. */
bool upstream_session_is_quiet(const struct upstream_session *us);
/* The server does not speak this transport: tries that one. */
void upstream_session_fall_back(struct upstream_session *us, const struct transport *transport);
/* The upstream's session is gone, and no pending request told so. */
void upstream_session_forgotten(struct upstream_session *us);
/* The call that waits for its answer; NULL: none. pending may be NULL. */
struct upstream_call *pending_request_call(const struct pending_request *pending);
/* Has it an end to wait for still? */
static inline bool pending_request_is_open(const struct pending_request *pending)
{
        return pending->state != PENDING_REQUEST_OVER;
}
/* Is it one of those that open the upstream session? */
static inline bool pending_request_is_handshake(const struct pending_request *pending)
{
        return pending->kind == PENDING_REQUEST_DISCOVER ||
               pending->kind == PENDING_REQUEST_INITIALIZE;
}
/* Is it a request, of whatever kind? */
static inline bool pending_request_is_request(const struct pending_request *pending)
{
        return pending->kind != PENDING_REQUEST_NOTIFY && pending->kind != PENDING_REQUEST_REPLY;
}
/* Is it for a client of the stateless era? */
static inline bool pending_request_is_of_stateless(const struct pending_request *pending)
{
        const struct upstream_call *call = pending_request_call(pending);

        return call != NULL && upstream_call_is_stateless(call);
}
/* Has its session ended? What the upstream session says of itself is not true of it any more. */
static inline bool pending_request_is_outlived(const struct pending_request *pending)
{
        return pending->generation != pending->owner->generation;
}
/* The protocol version that was agreed on with its server; NULL: none yet, it is a handshake. */
const char *pending_request_version(const struct pending_request *pending);
/* The text of the message as it goes out; the caller frees text->p. 0, -ENOMEM. */
int pending_request_dump(const struct pending_request *pending, struct str *text);
/* The server does not understand this handshake: true when that has been acted upon, since the
 * other era is tried, or is on its way already. */
bool upstream_session_handshake_otherwise(struct pending_request *pending);
/* A refusal (HTTP 4xx) of a handshake: true when its body tells the era, and has been acted
 * upon. */
bool upstream_session_takes_refusal(struct pending_request *pending, struct str text);
const char *upstream_session_version(const struct upstream_session *us);
/* Handshakes on their way have come to nothing. */
void upstream_session_end_handshakes(struct upstream_session *us);

static inline struct context *upstream_session_context(const struct upstream_session *us)
{
        return us->upstream->context;
}

static inline struct loop *upstream_session_loop(const struct upstream_session *us)
{
        return upstream_session_context(us)->loop;
}

/* ---- between upstream_session*.c and pending_request*.c ---- */

/* Does what is sent reach the server, now or when it is READY? */
static inline bool upstream_session_is_up(const struct upstream_session *us)
{
        return us->state == UPSTREAM_SESSION_OPENING || us->state == UPSTREAM_SESSION_READY;
}

/* Tells the server, where that can be told, that nobody waits for its answer. */
void upstream_session_cancel(struct upstream_session *us, int64_t id, const char *why);
/* Ends it with that answer (NULL: out of memory). */
void pending_request_answer_take(struct pending_request *pending, json_t *answer);
/* Waits for READY; takes the message. What is no request is for the session of now alone. NULL:
 * there is no message, or it is no request and too many wait. */
struct pending_request *pending_request_new(struct upstream_session *us,
                                            enum pending_request_kind kind, json_t *msg_take);
void pending_request_start(struct pending_request *pending);
/* More of what nobody waits for may go out. */
void pending_requests_on_pump(struct loop_task *task);
/* In params: progress upstream is counted under the id of our request. */
void pending_request_set_token(json_t *params, int64_t id);
/* Nobody waits for its answer any more, which may come late all the same. */
void pending_request_note_cancel(struct pending_request *pending);
/* Can its server be told that it is cancelled? */
bool pending_request_may_cancel(const struct pending_request *pending);
/* Whose it is. */
struct share *pending_request_share(const struct pending_request *pending);
/* Its answer has come, and cannot be read. */
void pending_request_unreadable(struct pending_request *pending, const char *fault);
/* The one that has this id, and waits for an answer. */
struct pending_request *pending_request_find(struct upstream_session *us, const json_t *id);
/* Its transport has nothing to do with it any more. */
void pending_request_drop_transfer(struct pending_request *pending);
/* The only way from one state to another: an assert on every move that is not in the table. */
void pending_request_move(struct pending_request *pending, enum pending_request_state to);
/* The same to ASIDE, at the tail of that list. */
void pending_request_set_aside(struct pending_request *pending, struct list *aside);
/* It waits for something else than its server. */
void pending_request_park(struct pending_request *pending);
/* Sends it again, under a new id. */
void pending_request_unpark(struct pending_request *pending);
/* As pending_request_fail_as(), when the upstream's failure has been counted. */
void pending_request_give_up(struct pending_request *pending, const struct failure *failure);
/* Opens it when it is down and may be tried. */
void upstream_session_try(struct upstream_session *us);
/* Opens it by its transport. */
void upstream_session_begin(struct upstream_session *us);
/* So long may an opening take. */
int64_t upstream_session_patience_ms(const struct upstream_session *us);
/* Sends the first request. */
void upstream_session_handshake(struct upstream_session *us);
/* Its answer. */
void upstream_session_on_handshake_answer(struct pending_request *pending, const struct rpc_msg *m);
/* OPENING takes long: true when that is a silence after server/discover, and initialize follows. */
bool upstream_session_probe_is_over(struct upstream_session *us);
/* The child is gone: true when server/discover may be why, and it is started again without. */
bool upstream_session_opens_anew(struct upstream_session *us, const char *why);
/* The upstream has answered initialize, or as good as that. */
void upstream_session_on_init_result(struct upstream_session *us, json_t *result);
/* Its lists are not what they were, or may not be: clients are told, and they are fetched again. */
void upstream_session_tell_change(struct upstream_session *us);
/* DOWN, until a while is over: the breaker's, where the failure is a sign of the server's health,
 * else this upstream session's own, which doubles. */
void upstream_session_open_failed_as(struct upstream_session *us, const struct failure *failure);
/* The same, where it is no sign, and why says all. */
void upstream_session_open_failed(struct upstream_session *us, const char *why);
/* Who calls by this upstream session: shares what happens to others of the same user. */
static inline struct share *upstream_session_share(const struct upstream_session *us)
{
        return us->client->share;
}
/* From its beginning to its end. */
void upstream_session_take_account(struct upstream_session *us);
void upstream_session_leave_account(struct upstream_session *us);
/* So much is to be logged; -1: as it likes. */
void upstream_session_tell_level(struct upstream_session *us, int level);

/* ---- a child that several sessions share ---- */

/* It stands in a session of its own, and is the shared session of theirs. */
static inline bool upstream_session_is_shared(const struct upstream_session *us)
{
        return us->client->kind == UPSTREAM_CLIENT_SHARED;
}

static inline bool upstream_session_uses_shared(const struct upstream_session *us)
{
        return us->transport->shares;
}

/* Does what comes on its connection go to one client alone? To hold it back costs nobody else. */
static inline bool upstream_session_serves_one(const struct upstream_session *us)
{
        enum upstream_client_kind kind = us->client->kind;

        return kind == UPSTREAM_CLIENT_SSE || kind == UPSTREAM_CLIENT_SESSION;
}

void shared_session_on_ready(struct upstream_session *shared);
void shared_session_on_down(struct upstream_session *shared, const char *why);
void shared_session_on_leave(struct upstream_session *shared,
                             const struct upstream_session *user_session);
/* The lowest level that a user session wants; -1: none has said. */
int shared_session_log_level(const struct upstream_session *shared);
void shared_session_tell_level(struct upstream_session *shared);
/* Has one of the user sessions, but for one, subscribed to it? */
bool shared_session_has_subscriber(const struct upstream_session *shared,
                                   const struct subscription_kind *kind, const char *name,
                                   const struct upstream_session *but);
/* URI -> true, of all user sessions; a new reference. */
json_t *shared_session_subscribed(const struct upstream_session *shared);
/* Hands a notification to all user sessions that are READY. */
void shared_session_pass(struct upstream_session *shared, json_t *msg);
/* The call's answer is not waited for any more; the child may go on with it all the same. */
void shared_session_on_abandon(struct upstream_session *shared, const struct upstream_call *call);
/* The newest call on its way, where it and all others are of one user; else NULL. */
struct upstream_call *shared_session_only_call(const struct upstream_session *shared);
/* What the child says; call: the one that can have caused it, or NULL. */
void shared_session_on_notification(struct upstream_session *shared, struct upstream_call *call,
                                    const struct rpc_msg *m);
void shared_session_on_request(struct upstream_session *shared, struct upstream_call *call,
                               const struct rpc_msg *m);

/* ---- servers without sessions ---- */

/* The protocol version that it names, to a server without sessions. */
const char *pending_request_stateless_version(const struct pending_request *pending);
/* Of the tool that the request calls, where it is known: its arguments may have to stand in
 * headers. Borrowed, or NULL. */
const json_t *upstream_session_input_schema(const struct pending_request *pending);
/* A request that such servers have no method for: true when it is answered here. */
bool upstream_session_answers_itself(struct pending_request *pending);
bool upstream_session_takes_notification(const struct upstream_session *us, const json_t *msg);
/* What the client that this call is of (NULL: that the upstream session is of) has said in
 * initialize. */
const json_t *upstream_session_init_params(const struct upstream_session *us,
                                           const struct upstream_call *call);
/* An answer that is none yet: true when the request goes on. */
bool upstream_session_goes_on(struct pending_request *pending, const struct rpc_msg *m);
/* The server does not speak as it did: finds out again how, and sends it once more. */
void upstream_session_doubt(struct pending_request *pending);
/* The error that the body of a refusal (HTTP 4xx) is, for the caller to release; NULL: none. */
json_t *upstream_session_read_refusal(struct str text, struct rpc_msg *m);
/* Is the body of a refusal (HTTP 4xx) the answer of a stateless server to that request? */
bool upstream_session_is_answer(const struct pending_request *pending, struct str text);
/* An answer as whoever asked knows it, a new reference; NULL: out of memory. */
json_t *upstream_session_bridge_answer(struct pending_request *pending, const struct rpc_msg *m);

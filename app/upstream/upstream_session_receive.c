/* What an upstream says: answers to their requests, all else to the call that it belongs to, or to
 * the session. It is read as leniently as docs/quirks.md says; an answer that cannot be read ends
 * its pending request. */
#include "mgw/base/log.h"
#include "mgw/mcp/bridge.h"
#include "mgw/mcp/era.h"
#include "mgw/mcp/shape.h"
#include "mgw/session/call.h"
#include "mgw/session/endpoint_stateless.h"
#include "mgw/session/listing.h"
#include "mgw/session/post_response.h"
#include "mgw/session/relay.h"
#include "mgw/session/task.h"
#include "mgw/wire/json_raw.h"
#include "mgw/wire/rpc_glance.h"
#include "mgw/wire/rpc_peek.h"
#include "mgw/wire/rpc_result.h"
#include "upstream_listen.h"

#include <stdio.h>
#include <string.h>

/* Of one URI that is kept. */
#define SUBSCRIPTION_MAX_BYTES 8192
/* In one message of an upstream, with the names of members. */
#define UPSTREAM_VALUES_MAX 1000000
/* A message makes as much work as so many bytes (http_source_spend()). */
#define MESSAGE_COST 1024
/* What a buffer takes for an answer that may still be relayed is never refused. */
#define GATHERED_FREE_BYTES ((size_t)2 * RELAY_MIN_BYTES)
/* Subscriptions that are made again in a new session. */
#define SUBSCRIPTIONS_MAX 1000

/* What is to be subscribed to again when the upstream's session is a new one. */
static void upstream_session_note_subscription(struct upstream_session *us, const json_t *request)
{
        const struct subscription_kind *kind;
        bool subscribes;
        const char *name = subscription_kind_name(request, &kind, &subscribes);

        if (name == NULL || strlen(name) > SUBSCRIPTION_MAX_BYTES)
                return;
        if (!subscribes)
                subscription_kind_remove(us, kind, name);
        else if (json_object_size(subscription_kind_by(us, kind)) < SUBSCRIPTIONS_MAX)
                (void)subscription_kind_add(us, kind, name);
}

/* So that every client can read it. What is raw has been judged to be so. */
static void upstream_session_mend_result(const struct pending_request *pending, json_t *result)
{
        struct upstream *u = pending->owner->upstream;
        const char *method = pending_request_method(pending);
        char why[160];

        if (json_is_raw(result))
                return;
        if (!pending->is_stateless &&
            !upstream_session_uses_shared(
                    pending->owner)) /* which servers with sessions have not */
                json_object_del(result, "resultType");
        if (!shape_mend_result(method, result, why, sizeof(why)) && upstream_may_log(u))
                log_warn(NULL, "[upstream] %s: %s: left out of a result: %s", upstream_name(u),
                         method, why);
}

static struct pending_request *upstream_session_only_exchange(const struct upstream_session *us);

/* Whose answer is it? One without an id is that of the request whose HTTP answer it came by
 * (via), or of the only one that waits. */
static struct pending_request *upstream_session_whose(struct upstream_session *us,
                                                      struct pending_request *via, const json_t *id)
{
        if (id != NULL) /* that of no pending request is late, or another's */
                return pending_request_find(us, id);
        if (via != NULL)
                return pending_request_is_request(via) ? via : NULL;
        return us->transport->outlives_sessions ? NULL : upstream_session_only_exchange(us);
}

static void upstream_session_on_answer(struct upstream_session *us, struct pending_request *via,
                                       const struct rpc_msg *m)
{
        struct pending_request *pending = upstream_session_whose(us, via, m->id);

        if (pending == NULL || (m->is_bare && m->id == NULL && via == NULL))
                return;
        if (pending_request_is_handshake(pending)) {
                upstream_session_on_handshake_answer(pending, m);
                return;
        }
        upstream_worked(us->upstream);
        us->n_unproven = 0;
        us->n_kept_out = 0;
        if (pending->kind == PENDING_REQUEST_LISTEN) {
                upstream_listen_on_end(pending, m);
                return;
        }
        if (pending->is_stateless && upstream_session_goes_on(pending, m))
                return;
        if (m->kind == RPC_RESULT) {
                upstream_session_mend_result(pending, m->result);
                upstream_session_note_subscription(us, pending->msg);
        } else {
                shape_mend_error(m->error);
        }
        pending_request_answer_take(pending, pending->is_stateless
                                                     ? upstream_session_bridge_answer(pending, m)
                                                     : json_incref(m->root));
}

struct call *pending_request_call(const struct pending_request *pending)
{
        return pending != NULL && pending->request != NULL ? pending->request->call : NULL;
}

/* Over a single pipe nothing says which call a message belongs to: the newest is the best guess.
 * Passes over what no call has sent: subscriptions, lists and notifications. */
static struct call *upstream_session_newest_call(const struct upstream_session *us)
{
        for (const struct list *it = us->sent.prev; it != &us->sent; it = it->prev) {
                struct call *call =
                        pending_request_call(container_of(it, struct pending_request, node));

                if (call != NULL)
                        return call;
        }
        return NULL;
}

static struct call *upstream_session_guess_call(const struct upstream_session *us)
{
        return upstream_session_is_shared(us) ? shared_session_only_call(us)
                                              : upstream_session_newest_call(us);
}

static void upstream_session_on_progress(struct upstream_session *us, const struct rpc_msg *m)
{
        struct pending_request *pending =
                pending_request_find(us, json_object_get(m->params, "progressToken"));
        struct call *call = pending_request_call(pending);

        if (pending != NULL)
                pending_request_heard(pending);
        if (call != NULL)
                call_on_progress(call, m->params);
}

static void upstream_session_on_list_changed(struct upstream_session *us, const struct rpc_msg *m)
{
        us->n_changes++;
        session_deliver(us->session, m->root);
}

static void upstream_session_on_updated(struct upstream_session *us, const struct rpc_msg *m)
{
        listing_show_uri(us, m->params);
        session_deliver(us->session, m->root);
}

/* Only who listens for it is told. */
static void upstream_session_on_task(const struct upstream_session *us, const struct rpc_msg *m)
{
        task_show(us, m->params);
        if (us->session->kind == SESSION_STANDING)
                session_deliver(us->session, m->root);
}

static void upstream_session_on_notice(struct upstream_session *us, struct call *call,
                                       const struct rpc_msg *m)
{
        switch (method_find(m->method)->class) {
        case METHOD_LIST_CHANGED:
                upstream_session_on_list_changed(us, m);
                break;
        case METHOD_UPDATED:
                upstream_session_on_updated(us, m);
                break;
        case METHOD_TASK_CHANGED:
                upstream_session_on_task(us, m);
                break;
        default:
                if (call == NULL || !call_send(call, m->root))
                        session_deliver(us->session, m->root);
        }
}

/* Is what came by it, or by the upstream session, said by a server without sessions? */
static bool is_of_stateless(const struct upstream_session *us, const struct pending_request *via)
{
        return via != NULL ? via->is_stateless : us->is_stateless;
}

static void upstream_session_skip(struct upstream_session *us, const char *why)
{
        if (upstream_may_log(us->upstream))
                log_warn(NULL, "[upstream] %s: message skipped: %s", upstream_name(us->upstream),
                         why);
}

static bool upstream_session_mend_notice(struct upstream_session *us, const struct rpc_msg *m)
{
        char why[160];

        if (shape_mend_notice(m->method, m->params, why, sizeof(why)))
                return true;
        upstream_session_skip(us, why);
        return false;
}

/* Does the client's revision know it? Of a shared session's each user session judges. */
static bool client_knows_notice(const struct upstream_session *us, const struct call *call,
                                const struct rpc_msg *m)
{
        const struct session *s = call != NULL ? call->session : us->session;
        bool is_stateless = s->kind == SESSION_STANDING;

        return (upstream_session_is_shared(us) && call == NULL) ||
               strcmp(m->method, "notifications/elicitation/complete") != 0 ||
               (!is_stateless && era_has_url_elicitation(s->revision));
}

static void upstream_session_on_notification(struct upstream_session *us,
                                             struct pending_request *via, struct call *call,
                                             const struct rpc_msg *m)
{
        bool is_late = via != NULL && pending_request_is_outlived(via);
        enum method_class class = method_find(m->method)->class;

        if (!upstream_session_mend_notice(us, m) || !client_knows_notice(us, call, m))
                return;
        if (class == METHOD_MESSAGE && us->session->kind == SESSION_STANDING)
                call = endpoint_stateless_logging_call(us, call);
        if (class == METHOD_PROGRESS)
                upstream_session_on_progress(us, m);
        else if (class == METHOD_CANCELLED && is_late)
                return; /* what it had asked is forgotten */
        else if (class == METHOD_CANCELLED)
                server_request_cancel(&us->requester, m->root);
        else if (upstream_session_is_shared(us))
                shared_session_on_notification(us, call, m);
        else
                upstream_session_on_notice(us, call, m);
}

/* Which subscription it is of is for us alone to know. */
static void upstream_session_on_tagged(struct upstream_session *us, struct pending_request *via,
                                       struct call *call, const struct rpc_msg *m)
{
        json_t *plain = bridge_untag_notification(m->root);
        const char *fault;
        struct rpc_msg untagged;

        if (plain != NULL && rpc_msg_read(plain, &untagged, &fault) == 0 &&
            !upstream_listen_takes(us, via, m))
                upstream_session_on_notification(us, via, call, &untagged);
        json_decref(plain);
}

bool upstream_session_may_ask(const struct upstream_session *us, const struct rpc_msg *m)
{
        const json_t *declared = json_object_get(us->init_params, "capabilities");

        return method_find(m->method)->class != METHOD_ASK || bridge_can_ask(declared, m->root);
}

void upstream_session_refuse(struct upstream_session *us, const struct rpc_msg *m, int code,
                             const char *why)
{
        json_t *error = rpc_error_take(m->id, code, why, NULL);

        if (error != NULL)
                upstream_session_send_take(us, error);
}

/* The reply could not reach it, and without one it will not answer. */
static void upstream_session_on_late_request(struct pending_request *via, const struct rpc_msg *m)
{
        if (method_find(m->method)->class == METHOD_ASK)
                pending_request_outlived(via, FAULT_FINAL);
}

static void upstream_session_on_request(struct upstream_session *us, struct pending_request *via,
                                        struct call *call, const struct rpc_msg *m)
{
        if (is_of_stateless(us, via))
                upstream_session_skip(us, "its protocol version has no requests to a client");
        else if (via != NULL && pending_request_is_outlived(via))
                upstream_session_on_late_request(via, m);
        else if (method_find(m->method)->class == METHOD_PING)
                upstream_session_send_take(us, rpc_result_take(m->id, json_object()));
        else if (upstream_session_is_shared(us))
                shared_session_on_request(us, call, m);
        else if (!upstream_session_may_ask(us, m))
                upstream_session_refuse(us, m, RPC_METHOD_NOT_FOUND,
                                        "the client has not declared this capability");
        else
                server_request_send(&us->requester, call, m->root);
}

/* ---- what cannot be read ---- */

static void pending_request_unreadable(struct pending_request *pending, const char *fault)
{
        char why[224];

        snprintf(why, sizeof(why), "its answer cannot be read: %s", fault);
        if (pending->kind != PENDING_REQUEST_DISCOVER ||
            !upstream_session_handshake_otherwise(pending))
                pending_request_fail(pending, why, FAULT_FINAL);
}

/* Ends what it can only be the answer of; who has asked us something is told. */
static void upstream_session_on_unreadable(struct upstream_session *us, struct pending_request *via,
                                           struct str text, const char *fault)
{
        struct pending_request *pending = NULL;
        struct rpc_peek peek;

        rpc_peek(text, &peek);
        if (peek.has_answer && !peek.has_method)
                pending = upstream_session_whose(us, via, peek.id);
        if (pending != NULL)
                pending_request_unreadable(pending, fault);
        else
                upstream_session_skip(us, fault);
        if (peek.has_method && peek.id != NULL)
                upstream_session_send_take(us,
                                           rpc_error_take(peek.id, RPC_PARSE_ERROR, fault, NULL));
        json_decref(peek.id);
}

/* The same, of what is JSON and yet no message. */
static void upstream_session_on_unsound(struct upstream_session *us, struct pending_request *via,
                                        const struct rpc_msg *m, const char *fault)
{
        struct pending_request *pending = NULL;

        if (m->result != NULL || m->error != NULL)
                pending = upstream_session_whose(us, via, m->id);
        else if (!m->is_bare && json_object_get(m->root, "method") == NULL)
                pending = pending_request_find(us, m->id);
        if (pending != NULL)
                pending_request_unreadable(pending, fault);
        else
                upstream_session_skip(us, fault);
}

/* What a server may say. A program's log may quote what was said to it. */
static bool is_of_server(const struct rpc_msg *m)
{
        switch (m->method != NULL ? method_find(m->method)->class : METHOD_UNKNOWN) {
        case METHOD_ASK:
        case METHOD_PING:
                return m->kind == RPC_REQUEST;
        case METHOD_PROGRESS:
        case METHOD_MESSAGE:
        case METHOD_LIST_CHANGED:
        case METHOD_UPDATED:
        case METHOD_ACKNOWLEDGED:
        case METHOD_TASK_CHANGED:
                return m->kind == RPC_NOTIFICATION;
        default:
                return m->method == NULL;
        }
}

/* is_found: among other text. */
static void upstream_session_on_one(struct upstream_session *us, struct pending_request *via,
                                    json_t *root, bool is_found)
{
        struct call *call;
        const char *fault;
        struct rpc_msg m;

        if (via != NULL && !pending_request_is_open(via))
                via = NULL;
        call = via != NULL ? pending_request_call(via) : upstream_session_guess_call(us);
        if (via != NULL)
                pending_request_heard(via);
        if (rpc_msg_mend(root, &m, &fault) != 0)
                upstream_session_on_unsound(us, via, &m, fault);
        else if ((is_found || m.is_bare) && !is_of_server(&m))
                upstream_session_skip(us,
                                      "it quotes a message, or does not say that it is JSON-RPC");
        else if (m.kind == RPC_NOTIFICATION && is_of_stateless(us, via))
                upstream_session_on_tagged(us, via, call, &m);
        else if (m.kind == RPC_NOTIFICATION)
                upstream_session_on_notification(us, via, call, &m);
        else if (m.kind == RPC_REQUEST)
                upstream_session_on_request(us, via, call, &m);
        else
                upstream_session_on_answer(us, via, &m);
}

void upstream_session_hold_init(struct ledger_hold *hold, const struct upstream_session *us)
{
        ledger_hold_init(hold, &us->upstream->memory, LEDGER_MESSAGE);
}

bool upstream_session_has_room(struct ledger_hold *hold, size_t n)
{
        if (n > GATHERED_FREE_BYTES)
                return ledger_hold_set(hold, n) == 0;
        ledger_hold_set_past(hold, n);
        return true;
}

/* What the upstream session was when several messages came at once. When it begins anew, or ends,
 * the rest is of what is over. */
struct moment {
        unsigned generation;
        enum upstream_session_state state;
};

static struct moment moment_of(const struct upstream_session *us)
{
        return (struct moment){us->generation, us->state};
}

static bool is_over(const struct upstream_session *us, struct moment then)
{
        return us->generation != then.generation ||
               (us->state == UPSTREAM_SESSION_DOWN && then.state != UPSTREAM_SESSION_DOWN);
}

static void upstream_session_on_batch(struct upstream_session *us, struct pending_request *via,
                                      const json_t *batch)
{
        struct moment then = moment_of(us);
        json_t *each;
        size_t i;

        json_array_foreach (batch, i, each) {
                if (is_over(us, then))
                        return;
                upstream_session_on_one(us, via, each, false);
        }
}

void upstream_session_on_message(struct upstream_session *us, struct pending_request *via,
                                 json_t *root)
{
        if (json_is_array(root))
                upstream_session_on_batch(us, via, root);
        else
                upstream_session_on_one(us, via, root, false);
}

/* An answer that goes on as it came: to a call of a client that keeps a session, by a server that
 * keeps one. NULL: it is none. */
static json_t *upstream_session_glance(struct upstream_session *us, struct str text)
{
        json_t *root = us->is_stateless ? NULL : rpc_glance_result(text, UPSTREAM_VALUES_MAX);
        const struct pending_request *pending =
                root != NULL ? pending_request_find(us, json_object_get(root, "id")) : NULL;
        const struct call *call = pending_request_call(pending);

        if (call != NULL && !pending->is_stateless && !call_is_stateless(call) &&
            strcmp(pending_request_method(pending), "tools/call") == 0)
                return root;
        json_decref(root);
        return NULL;
}

/* 0, or as rpc_parse(). */
static int upstream_session_read(struct upstream_session *us, struct pending_request *via,
                                 struct str text, bool is_found, char *why, size_t why_size)
{
        struct ledger_hold hold;
        const struct rpc_bounds bounds = {UPSTREAM_VALUES_MAX, &hold};
        json_t *root;
        int r;

        upstream_session_hold_init(&hold, us);
        root = !is_found && ledger_hold_set(&hold, text.n) == 0 ? upstream_session_glance(us, text)
                                                                : NULL;
        r = root == NULL ? rpc_parse(text, &bounds, &root, why, why_size) : 0;
        if (r != 0) {
                ledger_hold_set_past(&hold, 0);
                return r;
        }
        if (is_found)
                upstream_session_on_one(us, via, root, true);
        else
                upstream_session_on_message(us, via, root);
        json_decref(root);
        ledger_hold_set_past(&hold, 0);
        return 0;
}

/* Messages among other text, one behind the other, or of an array in which one is broken. Walks the
 * text twice. */
static void upstream_session_salvage(struct upstream_session *us, struct pending_request *via,
                                     struct str text, const char *fault)
{
        struct moment then = moment_of(us);
        struct str rest = text, found;
        bool is_any = false;
        char why[160];

        while (rpc_next_message(&rest, &found)) {
                struct pending_request *open =
                        via != NULL && pending_request_is_open(via) ? via : NULL;

                if (is_over(us, then))
                        return;
                is_any = true;
                http_source_spend(&us->upstream->http, MESSAGE_COST);
                if (found.n == text.n)
                        upstream_session_on_unreadable(us, open, found, fault);
                else if (upstream_session_read(us, open, found, true, why, sizeof(why)) != 0)
                        upstream_session_on_unreadable(us, open, found, why);
        }
        if (!is_any)
                upstream_session_skip(us, fault);
}

void upstream_session_on_text(struct upstream_session *us, struct pending_request *via,
                              struct str text)
{
        char why[160];
        int r;

        http_source_spend(&us->upstream->http, MESSAGE_COST);
        r = upstream_session_read(us, via, text, false, why, sizeof(why));
        if (r == RPC_E_JSON)
                upstream_session_salvage(us, via, text, why);
        else if (r != 0)
                upstream_session_on_unreadable(us, via, text, why);
}

void upstream_session_on_last_text(struct upstream_session *us, struct pending_request *via,
                                   struct str text)
{
        char why[160];

        (void)upstream_session_read(us, via, text, false, why, sizeof(why));
}

/* ---- big results ---- */

/* The only one that waits for a result, when nothing else can be answered: a late answer to what
 * was cancelled must not be taken for another's. Walks to the second request, past SENDS_MAX others
 * and what listens at most. */
static struct pending_request *upstream_session_only_exchange(const struct upstream_session *us)
{
        struct pending_request *only = NULL;

        list_for_each (it, &us->sent) {
                struct pending_request *pending = container_of(it, struct pending_request, node);

                if (!pending_request_is_request(pending) || pending->kind == PENDING_REQUEST_LISTEN)
                        continue;
                if (only != NULL)
                        return NULL;
                only = pending;
        }
        return us->given_up_in != us->generation ? only : NULL;
}

bool pending_request_begin_relay(struct pending_request *pending, bool as_event, struct str head)
{
        struct call *call = pending_request_call(pending);

        return call != NULL &&
               relay_begin(call, pending->id, pending->is_stateless, as_event, head);
}

/* Many servers write the id behind the result. */
struct pending_request *upstream_session_begin_relay(struct upstream_session *us, bool as_event,
                                                     struct str head)
{
        struct pending_request *pending;
        json_t *id_json;
        int64_t id;

        if (!rpc_result_is_under_way(head, &id))
                return NULL;
        id_json = json_integer(id);
        pending = id != RPC_RESULT_ID_UNKNOWN ? pending_request_find(us, id_json)
                                              : upstream_session_only_exchange(us);
        json_decref(id_json);
        return pending_request_begin_relay(pending, as_event, head) ? pending : NULL;
}

static bool call_must_wait(const struct call *call, struct request_waiter *waiter)
{
        const struct post_response *post = call != NULL ? call->post : NULL;

        if (post == NULL)
                return false;
        if (post->stream != NULL)
                return request_must_wait(post->stream->req, waiter);
        return post->req != NULL && request_must_wait(post->req, waiter);
}

/* Walks the streams and calls of one session (streams_per_user_max, session_calls_max()), to the
 * first that does not read. */
bool upstream_session_must_wait(struct upstream_session *us, struct request_waiter *waiter)
{
        list_for_each (it, &us->session->streams)
                if (request_must_wait(container_of(it, struct stream, node)->req, waiter))
                        return true;
        list_for_each (it, &us->sent)
                if (call_must_wait(
                            pending_request_call(container_of(it, struct pending_request, node)),
                            waiter))
                        return true;
        return false;
}

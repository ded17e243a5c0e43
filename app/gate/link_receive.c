/* What an upstream says: answers to their errands, all else to the call that it belongs to, or to
 * the session. It is read as leniently as docs/quirks.md says; an answer that cannot be read ends
 * its exchange. */
#include "listen.h"
#include "mgw/base/log.h"
#include "mgw/gate/call.h"
#include "mgw/gate/listing.h"
#include "mgw/gate/post.h"
#include "mgw/gate/relay.h"
#include "mgw/gate/stateless.h"
#include "mgw/gate/task.h"
#include "mgw/mcp/bridge.h"
#include "mgw/mcp/era.h"
#include "mgw/mcp/shape.h"
#include "mgw/wire/json_raw.h"
#include "mgw/wire/rpc_glance.h"
#include "mgw/wire/rpc_peek.h"
#include "mgw/wire/rpc_result.h"

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
static void link_note_subscription(struct link *link, const json_t *request)
{
        const struct watched *kind;
        bool subscribes;
        const char *name = watched_name(request, &kind, &subscribes);

        if (name == NULL || strlen(name) > SUBSCRIPTION_MAX_BYTES)
                return;
        if (!subscribes)
                watched_remove(link, kind, name);
        else if (json_object_size(watched_by(link, kind)) < SUBSCRIPTIONS_MAX)
                (void)watched_add(link, kind, name);
}

/* So that every client can read it. What is raw has been judged to be so. */
static void link_mend_result(const struct exchange *x, json_t *result)
{
        struct upstream *u = x->owner->upstream;
        const char *method = exchange_method(x);
        char why[160];

        if (json_is_raw(result))
                return;
        if (!x->is_stateless &&
            !link_is_lodger(x->owner)) /* which servers with sessions have not */
                json_object_del(result, "resultType");
        if (!shape_mend_result(method, result, why, sizeof(why)) && upstream_may_log(u))
                log_warn(NULL, "[upstream] %s: %s: left out of a result: %s", upstream_name(u),
                         method, why);
}

static struct exchange *link_only_exchange(const struct link *link);

/* Whose answer is it? One without an id is that of the request whose HTTP answer it came by
 * (via), or of the only one that waits. */
static struct exchange *link_whose(struct link *link, struct exchange *via, const json_t *id)
{
        if (id != NULL) /* that of no exchange is late, or another's */
                return exchange_find(link, id);
        if (via != NULL)
                return exchange_is_request(via) ? via : NULL;
        return link->transport->outlives_sessions ? NULL : link_only_exchange(link);
}

static void link_on_answer(struct link *link, struct exchange *via, const struct rpc_msg *m)
{
        struct exchange *x = link_whose(link, via, m->id);

        if (x == NULL || (m->is_bare && m->id == NULL && via == NULL))
                return;
        if (exchange_greets(x)) {
                link_on_greeting_answer(x, m);
                return;
        }
        upstream_worked(link->upstream);
        link->n_unproven = 0;
        link->n_kept_out = 0;
        if (x->kind == EXCHANGE_LISTEN) {
                listen_on_end(x, m);
                return;
        }
        if (x->is_stateless && link_goes_on(x, m))
                return;
        if (m->kind == RPC_RESULT) {
                link_mend_result(x, m->result);
                link_note_subscription(link, x->msg);
        } else {
                shape_mend_error(m->error);
        }
        exchange_answer_take(x, x->is_stateless ? link_bridge_answer(x, m) : json_incref(m->root));
}

struct call *exchange_call(const struct exchange *x)
{
        return x != NULL && x->errand != NULL ? x->errand->call : NULL;
}

/* Over a single pipe nothing says which call a message belongs to: the newest is the best guess.
 * Passes over what no call has sent: subscriptions, lists and notifications. */
static struct call *link_newest_call(const struct link *link)
{
        for (const struct list *it = link->exchanges.prev; it != &link->exchanges; it = it->prev) {
                struct call *call = exchange_call(container_of(it, struct exchange, link));

                if (call != NULL)
                        return call;
        }
        return NULL;
}

static struct call *link_guess_call(const struct link *link)
{
        return link_is_host(link) ? host_only_call(link) : link_newest_call(link);
}

static void link_on_progress(struct link *link, const struct rpc_msg *m)
{
        struct exchange *x = exchange_find(link, json_object_get(m->params, "progressToken"));
        struct call *call = exchange_call(x);

        if (x != NULL)
                exchange_heard(x);
        if (call != NULL)
                call_on_progress(call, m->params);
}

static void link_on_list_changed(struct link *link, const struct rpc_msg *m)
{
        link->n_changes++;
        session_deliver(link->session, m->root);
}

static void link_on_updated(struct link *link, const struct rpc_msg *m)
{
        listing_show_uri(link, m->params);
        session_deliver(link->session, m->root);
}

/* Only who listens for it is told. */
static void link_on_task(const struct link *link, const struct rpc_msg *m)
{
        task_show(link, m->params);
        if (link->session->kind == SESSION_STANDING)
                session_deliver(link->session, m->root);
}

static void link_on_notice(struct link *link, struct call *call, const struct rpc_msg *m)
{
        switch (method_find(m->method)->class) {
        case METHOD_LIST_CHANGED:
                link_on_list_changed(link, m);
                break;
        case METHOD_UPDATED:
                link_on_updated(link, m);
                break;
        case METHOD_TASK_CHANGED:
                link_on_task(link, m);
                break;
        default:
                if (call == NULL || !call_send(call, m->root))
                        session_deliver(link->session, m->root);
        }
}

/* Is what came by it, or by the link, said by a server without sessions? */
static bool is_of_stateless(const struct link *link, const struct exchange *via)
{
        return via != NULL ? via->is_stateless : link->is_stateless;
}

static void link_skip(struct link *link, const char *why)
{
        if (upstream_may_log(link->upstream))
                log_warn(NULL, "[upstream] %s: message skipped: %s", upstream_name(link->upstream),
                         why);
}

static bool link_mend_notice(struct link *link, const struct rpc_msg *m)
{
        char why[160];

        if (shape_mend_notice(m->method, m->params, why, sizeof(why)))
                return true;
        link_skip(link, why);
        return false;
}

/* Does the client's revision know it? Of a host's each lodger judges. */
static bool client_knows_notice(const struct link *link, const struct call *call,
                                const struct rpc_msg *m)
{
        const struct session *s = call != NULL ? call->session : link->session;
        bool is_stateless = s->kind == SESSION_STANDING;

        return (link_is_host(link) && call == NULL) ||
               strcmp(m->method, "notifications/elicitation/complete") != 0 ||
               (!is_stateless && era_has_url_elicitation(s->revision));
}

static void link_on_notification(struct link *link, struct exchange *via, struct call *call,
                                 const struct rpc_msg *m)
{
        bool is_late = via != NULL && exchange_is_outlived(via);
        enum method_class class = method_find(m->method)->class;

        if (!link_mend_notice(link, m) || !client_knows_notice(link, call, m))
                return;
        if (class == METHOD_MESSAGE && link->session->kind == SESSION_STANDING)
                call = stateless_logging_call(link, call);
        if (class == METHOD_PROGRESS)
                link_on_progress(link, m);
        else if (class == METHOD_CANCELLED && is_late)
                return; /* what it had asked is forgotten */
        else if (class == METHOD_CANCELLED)
                ask_cancel(&link->asker, m->root);
        else if (link_is_host(link))
                host_on_notification(link, call, m);
        else
                link_on_notice(link, call, m);
}

/* Which subscription it is of is for us alone to know. */
static void link_on_tagged(struct link *link, struct exchange *via, struct call *call,
                           const struct rpc_msg *m)
{
        json_t *plain = bridge_untag_notification(m->root);
        const char *fault;
        struct rpc_msg untagged;

        if (plain != NULL && rpc_msg_read(plain, &untagged, &fault) == 0 &&
            !listen_takes(link, via, m))
                link_on_notification(link, via, call, &untagged);
        json_decref(plain);
}

bool link_may_ask(const struct link *link, const struct rpc_msg *m)
{
        const json_t *declared = json_object_get(link->init_params, "capabilities");

        return method_find(m->method)->class != METHOD_ASK || bridge_can_ask(declared, m->root);
}

void link_refuse(struct link *link, const struct rpc_msg *m, int code, const char *why)
{
        json_t *error = rpc_error_take(m->id, code, why, NULL);

        if (error != NULL)
                link_send_take(link, error);
}

/* The reply could not reach it, and without one it will not answer. */
static void link_on_late_request(struct exchange *via, const struct rpc_msg *m)
{
        if (method_find(m->method)->class == METHOD_ASK)
                exchange_outlived(via, FAULT_FINAL);
}

static void link_on_request(struct link *link, struct exchange *via, struct call *call,
                            const struct rpc_msg *m)
{
        if (is_of_stateless(link, via))
                link_skip(link, "its protocol version has no requests to a client");
        else if (via != NULL && exchange_is_outlived(via))
                link_on_late_request(via, m);
        else if (method_find(m->method)->class == METHOD_PING)
                link_send_take(link, rpc_result_take(m->id, json_object()));
        else if (link_is_host(link))
                host_on_request(link, call, m);
        else if (!link_may_ask(link, m))
                link_refuse(link, m, RPC_METHOD_NOT_FOUND,
                            "the client has not declared this capability");
        else
                ask_client(&link->asker, call, m->root);
}

/* ---- what cannot be read ---- */

static void exchange_unreadable(struct exchange *x, const char *fault)
{
        char why[224];

        snprintf(why, sizeof(why), "its answer cannot be read: %s", fault);
        if (x->kind != EXCHANGE_DISCOVER || !link_greets_otherwise(x))
                exchange_fail(x, why, FAULT_FINAL);
}

/* Ends what it can only be the answer of; who has asked us something is told. */
static void link_on_unreadable(struct link *link, struct exchange *via, struct str text,
                               const char *fault)
{
        struct exchange *x = NULL;
        struct rpc_peek peek;

        rpc_peek(text, &peek);
        if (peek.has_answer && !peek.has_method)
                x = link_whose(link, via, peek.id);
        if (x != NULL)
                exchange_unreadable(x, fault);
        else
                link_skip(link, fault);
        if (peek.has_method && peek.id != NULL)
                link_send_take(link, rpc_error_take(peek.id, RPC_PARSE_ERROR, fault, NULL));
        json_decref(peek.id);
}

/* The same, of what is JSON and yet no message. */
static void link_on_unsound(struct link *link, struct exchange *via, const struct rpc_msg *m,
                            const char *fault)
{
        struct exchange *x = NULL;

        if (m->result != NULL || m->error != NULL)
                x = link_whose(link, via, m->id);
        else if (!m->is_bare && json_object_get(m->root, "method") == NULL)
                x = exchange_find(link, m->id);
        if (x != NULL)
                exchange_unreadable(x, fault);
        else
                link_skip(link, fault);
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
static void link_on_one(struct link *link, struct exchange *via, json_t *root, bool is_found)
{
        struct call *call;
        const char *fault;
        struct rpc_msg m;

        if (via != NULL && !exchange_is_open(via))
                via = NULL;
        call = via != NULL ? exchange_call(via) : link_guess_call(link);
        if (via != NULL)
                exchange_heard(via);
        if (rpc_msg_mend(root, &m, &fault) != 0)
                link_on_unsound(link, via, &m, fault);
        else if ((is_found || m.is_bare) && !is_of_server(&m))
                link_skip(link, "it quotes a message, or does not say that it is JSON-RPC");
        else if (m.kind == RPC_NOTIFICATION && is_of_stateless(link, via))
                link_on_tagged(link, via, call, &m);
        else if (m.kind == RPC_NOTIFICATION)
                link_on_notification(link, via, call, &m);
        else if (m.kind == RPC_REQUEST)
                link_on_request(link, via, call, &m);
        else
                link_on_answer(link, via, &m);
}

void link_hold_init(struct ledger_hold *hold, const struct link *link)
{
        ledger_hold_init(hold, &link->upstream->memory, LEDGER_MESSAGE);
}

bool link_has_room(struct ledger_hold *hold, size_t n)
{
        if (n > GATHERED_FREE_BYTES)
                return ledger_hold_set(hold, n) == 0;
        ledger_hold_set_past(hold, n);
        return true;
}

/* What the link was when several messages came at once. When it begins anew, or ends, the rest is
 * of what is over. */
struct moment {
        unsigned generation;
        enum link_state state;
};

static struct moment moment_of(const struct link *link)
{
        return (struct moment){link->generation, link->state};
}

static bool is_over(const struct link *link, struct moment then)
{
        return link->generation != then.generation ||
               (link->state == LINK_DOWN && then.state != LINK_DOWN);
}

static void link_on_batch(struct link *link, struct exchange *via, const json_t *batch)
{
        struct moment then = moment_of(link);
        json_t *each;
        size_t i;

        json_array_foreach (batch, i, each) {
                if (is_over(link, then))
                        return;
                link_on_one(link, via, each, false);
        }
}

void link_on_message(struct link *link, struct exchange *via, json_t *root)
{
        if (json_is_array(root))
                link_on_batch(link, via, root);
        else
                link_on_one(link, via, root, false);
}

/* An answer that goes on as it came: to a call of a client that keeps a session, by a server that
 * keeps one. NULL: it is none. */
static json_t *link_glance(struct link *link, struct str text)
{
        json_t *root = link->is_stateless ? NULL : rpc_glance_result(text, UPSTREAM_VALUES_MAX);
        const struct exchange *x =
                root != NULL ? exchange_find(link, json_object_get(root, "id")) : NULL;
        const struct call *call = exchange_call(x);

        if (call != NULL && !x->is_stateless && !call_is_stateless(call) &&
            strcmp(exchange_method(x), "tools/call") == 0)
                return root;
        json_decref(root);
        return NULL;
}

/* 0, or as rpc_parse(). */
static int link_read(struct link *link, struct exchange *via, struct str text, bool is_found,
                     char *why, size_t why_size)
{
        struct ledger_hold hold;
        const struct rpc_bounds bounds = {UPSTREAM_VALUES_MAX, &hold};
        json_t *root;
        int r;

        link_hold_init(&hold, link);
        root = !is_found && ledger_hold_set(&hold, text.n) == 0 ? link_glance(link, text) : NULL;
        r = root == NULL ? rpc_parse(text, &bounds, &root, why, why_size) : 0;
        if (r != 0) {
                ledger_hold_set_past(&hold, 0);
                return r;
        }
        if (is_found)
                link_on_one(link, via, root, true);
        else
                link_on_message(link, via, root);
        json_decref(root);
        ledger_hold_set_past(&hold, 0);
        return 0;
}

/* Messages among other text, one behind the other, or of an array in which one is broken. Walks the
 * text twice. */
static void link_salvage(struct link *link, struct exchange *via, struct str text,
                         const char *fault)
{
        struct moment then = moment_of(link);
        struct str rest = text, found;
        bool is_any = false;
        char why[160];

        while (rpc_next_message(&rest, &found)) {
                struct exchange *open = via != NULL && exchange_is_open(via) ? via : NULL;

                if (is_over(link, then))
                        return;
                is_any = true;
                http_source_spend(&link->upstream->http, MESSAGE_COST);
                if (found.n == text.n)
                        link_on_unreadable(link, open, found, fault);
                else if (link_read(link, open, found, true, why, sizeof(why)) != 0)
                        link_on_unreadable(link, open, found, why);
        }
        if (!is_any)
                link_skip(link, fault);
}

void link_on_text(struct link *link, struct exchange *via, struct str text)
{
        char why[160];
        int r;

        http_source_spend(&link->upstream->http, MESSAGE_COST);
        r = link_read(link, via, text, false, why, sizeof(why));
        if (r == RPC_E_JSON)
                link_salvage(link, via, text, why);
        else if (r != 0)
                link_on_unreadable(link, via, text, why);
}

void link_on_last_text(struct link *link, struct exchange *via, struct str text)
{
        char why[160];

        (void)link_read(link, via, text, false, why, sizeof(why));
}

/* ---- big results ---- */

/* The only one that waits for a result, when nothing else can be answered: a late answer to what
 * was cancelled must not be taken for another's. Walks to the second request, past SENDS_MAX others
 * and what listens at most. */
static struct exchange *link_only_exchange(const struct link *link)
{
        struct exchange *only = NULL;

        list_for_each (it, &link->exchanges) {
                struct exchange *x = container_of(it, struct exchange, link);

                if (!exchange_is_request(x) || x->kind == EXCHANGE_LISTEN)
                        continue;
                if (only != NULL)
                        return NULL;
                only = x;
        }
        return link->given_up_in != link->generation ? only : NULL;
}

bool exchange_begin_relay(struct exchange *x, bool as_event, struct str head)
{
        struct call *call = exchange_call(x);

        return call != NULL && relay_begin(call, x->id, x->is_stateless, as_event, head);
}

/* Many servers write the id behind the result. */
struct exchange *link_begin_relay(struct link *link, bool as_event, struct str head)
{
        struct exchange *x;
        json_t *id_json;
        int64_t id;

        if (!rpc_result_is_under_way(head, &id))
                return NULL;
        id_json = json_integer(id);
        x = id != RPC_RESULT_ID_UNKNOWN ? exchange_find(link, id_json) : link_only_exchange(link);
        json_decref(id_json);
        return exchange_begin_relay(x, as_event, head) ? x : NULL;
}

static bool call_must_wait(const struct call *call, struct request_waiter *waiter)
{
        const struct post *post = call != NULL ? call->post : NULL;

        if (post == NULL)
                return false;
        if (post->stream != NULL)
                return request_must_wait(post->stream->req, waiter);
        return post->req != NULL && request_must_wait(post->req, waiter);
}

/* Walks the streams and calls of one session (streams_per_user_max, session_calls_max()), to the
 * first that does not read. */
bool link_must_wait(struct link *link, struct request_waiter *waiter)
{
        list_for_each (it, &link->session->streams)
                if (request_must_wait(container_of(it, struct stream, link)->req, waiter))
                        return true;
        list_for_each (it, &link->exchanges)
                if (call_must_wait(exchange_call(container_of(it, struct exchange, link)), waiter))
                        return true;
        return false;
}

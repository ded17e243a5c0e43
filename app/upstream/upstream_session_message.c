/* What a message of an upstream means: answers end their requests, all else goes to the call that
 * it belongs to, or to the client. */
#include "mgw/base/log.h"
#include "mgw/mcp/bridge.h"
#include "mgw/mcp/era.h"
#include "mgw/mcp/shape.h"
#include "mgw/wire/json_raw.h"
#include "upstream_listen.h"

#include <string.h>

/* Of one URI that is kept. */
#define SUBSCRIPTION_MAX_BYTES 8192
/* Subscriptions that are made again in a new session. */
#define SUBSCRIPTIONS_MAX 1000
/* Of a notification that many are told of: each has a copy. */
#define TOLD_MANY_MAX_BYTES (64u << 10)

/* The only one that waits for a result, when nothing else can be answered: a late answer to what
 * was cancelled must not be taken for another's. Walks to the second request, past SENDS_MAX others
 * and what listens at most. */
struct pending_request *upstream_session_only_request(const struct upstream_session *us)
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

/* Whose answer is it? One without an id is that of the request whose HTTP answer it came by
 * (via), or of the only one that waits. */
struct pending_request *upstream_session_whose(struct upstream_session *us,
                                               struct pending_request *via, const json_t *id)
{
        if (id != NULL) /* that of no pending request is late, or another's */
                return pending_request_find(us, id);
        if (via != NULL)
                return pending_request_is_request(via) ? via : NULL;
        return us->transport->outlives_sessions ? NULL : upstream_session_only_request(us);
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

/* Over a single pipe nothing says which call a message belongs to: the newest is the best guess.
 * Passes over what no call has sent: subscriptions, lists and notifications. */
static struct upstream_call *upstream_session_newest_call(const struct upstream_session *us)
{
        for (const struct list *it = us->sent.prev; it != &us->sent; it = it->prev) {
                struct upstream_call *call =
                        pending_request_call(container_of(it, struct pending_request, node));

                if (call != NULL)
                        return call;
        }
        return NULL;
}

static struct upstream_call *upstream_session_guess_call(const struct upstream_session *us)
{
        return upstream_session_is_shared(us) ? shared_session_only_call(us)
                                              : upstream_session_newest_call(us);
}

static void upstream_session_on_progress(struct upstream_session *us, const struct rpc_msg *m)
{
        struct pending_request *pending =
                pending_request_find(us, json_object_get(m->params, "progressToken"));
        struct upstream_call *call = pending_request_call(pending);

        if (pending != NULL)
                pending_request_heard(pending);
        if (call != NULL && call->wants_progress)
                call->events->on_progress(call, m->params);
}

static void upstream_session_on_notice(struct upstream_session *us, struct upstream_call *call,
                                       const struct rpc_msg *m)
{
        us->n_changes += method_find(m->method)->class == METHOD_LIST_CHANGED;
        us->client->events->on_notification(us, call, m);
}

static void upstream_session_pass(struct upstream_session *us, struct upstream_call *call,
                                  const struct rpc_msg *m)
{
        if (upstream_session_is_shared(us))
                shared_session_on_notification(us, call, m);
        else
                upstream_session_on_notice(us, call, m);
}

/* Are there many who may be told: all that share a program, or all that listen in a standing
 * session? */
static bool tells_many(const struct upstream_session *us, const struct upstream_call *call,
                       enum method_class class)
{
        bool is_of_all = class == METHOD_LIST_CHANGED || class == METHOD_UPDATED ||
                         class == METHOD_TASK_CHANGED;

        return upstream_session_is_shared(us)
                       ? is_of_all || call == NULL
                       : is_of_all && us->client->kind == UPSTREAM_CLIENT_STANDING;
}

/* Of a list it is enough to know that it has changed. */
static void upstream_session_pass_short(struct upstream_session *us, struct upstream_call *call,
                                        const struct rpc_msg *m)
{
        struct rpc_msg bare = *m;

        if (method_find(m->method)->class != METHOD_LIST_CHANGED) {
                upstream_session_skip(us, "many are to be told of it, and it has over 64 kB");
                return;
        }
        bare.root = rpc_notification_take(m->method, NULL);
        bare.params = NULL;
        upstream_session_pass(us, call, &bare);
        json_decref(bare.root);
}

/* Is what came by it, or by the upstream session, said by a server without sessions? */
static bool is_of_stateless(const struct upstream_session *us, const struct pending_request *via)
{
        return via != NULL ? via->is_stateless : us->is_stateless;
}

void upstream_session_skip(struct upstream_session *us, const char *why)
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
static bool client_knows_notice(const struct upstream_session *us, const struct upstream_call *call,
                                const struct rpc_msg *m)
{
        const struct upstream_client *client = call != NULL ? call->client : us->client;
        bool is_stateless = client->kind == UPSTREAM_CLIENT_STANDING;

        return (upstream_session_is_shared(us) && call == NULL) ||
               strcmp(m->method, "notifications/elicitation/complete") != 0 ||
               (!is_stateless && era_has_url_elicitation(client->revision));
}

static void upstream_session_on_notification(struct upstream_session *us,
                                             struct pending_request *via,
                                             struct upstream_call *call, const struct rpc_msg *m)
{
        bool is_late = via != NULL && pending_request_is_outlived(via);
        enum method_class class = method_find(m->method)->class;

        if (!upstream_session_mend_notice(us, m) || !client_knows_notice(us, call, m))
                return;
        if (class == METHOD_PROGRESS)
                upstream_session_on_progress(us, m);
        else if (class == METHOD_CANCELLED && is_late)
                return; /* what it had asked is forgotten */
        else if (class == METHOD_CANCELLED)
                us->client->events->on_server_request_cancelled(&us->requester, m->root);
        else if (tells_many(us, call, class) && rpc_length(m->root) > TOLD_MANY_MAX_BYTES)
                upstream_session_pass_short(us, call, m);
        else
                upstream_session_pass(us, call, m);
}

/* Which subscription it is of is for us alone to know. */
static void upstream_session_on_tagged(struct upstream_session *us, struct pending_request *via,
                                       struct upstream_call *call, const struct rpc_msg *m)
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
                                        struct upstream_call *call, const struct rpc_msg *m)
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
                us->client->events->on_server_request(&us->requester, call, m->root);
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
void upstream_session_on_one(struct upstream_session *us, struct pending_request *via, json_t *root,
                             bool is_found)
{
        struct upstream_call *call;
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

struct upstream_session_moment upstream_session_now(const struct upstream_session *us)
{
        return (struct upstream_session_moment){us->generation, upstream_session_is_up(us)};
}

bool upstream_session_is_past(const struct upstream_session *us,
                              struct upstream_session_moment then)
{
        return us->generation != then.generation || (then.was_up && !upstream_session_is_up(us));
}

/* No more than a turn may bring, but for answers, of which there are as many as requests. */
static void upstream_session_on_batch(struct upstream_session *us, struct pending_request *via,
                                      const json_t *batch)
{
        const struct upstream_session_moment then = upstream_session_now(us);
        const uint32_t spent = upstream_spent(us->upstream);
        json_t *each;
        size_t i, n_skipped = 0;

        json_array_foreach (batch, i, each) {
                if (upstream_session_is_past(us, then))
                        return;
                if (json_object_get(each, "method") != NULL) {
                        if (upstream_spent(us->upstream) - spent >= HTTP_SOURCE_SPEND_MAX) {
                                n_skipped++;
                                continue;
                        }
                        upstream_spend(us->upstream);
                }
                upstream_session_on_one(us, via, each, false);
        }
        if (n_skipped > 0)
                upstream_session_skip(us, "it stands in an array of too many");
}

void upstream_session_on_message(struct upstream_session *us, struct pending_request *via,
                                 json_t *root)
{
        if (json_is_array(root))
                upstream_session_on_batch(us, via, root);
        else
                upstream_session_on_one(us, via, root, false);
}

/* Requests are answered here (initialize, ping), by the built-in tools, or by the upstream; lists
 * are both together. A call stands on its session's list from its start to its answer. */
#include "mgw/session/call.h"

#include "mgw/core/share.h"
#include "mgw/mcp/bridge.h"
#include "mgw/session/builtin.h"
#include "mgw/session/call_input.h"
#include "mgw/session/call_log.h"
#include "mgw/session/call_upstream.h"
#include "mgw/session/endpoint_stateless.h"
#include "mgw/session/handshake.h"
#include "mgw/session/listing.h"
#include "mgw/session/post_response.h"
#include "mgw/session/relay.h"
#include "mgw/session/server_request.h"
#include "mgw/session/subscription.h"
#include "mgw/session/task.h"
#include "mgw/wire/json_raw.h"
#include "mgw/wire/rpc_glance.h"
#include "mgw/wire/rpc_number.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL_TOKEN_MAX_BYTES 1024
#define CALL_E_BUSY (-32000)
/* The POST, its request and connection, what goes to an upstream, and its envelope. */
#define CALL_AROUND_BYTES 3000

static void call_free(void *object)
{
        struct call *call = object;

        json_decref(call->id);
        free(call->name);
        json_decref(call->params);
        json_decref(call->progress_token);
        json_decref(call->upstream_params);
        json_decref(call->lingering);
        ledger_hold_set_past(&call->hold, 0);
        share_let_go(call->share);
        free(call);
}

#define TO(state) (1u << CALL_STATE_##state)

static const unsigned call_moves[] = {
        [CALL_STATE_NEW] = TO(ROUTING) | TO(ENDED),
        [CALL_STATE_ROUTING] =
                TO(WAITING) | TO(LISTING) | TO(LISTENING) | TO(LEVEL) | TO(SENT) | TO(ENDED),
        [CALL_STATE_WAITING] = TO(ENDED),
        [CALL_STATE_LISTING] = TO(ROUTING) | TO(ENDED),
        [CALL_STATE_LISTENING] = TO(ENDED),
        [CALL_STATE_LEVEL] = TO(SENT) | TO(ENDED),
        [CALL_STATE_SENT] = TO(RELAYING) | TO(LINGERING) | TO(ANSWERED) | TO(ENDED),
        [CALL_STATE_RELAYING] = TO(ENDED),
        [CALL_STATE_LINGERING] = TO(ANSWERED) | TO(ENDED),
        [CALL_STATE_ANSWERED] = TO(ENDED),
        [CALL_STATE_ENDED] = 0,
};

void call_set_state(struct call *call, enum call_state to)
{
        assert(call_moves[call->state] & 1u << to);
        assert(to == CALL_STATE_ENDED || (call->relay != NULL) == (to == CALL_STATE_RELAYING));
        assert(to == CALL_STATE_ENDED || (call->lingering != NULL) == (to == CALL_STATE_LINGERING));
        assert(to == CALL_STATE_ENDED || to == CALL_STATE_LEVEL || call->upstream_params == NULL);
        call->state = (uint8_t)to;
}

void call_set_post(struct call *call, struct post_response *post)
{
        if (call_is_stateless(call) && call->post != NULL)
                call->post->call = NULL;
        if (call_is_stateless(call) && post != NULL)
                post->call = call;
        call->post = post;
}

static bool call_takes_room(const struct call *call)
{
        return call->method->class != METHOD_LISTEN;
}

static void call_end(struct call *call, const char *why, json_t *answer)
{
        struct session *s = call->session;
        struct context *context = session_context(s);
        struct post_response *post = call->post;

        call_set_state(call, CALL_STATE_ENDED);
        call_log(call, why, answer);
        list_unlink(&call->node);
        server_request_forget_call(s, call);
        timer_disarm(context->loop, &call->beat);
        timer_disarm(context->loop, &call->work);
        upstream_request_drop(&call->request, why);
        listing_drop(call->listing);
        relay_drop(call->relay);
        call_input_drop(call->input);
        subscription_drop(call->subscription);
        s->n_calls -= call_takes_room(call);
        call->share->n_calls -= call_takes_room(call);
        context->stats.n_calls--;
        call_set_post(call, NULL);
        if (post != NULL)
                post_response_answer(post, answer);
        else if (answer != NULL && s->client.kind == UPSTREAM_CLIENT_SSE)
                session_deliver(s, answer);
        json_decref(answer);
        session_touch(s);
        loop_bury(context->loop, call, call_free);
        if (context->is_draining)
                context->on_calm(context);
}

/* Takes the answer; why: for the upstream, should it be at work still. */
static void call_finish(struct call *call, const char *why, json_t *answer)
{
        if (answer == NULL) {
                call_end(call, "out of memory", NULL);
                return;
        }
        if (call_input_keeps_answer(call->input, answer)) {
                call_set_state(call, CALL_STATE_ANSWERED);
                return;
        }
        json_object_set_new(answer, "jsonrpc", json_string("2.0"));
        json_object_set(answer, "id", call->id);
        if (call_is_stateless(call))
                endpoint_stateless_finish_answer(call, answer);
        else
                (void)bridge_finish_session(call->session->client.revision, call->method->name,
                                            answer, false);
        call_end(call, why, answer);
}

void call_answer_take(struct call *call, json_t *answer)
{
        call_finish(call, "the gateway no longer waits", answer);
}

void call_answered(struct call *call)
{
        assert(call->state == CALL_STATE_RELAYING);
        upstream_request_drop(&call->request, NULL);
        call_end(call, NULL, NULL);
}

void call_stop_beats(struct call *call)
{
        timer_disarm(session_context(call->session)->loop, &call->beat);
        call->request.may_repeat = false;
}

void call_fail(struct call *call, int code, const char *fmt, ...)
{
        char why[512];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(why, sizeof(why), fmt, ap);
        va_end(ap);
        call_finish(call, why, rpc_error_take(call->id, code, why, NULL));
}

void call_succeed_take(struct call *call, json_t *result)
{
        call_answer_take(call, rpc_result_take(call->id, result));
}

void call_cancel(struct call *call, const char *reason)
{
        call_end(call, reason, NULL);
}

/* Walks the calls of a session: calls_per_session_max at most. */
struct call *call_find(struct session *session, const json_t *id)
{
        list_for_each (it, &session->calls) {
                struct call *call = container_of(it, struct call, node);

                if (json_equal(call->id, id))
                        return call;
        }
        return NULL;
}

bool call_send(struct call *call, const json_t *msg)
{
        struct session *s = call->session;

        if (call_is_stateless(call) && !endpoint_stateless_wants(call, msg))
                return true;
        if (call->post != NULL && post_response_send(call->post, msg))
                return true;
        if (call_is_stateless(call) || list_is_empty(&s->streams))
                return false;
        session_deliver(s, msg);
        return true;
}

const char *call_ask(struct call *call, const char *id, const json_t *request)
{
        if (call_is_stateless(call))
                return call_input_ask(call, id, request);
        return call_send(call, request) ? NULL : "the client cannot be asked: it takes no stream";
}

static void call_watch_silence(struct call *call)
{
        const struct context *context = session_context(call->session);

        if (call->progress_token != NULL && context->config->keepalive_ms > 0)
                timer_arm(context->loop, &call->beat, context->config->keepalive_ms);
}

static void call_send_progress(struct call *call, json_t *params, double value)
{
        json_t *msg;

        json_object_set(params, "progressToken", call->progress_token);
        json_object_set_new(params, "progress", json_real(value));
        msg = rpc_notification_take("notifications/progress", json_incref(params));
        if (msg != NULL)
                (void)call_send(call, msg);
        json_decref(msg);
        call_watch_silence(call);
}

static void call_on_beat(struct timer *timer)
{
        struct call *call = container_of(timer, struct call, beat);
        json_t *params = json_object();

        call_send_progress(call, params, progress_beat(&call->progress));
        json_decref(params);
}

void call_set_progress_token(struct call *call, json_t *token)
{
        json_decref(call->progress_token);
        call->progress_token = json_incref(token);
        call->upstream_call.wants_progress = token != NULL;
        call->progress = (struct progress){0};
        timer_disarm(session_context(call->session)->loop, &call->beat);
        call_watch_silence(call);
}

void call_on_progress(struct call *call, json_t *params)
{
        double theirs = rpc_number_value(json_object_get(params, "progress"));

        call_send_progress(call, params, progress_pass(&call->progress, theirs));
}

static void call_dispatch(struct call *call);

static json_t *copy_params(const struct call *call)
{
        return call->params != NULL ? json_copy(call->params) : json_object();
}

/* params with the member that names the thing as its owner knows it. The tasks of 2025-11-25 are
 * declared to nobody: who asks for one gets the answer itself. */
static json_t *params_for_owner(const struct call *call, const char *key, const char *theirs)
{
        json_t *params;

        if (json_is_raw(call->params))
                return rpc_call_renamed(call->params, theirs);
        params = copy_params(call);
        json_object_del(params, "task");
        json_object_set_new(params, key, json_string(theirs));
        return params;
}

static void call_by_name(struct call *call)
{
        const char *name = call->name;
        bool is_tool = strcmp(call->method->name, "tools/call") == 0;
        struct listing_owner owner;

        if (name == NULL) {
                call_fail(call, RPC_INVALID_PARAMS, "params.name must be a string without NUL");
                return;
        }
        if (is_tool && session_context(call->session)->config->has_builtin_tools &&
            builtin_call(call))
                return;
        owner = listing_owner_of_name(call->session, is_tool ? LIST_TOOLS : LIST_PROMPTS, name);
        if (is_tool && call_is_stateless(call) && !endpoint_stateless_knows_tool(&owner))
                owner.is_certain = false;
        if (listing_learn(call, &owner, call_dispatch))
                return;
        if (is_tool && call_is_stateless(call) && !endpoint_stateless_check_tool(call, &owner))
                return;
        if (owner.us == NULL) {
                call_fail(call, RPC_INVALID_PARAMS, "%s: unknown name: %s", call->method->name,
                          name);
        } else if (!upstream_session_can(owner.us, call->method->capability)) {
                call_fail(call, RPC_INVALID_PARAMS, "%s: the server does not offer this: %s",
                          call->method->name, name);
        } else {
                call->request.may_repeat =
                        !is_tool || listing_tool_may_repeat(owner.us, owner.theirs);
                call_upstream_take(call, owner.us, params_for_owner(call, "name", owner.theirs));
        }
}

static void call_by_uri(struct call *call)
{
        const char *uri = rpc_text(call->params, "uri");
        struct listing_owner owner;

        if (uri == NULL) {
                call_fail(call, RPC_INVALID_PARAMS, "params.uri must be a string without NUL");
                return;
        }
        owner = listing_owner_of_uri(call->session, uri);
        if (listing_learn(call, &owner, call_dispatch))
                return;
        if (owner.us == NULL) {
                call_fail(call, RPC_RESOURCE_NOT_FOUND, "no such resource: %s", uri);
                return;
        }
        call->request.may_repeat = true;
        call_upstream_take(call, owner.us, params_for_owner(call, "uri", owner.theirs));
}

static void call_by_task(struct call *call)
{
        const char *id = rpc_text(call->params, "taskId");
        struct task_owner owner;

        if (!task_check_client(call))
                return;
        if (id == NULL) {
                call_fail(call, RPC_INVALID_PARAMS, "params.taskId must be a string without NUL");
                return;
        }
        owner = task_owner(call->session, id);
        if (owner.us == NULL) {
                call_fail(call, RPC_INVALID_PARAMS, "no such task, or none of yours");
                return;
        }
        call->request.may_repeat = true;
        call_upstream_take(call, owner.us, params_for_owner(call, "taskId", owner.theirs));
}

static void call_complete(struct call *call)
{
        const json_t *ref = json_object_get(call->params, "ref");
        const char *name = rpc_text(ref, "name");
        const char *uri = rpc_text(ref, "uri");
        struct listing_owner owner = {.is_certain = true};
        json_t *copy;

        if (name != NULL)
                owner = listing_owner_of_name(call->session, LIST_PROMPTS, name);
        else if (uri != NULL)
                owner = listing_owner_of_uri(call->session, uri);
        if (listing_learn(call, &owner, call_dispatch))
                return;
        if (owner.us == NULL || !upstream_session_can(owner.us, call->method->capability)) {
                call_fail(call, RPC_INVALID_PARAMS, "no server here completes this");
                return;
        }
        copy = json_copy((json_t *)ref);
        json_object_set_new(copy, name != NULL ? "name" : "uri", json_string(owner.theirs));
        json_t *params = copy_params(call);
        json_object_set_new(params, "ref", copy);
        call->request.may_repeat = true;
        call_upstream_take(call, owner.us, params);
}

/* Kept for upstreams that open later. */
static void call_set_level(struct call *call)
{
        struct session *s = call->session;
        int level = method_log_level(rpc_text(call->params, "level"));

        if (level < 0) {
                call_fail(call, RPC_INVALID_PARAMS, "params.level must be a level of RFC 5424");
                return;
        }
        s->client.log_level = (int16_t)level;
        for (size_t i = 0;
             s->client.upstream_sessions != NULL && i < session_context(s)->n_upstreams; i++)
                if (upstream_session_can(s->client.upstream_sessions[i], call->method->capability))
                        upstream_session_request_take(s->client.upstream_sessions[i],
                                                      call->method->name, copy_params(call));
        call_succeed_take(call, json_object());
}

static void call_dispatch(struct call *call)
{
        call_set_state(call, CALL_STATE_ROUTING);
        switch (call->method->class) {
        case METHOD_INITIALIZE:
                handshake_initialize(call);
                break;
        case METHOD_DISCOVER:
                handshake_discover(call);
                break;
        case METHOD_LISTEN:
                subscription_start(call);
                break;
        case METHOD_PING:
                call_succeed_take(call, json_object());
                break;
        case METHOD_LIST:
                listing_start(call);
                break;
        case METHOD_BY_NAME:
                call_by_name(call);
                break;
        case METHOD_BY_URI:
                call_by_uri(call);
                break;
        case METHOD_BY_TASK:
                call_by_task(call);
                break;
        case METHOD_COMPLETE:
                call_complete(call);
                break;
        case METHOD_SET_LEVEL:
                call_set_level(call);
                break;
        default:
                call_fail(call, RPC_METHOD_NOT_FOUND, "unknown method: %s", call->method->name);
        }
}

/* Those of the other era are not known to this client's. */
static bool call_is_known(const struct call *call)
{
        return call_is_stateless(call) ? call->method->is_stateless : call->method->is_session;
}

/* Ids and progress tokens are copied into each message about the call. */
static bool is_long(const json_t *token)
{
        return json_string_length(token) > CALL_TOKEN_MAX_BYTES;
}

/* The values, and the text that is made of them for an upstream. */
int call_count_bytes(struct call *call)
{
        return ledger_hold_set(&call->hold,
                               sizeof(*call) + CALL_AROUND_BYTES + 2 * rpc_cost(call->params));
}

/* Refused as request_body_json() refuses what has not been read yet. */
static void call_refuse_memory(struct call *call, const char *method, int outcome)
{
        bool is_users = outcome == LEDGER_E_PAYER;

        if (call->post != NULL && !call->post->is_batch)
                call->post->status = is_users ? 429 : 503;
        call_fail(call, CALL_E_BUSY, "%s: %s", method,
                  is_users ? "what this user has asked for takes as much memory as one may have "
                             "(memory_per_user_max_bytes)"
                           : "the gateway has no memory for new work now (memory_max_bytes)");
}

static void call_begin(struct call *call, const char *method)
{
        int r = call_count_bytes(call);

        if (r != 0)
                call_refuse_memory(call, method, r);
        else if (is_long(call->progress_token))
                call_fail(call, RPC_INVALID_PARAMS,
                          "params._meta.progressToken: more than %d bytes", CALL_TOKEN_MAX_BYTES);
        else if (!call_is_known(call))
                call_fail(call, RPC_METHOD_NOT_FOUND, "unknown method: %s", method);
        else
                call_dispatch(call);
}

void call_start(struct session *session, struct share *share, struct post_response *post,
                const struct rpc_msg *msg)
{
        struct context *context = session_context(session);
        struct call *call = calloc(1, sizeof(*call));

        if (call == NULL) {
                if (post != NULL)
                        post_response_answer(post, NULL);
                return;
        }
        call->session = session;
        call->share = share_hold(share);
        call->upstream_call = (struct upstream_call){
                .events = &call_upstream_events, .client = &session->client, .share = share};
        ledger_hold_init(&call->hold, &share->memory, LEDGER_CALL);
        call_set_post(call, post);
        call->method = method_find(msg->method);
        call->id = json_incref(msg->id);
        call->params = json_incref(msg->params);
        call->name = call->method->class == METHOD_BY_NAME ? rpc_call_name(msg->params) : NULL;
        call->beat.on_due = call_on_beat;
        call->log_level = -1;
        call->started_ms = loop_now_ms(context->loop);
        list_append(&session->calls, &call->node);
        session->n_calls += call_takes_room(call);
        share->n_calls += call_takes_room(call);
        context->stats.n_calls++;
        context->stats.calls++;
        session_touch(session);
        call_set_progress_token(
                call, json_object_get(json_object_get(msg->params, "_meta"), "progressToken"));
        if (call_is_stateless(call))
                endpoint_stateless_set_log_level(call);
        call_begin(call, msg->method);
}

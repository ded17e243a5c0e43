/* A call stands on its session's list from its start to its answer. What works for it meanwhile is
 * dropped with it. */
#include "mgw/session/call.h"

#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"
#include "mgw/mcp/bridge.h"
#include "mgw/observe/observe.h"
#include "mgw/session/call_connect.h"
#include "mgw/session/call_input.h"
#include "mgw/session/call_log.h"
#include "mgw/session/call_record.h"
#include "mgw/session/call_stateless.h"
#include "mgw/session/listing.h"
#include "mgw/session/post_response.h"
#include "mgw/session/relay.h"
#include "mgw/session/result_limit.h"
#include "mgw/session/server_request.h"
#include "mgw/session/subscription.h"
#include "mgw/wire/json_raw.h"
#include "mgw/wire/rpc_glance.h"
#include "mgw/wire/rpc_number.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The POST, its request and connection, what goes to an upstream, and its envelope. */
#define CALL_AROUND_BYTES 3000

static void call_free(void *object)
{
        struct call *call = object;

        assert(call->state == CALL_STATE_ENDED && call->post == NULL);
        json_decref(call->id);
        free(call->name);
        json_decref(call->params);
        json_decref(call->progress_token);
        json_decref(call->upstream_params);
        json_decref(call->lingering);
        ledger_hold_set_past(&call->hold, 0);
        share_let_go(call->share);
        identity_let_go(call->identity);
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
        [CALL_STATE_SENT] =
                TO(RELAYING) | TO(LINGERING) | TO(CONNECTING) | TO(ANSWERED) | TO(ENDED),
        [CALL_STATE_RELAYING] = TO(ENDED),
        [CALL_STATE_LINGERING] = TO(ANSWERED) | TO(ENDED),
        [CALL_STATE_CONNECTING] = TO(ROUTING) | TO(ANSWERED) | TO(ENDED),
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
        if (post != NULL && post->req != NULL && post->req->in != NULL)
                snprintf(call->request_id, sizeof(call->request_id), "%.*s",
                         STR_ARG(post->req->in->head.request_id));
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

        struct call_record record = call_record_of(call, why, answer);

        call_set_state(call, CALL_STATE_ENDED);
        call_log(call, &record);
        observe_call(context, &record);
        list_unlink(&call->node);
        server_request_forget_call(s, call);
        timer_disarm(context->loop, &call->beat);
        timer_disarm(context->loop, &call->work);
        upstream_request_drop(&call->request, why);
        listing_drop(call->listing);
        relay_drop(call->relay);
        call_connect_drop(call->connect);
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
        if (call->result_max_bytes > 0)
                result_limit(answer, call->result_max_bytes);
        if (call_is_stateless(call))
                call_stateless_finish_answer(call, answer);
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

        if (call_is_stateless(call) && !call_stateless_wants(call, msg))
                return true;
        if (call->post != NULL && post_response_send(call->post, msg))
                return true;
        if (call_is_stateless(call) || (list_is_empty(&s->streams) && !s->is_given))
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

/* The values, and the text that is made of them for an upstream. */
int call_count_bytes(struct call *call)
{
        return ledger_hold_set(&call->hold,
                               sizeof(*call) + CALL_AROUND_BYTES + 2 * rpc_cost(call->params));
}

void call_identify(struct call *call)
{
        struct identity *before = call->identity;

        call->identity = identity_hold(call->session->identity);
        identity_let_go(before);
}

struct call *call_create(struct session *session, struct share *share, struct post_response *post,
                         const struct rpc_msg *msg)
{
        struct context *context = session_context(session);
        struct call *call = alloc_zeroed(sizeof(*call));

        call->session = session;
        call->share = share_hold(share);
        call->identity = identity_hold(session->identity);
        call->upstream_call = (struct upstream_call){.client = &session->client, .share = share};
        ledger_hold_init(&call->hold, &share->memory, LEDGER_CALL);
        call_set_post(call, post);
        call->method = method_find(msg->method);
        call->id = json_incref(msg->id);
        call->params = json_incref(msg->params);
        call->name = call->method->class == METHOD_BY_NAME ? rpc_call_name(msg->params) : NULL;
        call->beat.on_due = call_on_beat;
        call->log_level = -1;
        call->started_us = clock_monotonic_us();
        call->error_outcome = CALL_OUTCOME_ERROR;
        list_append(&session->calls, &call->node);
        session->n_calls += call_takes_room(call);
        share->n_calls += call_takes_room(call);
        context->stats.n_calls++;
        context->stats.calls++;
        session_touch(session);
        call_set_progress_token(
                call, json_object_get(json_object_get(msg->params, "_meta"), "progressToken"));
        return call;
}

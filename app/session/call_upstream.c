/* Before a call of a stateless client goes out, the upstream's session learns the level that the
 * client wants of its log; the answer to such a call lingers for what comes by another stream. */
#include "mgw/session/call_upstream.h"

#include "mgw/session/call_connect.h"
#include "mgw/session/call_input.h"
#include "mgw/session/call_observe.h"
#include "mgw/session/post_response.h"
#include "mgw/session/relay.h"
#include "mgw/session/task.h"

/* Log messages that come by another stream than the answer may come behind it, where the stateless
 * era lets none through. */
#define LINGER_MS 50

static void pass_answer_take(struct call *call, json_t *answer)
{
        bool is_stateless = call_is_stateless(call);

        if (is_stateless && !call_input_seal_result(call, json_object_get(answer, "result")))
                call_fail(call, RPC_INTERNAL_ERROR, "upstream %s: its requestState is too long",
                          upstream_name(call->upstream));
        else if (!is_stateless || task_show_answer(call, answer))
                call_answer_take(call, json_incref(answer));
        json_decref(answer);
}

static void on_linger(struct timer *timer)
{
        struct call *call = container_of(timer, struct call, work);
        json_t *answer = call->lingering;

        call->lingering = NULL;
        pass_answer_take(call, answer);
}

static void on_answer_take(struct upstream_request *request, json_t *answer)
{
        struct call *call = container_of(request, struct call, request);

        call_observe_answer(call, answer, NULL);
        if (call->log_level < 0 || !upstream_session_logs_beside(call_upstream_session(call))) {
                pass_answer_take(call, answer);
                return;
        }
        call->lingering = answer;
        call_set_state(call, CALL_STATE_LINGERING);
        call->work.on_due = on_linger;
        timer_arm(session_context(call->session)->loop, &call->work, LINGER_MS);
}

static void on_fail(struct upstream_request *request, const char *why)
{
        struct call *call = container_of(request, struct call, request);

        call_observe_answer(call, NULL, request->was_silent ? "timeout" : "unavailable");
        if (request->needs_grant) {
                call_connect_start(call);
                return;
        }
        if (request->was_silent)
                call->error_outcome = CALL_OUTCOME_TIMEOUT;
        call_fail(call, RPC_INTERNAL_ERROR, "upstream %s: %s", upstream_name(call->upstream), why);
}

static const struct upstream_request_events answer_events = {on_answer_take, on_fail};

static void send_call(struct call *call)
{
        json_t *params = call_observe_upstream_take(call, call->upstream_params);

        call->upstream_params = NULL;
        call_set_state(call, CALL_STATE_SENT);
        call->request.call = &call->upstream_call;
        call->request.events = &answer_events;
        upstream_request_send_take(&call->request, call_upstream_session(call), call->method->name,
                                   params);
}

static void on_level_answer_take(struct upstream_request *request, json_t *answer)
{
        json_decref(answer);
        send_call(container_of(request, struct call, request));
}

static void on_level_fail(struct upstream_request *request, const char *why)
{
        (void)why;
        send_call(container_of(request, struct call, request));
}

static const struct upstream_request_events level_events = {on_level_answer_take, on_level_fail};

/* The level that a stateless client wants is that of the upstream's session before the call. */
static void set_level(struct call *call, struct upstream_session *us)
{
        call_set_state(call, CALL_STATE_LEVEL);
        call->request.events = &level_events;
        us->told_level = call->session->client.log_level;
        upstream_request_send_take(
                &call->request, us, "logging/setLevel",
                json_pack("{s:s}", "level", method_log_level_name(us->told_level)));
}

void call_upstream_take(struct call *call, struct upstream_session *us, json_t *params)
{
        call->upstream = us->upstream;
        call->upstream_params = params;
        if (call->log_level >= 0 && us->told_level != call->session->client.log_level &&
            upstream_session_can(us, "logging"))
                set_level(call, us);
        else
                send_call(call);
}

/* ---- in the middle of it ---- */

static void on_progress(struct upstream_call *call, json_t *params)
{
        call_on_progress(call_of(call), params);
}

static bool must_wait(const struct upstream_call *call, struct waiter *waiter)
{
        const struct post_response *post = container_of(call, struct call, upstream_call)->post;

        if (post == NULL)
                return false;
        if (post->stream != NULL)
                return request_must_wait(post->stream->req, waiter);
        return post->req != NULL && request_must_wait(post->req, waiter);
}

static bool begin_relay(struct upstream_call *call, int64_t id, bool of_stateless, bool as_event,
                        struct str head)
{
        return relay_begin(call_of(call), id, of_stateless, as_event, head);
}

static void feed_relay(struct upstream_call *call, struct str bytes, bool is_last)
{
        relay_feed(call_of(call)->relay, bytes, is_last);
}

static bool relay_waits(struct upstream_call *call, struct waiter *waiter)
{
        return relay_must_wait(call_of(call)->relay, waiter);
}

const struct upstream_call_events call_upstream_events = {
        .on_progress = on_progress,
        .must_wait = must_wait,
        .relay_begin = begin_relay,
        .relay_feed = feed_relay,
        .relay_must_wait = relay_waits,
};

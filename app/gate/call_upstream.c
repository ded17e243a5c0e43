/* Before a call of a stateless client goes out, the upstream's session learns the level that the
 * client wants of its log; the answer to such a call lingers for what comes by another stream. */
#include "mgw/gate/call_upstream.h"

#include "mgw/gate/input.h"
#include "mgw/gate/task.h"

/* Log messages that come by another stream than the answer may come behind it, where era C lets
 * none through. */
#define LINGER_MS 50

static void pass_answer_take(struct call *call, json_t *answer)
{
        bool is_stateless = call_is_stateless(call);

        if (is_stateless && !input_seal_result(call, json_object_get(answer, "result")))
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

static void on_answer_take(struct errand *errand, json_t *answer)
{
        struct call *call = container_of(errand, struct call, errand);

        if (call->log_level < 0 || !link_logs_beside(call_link(call))) {
                pass_answer_take(call, answer);
                return;
        }
        call->lingering = answer;
        call->work.on_due = on_linger;
        timer_arm(session_gate(call->session)->loop, &call->work, LINGER_MS);
}

static void on_fail(struct errand *errand, const char *why)
{
        struct call *call = container_of(errand, struct call, errand);

        call_fail(call, RPC_INTERNAL_ERROR, "upstream %s: %s", upstream_name(call->upstream), why);
}

static void send_call(struct call *call)
{
        json_t *params = call->upstream_params;

        call->upstream_params = NULL;
        call->errand.call = call;
        call->errand.on_answer_take = on_answer_take;
        call->errand.on_fail = on_fail;
        errand_send_take(&call->errand, call_link(call), call->method->name, params);
}

static void on_level_answer_take(struct errand *errand, json_t *answer)
{
        json_decref(answer);
        send_call(container_of(errand, struct call, errand));
}

static void on_level_fail(struct errand *errand, const char *why)
{
        (void)why;
        send_call(container_of(errand, struct call, errand));
}

/* The level that a stateless client wants is that of the upstream's session before the call. */
static void set_level(struct call *call, struct link *link)
{
        call->errand.on_answer_take = on_level_answer_take;
        call->errand.on_fail = on_level_fail;
        link->told_level = call->session->log_level;
        errand_send_take(&call->errand, link, "logging/setLevel",
                         json_pack("{s:s}", "level", method_log_level_name(link->told_level)));
}

void call_upstream_take(struct call *call, struct link *link, json_t *params)
{
        call->upstream = link->upstream;
        call->upstream_params = params;
        if (call->log_level >= 0 && link->told_level != call->session->log_level &&
            link_can(link, "logging"))
                set_level(call, link);
        else
                send_call(call);
}

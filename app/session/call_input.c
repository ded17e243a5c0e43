/* A call waits for its client without a POST. What names it in the sealed state is random, and
 * counts the rounds, so that each state is good for one retry. */
#include "mgw/session/call_input.h"

#include "mgw/base/alloc.h"
#include "mgw/base/log.h"
#include "mgw/base/rand.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"
#include "mgw/mcp/bridge.h"
#include "mgw/session/call_stateless.h"
#include "mgw/session/post_response.h"
#include "mgw/session/request_state.h"
#include "mgw/session/server_request.h"
#include "mgw/wire/rpc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NAME_RANDOM_BYTES 18

struct call_input {
        struct call *call;
        json_t *requests;        /* our id -> what the client is asked for */
        json_t *answer;          /* the call's, which came while it was suspended */
        struct ledger_hold hold; /* of both */
        struct timer ask;
        struct timer deadline; /* of the suspension */
        json_int_t round;
        bool is_suspended;
        char name[RAND_TEXT_SIZE(NAME_RANDOM_BYTES)];
};

/* 0, or as ledger_hold_set(): its user has no room for it. */
static int call_input_count(struct call_input *input)
{
        return ledger_hold_set(&input->hold, rpc_cost(input->requests) + rpc_cost(input->answer));
}

/* ---- suspending ---- */

static void call_input_suspend(struct call_input *input, bool is_suspended)
{
        struct context_stats *stats = &session_context(input->call->session)->stats;

        assert(is_suspended || !input->is_suspended || stats->n_suspended > 0);
        stats->n_suspended += is_suspended - input->is_suspended;
        input->is_suspended = is_suspended;
}

void call_input_give_up(struct call_input *input, const char *why)
{
        struct call *call;

        if (input == NULL || !input->is_suspended)
                return;
        call = input->call;
        if (share_may_log(call->share, call->session->client.user->email))
                log_info(LOG_FIELDS({"user", call->session->client.user->email}), "[MCP] %s: %s",
                         call->method->name, why);
        server_request_refuse_all(call->session, call, why);
        call_input_suspend(input, false);
        call_cancel(call, why);
}

static void call_input_on_deadline(struct timer *timer)
{
        call_input_give_up(container_of(timer, struct call_input, deadline),
                           "the client did not come back with its input in time (input_wait_s)");
}

/* Half of the calls of a share may wait for input: then its longest waiting makes room. Walks the
 * calls of a standing session: without tokens those of all clients. */
static void make_room(const struct session *s, const struct share *share)
{
        unsigned n = 0;
        struct call *oldest = NULL;

        list_for_each (it, &s->calls) {
                struct call *call = container_of(it, struct call, node);

                if (call->share != share || call->input == NULL || !call->input->is_suspended)
                        continue;
                if (n++ == 0)
                        oldest = call;
        }
        if (n > (session_calls_max(s) + 1) / 2)
                call_input_give_up(oldest->input, "too many calls wait for input of this user");
}

static json_t *input_required(const struct call_input *input)
{
        const struct call *call = input->call;
        json_t *content = json_pack("{s:s, s:I}", "call", input->name, "round", input->round);
        json_t *state =
                request_state_seal(session_context(call->session), call->session->client.user,
                                   call->method->name, call->params, content);

        json_decref(content);
        return state == NULL ? NULL
                             : json_pack("{s:s, s:O, s:o}", "resultType", "input_required",
                                         "inputRequests", input->requests, "requestState", state);
}

static void call_input_on_ask(struct timer *timer)
{
        struct call_input *input = container_of(timer, struct call_input, ask);
        struct call *call = input->call;
        struct post_response *post = call->post;
        json_t *result, *answer;

        if (input->is_suspended || !call_input_is_pending(input))
                return;
        result = input_required(input);
        answer = result != NULL ? rpc_result_take(call->id, result) : NULL;
        if (answer == NULL) {
                call_fail(call, RPC_INTERNAL_ERROR, "out of memory");
                return;
        }
        assert(post != NULL && post->call == call);
        call_stateless_finish_answer(call, answer);
        call_input_suspend(input, true);
        call_set_post(call, NULL);
        timer_arm(session_context(call->session)->loop, &input->deadline,
                  session_context(call->session)->config->input_wait_ms);
        post_response_answer(post, answer);
        json_decref(answer);
        make_room(call->session, call->share);
}

static struct call_input *call_input_of(struct call *call)
{
        struct call_input *input = call->input;

        if (input != NULL)
                return input;
        input = alloc_zeroed(sizeof(*input));
        input->requests = json_object();
        input->call = call;
        ledger_hold_init(&input->hold, &call->share->memory, LEDGER_CALL);
        input->ask.on_due = call_input_on_ask;
        input->deadline.on_due = call_input_on_deadline;
        rand_text(input->name, NAME_RANDOM_BYTES);
        call->input = input;
        return input;
}

const char *call_input_ask(struct call *call, const char *id, const json_t *request)
{
        struct call_input *input;

        if (!call->method->may_ask)
                return "the client cannot be asked during this request";
        if (context_refuses(session_context(call->session)))
                return "the gateway is going down";
        if (call->relay != NULL)
                return "the client cannot be asked any more: the answer is on its way";
        if (!bridge_client_can(call->params, request))
                return "the client has not declared the capability for this";
        input = call_input_of(call);
        if (json_object_set_new(input->requests, id, bridge_input_request(request)) < 0)
                return "out of memory";
        if (call_input_count(input) != 0) {
                json_object_del(input->requests, id);
                return "its user has no memory for it (memory_per_user_max_bytes)";
        }
        if (!input->is_suspended)
                timer_arm(session_context(call->session)->loop, &input->ask, 0);
        return NULL;
}

bool call_input_is_pending(const struct call_input *input)
{
        return input != NULL && json_object_size(input->requests) > 0;
}

void call_input_forget(struct call *call, const char *id)
{
        if (call->input == NULL)
                return;
        json_object_del(call->input->requests, id);
        (void)call_input_count(call->input);
}

bool call_input_keeps_answer(struct call_input *input, json_t *answer)
{
        if (input == NULL || !input->is_suspended || input->call->session->client.is_ending)
                return false;
        assert(input->answer == NULL);
        input->answer = answer;
        if (call_input_count(input) == 0)
                return true;
        json_decref(answer);
        input->answer =
                rpc_error_take(input->call->id, CALL_E_BUSY,
                               "its user has no memory for the answer until it is asked for "
                               "(memory_per_user_max_bytes)",
                               NULL);
        return true;
}

static void call_input_free(void *object)
{
        struct call_input *input = object;

        json_decref(input->requests);
        json_decref(input->answer);
        free(input);
}

void call_input_drop(struct call_input *input)
{
        struct loop *loop;

        if (input == NULL)
                return;
        loop = session_context(input->call->session)->loop;
        call_input_suspend(input, false);
        timer_disarm(loop, &input->ask);
        timer_disarm(loop, &input->deadline);
        ledger_hold_set_past(&input->hold, 0);
        loop_bury(loop, input, call_input_free);
}

bool call_input_seal_result(const struct call *call, json_t *result)
{
        const json_t *theirs = json_object_get(result, "requestState");
        json_t *content, *state;

        if (theirs == NULL)
                return true;
        content = json_pack("{s:O}", "theirs", theirs);
        state = request_state_seal(session_context(call->session), call->session->client.user,
                                   call->method->name, call->params, content);
        json_decref(content);
        return json_object_set_new(result, "requestState", state) == 0;
}

/* ---- resuming ---- */

/* Walks the calls of a standing session: without tokens those of all clients. */
struct call *call_input_find(struct session *session, const json_t *state)
{
        const char *name = json_string_value(json_object_get(state, "call"));
        json_int_t round = json_integer_value(json_object_get(state, "round"));

        list_for_each (it, &session->calls) {
                struct call *call = container_of(it, struct call, node);
                const struct call_input *input = call->input;

                if (input != NULL && input->is_suspended && input->round == round &&
                    strcmp(input->name, name) == 0)
                        return call;
        }
        return NULL;
}

/* What was asked for and is not there, or is no reply to that, is asked for again. For each
 * response walks what the user is asked: calls_per_user_max at most for all of its calls. */
static void call_input_pass_responses(struct call_input *input, const json_t *responses)
{
        json_t *request;
        const char *key;
        void *next;

        json_object_foreach_safe(input->requests, next, key, request)
        {
                json_t *response = json_object_get(responses, key), *id = json_string(key);
                json_t *reply = response != NULL ? bridge_reply(id, request, response) : NULL;

                if (reply != NULL) {
                        json_object_del(input->requests, key);
                        server_request_on_reply(input->call->session, reply);
                }
                json_decref(reply);
                json_decref(id);
        }
}

void call_input_go_on(struct call *call, struct post_response *post, const struct rpc_msg *msg)
{
        struct call_input *input = call->input;
        json_t *answer = input->answer;

        assert(input->is_suspended && call->post == NULL);
        call_input_suspend(input, false);
        input->round++;
        input->answer = NULL;
        (void)call_input_count(input);
        timer_disarm(session_context(call->session)->loop, &input->deadline);
        call_set_post(call, post);
        call_identify(call);
        json_decref(call->id);
        call->id = json_incref(msg->id);
        call_set_progress_token(
                call, json_object_get(json_object_get(msg->params, "_meta"), "progressToken"));
        if (answer != NULL) {
                call_answer_take(call, answer);
                return;
        }
        call_input_pass_responses(input, json_object_get(msg->params, "inputResponses"));
        if (call_input_is_pending(input))
                timer_arm(session_context(call->session)->loop, &input->ask, 0);
}

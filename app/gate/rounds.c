/* The questions of one round go to the client together, under the keys that the server has given
 * them; the reply to each comes here. All that follows from a reply is done at the end of the turn:
 * it may come from within ask_client(), or from the end of the call. */
#include "rounds.h"

#include "mgw/base/log.h"
#include "mgw/gate/call.h"
#include "mgw/mcp/bridge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char rounds_lack_input[] = "it asks for input that this client has not said it can give";

/* A server that has asked so often will not have enough. */
#define ROUNDS_MAX 32

struct rounds {
        struct exchange *x;
        struct asker asker;
        struct loop_task task; /* a reply has come, or none is needed */
        struct timer deadline; /* of this round */
        json_t *result;        /* the server's, that asks */
        json_t *requests;      /* key -> what the client has not replied to */
        json_t *responses;     /* key -> what it has */
        unsigned n;
        char why[300]; /* it cannot go on */
};

static struct loop *rounds_loop(const struct rounds *r)
{
        return link_loop(r->x->owner);
}

static void rounds_end(struct rounds *r, const char *why)
{
        struct exchange *x = r->x;
        struct errand *errand = x->errand;
        json_t *error = rpc_error_take(exchange_msg_id(x), RPC_INTERNAL_ERROR, why, NULL);

        if (upstream_may_log(x->owner->upstream))
                log_info(LOG_FIELDS({"user", errand->call->session->user->email}),
                         "[upstream] %s: %s", upstream_name(x->owner->upstream), why);
        exchange_end(x);
        if (error != NULL)
                errand->on_answer_take(errand, error);
        else
                errand->on_fail(errand, "out of memory");
}

static void rounds_send(struct rounds *r)
{
        struct exchange *x = r->x;
        json_t *params = bridge_retry(exchange_params(x), r->result, r->responses);

        timer_disarm(rounds_loop(r), &r->deadline);
        if (params != NULL && json_object_set_new(x->msg, "params", params) == 0)
                exchange_unpark(x);
        else
                rounds_end(r, "out of memory");
}

static void rounds_on_task(struct loop_task *task)
{
        struct rounds *r = container_of(task, struct rounds, task);

        if (r->why[0] != '\0')
                rounds_end(r, r->why);
        else if (json_object_size(r->requests) == 0)
                rounds_send(r);
}

static void rounds_on_deadline(struct timer *timer)
{
        struct rounds *r = container_of(timer, struct rounds, deadline);

        rounds_end(
                r,
                "the client did not answer what the server needs to know in time (input_wait_s)");
}

/* A reply, or progress, which such a server has not asked for. */
static void rounds_on_message_take(struct asker *asker, json_t *msg)
{
        struct rounds *r = container_of(asker, struct rounds, asker);
        const char *key = json_string_value(json_object_get(msg, "id"));
        const json_t *request = key != NULL ? json_object_get(r->requests, key) : NULL;
        json_t *response = request != NULL ? bridge_input_response(request, msg) : NULL;

        if (response != NULL) {
                json_object_set_new(r->responses, key, response);
                json_object_del(r->requests, key);
        } else if (request != NULL && r->why[0] == '\0') {
                const char *message = json_string_value(
                        json_object_get(json_object_get(msg, "error"), "message"));

                snprintf(r->why, sizeof(r->why), "%.40s, which the server needs: %.200s",
                         json_string_value(json_object_get(request, "method")),
                         message != NULL ? message : "the client's reply is no result");
        }
        loop_defer(rounds_loop(r), &r->task);
        json_decref(msg);
}

/* NULL, or why the client is not asked. */
static const char *rounds_check(const struct rounds *r, const json_t *result)
{
        const json_t *said = link_init_params(r->x->owner, exchange_call(r->x));
        const char *why;
        json_t *lacking;

        if (r->n > ROUNDS_MAX)
                return "it asks for input without end";
        if (bridge_check_input_required(result, &why) != 0)
                return why;
        lacking = bridge_lacking_capabilities(result, json_object_get(said, "capabilities"));
        json_decref(lacking);
        return lacking != NULL ? rounds_lack_input : NULL;
}

static void rounds_ask(struct rounds *r)
{
        struct call *call = exchange_call(r->x);
        json_t *questions = json_deep_copy(r->requests), *request;
        const char *key;

        json_object_foreach (questions, key, request) {
                json_object_set_new(request, "jsonrpc", json_string("2.0"));
                json_object_set_new(request, "id", json_string(key));
                ask_client(&r->asker, call, request);
        }
        json_decref(questions);
}

static struct rounds *rounds_of(struct exchange *x)
{
        struct rounds *r = x->rounds != NULL ? x->rounds : calloc(1, sizeof(*r));

        if (r == NULL || r == x->rounds)
                return r;
        r->x = x;
        r->task.on_run = rounds_on_task;
        r->deadline.on_due = rounds_on_deadline;
        r->asker.session = x->errand->call->session;
        r->asker.on_message_take = rounds_on_message_take;
        list_init(&r->asker.asks);
        x->rounds = r;
        return r;
}

void rounds_go_on(struct exchange *x, json_t *result)
{
        struct rounds *r = rounds_of(x);
        json_t *requests = bridge_input_requests(result);
        const char *why;

        exchange_park(x);
        if (r == NULL) {
                exchange_fail(x, "out of memory", FAULT_FINAL);
                return;
        }
        r->n++;
        why = rounds_check(r, result);
        if (why != NULL) {
                rounds_end(r, why);
                return;
        }
        json_decref(r->result);
        r->result = json_incref(result);
        json_decref(r->responses);
        r->responses = json_object();
        json_decref(r->requests);
        r->requests = requests != NULL ? json_copy(requests) : json_object();
        timer_arm(rounds_loop(r), &r->deadline, x->owner->upstream->gate->config->input_wait_ms);
        loop_defer(rounds_loop(r), &r->task);
        rounds_ask(r);
}

static void rounds_free(void *object)
{
        struct rounds *r = object;

        json_decref(r->requests);
        json_decref(r->responses);
        json_decref(r->result);
        free(r);
}

void rounds_drop(struct rounds *r)
{
        if (r == NULL)
                return;
        ask_forget(&r->asker);
        loop_task_cancel(&r->task);
        timer_disarm(rounds_loop(r), &r->deadline);
        loop_bury(rounds_loop(r), r, rounds_free);
}

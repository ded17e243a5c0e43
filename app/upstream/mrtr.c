/* The questions of one round go to the client together, under the keys that the server has given
 * them; the reply to each comes here. All that follows from a reply is done at the end of the turn:
 * it may come from within on_server_request(), or from the end of the call. */
#include "mrtr.h"

#include "mgw/base/alloc.h"
#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"
#include "mgw/mcp/bridge.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char mrtr_lack_input[] = "it asks for input that this client has not said it can give";

/* A server that has asked so often will not have enough. */
#define ROUNDS_MAX 32

struct mrtr {
        struct pending_request *pending;
        struct requester requester;
        struct loop_task task;   /* a reply has come, or none is needed */
        struct timer deadline;   /* of this round */
        json_t *result;          /* the server's, that asks */
        json_t *requests;        /* key -> what the client has not replied to */
        json_t *responses;       /* key -> what it has */
        struct ledger_hold hold; /* of all three */
        unsigned n;
        char why[300]; /* it cannot go on */
};

static struct loop *mrtr_loop(const struct mrtr *r)
{
        return upstream_session_loop(r->pending->owner);
}

static void mrtr_end(struct mrtr *r, const char *why)
{
        struct pending_request *pending = r->pending;
        struct upstream_request *request = pending->request;
        json_t *error =
                rpc_error_take(pending_request_msg_id(pending), RPC_INTERNAL_ERROR, why, NULL);

        assert(pending->state == PENDING_REQUEST_PARKED && request->call != NULL);
        if (upstream_may_log(pending->owner->upstream))
                log_info(LOG_FIELDS({"user", request->call->client->user->email}),
                         "[upstream] %s: %s", upstream_name(pending->owner->upstream), why);
        pending_request_end(pending);
        if (error != NULL)
                request->events->on_answer_take(request, error);
        else
                request->events->on_fail(request, "out of memory");
}

static void mrtr_send(struct mrtr *r)
{
        struct pending_request *pending = r->pending;
        json_t *params = bridge_retry(pending_request_params(pending), r->result, r->responses);

        timer_disarm(mrtr_loop(r), &r->deadline);
        if (params != NULL && json_object_set_new(pending->msg, "params", params) == 0)
                pending_request_unpark(pending);
        else
                mrtr_end(r, "out of memory");
}

static void mrtr_on_task(struct loop_task *task)
{
        struct mrtr *r = container_of(task, struct mrtr, task);

        if (r->why[0] != '\0')
                mrtr_end(r, r->why);
        else if (json_object_size(r->requests) == 0)
                mrtr_send(r);
}

static void mrtr_on_deadline(struct timer *timer)
{
        struct mrtr *r = container_of(timer, struct mrtr, deadline);

        mrtr_end(r,
                 "the client did not answer what the server needs to know in time (input_wait_s)");
}

/* A reply, or progress, which such a server has not asked for. */
static void mrtr_on_message_take(struct requester *requester, json_t *msg)
{
        struct mrtr *r = container_of(requester, struct mrtr, requester);
        const char *key = json_string_value(json_object_get(msg, "id"));
        const json_t *request = key != NULL ? json_object_get(r->requests, key) : NULL;
        json_t *response = request != NULL ? bridge_input_response(request, msg) : NULL;

        if (response != NULL) {
                ledger_hold_set_past(&r->hold, r->hold.bytes + rpc_cost(response));
                json_object_set_new(r->responses, key, response);
                json_object_del(r->requests, key);
        } else if (request != NULL && r->why[0] == '\0') {
                const char *message = json_string_value(
                        json_object_get(json_object_get(msg, "error"), "message"));

                snprintf(r->why, sizeof(r->why), "%.40s, which the server needs: %.200s",
                         json_string_value(json_object_get(request, "method")),
                         message != NULL ? message : "the client's reply is no result");
        }
        loop_defer(mrtr_loop(r), &r->task);
        json_decref(msg);
}

/* NULL, or why the client is not asked. */
static const char *mrtr_check(const struct mrtr *r, const json_t *result)
{
        const json_t *said =
                upstream_session_init_params(r->pending->owner, pending_request_call(r->pending));
        const char *why;
        json_t *lacking;

        if (r->n > ROUNDS_MAX)
                return "it asks for input without end";
        if (bridge_check_input_required(result, &why) != 0)
                return why;
        lacking = bridge_lacking_capabilities(result, json_object_get(said, "capabilities"));
        json_decref(lacking);
        return lacking != NULL ? mrtr_lack_input : NULL;
}

static void mrtr_ask(struct mrtr *r)
{
        struct upstream_call *call = pending_request_call(r->pending);
        json_t *questions = json_deep_copy(r->requests), *request;
        const char *key;

        json_object_foreach (questions, key, request) {
                json_object_set_new(request, "jsonrpc", json_string("2.0"));
                json_object_set_new(request, "id", json_string(key));
                r->requester.client->events->on_server_request(&r->requester, call, request);
        }
        json_decref(questions);
}

static struct mrtr *mrtr_of(struct pending_request *pending)
{
        struct mrtr *r = pending->mrtr;

        if (r != NULL)
                return r;
        r = alloc_zeroed(sizeof(*r));
        r->pending = pending;
        r->task.on_run = mrtr_on_task;
        r->deadline.on_due = mrtr_on_deadline;
        r->requester.client = pending->request->call->client;
        r->requester.upstream = pending->owner->upstream;
        r->requester.on_message_take = mrtr_on_message_take;
        list_init(&r->requester.server_requests);
        ledger_hold_init(&r->hold, &pending->request->call->share->memory, LEDGER_CALL);
        pending->mrtr = r;
        return r;
}

void mrtr_go_on(struct pending_request *pending, json_t *result)
{
        struct mrtr *r = mrtr_of(pending);
        json_t *requests = bridge_input_requests(result);
        const char *why;

        pending_request_park(pending);
        r->n++;
        why = mrtr_check(r, result);
        if (why == NULL && ledger_hold_set(&r->hold, rpc_cost(result)) != 0)
                why = "its user has no memory for what it asks (memory_per_user_max_bytes)";
        if (why != NULL) {
                mrtr_end(r, why);
                return;
        }
        json_decref(r->result);
        r->result = json_incref(result);
        json_decref(r->responses);
        r->responses = json_object();
        json_decref(r->requests);
        r->requests = requests != NULL ? json_copy(requests) : json_object();
        timer_arm(mrtr_loop(r), &r->deadline,
                  pending->owner->upstream->context->config->input_wait_ms);
        loop_defer(mrtr_loop(r), &r->task);
        mrtr_ask(r);
}

static void mrtr_free(void *object)
{
        struct mrtr *r = object;

        json_decref(r->requests);
        json_decref(r->responses);
        json_decref(r->result);
        free(r);
}

void mrtr_drop(struct mrtr *r)
{
        if (r == NULL)
                return;
        r->requester.client->events->on_requester_gone(&r->requester);
        loop_task_cancel(&r->task);
        timer_disarm(mrtr_loop(r), &r->deadline);
        ledger_hold_set_past(&r->hold, 0);
        loop_bury(mrtr_loop(r), r, mrtr_free);
}

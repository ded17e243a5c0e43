/* Requests of upstreams on their way to clients: ids and progress tokens are ours while they are
 * there. */
#include "mgw/session/server_request.h"

#include "mgw/mcp/bridge.h"
#include "mgw/session/call.h"
#include "mgw/session/call_input.h"
#include "mgw/wire/rpc.h"

#include <stdio.h>
#include <stdlib.h>

struct server_request {
        struct list node;      /* session->server_requests */
        struct list from_link; /* from->server_requests */
        struct session *session;
        struct requester *from;
        struct call *via;       /* NULL: no call caused it */
        json_t *id;             /* ours; its progress token too */
        json_t *upstream_id;    /* theirs */
        json_t *upstream_token; /* NULL: it wants no progress */
};

static void ask_end(struct server_request *ask)
{
        list_unlink(&ask->node);
        list_unlink(&ask->from_link);
        ask->session->n_server_requests--;
        if (ask->via != NULL)
                ask->via->n_server_requests--;
        json_decref(ask->id);
        json_decref(ask->upstream_id);
        json_decref(ask->upstream_token);
        free(ask);
}

static void ask_refuse(struct requester *from, json_t *upstream_id, const char *why)
{
        json_t *error = rpc_error_take(upstream_id, RPC_INTERNAL_ERROR, why, NULL);

        if (error != NULL)
                from->on_message_take(from, error);
}

/* Tokens of two upstreams may be the same. */
static void ask_take_token(struct server_request *ask, json_t *meta)
{
        ask->upstream_token = json_incref(json_object_get(meta, "progressToken"));
        if (ask->upstream_token != NULL)
                json_object_set(meta, "progressToken", ask->id);
}

/* The request as the client's revision knows it, a new reference. NULL: *whyp says why it does not.
 */
static json_t *ask_fit(const struct server_request *ask, json_t *request, const char **whyp)
{
        const char *method = json_string_value(json_object_get(request, "method"));
        json_t *fitting = NULL;

        if (ask->session->client.kind == UPSTREAM_CLIENT_STANDING ||
            method_find(method)->class != METHOD_ASK)
                return json_incref(request);
        return bridge_request_for_session(ask->session->client.revision, ask->id, request, &fitting,
                                          whyp) == 0
                       ? fitting
                       : NULL;
}

/* NULL, or why the client is not asked. */
static const char *ask_send(struct server_request *ask, json_t *request)
{
        const char *why = "out of memory";
        json_t *fitting = ask_fit(ask, request, &why);

        if (fitting == NULL)
                return why;
        why = ask->via != NULL ? call_ask(ask->via, json_string_value(ask->id), fitting) : NULL;
        if (ask->via == NULL)
                session_deliver(ask->session, fitting);
        json_decref(fitting);
        return why;
}

void server_request_send(struct requester *from, struct upstream_call *upstream_call,
                         json_t *request)
{
        struct call *via = upstream_call != NULL ? call_of(upstream_call) : NULL;
        struct session *s = via != NULL ? via->session : session_of(from->client);
        json_t *upstream_id = json_object_get(request, "id");
        struct server_request *ask;
        const char *why;
        char id[24];

        if (s->n_server_requests >= session_calls_max(s)) {
                ask_refuse(from, upstream_id, "too many requests wait for this client");
                return;
        }
        if (via == NULL && list_is_empty(&s->streams)) {
                ask_refuse(from, upstream_id, "the client has no stream open to be asked on");
                return;
        }
        ask = calloc(1, sizeof(*ask));
        snprintf(id, sizeof(id), "mgw-%u", ++s->last_server_request);
        if (ask == NULL || (ask->id = json_string(id)) == NULL) {
                free(ask);
                ask_refuse(from, upstream_id, "out of memory");
                return;
        }
        ask->session = s;
        ask->from = from;
        ask->upstream_id = json_incref(upstream_id);
        list_append(&s->server_requests, &ask->node);
        list_append(&from->server_requests, &ask->from_link);
        s->n_server_requests++;
        json_object_set(request, "id", ask->id);
        ask->via = via;
        if (via != NULL)
                via->n_server_requests++;
        ask_take_token(ask, json_object_get(json_object_get(request, "params"), "_meta"));
        why = ask_send(ask, request);
        if (why != NULL) {
                ask_refuse(from, ask->upstream_id, why);
                ask_end(ask);
        }
}

/* Walks what the session is asked (session_calls_max()), to the last that is the call's. */
void server_request_refuse_all(struct session *s, const struct call *via, const char *why)
{
        list_for_each_safe (it, &s->server_requests) {
                struct server_request *ask = container_of(it, struct server_request, node);

                if (via->n_server_requests == 0)
                        break;
                if (ask->via != via)
                        continue;
                ask_refuse(ask->from, ask->upstream_id, why);
                ask_end(ask);
        }
}

/* Walks what the session is asked: session_calls_max() at most. */
void server_request_on_progress(struct session *s, json_t *notification)
{
        json_t *params = json_object_get(notification, "params");
        const json_t *token = json_object_get(params, "progressToken");

        list_for_each (it, &s->server_requests) {
                struct server_request *ask = container_of(it, struct server_request, node);

                if (ask->upstream_token == NULL || !json_equal(ask->id, token))
                        continue;
                json_object_set(params, "progressToken", ask->upstream_token);
                ask->from->on_message_take(ask->from, json_incref(notification));
                return;
        }
}

void server_request_forget_call(struct session *s, const struct call *call)
{
        server_request_refuse_all(s, call, "the call that asks is over");
}

/* Walks what the session is asked: session_calls_max() at most. */
void server_request_on_reply(struct session *s, json_t *reply)
{
        const json_t *id = json_object_get(reply, "id");

        list_for_each_safe (it, &s->server_requests) {
                struct server_request *ask = container_of(it, struct server_request, node);

                if (!json_equal(ask->id, id))
                        continue;
                struct requester *from = ask->from;

                json_object_set(reply, "id", ask->upstream_id);
                ask_end(ask);
                from->on_message_take(from, json_incref(reply));
                return;
        }
}

/* Walks what one upstream asks over an upstream session: session_calls_max() of each session that
 * it serves. */
void server_request_cancel(struct requester *from, json_t *notification)
{
        json_t *params = json_object_get(notification, "params");
        const json_t *id = json_object_get(params, "requestId");

        list_for_each_safe (it, &from->server_requests) {
                struct server_request *ask = container_of(it, struct server_request, from_link);

                if (!json_equal(ask->upstream_id, id))
                        continue;
                json_object_set(params, "requestId", ask->id);
                if (ask->session->client.kind == UPSTREAM_CLIENT_STANDING)
                        call_input_forget(ask->via, json_string_value(ask->id));
                else
                        session_deliver(ask->session, notification);
                ask_end(ask);
                return;
        }
}

void server_request_forget(struct requester *from)
{
        struct list *it;

        while ((it = list_first(&from->server_requests)) != NULL)
                ask_end(container_of(it, struct server_request, from_link));
}

void server_request_forget_session(struct session *s)
{
        struct list *it;

        while ((it = list_first(&s->server_requests)) != NULL)
                ask_end(container_of(it, struct server_request, node));
}

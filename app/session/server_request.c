/* Requests of upstreams on their way to clients: ids and progress tokens are ours while they are
 * there. */
#include "mgw/session/server_request.h"

#include "mgw/base/alloc.h"
#include "mgw/mcp/bridge.h"
#include "mgw/session/access.h"
#include "mgw/session/call.h"
#include "mgw/session/call_input.h"
#include "mgw/wire/rpc.h"

#include <stdio.h>
#include <stdlib.h>

struct server_request {
        struct list node;           /* session->server_requests */
        struct list requester_node; /* from->server_requests */
        struct session *session;
        struct requester *from;
        struct call *via;       /* NULL: no call caused it */
        json_t *id;             /* ours; its progress token too */
        json_t *upstream_id;    /* theirs */
        json_t *upstream_token; /* NULL: it wants no progress */
};

/* Of a session; of a standing session, which may be of many addresses, of the share whose call it
 * is. */
static uint16_t *count_of(struct session *s, const struct call *via)
{
        return s->client.kind == UPSTREAM_CLIENT_STANDING && via != NULL ? &via->share->n_asked
                                                                         : &s->n_server_requests;
}

static void server_request_end(struct server_request *r)
{
        list_unlink(&r->node);
        list_unlink(&r->requester_node);
        --*count_of(r->session, r->via);
        if (r->via != NULL)
                r->via->n_server_requests--;
        json_decref(r->id);
        json_decref(r->upstream_id);
        json_decref(r->upstream_token);
        free(r);
}

static void requester_refuse(struct requester *from, json_t *upstream_id, const char *why)
{
        json_t *error = rpc_error_take(upstream_id, RPC_INTERNAL_ERROR, why, NULL);

        if (error != NULL)
                from->on_message_take(from, error);
}

/* It is over before who asked hears of it, who may then go, too. */
static void server_request_refuse(struct server_request *r, const char *why)
{
        struct requester *from = r->from;
        json_t *upstream_id = json_incref(r->upstream_id);

        server_request_end(r);
        requester_refuse(from, upstream_id, why);
        json_decref(upstream_id);
}

/* Tokens of two upstreams may be the same. */
static void server_request_take_token(struct server_request *r, json_t *meta)
{
        r->upstream_token = json_incref(json_object_get(meta, "progressToken"));
        if (r->upstream_token != NULL)
                json_object_set(meta, "progressToken", r->id);
}

/* The request as the client's revision knows it, a new reference. NULL: *whyp says why it does not.
 */
static json_t *server_request_fit(const struct server_request *r, json_t *request,
                                  const char **whyp)
{
        const char *method = json_string_value(json_object_get(request, "method"));
        json_t *fitting = NULL;

        if (r->session->client.kind == UPSTREAM_CLIENT_STANDING ||
            method_find(method)->class != METHOD_ASK)
                return json_incref(request);
        return bridge_request_for_session(r->session->client.revision, r->id, request, &fitting,
                                          whyp) == 0
                       ? fitting
                       : NULL;
}

/* NULL, or why the client is not asked. */
static const char *server_request_deliver(struct server_request *r, json_t *request)
{
        const char *why = "out of memory";
        json_t *fitting = server_request_fit(r, request, &why);

        if (fitting == NULL)
                return why;
        why = r->via != NULL ? call_ask(r->via, json_string_value(r->id), fitting) : NULL;
        if (r->via == NULL)
                session_deliver(r->session, fitting);
        json_decref(fitting);
        return why;
}

void server_request_send(struct requester *from, struct upstream_call *upstream_call,
                         json_t *request)
{
        struct call *via = upstream_call != NULL ? call_of(upstream_call) : NULL;
        struct session *s = via != NULL ? via->session : session_of(from->client);
        json_t *upstream_id = json_object_get(request, "id");
        struct server_request *r;
        const char *why;
        char id[24];

        if (*count_of(s, via) >= session_calls_max(s)) {
                requester_refuse(from, upstream_id, "too many requests wait for this client");
                return;
        }
        if (via == NULL && ((list_is_empty(&s->streams) && !s->is_given) ||
                            !access_to_server(s->identity, from->upstream))) {
                requester_refuse(from, upstream_id, "the client has no stream open to be asked on");
                return;
        }
        r = alloc_zeroed(sizeof(*r));
        snprintf(id, sizeof(id), "mgw-%u", ++s->last_server_request);
        r->id = json_string(id);
        r->session = s;
        r->from = from;
        r->upstream_id = json_incref(upstream_id);
        list_append(&s->server_requests, &r->node);
        list_append(&from->server_requests, &r->requester_node);
        ++*count_of(s, via);
        json_object_set(request, "id", r->id);
        r->via = via;
        if (via != NULL)
                via->n_server_requests++;
        server_request_take_token(r, json_object_get(json_object_get(request, "params"), "_meta"));
        why = server_request_deliver(r, request);
        if (why != NULL)
                server_request_refuse(r, why);
}

/* Walks what the session is asked (session_calls_max()), to the last that is the call's. */
void server_request_refuse_all(struct session *s, const struct call *via, const char *why)
{
        list_for_each_safe (it, &s->server_requests) {
                struct server_request *r = container_of(it, struct server_request, node);

                if (via->n_server_requests == 0)
                        break;
                if (r->via == via)
                        server_request_refuse(r, why);
        }
}

/* Walks what the session is asked: session_calls_max() at most, in a standing session of each share
 * that has calls there. */
bool server_request_on_progress(struct session *s, json_t *notification)
{
        json_t *params = json_object_get(notification, "params");
        const json_t *token = json_object_get(params, "progressToken");

        list_for_each (it, &s->server_requests) {
                struct server_request *r = container_of(it, struct server_request, node);

                if (r->upstream_token == NULL || !json_equal(r->id, token))
                        continue;
                json_object_set(params, "progressToken", r->upstream_token);
                r->from->on_message_take(r->from, json_incref(notification));
                return true;
        }
        return false;
}

void server_request_forget_call(struct session *s, const struct call *call)
{
        server_request_refuse_all(s, call, "the call that asks is over");
}

/* Walks what the session is asked: session_calls_max() at most, in a standing session of each share
 * that has calls there. */
bool server_request_on_reply(struct session *s, json_t *reply)
{
        const json_t *id = json_object_get(reply, "id");

        list_for_each_safe (it, &s->server_requests) {
                struct server_request *r = container_of(it, struct server_request, node);

                if (!json_equal(r->id, id))
                        continue;
                struct requester *from = r->from;

                json_object_set(reply, "id", r->upstream_id);
                server_request_end(r);
                from->on_message_take(from, json_incref(reply));
                return true;
        }
        return false;
}

/* Walks what one upstream asks over an upstream session: session_calls_max() of each session that
 * it serves. */
void server_request_cancel(struct requester *from, json_t *notification)
{
        json_t *params = json_object_get(notification, "params");
        const json_t *id = json_object_get(params, "requestId");

        list_for_each_safe (it, &from->server_requests) {
                struct server_request *r = container_of(it, struct server_request, requester_node);

                if (!json_equal(r->upstream_id, id))
                        continue;
                json_object_set(params, "requestId", r->id);
                if (r->session->client.kind == UPSTREAM_CLIENT_STANDING)
                        call_input_forget(r->via, json_string_value(r->id));
                else
                        session_deliver(r->session, notification);
                server_request_end(r);
                return;
        }
}

void server_request_forget(struct requester *from)
{
        struct list *it;

        while ((it = list_first(&from->server_requests)) != NULL)
                server_request_end(container_of(it, struct server_request, requester_node));
}

void server_request_forget_session(struct session *s)
{
        struct list *it;

        while ((it = list_first(&s->server_requests)) != NULL)
                server_request_end(container_of(it, struct server_request, node));
}

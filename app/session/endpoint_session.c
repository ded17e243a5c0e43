/* The endpoints of the sse and session eras, and the way to that of the stateless era. */
#include "mgw/session/endpoint_session.h"

#include "mgw/core/share.h"
#include "mgw/mcp/trace.h"
#include "mgw/session/access.h"
#include "mgw/session/call.h"
#include "mgw/session/call_start.h"
#include "mgw/session/endpoint_stateless.h"
#include "mgw/session/post_response.h"
#include "mgw/session/refuse.h"
#include "mgw/session/request_body.h"
#include "mgw/session/server_request.h"
#include "mgw/session/session_handover.h"
#include "mgw/upstream/upstream_session.h"
#include "mgw/wire/hdr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct cgi_header plain[] = {{"Content-Type", "text/plain"}, {0}};

/* 0: go on. Else the request has been answered. A POST that comes here with the header of the
 * stateless era is an initialize, which tells its era itself. */
static int check_version_header(struct request *req, json_t *id, bool is_post)
{
        struct str asked = req->in->head.protocol_version;
        era_revision revision;

        switch (era_version_read(asked, &revision)) {
        case ERA_VERSION_NONE:
        case ERA_VERSION_SESSION:
                return 0;
        case ERA_VERSION_STATELESS:
                if (is_post)
                        return 0;
                request_reply(req, 405, (const struct cgi_header[]){{"Allow", "POST"}, {0}},
                              STR(""));
                return -1;
        default:
                refuse_version(req, id, asked);
                return -1;
        }
}

/* The session that the header names; NULL: the request has been answered. */
static struct session *require_session(struct request *req, json_t *id)
{
        struct session *s =
                session_find(request_context(req), req->in->head.session_id, req->in->identity);

        if (s != NULL && s->client.kind != UPSTREAM_CLIENT_SESSION)
                s = NULL;
        if (s != NULL)
                session_touch(s);
        else if (req->in->head.session_id.n == 0)
                refuse_message(req, 400, id, RPC_INVALID_REQUEST,
                               "The Mcp-Session-Id header is missing: send initialize first", NULL);
        else
                refuse_message(req, 404, id, RPC_INVALID_REQUEST,
                               "This session is not known (any more): send initialize again", NULL);
        return s;
}

/* To all servers that the client may see. */
static void pass_on(const struct session *s, json_t *notification)
{
        for (size_t i = 0; i < session_context(s)->n_upstreams; i++) {
                struct upstream_session *us = access_upstream_session(s, s->identity, i);

                if (us != NULL)
                        upstream_session_send_take(us, json_incref(notification));
        }
}

/* What concerns no call that is here may concern one in another process. */
static void on_stray(struct session *s, const struct rpc_msg *m)
{
        if (session_handover(s) != NULL)
                session_handover(s)->on_stray(s, m->root);
}

static void on_cancelled(struct session *s, const struct rpc_msg *m)
{
        struct call *call = call_find(s, json_object_get(m->params, "requestId"));

        if (call == NULL)
                on_stray(s, m);
        else if (call->method->class != METHOD_INITIALIZE)
                call_cancel(call, "the client cancelled the request");
}

/* A request without an id is none, and a server may act upon it all the same: nothing that is not
 * said to be a notification gets there. */
static void on_notification(struct session *s, const struct rpc_msg *m)
{
        switch (method_find(m->method)->class) {
        case METHOD_INITIALIZED:
                break;
        case METHOD_CANCELLED:
                on_cancelled(s, m);
                break;
        case METHOD_PROGRESS:
                if (!server_request_on_progress(s, m->root))
                        on_stray(s, m);
                break;
        case METHOD_ROOTS_CHANGED:
        case METHOD_NOTICE:
                pass_on(s, m->root);
                on_stray(s, m);
                break;
        default:
                break;
        }
}

/* One message of a client, whatever era. */
static void on_message(struct session *s, struct share *share, struct post_response *post,
                       const struct rpc_msg *m)
{
        if (m->kind == RPC_REQUEST)
                call_start(s, share, post, m);
        else if (m->kind == RPC_NOTIFICATION)
                on_notification(s, m);
        else if (!server_request_on_reply(s, m->root))
                on_stray(s, m);
}

void endpoint_session_on_stray(struct session *s, const struct rpc_msg *m)
{
        if (m->kind != RPC_REQUEST)
                on_message(s, NULL, NULL, m);
}

/* The messages of a body: one, or a batch. */
struct batch {
        struct rpc_msg *messages;
        size_t n;
        unsigned n_requests;
        bool is_array;
        json_t *id; /* what a refusal of all of it answers; NULL: no request, or too many */
};

/* So many requests of a batch that is refused are answered one by one. */
#define IDS_MAX 100

static void batch_note_id(struct batch *b)
{
        if (b->n_requests == 0 || b->n_requests > IDS_MAX)
                return;
        if (!b->is_array) {
                b->id = json_incref(b->messages[0].id);
                return;
        }
        b->id = json_array();
        for (size_t i = 0; i < b->n; i++)
                if (b->messages[i].kind == RPC_REQUEST)
                        json_array_append(b->id, b->messages[i].id);
}

static void batch_forget(struct batch *b)
{
        free(b->messages);
        json_decref(b->id);
}

/* 0, or -1 when the request has been answered. */
static int batch_read(struct request *req, json_t *root, struct batch *b)
{
        const char *why = "a batch needs at least one message";

        b->is_array = json_is_array(root);
        b->n = b->is_array ? json_array_size(root) : 1;
        b->n_requests = 0;
        b->messages = calloc(b->n > 0 ? b->n : 1, sizeof(*b->messages));
        for (size_t i = 0; i < b->n && b->messages != NULL; i++) {
                if (rpc_msg_read(b->is_array ? json_array_get(root, i) : root, &b->messages[i],
                                 &why) != 0) {
                        refuse_message(req, 400, rpc_id_of(root), RPC_INVALID_REQUEST, why, NULL);
                        return -1;
                }
                b->n_requests += b->messages[i].kind == RPC_REQUEST;
        }
        if (b->n > 0 && b->messages != NULL) {
                batch_note_id(b);
                return 0;
        }
        refuse_message(req, 400, NULL, RPC_INVALID_REQUEST, why, NULL);
        return -1;
}

static bool batch_initializes(const struct batch *b)
{
        for (size_t i = 0; i < b->n; i++)
                if (b->messages[i].kind == RPC_REQUEST &&
                    method_find(b->messages[i].method)->class == METHOD_INITIALIZE)
                        return true;
        return false;
}

static int check_share(struct request *req, const struct batch *b)
{
        unsigned refusal = share_refuses_calls(req->share, (unsigned)b->n, b->n_requests);

        if (refusal == 0)
                return 0;
        refuse_busy(req, b->id, refusal);
        return -1;
}

/* 0, or -1 when the request has been answered. */
static int check_batch(struct request *req, const struct session *s, const struct batch *b)
{
        if (b->is_array && !era_has_batches(s->client.revision)) {
                refuse_message(req, 400, NULL, RPC_INVALID_REQUEST,
                               "This session's protocol version has no batches", NULL);
                return -1;
        }
        if (b->n_requests > 0 && context_refuses(session_context(s))) {
                refuse_busy(req, b->id, 503);
                return -1;
        }
        if (s->n_calls + b->n_requests > session_calls_max(s)) {
                refuse_busy(req, b->id, 429);
                return -1;
        }
        return check_share(req, b);
}

static void run_batch(struct request *req, struct session *s, const struct batch *b,
                      bool opens_session)
{
        struct share *share = req->share; /* which the session holds, or its user */
        struct post_response *post = NULL;

        if (b->n_requests > 0) {
                post = post_response_create(req, s, b->n_requests, b->is_array);
                post->opens_session = opens_session;
        }
        for (size_t i = 0; i < b->n; i++)
                on_message(s, share, post, &b->messages[i]);
        if (post == NULL)
                request_reply(req, 202, NULL, STR(""));
}

static void open_session(struct request *req, const struct batch *b)
{
        struct context *context = request_context(req);
        struct session *s;
        const json_t *version = json_object_get(b->messages[0].params, "protocolVersion");

        if (b->is_array || b->n != 1)
                refuse_message(req, 400, NULL, RPC_INVALID_REQUEST, "initialize must stand alone",
                               NULL);
        else if (!json_is_string(version))
                refuse_message(req, 400, b->id, RPC_INVALID_PARAMS,
                               "initialize: params.protocolVersion must be a string", NULL);
        else if (check_share(req, b) != 0)
                return;
        else if (context_refuses(context) || session_create(context, req->in->identity, req->share,
                                                            UPSTREAM_CLIENT_SESSION, &s) < 0)
                refuse_busy(req, b->id, 503);
        else
                run_batch(req, s, b, true);
}

/* May a call go on as it came? Not where something is to be added to it, nor in the stateless era,
 * where what asks is looked at by many. */
static bool may_pass(const struct request *req, const struct mirror_headers *headers)
{
        era_revision revision;

        return era_version_read(req->in->head.protocol_version, &revision) !=
                       ERA_VERSION_STATELESS &&
               !trace_has_headers(headers);
}

/* The body of a POST. NULL: the POST has been answered. */
static json_t *require_messages(struct request *req)
{
        const struct mirror_headers headers = mirror_headers_of(&req->in->params);
        json_t *root = may_pass(req, &headers) ? request_body_glance(req) : NULL;

        return root != NULL ? root : request_body_json(req);
}

/* The request alone tells its era. An initialize is of an older one, whatever its header says, but
 * where it has the _meta of the stateless era, which knows no such method. */
static bool is_stateless(const struct request *req, const json_t *root)
{
        const json_t *message = json_is_array(root) ? json_array_get(root, 0) : root;
        const char *method = json_string_value(json_object_get(message, "method"));
        era_revision revision;

        if (era_claimed_in_meta(json_object_get(message, "params")).n > 0)
                return true;
        return (method == NULL || method_find(method)->class != METHOD_INITIALIZE) &&
               era_version_read(req->in->head.protocol_version, &revision) == ERA_VERSION_STATELESS;
}

static void on_session_post(struct request *req, json_t *root)
{
        struct batch b = {0};
        struct session *s;

        if (batch_read(req, root, &b) == 0 && check_version_header(req, b.id, true) == 0) {
                if (batch_initializes(&b))
                        open_session(req, &b);
                else if ((s = require_session(req, b.id)) != NULL && check_batch(req, s, &b) == 0)
                        run_batch(req, s, &b, false);
        }
        batch_forget(&b);
}

void endpoint_session_on_post(struct request *req)
{
        json_t *root = require_messages(req);

        if (root == NULL)
                return;
        if (is_stateless(req, root))
                endpoint_stateless_on_post(req, root);
        else
                on_session_post(req, root);
        json_decref(root);
}

void endpoint_session_on_get(struct request *req)
{
        struct session *s;
        unsigned refusal;

        if (check_version_header(req, NULL, false) != 0)
                return;
        if (hdr_accepts(req->in->head.accept, STR("text/event-stream")) != HDR_ACCEPT_EXPLICIT) {
                request_reply(req, 406, plain,
                              STR("This is a stream: send Accept: text/event-stream.\n"));
                return;
        }
        if ((s = require_session(req, NULL)) == NULL)
                return;
        if (session_goes_on_elsewhere(s, req))
                return;
        if ((refusal = stream_refusal(req)) != 0)
                refuse_busy(req, NULL, refusal);
        else
                session_open_get(s, req, req->in->head.last_event_id);
}

void endpoint_session_on_delete(struct request *req)
{
        struct session *s;

        if (check_version_header(req, NULL, false) != 0 || (s = require_session(req, NULL)) == NULL)
                return;
        session_end_for(s, STREAM_CAUSE_SESSION);
        request_reply(req, 204, NULL, STR(""));
}

void endpoint_session_on_sse(struct request *req)
{
        struct context *context = request_context(req);
        unsigned refusal = stream_refusal(req);
        struct session *s;

        if (refusal != 0)
                refuse_busy(req, NULL, refusal);
        else if (session_create(context, req->in->identity, req->share, UPSTREAM_CLIENT_SSE, &s) <
                 0)
                refuse_busy(req, NULL, 503);
        else if (session_open_sse(s, req) < 0)
                session_end(s);
}

struct str endpoint_session_named(const struct request *req, char text[ENDPOINT_SESSION_ID_SIZE])
{
        if (!str_eq(req->in->head.path, STR("/message")))
                return req->in->head.session_id;
        text[0] = '\0';
        (void)cgi_query_get(req->in->head.query, STR("sessionId"), text, ENDPOINT_SESSION_ID_SIZE);
        return str_from(text);
}

/* The session that sessionId names; NULL: the request has been answered. */
static struct session *require_message_session(struct request *req)
{
        char id[ENDPOINT_SESSION_ID_SIZE];
        struct session *s = session_find(request_context(req), endpoint_session_named(req, id),
                                         req->in->identity);

        if (s != NULL && s->client.kind == UPSTREAM_CLIENT_SSE)
                return s;
        request_reply(req, 404, plain,
                      STR("This sessionId is not known (any more): open /sse again.\n"));
        return NULL;
}

bool endpoint_session_on_message_head(struct request *req)
{
        return require_message_session(req) != NULL;
}

/* The session may have ended while the body came. */
void endpoint_session_on_message(struct request *req)
{
        struct batch b = {0};
        struct session *s = require_message_session(req);
        json_t *root;

        if (s == NULL || (root = require_messages(req)) == NULL)
                return;
        if (batch_read(req, root, &b) == 0 && check_batch(req, s, &b) == 0) {
                struct share *share = share_hold(req->share);

                request_reply(req, 202, NULL, STR(""));
                for (size_t i = 0; i < b.n && !s->client.is_ending; i++)
                        on_message(s, share, NULL, &b.messages[i]);
                share_let_go(share);
        }
        batch_forget(&b);
        json_decref(root);
}

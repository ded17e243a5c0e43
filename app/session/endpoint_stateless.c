/* The order of the checks: the message, what every request carries in its _meta, the version, the
 * headers against the body, the method, whether a stream is taken, the room. */
#include "mgw/session/endpoint_stateless.h"

#include "mgw/core/share.h"
#include "mgw/mcp/bridge.h"
#include "mgw/mcp/mirror.h"
#include "mgw/session/call_input.h"
#include "mgw/session/listing.h"
#include "mgw/session/post_response.h"
#include "mgw/session/refuse.h"
#include "mgw/session/request_state.h"
#include "mgw/upstream/upstream_session.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/json_str.h"

#include <stdio.h>

/* ---- checks: 0 is to go on, else the request has been answered ---- */

static int refuse(struct request *req, json_t *id, unsigned status, int code, const char *why)
{
        refuse_message(req, status, id, code, why, NULL);
        return -1;
}

static int check_message(struct request *req, json_t *root, struct rpc_msg *m)
{
        const char *why = "this protocol version has no batches";

        if (json_is_array(root) || rpc_msg_read(root, m, &why) != 0)
                return refuse(req, rpc_id_of(root), 400, RPC_INVALID_REQUEST, why);
        if (m->kind == RPC_REQUEST)
                return 0;
        if (m->kind == RPC_NOTIFICATION) { /* over HTTP none has a meaning */
                request_reply(req, 202, NULL, STR(""));
                return -1;
        }
        return refuse(req, NULL, 400, RPC_INVALID_REQUEST,
                      "responses are not sent in this protocol version: inputRequests are answered "
                      "by inputResponses when the request is sent again");
}

static int check_meta(struct request *req, const struct rpc_msg *m)
{
        const char *why;

        if (bridge_check_meta(m->params, &why) != 0 || bridge_check_input(m->params, &why) != 0)
                return refuse(req, m->id, 400, RPC_INVALID_PARAMS, why);
        return 0;
}

static int check_version(struct request *req, const struct rpc_msg *m)
{
        struct str claimed = era_claimed_in_meta(m->params);
        era_revision revision;

        if (era_revision_find(claimed, &revision) == 0 && era_is_stateless(revision))
                return 0;
        refuse_version(req, m->id, claimed);
        return -1;
}

static int check_headers(struct request *req, const struct rpc_msg *m)
{
        const struct mirror_headers headers = mirror_headers_of(&req->in->params);
        char why[200];

        if (mirror_check(&headers, m->root, why, sizeof(why)) != 0)
                return refuse(req, m->id, 400, RPC_HEADER_MISMATCH, why);
        return 0;
}

static int check_method(struct request *req, const struct rpc_msg *m, const struct method *method)
{
        char why[200];

        if (method->is_stateless)
                return 0;
        snprintf(why, sizeof(why), "unknown method: %.100s", m->method);
        return refuse(req, m->id, 404, RPC_METHOD_NOT_FOUND, why);
}

static int check_accept(struct request *req, const struct rpc_msg *m, const struct method *method)
{
        if (method->class != METHOD_LISTEN ||
            hdr_accepts(req->in->head.accept, STR("text/event-stream")) == HDR_ACCEPT_EXPLICIT)
                return 0;
        return refuse(req, m->id, 406, RPC_INVALID_REQUEST,
                      "the answer is a stream: send Accept: application/json, text/event-stream");
}

static int check_room(struct request *req, const struct rpc_msg *m, const struct method *method)
{
        bool listens = method->class == METHOD_LISTEN;
        unsigned refusal = listens ? stream_refusal(req) : 0;

        if (refusal == 0)
                refusal = share_refuses_calls(req->share, 1, listens ? 0 : 1);
        if (refusal == 0)
                return 0;
        refuse_busy(req, m->id, refusal);
        return -1;
}

/* ---- the request ---- */

/* Those that repeat arguments: which ones must is known later. */
static json_t *mirrored_headers(const struct request *req)
{
        json_t *headers = NULL;

        for (char *const *it = req->in->params.envp; *it != NULL; it++) {
                struct str value = str_from(*it), name = str_cut(&value, '=');
                char key[128];

                if (!str_has_prefix(name, STR("HTTP_MCP_PARAM_")) || name.n >= sizeof(key))
                        continue;
                snprintf(key, sizeof(key), "%.*s", STR_ARG(name));
                if (headers == NULL)
                        headers = json_object();
                json_object_set_new(headers, key, json_stringn_nocheck(value.p, value.n));
        }
        return headers;
}

static struct str mirrored_header(const void *headers, const char *name)
{
        const json_t *value = json_object_get(headers, name);

        return json_str(value);
}

bool endpoint_stateless_knows_tool(const struct listing_owner *owner)
{
        const struct upstream_session *us = owner->us;

        return us == NULL || us->lists[LIST_TOOLS].of != NULL ||
               (us->state == UPSTREAM_SESSION_READY && !us->is_stateless);
}

bool endpoint_stateless_check_tool(struct call *call, const struct listing_owner *owner)
{
        const json_t *tool = owner->us != NULL ? upstream_list_find(owner->us->lists[LIST_TOOLS].of,
                                                                    owner->theirs)
                                               : NULL;
        const struct mirror_headers headers = {mirrored_header, call->post->mirrored};
        char why[200];

        if (mirror_check_params(&headers, json_object_get(call->params, "arguments"),
                                json_object_get(tool, "inputSchema"), why, sizeof(why)) == 0)
                return true;
        call_fail(call, RPC_HEADER_MISMATCH, "%s", why);
        return false;
}

static void start(struct request *req, struct session *s, const struct rpc_msg *m)
{
        struct post_response *post = post_response_create(req, s, 1, false);

        if (post == NULL) {
                refuse(req, m->id, 500, RPC_INTERNAL_ERROR, "out of memory");
                return;
        }
        post->mirrored = mirrored_headers(req);
        call_start(s, req->share, post, m);
}

/* A call of ours goes on, or a request that goes to an upstream which asked by itself. */
static void start_again(struct request *req, struct session *s, const struct rpc_msg *m)
{
        const char *why = "no call waits for this input any more: send the request without it";
        json_t *state =
                request_state_open(session_context(s), s->client.user, m->method, m->params, &why);
        json_t *theirs = json_object_get(state, "theirs");
        struct call *call = theirs == NULL && state != NULL ? call_input_find(s, state) : NULL;
        struct post_response *post;

        if (theirs != NULL) {
                json_object_set(m->params, "requestState", theirs);
                start(req, s, m);
        } else if (call == NULL) {
                refuse(req, m->id, 400, RPC_INVALID_PARAMS, why);
        } else if ((post = post_response_create(req, s, 1, false)) == NULL) {
                refuse(req, m->id, 500, RPC_INTERNAL_ERROR, "out of memory");
        } else {
                call_input_go_on(call, post, m);
        }
        json_decref(state);
}

void endpoint_stateless_on_post(struct request *req, struct user *user, json_t *root)
{
        struct context *context = request_context(req);
        const struct method *method;
        struct session *s;
        struct rpc_msg m;

        if (check_message(req, root, &m) != 0)
                return;
        method = method_find(m.method);
        if (check_headers(req, &m) != 0 || check_meta(req, &m) != 0 ||
            check_version(req, &m) != 0 || check_method(req, &m, method) != 0 ||
            check_accept(req, &m, method) != 0)
                return;
        if (context->is_draining || session_standing(context, user, &s) < 0)
                refuse_busy(req, m.id, 503);
        else if (check_room(req, &m, method) != 0)
                return;
        else if (json_is_string(json_object_get(m.params, "requestState")))
                start_again(req, s, &m);
        else
                start(req, s, &m);
}

/* Walks the calls of a standing session: without tokens those of all clients. */
void endpoint_stateless_set_log_level(struct call *call)
{
        struct session *s = call->session;
        int lowest = -1;

        call->log_level = (int16_t)bridge_log_level(call->params);
        if (call->log_level < 0)
                return;
        list_for_each (it, &s->calls) {
                int level = container_of(it, struct call, node)->log_level;

                if (level >= 0 && (lowest < 0 || level < lowest))
                        lowest = level;
        }
        s->client.log_level = (int16_t)lowest;
}

/* Walks the calls of a standing session to the newest that fits, once any of them has wanted to be
 * told. */
struct call *endpoint_stateless_logging_call(const struct upstream_session *us, struct call *guess)
{
        const struct list *calls = &session_of(us->client)->calls;

        if (guess != NULL && guess->log_level >= 0)
                return guess;
        if (us->client->log_level < 0)
                return NULL;
        for (const struct list *it = calls->prev; it != calls; it = it->prev) {
                struct call *call = container_of(it, struct call, node);

                if (call->upstream == us->upstream && call->log_level >= 0)
                        return call;
        }
        return NULL;
}

bool endpoint_stateless_wants(const struct call *call, const json_t *msg)
{
        const char *method = json_string_value(json_object_get(msg, "method"));
        const char *level =
                json_string_value(json_object_get(json_object_get(msg, "params"), "level"));

        if (method == NULL || method_find(method)->class != METHOD_MESSAGE)
                return true;
        return call->log_level >= 0 && method_log_level(level) >= call->log_level;
}

/* Where nothing has gone out yet (Streamable HTTP, "Protocol Version Header", "Server Validation").
 * otherwise: of all other errors. */
static unsigned status_of(const json_t *error, unsigned otherwise)
{
        switch (json_integer_value(json_object_get(error, "code"))) {
        case RPC_METHOD_NOT_FOUND:
                return 404;
        case RPC_HEADER_MISMATCH:
        case RPC_MISSING_CAPABILITY:
        case RPC_UNSUPPORTED_VERSION:
                return 400;
        default:
                return otherwise;
        }
}

static int64_t fresh_ms(const struct call *call)
{
        switch (call->method->class) {
        case METHOD_LIST:
                return listing_fresh_ms(call);
        case METHOD_DISCOVER:
                return session_context(call->session)->config->catalog_age_ms;
        default:
                return 0;
        }
}

void endpoint_stateless_finish_answer(const struct call *call, json_t *answer)
{
        json_t *info = context_implementation();

        if (call->post != NULL)
                call->post->status =
                        status_of(json_object_get(answer, "error"), call->post->status);
        (void)bridge_finish(call->method->name, call->params, answer, info, fresh_ms(call));
        json_decref(info);
}

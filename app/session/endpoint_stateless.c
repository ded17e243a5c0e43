/* The order of the checks: the message, what every request carries in its _meta, the version, the
 * headers against the body, the method, whether a stream is taken, the room. */
#include "mgw/session/endpoint_stateless.h"

#include "mgw/core/share.h"
#include "mgw/mcp/bridge.h"
#include "mgw/mcp/mirror.h"
#include "mgw/session/call_input.h"
#include "mgw/session/call_start.h"
#include "mgw/session/listing.h"
#include "mgw/session/post_response.h"
#include "mgw/session/refuse.h"
#include "mgw/session/request_state.h"
#include "mgw/session/session_handover.h"
#include "mgw/upstream/upstream_session.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/json_str.h"

#include <stdio.h>
#include <stdlib.h>

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

static void start(struct request *req, struct session *s, const struct rpc_msg *m)
{
        struct post_response *post = post_response_create(req, s, 1, false);

        post->mirrored = mirrored_headers(req);
        call_start(s, req->share, post, m);
}

/* Groups and scopes of who comes back may be others. */
static bool may_go_on(struct call *call)
{
        if (call == NULL)
                return false;
        call_identify(call);
        return call_may_go_on(call);
}

/* The call that it takes up again may run in the process that this one takes over from. */
static bool goes_on_elsewhere(struct request *req, const struct session *s, const struct rpc_msg *m)
{
        struct str body;
        bool is_passed;

        if (session_handover(s) == NULL || rpc_dump(m->root, &body) < 0)
                return false;
        is_passed = session_handover(s)->on_request(req, body);
        free((void *)body.p);
        return is_passed;
}

/* A call of ours goes on, or a request that goes to an upstream which asked by itself. */
static void start_again(struct request *req, struct session *s, const struct rpc_msg *m)
{
        const char *why = "no call waits for this input any more: send the request without it";
        json_t *state =
                request_state_open(session_context(s), s->client.user, m->method, m->params, &why);
        json_t *theirs = json_object_get(state, "theirs");
        struct call *call = theirs == NULL && state != NULL ? call_input_find(s, state) : NULL;

        if (theirs == NULL && state != NULL && call == NULL && goes_on_elsewhere(req, s, m)) {
                json_decref(state);
                return;
        }
        if (theirs != NULL) {
                json_object_set(m->params, "requestState", theirs);
                start(req, s, m);
        } else if (!may_go_on(call)) {
                refuse(req, m->id, 400, RPC_INVALID_PARAMS, why);
        } else {
                call_input_go_on(call, post_response_create(req, s, 1, false), m);
        }
        json_decref(state);
}

void endpoint_stateless_on_post(struct request *req, json_t *root)
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
        if (context_refuses(context) || session_standing(context, req->in->identity, &s) < 0)
                refuse_busy(req, m.id, 503);
        else if (check_room(req, &m, method) != 0)
                return;
        else if (json_is_string(json_object_get(m.params, "requestState")))
                start_again(req, s, &m);
        else
                start(req, s, &m);
}

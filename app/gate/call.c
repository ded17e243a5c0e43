/* Requests are answered here (initialize, ping), by the built-in tools, or by the upstream; lists
 * are both together. A call stands on its session's list from its start to its answer. */
#include "mgw/gate/call.h"

#include "mgw/base/log.h"
#include "mgw/gate/builtin.h"
#include "mgw/gate/post.h"
#include "mgw/gate/upstream.h"
#include "mgw/mcp/names.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void call_free(void *object)
{
        struct call *call = object;

        json_decref(call->id);
        json_decref(call->params);
        json_decref(call->progress_token);
        free(call);
}

static void call_end(struct call *call, const char *why, json_t *answer)
{
        struct session *s = call->session;
        struct gate *gate = s->gate;
        struct post *post = call->post;

        list_unlink(&call->link);
        timer_disarm(gate->loop, &call->beat);
        timer_disarm(gate->loop, &call->work);
        if (call->exchange != NULL)
                link_forget(s->link, call, why);
        s->n_calls--;
        gate->stats.n_calls--;
        if (post != NULL)
                post_answer(post, answer);
        else if (answer != NULL)
                session_deliver(s, answer);
        json_decref(answer);
        session_touch(s);
        loop_bury(gate->loop, call, call_free);
        if (gate->is_draining)
                gate->on_calm(gate);
}

/* The upstream's entries get its prefix, and ours stand before them on the first page. */
static void merge_list(struct call *call, json_t *result)
{
        const char *key = call->method->list_key;
        json_t *theirs = json_object_get(result, key);
        json_t *ours;

        if (call->method->is_named && call->session->link != NULL)
                names_add_prefix(theirs, upstream_name(call->session->gate->upstream));
        if (strcmp(key, "tools") != 0 || json_object_get(call->params, "cursor") != NULL)
                return;
        ours = builtin_tools();
        if (ours != NULL) {
                json_array_extend(ours, theirs);
                json_object_set_new(result, key, ours);
        }
}

void call_answer_take(struct call *call, json_t *answer)
{
        json_t *result = json_object_get(answer, "result");

        if (answer == NULL) {
                call_end(call, "out of memory", NULL);
                return;
        }
        if (call->method->class == METHOD_LIST && result != NULL)
                merge_list(call, result);
        json_object_set_new(answer, "jsonrpc", json_string("2.0"));
        json_object_set(answer, "id", call->id);
        call_end(call, "the gateway no longer waits", answer);
}

void call_fail(struct call *call, int code, const char *fmt, ...)
{
        char why[512];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(why, sizeof(why), fmt, ap);
        va_end(ap);
        json_t *answer = rpc_error_take(call->id, code, why, NULL);
        call_end(call, why, answer);
}

static void call_succeed_take(struct call *call, json_t *result)
{
        call_answer_take(call, rpc_result_take(call->id, result));
}

void call_cancel(struct call *call, const char *reason)
{
        call_end(call, reason, NULL);
}

struct call *call_find(struct session *session, const json_t *id)
{
        list_for_each (it, &session->calls) {
                struct call *call = container_of(it, struct call, link);

                if (json_equal(call->id, id))
                        return call;
        }
        return NULL;
}

bool call_send(struct call *call, const json_t *msg)
{
        struct session *s = call->session;

        if (call->post != NULL && post_send(call->post, msg))
                return true;
        if (list_is_empty(&s->streams))
                return false;
        session_deliver(s, msg);
        return true;
}

static void call_watch_silence(struct call *call)
{
        const struct gate *gate = call->session->gate;

        if (call->progress_token != NULL && gate->config->keepalive_ms > 0)
                timer_arm(gate->loop, &call->beat, gate->config->keepalive_ms);
}

static void call_send_progress(struct call *call, json_t *params, double value)
{
        json_t *msg;

        json_object_set(params, "progressToken", call->progress_token);
        json_object_set_new(params, "progress", json_real(value));
        msg = rpc_notification_take("notifications/progress", json_incref(params));
        if (msg != NULL)
                (void)call_send(call, msg);
        json_decref(msg);
        call_watch_silence(call);
}

static void call_on_beat(struct timer *timer)
{
        struct call *call = container_of(timer, struct call, beat);
        json_t *params = json_object();

        call_send_progress(call, params, progress_beat(&call->progress));
        json_decref(params);
}

void call_on_progress(struct call *call, json_t *params)
{
        double theirs = json_number_value(json_object_get(params, "progress"));

        if (call->progress_token != NULL)
                call_send_progress(call, params, progress_pass(&call->progress, theirs));
}

static json_t *server_info(void)
{
        return json_pack("{s:s, s:s, s:s}", "name", "mgw", "title", "mgw, the MCP gateway",
                         "version", MGW_VERSION);
}

/* What we offer ourselves, and what the upstream offers over it. */
static json_t *capabilities(const json_t *hello)
{
        json_t *ours = json_pack("{s:{s:b}, s:{}}", "tools", "listChanged", 1, "logging");

        json_object_update_missing(ours, json_object_get(hello, "capabilities"));
        return ours;
}

static void call_answer_initialize(struct call *call)
{
        struct session *s = call->session;
        const json_t *hello = link_hello(s->link);
        json_t *result =
                json_pack("{s:s, s:o, s:o}", "protocolVersion", era_revision_name(s->revision),
                          "capabilities", capabilities(hello), "serverInfo", server_info());
        json_t *instructions = json_object_get(hello, "instructions");

        if (instructions != NULL)
                json_object_set(result, "instructions", instructions);
        s->is_initialized = true;
        call_succeed_take(call, result);
}

void call_on_link_settled(struct session *session)
{
        list_for_each_safe (it, &session->calls) {
                struct call *call = container_of(it, struct call, link);

                if (call->method->class == METHOD_INITIALIZE)
                        call_answer_initialize(call);
        }
}

/* A string of the params. NULL: there is none, or a NUL is in it, where C would cut it into another
 * name. */
static const char *call_text(const struct call *call, const char *key)
{
        const json_t *string = json_object_get(call->params, key);
        const char *text = json_string_value(string);

        return text != NULL && strlen(text) == json_string_length(string) ? text : NULL;
}

static void call_initialize(struct call *call)
{
        struct session *s = call->session;
        const char *asked = call_text(call, "protocolVersion");

        if (s->is_initialized || s->link != NULL) {
                call_fail(call, RPC_INVALID_REQUEST, "this session is initialized already");
                return;
        }
        if (asked == NULL) {
                call_fail(call, RPC_INVALID_PARAMS, "params.protocolVersion must be a string");
                return;
        }
        s->revision = era_negotiate(str_from(asked));
        if (s->gate->upstream == NULL ||
            link_open(s->gate->upstream, s, call->params, &s->link) < 0)
                call_answer_initialize(call);
}

/* To the upstream, if it is there and says that it can do this. */
static bool call_relay_take(struct call *call, json_t *params)
{
        struct link *link = call->session->link;
        const json_t *hello = link_hello(link);
        const char *capability = call->method->capability;

        if (link == NULL ||
            (hello != NULL && capability != NULL &&
             json_object_get(json_object_get(hello, "capabilities"), capability) == NULL)) {
                json_decref(params);
                return false;
        }
        link_call_take(link, call, params);
        return true;
}

static json_t *copy_params(const struct call *call)
{
        return call->params != NULL ? json_copy(call->params) : json_object();
}

static void call_list(struct call *call)
{
        if (!call_relay_take(call, copy_params(call)))
                call_succeed_take(call, json_pack("{s:[]}", call->method->list_key));
}

static void call_by_name(struct call *call)
{
        const char *name = call_text(call, "name");
        const struct upstream *upstream = call->session->gate->upstream;
        const char *theirs;

        if (name == NULL) {
                call_fail(call, RPC_INVALID_PARAMS, "params.name must be a string without NUL");
                return;
        }
        if (strcmp(call->method->name, "tools/call") == 0 &&
            builtin_call(call, name, json_object_get(call->params, "arguments")))
                return;
        theirs = upstream != NULL ? names_strip_prefix(name, upstream_name(upstream)) : NULL;
        json_t *params = copy_params(call);
        json_object_set_new(params, "name", json_string(theirs != NULL ? theirs : ""));
        if (theirs == NULL) {
                json_decref(params);
                call_fail(call, RPC_INVALID_PARAMS, "%s: unknown name: %s", call->method->name,
                          name);
        } else if (!call_relay_take(call, params)) {
                call_fail(call, RPC_INVALID_PARAMS, "%s: the server does not offer this: %s",
                          call->method->name, name);
        }
}

static void call_by_uri(struct call *call)
{
        const char *uri = call_text(call, "uri");

        if (uri == NULL)
                call_fail(call, RPC_INVALID_PARAMS, "params.uri must be a string without NUL");
        else if (!call_relay_take(call, copy_params(call)))
                call_fail(call, RPC_RESOURCE_NOT_FOUND, "no such resource: %s", uri);
}

static void call_complete(struct call *call)
{
        json_t *params = json_deep_copy(call->params);
        json_t *ref = json_object_get(params, "ref");
        const char *name = json_string_value(json_object_get(ref, "name"));
        const struct upstream *upstream = call->session->gate->upstream;
        const char *theirs = name != NULL && upstream != NULL
                                     ? names_strip_prefix(name, upstream_name(upstream))
                                     : NULL;

        if (theirs != NULL)
                json_object_set_new(ref, "name", json_string(theirs));
        if (!call_relay_take(call, params))
                call_fail(call, RPC_METHOD_NOT_FOUND, "no server here offers completion");
}

static void call_set_level(struct call *call)
{
        const char *name = call_text(call, "level");
        int level = name != NULL ? method_log_level(name) : -1;

        if (level < 0) {
                call_fail(call, RPC_INVALID_PARAMS, "params.level must be a level of RFC 5424");
                return;
        }
        call->session->log_level = (int8_t)level;
        if (!call_relay_take(call, copy_params(call)))
                call_succeed_take(call, json_object());
}

static void call_dispatch(struct call *call)
{
        switch (call->method->class) {
        case METHOD_INITIALIZE:
                call_initialize(call);
                break;
        case METHOD_PING:
                call_succeed_take(call, json_object());
                break;
        case METHOD_LIST:
                call_list(call);
                break;
        case METHOD_BY_NAME:
                call_by_name(call);
                break;
        case METHOD_BY_URI:
                call_by_uri(call);
                break;
        case METHOD_COMPLETE:
                call_complete(call);
                break;
        case METHOD_SET_LEVEL:
                call_set_level(call);
                break;
        default:
                call_fail(call, RPC_METHOD_NOT_FOUND, "unknown method: %s", call->method->name);
        }
}

void call_start(struct session *session, struct post *post, const struct rpc_msg *msg)
{
        struct gate *gate = session->gate;
        struct call *call = calloc(1, sizeof(*call));

        if (call == NULL) {
                if (post != NULL)
                        post_answer(post, NULL);
                return;
        }
        call->session = session;
        call->post = post;
        call->method = method_find(msg->method);
        call->id = json_incref(msg->id);
        call->params = json_incref(msg->params);
        call->progress_token = json_incref(
                json_object_get(json_object_get(msg->params, "_meta"), "progressToken"));
        call->beat.on_due = call_on_beat;
        list_append(&session->calls, &call->link);
        session->n_calls++;
        gate->stats.n_calls++;
        gate->stats.calls++;
        session_touch(session);
        call_watch_silence(call);
        if (call->method->class == METHOD_UNKNOWN)
                call_fail(call, RPC_METHOD_NOT_FOUND, "unknown method: %s", msg->method);
        else
                call_dispatch(call);
}

/* Requests are answered here (ping, the level of the log), from what all upstreams say
 * (initialize, lists), by the built-in tools, or by the upstream that has what they ask for. */
#include "mgw/session/call_start.h"

#include "mgw/config/config.h"
#include "mgw/core/share.h"
#include "mgw/observe/audit.h"
#include "mgw/session/access.h"
#include "mgw/session/builtin.h"
#include "mgw/session/call_admit.h"
#include "mgw/session/call_observe.h"
#include "mgw/session/call_stateless.h"
#include "mgw/session/call_upstream.h"
#include "mgw/session/handshake.h"
#include "mgw/session/listing.h"
#include "mgw/session/post_response.h"
#include "mgw/session/subscription.h"
#include "mgw/session/task.h"
#include "mgw/wire/json_raw.h"
#include "mgw/wire/rpc_glance.h"

#include <string.h>

#define TOKEN_MAX_BYTES 1024
/* What names a thing is looked for in lists, held against templates and rules, and counted by. */
#define NAME_MAX_BYTES 1024

static void call_dispatch(struct call *call);

static json_t *copy_params(const struct call *call)
{
        return call->params != NULL ? json_copy(call->params) : json_object();
}

/* params with the member that names the thing as its owner knows it. The tasks of 2025-11-25 are
 * declared to nobody: who asks for one gets the answer itself. */
static json_t *params_for_owner(const struct call *call, const char *key, const char *theirs)
{
        json_t *params;

        if (json_is_raw(call->params))
                return rpc_call_renamed(call->params, theirs);
        params = copy_params(call);
        json_object_del(params, "task");
        json_object_set_new(params, key, json_string(theirs));
        return params;
}

static bool is_tool_call(const struct call *call)
{
        return call->method->class == METHOD_BY_NAME &&
               strcmp(call->method->name, "tools/call") == 0;
}

/* What is denied is told as what is not there. */
static void call_note_denied(struct call *call, bool is_denied)
{
        if (is_denied)
                call->error_outcome = CALL_OUTCOME_DENIED;
}

static void call_fail_unknown_name(struct call *call)
{
        call_fail(call, RPC_INVALID_PARAMS, "%s: unknown name: %s", call->method->name, call->name);
}

static void call_to_builtin(struct call *call)
{
        struct policy_verdict verdict =
                access_to_builtin(session_context(call->session), call->identity, call->name);

        call->is_listed = true;
        call_note_denied(call, verdict.outcome == POLICY_DENIED);
        if (verdict.outcome == POLICY_DENIED)
                call_fail_unknown_name(call);
        else if (call_admit(call, verdict))
                builtin_call(call);
}

static bool is_builtin(const struct call *call)
{
        return is_tool_call(call) && session_context(call->session)->config->has_builtin_tools &&
               builtin_is_one(call->name);
}

static struct listing_owner owner_of_name(const struct call *call)
{
        bool is_tool = is_tool_call(call);
        struct listing_owner owner =
                listing_owner_of_name(call, is_tool ? LIST_TOOLS : LIST_PROMPTS, call->name);

        if (is_tool && call_is_stateless(call) && !call_stateless_knows_tool(&owner))
                owner.is_certain = false;
        return owner;
}

/* Here, or to another session of late. */
static bool is_listed(const struct listing_owner *owner)
{
        return owner->is_listed ||
               (owner->us != NULL &&
                upstream_has_listed(owner->us->upstream, owner->list, owner->theirs));
}

static void call_by_name(struct call *call)
{
        bool is_tool = is_tool_call(call);
        struct listing_owner owner;

        if (call->name == NULL) {
                call_fail(call, RPC_INVALID_PARAMS, "params.name must be a string without NUL");
                return;
        }
        if (is_builtin(call)) {
                call_to_builtin(call);
                return;
        }
        owner = owner_of_name(call);
        if (listing_learn(call, &owner, call_dispatch))
                return;
        call->is_listed = is_listed(&owner);
        call_note_denied(call, owner.is_denied);
        if (owner.us != NULL && !call_admit(call, owner.verdict))
                return;
        if (is_tool && call_is_stateless(call) && !call_stateless_check_tool(call, &owner))
                return;
        if (owner.us == NULL) {
                call_fail_unknown_name(call);
        } else if (!upstream_session_can(owner.us, call->method->capability)) {
                call_fail(call, RPC_INVALID_PARAMS, "%s: the server does not offer this: %s",
                          call->method->name, call->name);
        } else {
                call->request.may_repeat =
                        !is_tool || listing_tool_may_repeat(owner.us, owner.theirs);
                call_upstream_take(call, owner.us, params_for_owner(call, "name", owner.theirs));
        }
}

static void call_by_uri(struct call *call)
{
        const char *uri = rpc_text(call->params, "uri");
        struct listing_owner owner;

        if (uri == NULL) {
                call_fail(call, RPC_INVALID_PARAMS, "params.uri must be a string without NUL");
                return;
        }
        owner = listing_owner_of_uri(call, uri);
        if (listing_learn(call, &owner, call_dispatch))
                return;
        call_note_denied(call, owner.is_denied);
        if (owner.us == NULL) {
                call_fail(call, RPC_RESOURCE_NOT_FOUND, "no such resource: %s", uri);
                return;
        }
        if (!call_admit(call, owner.verdict))
                return;
        call->request.may_repeat = true;
        call_upstream_take(call, owner.us, params_for_owner(call, "uri", owner.theirs));
}

static void call_by_task(struct call *call)
{
        const char *id = rpc_text(call->params, "taskId");
        struct task_owner owner;

        if (!task_check_client(call))
                return;
        if (id == NULL) {
                call_fail(call, RPC_INVALID_PARAMS, "params.taskId must be a string without NUL");
                return;
        }
        owner = task_owner(call, id);
        if (owner.us == NULL) {
                call_fail(call, RPC_INVALID_PARAMS, "no such task, or none of yours");
                return;
        }
        call->request.may_repeat = true;
        call_upstream_take(call, owner.us, params_for_owner(call, "taskId", owner.theirs));
}

/* What a completion is asked for: a prompt, or the template of a resource; not both. */
static struct listing_owner owner_of_ref(const struct call *call, const char **keyp)
{
        const json_t *ref = json_object_get(call->params, "ref");
        const char *name = rpc_text(ref, "name"), *uri = rpc_text(ref, "uri");

        *keyp = name != NULL ? "name" : "uri";
        if (name != NULL)
                return listing_owner_of_name(call, LIST_PROMPTS, name);
        return uri != NULL ? listing_owner_of_uri(call, uri)
                           : (struct listing_owner){.is_certain = true};
}

static void call_complete(struct call *call)
{
        const char *key;
        struct listing_owner owner = owner_of_ref(call, &key);
        json_t *copy, *params;

        if (listing_learn(call, &owner, call_dispatch))
                return;
        call_note_denied(call, owner.is_denied);
        if (owner.us == NULL || !upstream_session_can(owner.us, call->method->capability)) {
                call_fail(call, RPC_INVALID_PARAMS, "no server here completes this");
                return;
        }
        if (!call_admit(call, owner.verdict))
                return;
        copy = json_copy(json_object_get(call->params, "ref"));
        json_object_del(copy, strcmp(key, "name") == 0 ? "uri" : "name");
        json_object_set_new(copy, key, json_string(owner.theirs));
        params = copy_params(call);
        json_object_set_new(params, "ref", copy);
        call->request.may_repeat = true;
        call_upstream_take(call, owner.us, params);
}

/* Kept for upstreams that open later. */
static void call_set_level(struct call *call)
{
        struct session *s = call->session;
        int level = method_log_level(rpc_text(call->params, "level"));

        if (level < 0) {
                call_fail(call, RPC_INVALID_PARAMS, "params.level must be a level of RFC 5424");
                return;
        }
        s->client.log_level = (int16_t)level;
        for (size_t i = 0; i < session_context(s)->n_upstreams; i++) {
                struct upstream_session *us = access_upstream_session(s, call->identity, i);

                if (us != NULL && upstream_session_can(us, call->method->capability))
                        upstream_session_request_take(us, call->method->name, copy_params(call));
        }
        call_succeed_take(call, json_object());
}

static void call_dispatch(struct call *call)
{
        call_set_state(call, CALL_STATE_ROUTING);
        switch (call->method->class) {
        case METHOD_INITIALIZE:
                handshake_initialize(call);
                break;
        case METHOD_DISCOVER:
                handshake_discover(call);
                break;
        case METHOD_LISTEN:
                subscription_start(call);
                break;
        case METHOD_PING:
                call_succeed_take(call, json_object());
                break;
        case METHOD_LIST:
                listing_start(call);
                break;
        case METHOD_BY_NAME:
                call_by_name(call);
                break;
        case METHOD_BY_URI:
                call_by_uri(call);
                break;
        case METHOD_BY_TASK:
                call_by_task(call);
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

/* Those of the other era are not known to this client's. */
static bool call_is_known(const struct call *call)
{
        return call_is_stateless(call) ? call->method->is_stateless : call->method->is_session;
}

/* Ids and progress tokens are copied into each message about the call. */
static bool is_over(const json_t *text, size_t max_bytes)
{
        return json_string_length(text) > max_bytes;
}

/* Refused as request_body_json() refuses what has not been read yet. */
static void call_refuse_memory(struct call *call, const char *method, int outcome)
{
        bool is_users = outcome == LEDGER_E_PAYER;

        if (call->post != NULL && !call->post->is_batch)
                call->post->status = is_users ? 429 : 503;
        call_fail(call, CALL_E_BUSY, "%s: %s", method,
                  is_users ? "what this user has asked for takes as much memory as one may have "
                             "(memory_per_user_max_bytes)"
                           : "the gateway has no memory for new work now (memory_max_bytes)");
}

static void call_refuse_audit(struct call *call, const char *method, int outcome)
{
        bool is_users = outcome == AUDIT_E_USER;

        if (call->post != NULL && !call->post->is_batch)
                call->post->status = is_users ? 429 : 503;
        call_fail(call, CALL_E_BUSY,
                  is_users ? "%s: too much of what this user asks for waits to be written into the "
                             "audit"
                           : "%s: the gateway cannot write its audit, and does nothing without it",
                  method);
}

/* NULL, or what is too long in it. */
static const char *long_name(const struct call *call)
{
        const json_t *ref = json_object_get(call->params, "ref");

        switch (call->method->class) {
        case METHOD_BY_NAME:
                return call->name != NULL && strlen(call->name) > NAME_MAX_BYTES ? "name" : NULL;
        case METHOD_BY_URI:
                return is_over(json_object_get(call->params, "uri"), CALL_URI_MAX_BYTES) ? "uri"
                                                                                         : NULL;
        case METHOD_BY_TASK:
                return is_over(json_object_get(call->params, "taskId"), CALL_URI_MAX_BYTES)
                               ? "taskId"
                               : NULL;
        case METHOD_COMPLETE:
                return is_over(json_object_get(ref, "name"), NAME_MAX_BYTES) ||
                                       is_over(json_object_get(ref, "uri"), CALL_URI_MAX_BYTES)
                               ? "ref"
                               : NULL;
        default:
                return NULL;
        }
}

static void call_begin(struct call *call, const char *method)
{
        int audit = call_observe_begin(call), r = call_count_bytes(call);

        if (audit != 0)
                call_refuse_audit(call, method, audit);
        else if (r != 0)
                call_refuse_memory(call, method, r);
        else if (is_over(call->progress_token, TOKEN_MAX_BYTES))
                call_fail(call, RPC_INVALID_PARAMS,
                          "params._meta.progressToken: more than %d bytes", TOKEN_MAX_BYTES);
        else if (!call_is_known(call))
                call_fail(call, RPC_METHOD_NOT_FOUND, "unknown method: %s", method);
        else if (long_name(call) != NULL)
                call_fail(call, RPC_INVALID_PARAMS, "params.%s: too long", long_name(call));
        else
                call_dispatch(call);
}

static bool is_allowed(struct listing_owner owner)
{
        return owner.us != NULL && owner.verdict.outcome == POLICY_ALLOWED;
}

/* Walks what the server lists, once more. */
bool call_may_go_on(const struct call *call)
{
        const char *key, *uri = rpc_text(call->params, "uri");

        if (session_context(call->session)->policy == NULL)
                return true;
        switch (call->method->class) {
        case METHOD_BY_NAME:
                return is_allowed(owner_of_name(call));
        case METHOD_BY_URI:
                return uri != NULL && is_allowed(listing_owner_of_uri(call, uri));
        case METHOD_COMPLETE:
                return is_allowed(owner_of_ref(call, &key));
        case METHOD_BY_TASK:
                return task_owner(call, rpc_text(call->params, "taskId")).us != NULL;
        default:
                return true;
        }
}

void call_start(struct session *session, struct share *share, struct post_response *post,
                const struct rpc_msg *msg)
{
        struct call *call = call_create(session, share, post, msg);

        call->upstream_call.events = &call_upstream_events;
        call->again = call_dispatch;
        if (call_is_stateless(call))
                call_stateless_set_log_level(call);
        call_begin(call, msg->method);
}

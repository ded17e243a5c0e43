/* A link to a server that keeps no session (era C): each request says who asks, nothing but
 * requests goes there, and answers are made what the client knows. */
#include "link_detour.h"
#include "listen.h"
#include "mgw/base/log.h"
#include "mgw/gate/call.h"
#include "mgw/gate/listing.h"
#include "mgw/mcp/bridge.h"
#include "mgw/mcp/envelope.h"
#include "mgw/mcp/era.h"

#include <errno.h>
#include <string.h>

/* Does the client that this is for speak that era itself? */
static bool is_of_stateless_client(const struct exchange *x)
{
        const struct call *call = exchange_call(x);

        return call != NULL && call->session->kind == SESSION_STANDING;
}

const char *link_stateless_version(const struct link *link)
{
        const char *version = link->state == LINK_READY ? link_version(link) : NULL;

        return version != NULL ? version : era_stateless_newest();
}

const json_t *link_init_params(const struct link *link, const struct call *call)
{
        struct link *const *links = call != NULL ? call->session->links : NULL;

        return links != NULL ? links[link->upstream->index]->init_params : link->init_params;
}

/* A request's params for a server without sessions. */
static json_t *wrapped_params(const struct exchange *x)
{
        const struct link *link = x->owner;
        const struct call *call = exchange_call(x);
        int log_level = call != NULL ? call->session->log_level : link->session->log_level;
        const json_t *params = json_object_get(x->msg, "params");
        const char *version = link_stateless_version(link);

        if (is_of_stateless_client(x))
                return envelope_wrap_own(params, version);
        return envelope_wrap(params, version, link_init_params(link, call),
                             log_level >= 0 ? method_log_level_name(log_level) : NULL);
}

/* The message as it goes out, a new reference; NULL: out of memory. */
static json_t *exchange_message(const struct exchange *x)
{
        bool is_wrapped = x->owner->is_stateless && x->kind != EXCHANGE_SEND &&
                          x->kind != EXCHANGE_INITIALIZE;
        json_t *params, *msg;

        if (!is_wrapped && !is_of_stateless_client(x))
                return json_incref(x->msg);
        params = is_wrapped ? wrapped_params(x) : bridge_strip(json_object_get(x->msg, "params"));
        msg = params != NULL ? json_copy(x->msg) : NULL;
        if (msg == NULL) {
                json_decref(params);
                return NULL;
        }
        json_object_set_new(msg, "params", params);
        return msg;
}

int exchange_dump(const struct exchange *x, struct str *text)
{
        json_t *msg = exchange_message(x);
        int r = msg != NULL ? rpc_dump(msg, text) : -ENOMEM;

        json_decref(msg);
        return r;
}

const json_t *link_input_schema(const struct exchange *x)
{
        const char *method = json_string_value(json_object_get(x->msg, "method"));
        const char *name =
                json_string_value(json_object_get(json_object_get(x->msg, "params"), "name"));

        if (strcmp(method, "tools/call") != 0 || name == NULL)
                return NULL;
        return json_object_get(listing_find_tool(x->owner, name), "inputSchema");
}

bool link_answers_itself(struct exchange *x)
{
        const char *method = json_string_value(json_object_get(x->msg, "method"));
        const char *uri =
                json_string_value(json_object_get(json_object_get(x->msg, "params"), "uri"));
        bool subscribes = strcmp(method, "resources/subscribe") == 0 && uri != NULL;
        bool unsubscribes = strcmp(method, "resources/unsubscribe") == 0 && uri != NULL;

        if (subscribes)
                listen_subscribe(x);
        if (unsubscribes) {
                json_object_del(x->owner->subscribed, uri);
                listen_check(x->owner);
        }
        if (unsubscribes || strcmp(method, "logging/setLevel") == 0)
                exchange_answer_take(x,
                                     rpc_result_take(json_object_get(x->msg, "id"), json_object()));
        return subscribes || unsubscribes || strcmp(method, "logging/setLevel") == 0;
}

/* There is no way to tell such a server anything but that a request on a pipe is cancelled. */
bool link_takes_notification(const struct link *link, const json_t *msg)
{
        const char *method = json_string_value(json_object_get(msg, "method"));

        return !link->is_stateless || (!link->transport->has_headers && method != NULL &&
                                       strcmp(method, "notifications/cancelled") == 0);
}

/* May its answer be that input is needed (basic patterns, "Supported Requests")? */
static bool may_need_input(const char *method)
{
        return strcmp(method, "tools/call") == 0 || strcmp(method, "prompts/get") == 0 ||
               strcmp(method, "resources/read") == 0;
}

bool link_goes_on(struct exchange *x, const struct rpc_msg *m)
{
        const char *method = json_string_value(json_object_get(x->msg, "method"));
        json_int_t code = json_integer_value(json_object_get(m->error, "code"));

        if (m->kind == RPC_RESULT && exchange_call(x) != NULL && !is_of_stateless_client(x) &&
            may_need_input(method) && envelope_type_of(m->result) == ENVELOPE_INPUT_REQUIRED) {
                rounds_go_on(x, m->result);
                return true;
        }
        if (code == RPC_HEADER_MISMATCH && x->refetch == NULL && x->errand != NULL &&
            x->owner->transport->has_headers && strcmp(method, "tools/call") == 0) {
                refetch_start(x);
                return true;
        }
        return false;
}

static json_t *bad_answer_take(struct exchange *x, const char *why)
{
        if (upstream_may_log(x->owner->upstream))
                log_warn(NULL, "[upstream] %s: %s", upstream_name(x->owner->upstream), why);
        return rpc_error_take(json_object_get(x->msg, "id"), RPC_INTERNAL_ERROR, why, NULL);
}

json_t *link_bridge_answer(struct exchange *x, const struct rpc_msg *m)
{
        const char *method = json_string_value(json_object_get(x->msg, "method"));

        if (is_of_stateless_client(x))
                return json_incref(m->root);
        if (m->kind == RPC_RESULT && envelope_type_of(m->result) == ENVELOPE_UNKNOWN)
                return bad_answer_take(x, "its answer is of a resultType that is not known");
        if (m->kind == RPC_RESULT && envelope_type_of(m->result) == ENVELOPE_INPUT_REQUIRED)
                return bad_answer_take(x, "it asks for input where it may not");
        return exchange_call(x) != NULL ? envelope_unwrap(method, m->root) : json_incref(m->root);
}

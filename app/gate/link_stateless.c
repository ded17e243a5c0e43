/* A link to a server that keeps no session (era C): each request says who asks, nothing but
 * requests goes there, and answers are made what the client knows. */
#include "listen.h"
#include "mgw/base/log.h"
#include "mgw/gate/call.h"
#include "mgw/gate/listing.h"
#include "mgw/mcp/bridge.h"
#include "mgw/mcp/era.h"
#include "refetch.h"
#include "rounds.h"

#include <errno.h>
#include <string.h>

/* Does the client that this is for speak that era itself? */
static bool is_of_stateless_client(const struct exchange *x)
{
        const struct call *call = exchange_call(x);

        return call != NULL && call_is_stateless(call);
}

static era_revision exchange_stateless_revision(const struct exchange *x)
{
        era_revision revision;

        return era_revision_find(str_from(exchange_version(x)), &revision) == 0
                       ? revision
                       : era_newest_stateless();
}

const char *exchange_stateless_version(const struct exchange *x)
{
        return era_revision_name(exchange_stateless_revision(x));
}

bool link_is_of_stateless(const struct link *link)
{
        era_revision revision;

        return era_revision_find(str_from(link_version(link)), &revision) == 0 &&
               era_is_stateless(revision);
}

const json_t *link_init_params(const struct link *link, const struct call *call)
{
        struct link *const *links = call != NULL ? call->session->links : NULL;

        return links != NULL ? links[link->upstream->index]->init_params : link->init_params;
}

/* Who asks, in each request: the client that speaks that era itself has said it in its _meta. */
static int wrap(const struct exchange *x, json_t *params)
{
        const struct link *link = x->owner;
        const struct call *call = exchange_call(x);
        const json_t *said = link_init_params(link, call);
        era_revision revision = exchange_stateless_revision(x);
        int level = call != NULL ? call->session->log_level : link->session->log_level;
        json_t *capabilities, *info;
        int r;

        if (is_of_stateless_client(x)) {
                capabilities = bridge_capabilities_along(bridge_client_capabilities(params));
                info = bridge_client_info(params);
                level = bridge_log_level(params);
        } else if (listen_has_tasks(x)) {
                capabilities = bridge_tasks_capability();
                info = json_object_get(said, "clientInfo");
        } else {
                capabilities = bridge_capabilities_across(json_object_get(said, "capabilities"));
                info = json_object_get(said, "clientInfo");
        }
        r = bridge_set_meta(params, revision, info, capabilities, level);
        json_decref(capabilities);
        return r;
}

/* The message as it goes out, a new reference; NULL: out of memory. What it carries for a server
 * without sessions, from its client or from rounds, is nothing for one that has come back with
 * them. */
static json_t *exchange_message(const struct exchange *x)
{
        const json_t *params = exchange_params(x);
        bool is_wrapped = x->is_stateless && exchange_is_request(x);
        json_t *msg, *own;

        if (!is_wrapped && !is_of_stateless_client(x) && x->rounds == NULL)
                return json_incref(x->msg);
        if (is_wrapped)
                own = params != NULL ? json_copy((json_t *)params) : json_object();
        else
                own = bridge_strip(params);
        msg = json_copy(x->msg);
        if (json_object_set_new(msg, "params", own) == 0 && (!is_wrapped || wrap(x, own) == 0))
                return msg;
        json_decref(msg);
        return NULL;
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
        const char *name = json_string_value(json_object_get(exchange_params(x), "name"));

        if (!exchange_is_request(x) || name == NULL ||
            strcmp(exchange_method(x), "tools/call") != 0)
                return NULL;
        return json_object_get(listing_find_tool(x->owner, name), "inputSchema");
}

bool link_answers_itself(struct exchange *x)
{
        const char *method = exchange_method(x);
        const struct watched *kind;
        bool subscribes;
        const char *name = watched_name(x->msg, &kind, &subscribes);
        bool is_level = strcmp(method, "logging/setLevel") == 0;

        if (name != NULL && subscribes) {
                listen_subscribe(x, kind, name);
                return true;
        }
        if (name != NULL)
                listen_unsubscribe(x->owner, kind, name);
        if (name != NULL || is_level)
                exchange_answer_take(x, rpc_result_take(exchange_msg_id(x), json_object()));
        return name != NULL || is_level;
}

/* There is no way to tell such a server anything but that a request on a pipe is cancelled. */
bool link_takes_notification(const struct link *link, const json_t *msg)
{
        const char *method = json_string_value(json_object_get(msg, "method"));

        return !link->is_stateless || (!link->transport->has_headers && method != NULL &&
                                       strcmp(method, "notifications/cancelled") == 0);
}

bool link_goes_on(struct exchange *x, const struct rpc_msg *m)
{
        const char *method = exchange_method(x);
        json_int_t code = json_integer_value(json_object_get(m->error, "code"));

        if (m->kind == RPC_RESULT && exchange_call(x) != NULL && !is_of_stateless_client(x) &&
            method_find(method)->may_ask && bridge_is_input_required(m->result)) {
                rounds_go_on(x, m->result);
                return true;
        }
        if (code == RPC_HEADER_MISMATCH && x->refetch == NULL && x->errand != NULL &&
            x->owner->transport->has_headers && strcmp(method, "tools/call") == 0) {
                refetch_start(x);
                return true;
        }
        if (code == RPC_UNSUPPORTED_VERSION && !x->was_retried) {
                link_doubt(x);
                return true;
        }
        return false;
}

static json_t *bad_answer_take(struct exchange *x, const char *why)
{
        if (upstream_may_log(x->owner->upstream))
                log_warn(NULL, "[upstream] %s: %s", upstream_name(x->owner->upstream), why);
        return rpc_error_take(exchange_msg_id(x), RPC_INTERNAL_ERROR, why, NULL);
}

/* The client is asked by the answer itself: in our name, so by the rules. */
static json_t *answer_that_asks(struct exchange *x, const struct rpc_msg *m)
{
        const json_t *params = exchange_params(x);
        const char *method = exchange_method(x);
        const char *why = "it asks for input where it may not";
        json_t *lacking;

        if (!method_find(method)->may_ask || bridge_check_input_required(m->result, &why) != 0)
                return bad_answer_take(x, why);
        lacking = bridge_lacking_capabilities(m->result, bridge_client_capabilities(params));
        if (lacking == NULL)
                return json_incref(m->root);
        return rpc_error_take(exchange_msg_id(x), RPC_MISSING_CAPABILITY, rounds_lack_input,
                              json_pack("{s:o}", "requiredCapabilities", lacking));
}

json_t *link_bridge_answer(struct exchange *x, const struct rpc_msg *m)
{
        const struct call *call = exchange_call(x);
        bool asks = m->kind == RPC_RESULT && bridge_is_input_required(m->result);
        json_t *answer;

        if (is_of_stateless_client(x))
                return asks ? answer_that_asks(x, m) : json_incref(m->root);
        if (m->kind == RPC_RESULT && !bridge_is_known(m->result))
                return bad_answer_take(x, "its answer is of a resultType that is not known");
        if (asks)
                return bad_answer_take(x, "it asks for input where it may not");
        if (call == NULL)
                return json_incref(m->root);
        answer = json_copy(m->root);
        if (bridge_finish_session(call->session->revision, exchange_method(x), answer, true) == 0)
                return answer;
        json_decref(answer);
        return NULL;
}

/* ---- is it stateless still? ---- */

void link_doubt(struct exchange *x)
{
        if (!exchange_is_outlived(x))
                upstream_forget_eras(x->owner->upstream);
        exchange_again(x);
}

json_t *link_read_refusal(struct str text, struct rpc_msg *m)
{
        const char *fault;
        char why[160];
        json_t *root;

        if (rpc_parse(text, NULL, &root, why, sizeof(why)) != 0)
                return NULL;
        if (rpc_msg_mend(root, m, &fault) == 0 && m->kind == RPC_ERROR)
                return root;
        json_decref(root);
        return NULL;
}

bool link_is_answer(const struct exchange *x, struct str text)
{
        struct rpc_msg m;
        json_t *root = link_read_refusal(text, &m);
        bool is_answer = root != NULL &&
                         (exchange_find(x->owner, m.id) == x || bridge_is_stateless_error(m.error));

        json_decref(root);
        return is_answer;
}

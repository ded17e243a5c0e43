/* An upstream session to a server that keeps no session (the stateless era): nothing but requests
 * goes there, and answers are made what the client knows. */
#include "header_retry.h"
#include "mgw/base/log.h"
#include "mgw/mcp/bridge.h"
#include "mgw/mcp/era.h"
#include "mrtr.h"
#include "upstream_listen.h"

#include <string.h>

bool upstream_session_is_of_stateless(const struct upstream_session *us)
{
        era_revision revision;

        return era_revision_find(str_from(upstream_session_version(us)), &revision) == 0 &&
               era_is_stateless(revision);
}

const json_t *upstream_session_init_params(const struct upstream_session *us,
                                           const struct upstream_call *call)
{
        struct upstream_session *const *upstream_sessions =
                call != NULL ? call->client->upstream_sessions : NULL;

        return upstream_sessions != NULL ? upstream_sessions[us->upstream->index]->init_params
                                         : us->init_params;
}

const json_t *upstream_session_input_schema(const struct pending_request *pending)
{
        const char *name =
                json_string_value(json_object_get(pending_request_params(pending), "name"));

        if (!pending_request_is_request(pending) || name == NULL ||
            strcmp(pending_request_method(pending), "tools/call") != 0)
                return NULL;
        return json_object_get(upstream_list_find(pending->owner->lists[LIST_TOOLS].of, name),
                               "inputSchema");
}

bool upstream_session_answers_itself(struct pending_request *pending)
{
        const char *method = pending_request_method(pending);
        const struct subscription_kind *kind;
        bool subscribes;
        const char *name = subscription_kind_name(pending->msg, &kind, &subscribes);
        bool is_level = strcmp(method, "logging/setLevel") == 0;

        if (name != NULL && subscribes) {
                upstream_listen_subscribe(pending, kind, name);
                return true;
        }
        if (name != NULL)
                upstream_listen_unsubscribe(pending->owner, kind, name);
        if (name != NULL || is_level)
                pending_request_answer_take(
                        pending, rpc_result_take(pending_request_msg_id(pending), json_object()));
        return name != NULL || is_level;
}

/* There is no way to tell such a server anything but that a request on a pipe is cancelled. */
bool upstream_session_takes_notification(const struct upstream_session *us, const json_t *msg)
{
        const char *method = json_string_value(json_object_get(msg, "method"));

        return !us->is_stateless || (!us->transport->has_headers && method != NULL &&
                                     strcmp(method, "notifications/cancelled") == 0);
}

bool upstream_session_goes_on(struct pending_request *pending, const struct rpc_msg *m)
{
        const char *method = pending_request_method(pending);
        json_int_t code = json_integer_value(json_object_get(m->error, "code"));

        if (m->kind == RPC_RESULT && pending_request_call(pending) != NULL &&
            !pending_request_is_of_stateless(pending) && method_find(method)->may_ask &&
            bridge_is_input_required(m->result)) {
                mrtr_go_on(pending, m->result);
                return true;
        }
        if (code == RPC_HEADER_MISMATCH && pending->header_retry == NULL &&
            pending->request != NULL && pending->owner->transport->has_headers &&
            strcmp(method, "tools/call") == 0) {
                header_retry_start(pending);
                return true;
        }
        if (code == RPC_UNSUPPORTED_VERSION && !pending->was_retried) {
                upstream_session_doubt(pending);
                return true;
        }
        return false;
}

static json_t *bad_answer_take(struct pending_request *pending, const char *why)
{
        if (upstream_may_log(pending->owner->upstream))
                log_warn(NULL, "[upstream] %s: %s", upstream_name(pending->owner->upstream), why);
        return rpc_error_take(pending_request_msg_id(pending), RPC_INTERNAL_ERROR, why, NULL);
}

/* The client is asked by the answer itself: in our name, so by the rules. */
static json_t *answer_that_asks(struct pending_request *pending, const struct rpc_msg *m)
{
        const json_t *params = pending_request_params(pending);
        const char *method = pending_request_method(pending);
        const char *why = "it asks for input where it may not";
        json_t *lacking;

        if (!method_find(method)->may_ask || bridge_check_input_required(m->result, &why) != 0)
                return bad_answer_take(pending, why);
        lacking = bridge_lacking_capabilities(m->result, bridge_client_capabilities(params));
        if (lacking == NULL)
                return json_incref(m->root);
        return rpc_error_take(pending_request_msg_id(pending), RPC_MISSING_CAPABILITY,
                              mrtr_lack_input, json_pack("{s:o}", "requiredCapabilities", lacking));
}

json_t *upstream_session_bridge_answer(struct pending_request *pending, const struct rpc_msg *m)
{
        const struct upstream_call *call = pending_request_call(pending);
        bool is_question = m->kind == RPC_RESULT && bridge_is_input_required(m->result);
        json_t *answer;

        if (pending_request_is_of_stateless(pending))
                return is_question ? answer_that_asks(pending, m) : json_incref(m->root);
        if (m->kind == RPC_RESULT && !bridge_is_known(m->result))
                return bad_answer_take(pending, "its answer is of a resultType that is not known");
        if (is_question)
                return bad_answer_take(pending, "it asks for input where it may not");
        if (call == NULL)
                return json_incref(m->root);
        answer = json_copy(m->root);
        if (bridge_finish_session(call->client->revision, pending_request_method(pending), answer,
                                  true) == 0)
                return answer;
        json_decref(answer);
        return NULL;
}

/* ---- is it stateless still? ---- */

void upstream_session_doubt(struct pending_request *pending)
{
        if (!pending_request_is_outlived(pending))
                upstream_forget_eras(pending->owner->upstream);
        pending_request_again(pending);
}

json_t *upstream_session_read_refusal(struct str text, struct rpc_msg *m)
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

bool upstream_session_is_answer(const struct pending_request *pending, struct str text)
{
        struct rpc_msg m;
        json_t *root = upstream_session_read_refusal(text, &m);
        bool is_answer = root != NULL && (pending_request_find(pending->owner, m.id) == pending ||
                                          bridge_is_stateless_error(m.error));

        json_decref(root);
        return is_answer;
}

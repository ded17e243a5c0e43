/* Who called what, and how it ended. */
#include "mgw/session/call_record.h"

#include "mgw/base/clock.h"
#include "mgw/mcp/bridge.h"

/* Of an initialize that has just come its session knows nothing yet. */
static bool is_first(const struct call *call)
{
        return call->method->class == METHOD_INITIALIZE && call->session->init_params == NULL;
}

/* A client of the stateless era says it in each request, another has said it once. */
static const json_t *client_info(const struct call *call)
{
        if (is_first(call))
                return json_object_get(call->params, "clientInfo");
        return call_is_stateless(call) ? bridge_client_info(call->params)
                                       : session_client_info(call->session);
}

static const char *revision_of(const struct call *call)
{
        const char *asked = is_first(call) ? rpc_text(call->params, "protocolVersion") : NULL;

        return asked != NULL ? era_revision_name(era_negotiate(str_from(asked)))
                             : call_revision(call);
}

static enum call_outcome outcome_of(const struct call *call, const char *why, const json_t *answer)
{
        if (answer == NULL)
                return why != NULL ? CALL_OUTCOME_CANCELLED : CALL_OUTCOME_OK;
        return json_object_get(answer, "error") != NULL ? call->error_outcome
                                                        : call_record_outcome_of(answer);
}

struct call_record call_record_begun(const struct call *call)
{
        const json_t *info = client_info(call);

        return (struct call_record){
                .identity = call->identity,
                .share = call->session->client.share,
                .client_name = rpc_text(info, "name"),
                .client_version = rpc_text(info, "version"),
                .revision = revision_of(call),
                .session_id = call_is_stateless(call) ? NULL : call->session->id,
                .id = call->id,
                .method = call->method->name,
                .name = call->name,
                .params = call->params,
                .request_id = call->request_id[0] != '\0' ? call->request_id : NULL,
                .audit = call->audit,
                .span = call->span,
        };
}

struct call_record call_record_of(const struct call *call, const char *why, const json_t *answer)
{
        const json_t *error = json_object_get(answer, "error");
        struct call_record record = call_record_begun(call);

        record.server = call->upstream != NULL ? upstream_name(call->upstream) : NULL;
        record.outcome = outcome_of(call, why, answer);
        record.code = (int)json_integer_value(json_object_get(error, "code"));
        record.is_known = call->is_listed;
        record.took_us = clock_monotonic_us() - call->started_us;
        record.began_us = clock_wall_us() - record.took_us;
        record.bytes_in = rpc_length(call->params);
        record.bytes_out = call->n_bytes_relayed + rpc_length(answer);
        return record;
}

/* The end of a call is told by call_end(). */
#include "mgw/session/call_observe.h"

#include "mgw/config/config.h"
#include "mgw/observe/audit.h"
#include "mgw/observe/span.h"
#include "mgw/session/call_record.h"
#include "mgw/session/post_response.h"

#include <stdio.h>

int call_observe_begin(struct call *call)
{
        struct context *context = session_context(call->session);
        struct call_record record = call_record_begun(call);

        call->span = span_begin(context, &record, call->post != NULL ? call->post->span : NULL,
                                call->post != NULL);
        return audit_begin(context, &record, &call->audit);
}

/* There may be more of them than lines that can wait. */
void call_observe_listening(struct call *call)
{
        struct call_record record = call_record_of(call, NULL, NULL);

        call->audit = NULL;
        audit_end(session_context(call->session), &record);
}

static const char *error_of(const json_t *answer, const char *code)
{
        if (json_object_get(answer, "error") != NULL)
                return code;
        return call_record_is_tool_error(answer) ? call_record_outcome_name(CALL_OUTCOME_TOOL_ERROR)
                                                 : NULL;
}

json_t *call_observe_upstream_take(struct call *call, json_t *params)
{
        const struct config_server *server = call->upstream->server;
        const struct span_peer peer = {.server = upstream_name(call->upstream),
                                       .is_pipe = server->kind == CONFIG_SERVER_STDIO,
                                       .url = config_server_address(server)};

        return span_upstream_begin_take(session_context(call->session), call->span, &peer, params);
}

void call_observe_answer(const struct call *call, const json_t *answer, const char *failure)
{
        const json_t *code = json_object_get(json_object_get(answer, "error"), "code");
        struct call_record record;
        char text[16];

        if (call->span == NULL)
                return;
        record = call_record_begun(call);
        record.is_known = call->is_listed;
        snprintf(text, sizeof(text), "%d", (int)json_integer_value(code));
        span_upstream_end(session_context(call->session), &record, (int)json_integer_value(code),
                          failure != NULL ? failure : error_of(answer, text));
}

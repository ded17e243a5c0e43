/* One line for a call that failed, was slow or is traced; at debug for each. Never an argument or
 * a result. */
#include "mgw/session/call_log.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"

#include "mgw/base/log.h"
#include "mgw/mcp/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define OUTCOME_SIZE 32
#define NAME_PLAIN_MAX 128

static bool has_failed(const struct call_record *record)
{
        return record->code != 0 || record->outcome == CALL_OUTCOME_TOOL_ERROR;
}

static void print_outcome(const struct call_record *record, char outcome[OUTCOME_SIZE])
{
        if (record->code != 0)
                snprintf(outcome, OUTCOME_SIZE, "error %d", record->code);
        else
                snprintf(outcome, OUTCOME_SIZE, "%s",
                         record->outcome == CALL_OUTCOME_TOOL_ERROR
                                 ? "tool error"
                                 : call_record_outcome_name(record->outcome));
}

/* As the specification would have names: nobody takes one for another part of the line. */
static bool is_plain(const char *name)
{
        size_t n =
                strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./");

        return n > 0 && n <= NAME_PLAIN_MAX && name[n] == '\0';
}

void call_log(const struct call *call, const struct call_record *record)
{
        const struct context *context = session_context(call->session);
        int64_t took_ms = record->took_us / 1000;
        const char *name = call->name;
        const char *traceparent = trace_parent(call->params);
        bool is_shown = name != NULL && is_plain(name);
        char outcome[OUTCOME_SIZE];
        bool is_worth_it = has_failed(record) || took_ms >= context->config->log_slow_ms ||
                           (traceparent != NULL && trace_is_sampled(traceparent));
        enum log_level level = is_worth_it ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;

        if (call->method->class == METHOD_LISTEN || !log_is_on(level) ||
            !share_may_log(call->share, call->session->client.user->email))
                return; /* that is a stream, which has lines of its own */
        print_outcome(record, outcome);
        log_line(level,
                 LOG_FIELDS({"upstream",
                             call->upstream != NULL ? upstream_name(call->upstream) : NULL},
                            {"traceparent", traceparent}, {"name", is_shown ? NULL : name}),
                 "[MCP] %s%s%s (%s) %" PRId64 " ms %s", call->method->name, is_shown ? " " : "",
                 is_shown ? name : "", call->session->client.user->email, took_ms, outcome);
}

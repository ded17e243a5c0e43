/* The words for how calls end. */
#include "mgw/observe/call_record.h"

const char *call_record_outcome_name(enum call_outcome outcome)
{
        static const char *const names[CALL_OUTCOME_N] = {
                [CALL_OUTCOME_OK] = "ok",           [CALL_OUTCOME_TOOL_ERROR] = "tool_error",
                [CALL_OUTCOME_ERROR] = "error",     [CALL_OUTCOME_DENIED] = "denied",
                [CALL_OUTCOME_TIMEOUT] = "timeout", [CALL_OUTCOME_CANCELLED] = "cancelled",
        };

        return names[outcome];
}

/* A result that is passed on as it came is none (wire/rpc_glance). */
bool call_record_is_tool_error(const json_t *answer)
{
        return json_is_true(json_object_get(json_object_get(answer, "result"), "isError"));
}

enum call_outcome call_record_outcome_of(const json_t *answer)
{
        if (json_object_get(answer, "error") != NULL)
                return CALL_OUTCOME_ERROR;
        return call_record_is_tool_error(answer) ? CALL_OUTCOME_TOOL_ERROR : CALL_OUTCOME_OK;
}

bool call_record_has_failed(enum call_outcome outcome)
{
        return outcome != CALL_OUTCOME_OK && outcome != CALL_OUTCOME_CANCELLED;
}

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

bool call_record_has_failed(enum call_outcome outcome)
{
        return outcome != CALL_OUTCOME_OK && outcome != CALL_OUTCOME_CANCELLED;
}

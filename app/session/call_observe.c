/* The end of a call is told by call_end(). */
#include "mgw/session/call_observe.h"

#include "mgw/observe/audit.h"
#include "mgw/session/call_record.h"

bool call_observe_begin(struct call *call)
{
        struct call_record record = call_record_begun(call);

        return audit_begin(session_context(call->session), &record, &call->audit) == 0;
}

/* There may be more of them than lines that can wait. */
void call_observe_listening(struct call *call)
{
        struct call_record record = call_record_of(call, NULL, NULL);

        call->audit = NULL;
        audit_end(session_context(call->session), &record);
}

/* Who is told of what. */
#include "mgw/observe/observe.h"

#include "audit_inside.h"
#include "traces.h"

int observe_open(struct context *context)
{
        int r = audit_open(context);

        return r < 0 ? r : traces_open(context);
}

void observe_close(struct context *context)
{
        traces_close(context);
        audit_close(context);
}

int observe_reload(struct context *context)
{
        int r = audit_reload(context);

        return r < 0 ? r : traces_reload(context);
}

void observe_call(struct context *context, const struct call_record *record)
{
        audit_end(context, record);
        span_end(context, record);
}

void observe_stream(struct context *context, const struct stream_record *record)
{
        (void)context;
        (void)record;
}

/* Who is told of what. */
#include "mgw/observe/observe.h"

int observe_open(struct context *context)
{
        (void)context;
        return 0;
}

void observe_close(struct context *context)
{
        (void)context;
}

int observe_reload(struct context *context)
{
        (void)context;
        return 0;
}

void observe_call(struct context *context, const struct call_record *record)
{
        (void)context;
        (void)record;
}

void observe_stream(struct context *context, const struct stream_record *record)
{
        (void)context;
        (void)record;
}

/* Who is told of what. */
#include "mgw/observe/observe.h"

#include "audit_inside.h"
#include "mgw/observe/metrics.h"
#include "mgw/observe/recent.h"
#include "mgw/observe/series.h"
#include "traces.h"

int observe_open(struct context *context)
{
        int r;

        metrics_create(context);
        recent_create(context);
        series_create(context);
        r = audit_open(context);
        return r < 0 ? r : traces_open(context);
}

void observe_close(struct context *context)
{
        traces_close(context);
        audit_close(context);
        series_destroy(context->series);
        recent_destroy(context->recent);
        metrics_destroy(context->metrics);
}

int observe_check(const struct context *context, const struct config *next, FILE *err)
{
        return audit_check(context, next, err);
}

int observe_reload(struct context *context, bool is_taken)
{
        int r = audit_reload(context, is_taken);

        return r < 0 ? r : traces_reload(context);
}

void observe_call(struct context *context, const struct call_record *record)
{
        metrics_add_call(context->metrics, record);
        recent_add_call(context->recent, record);
        audit_end(context, record);
        span_end(context, record);
}

void observe_answer(struct context *context, const struct call_record *record)
{
        metrics_add_answer(context->metrics, record);
}

void observe_streams_here(struct context *context, enum stream_kind kind, int by)
{
        metrics_add_open(context->metrics, kind, by);
}

void observe_stream(struct context *context, const struct stream_record *record)
{
        metrics_add_stream(context->metrics, record);
        recent_add_stream(context->recent, record);
}

void observe_keepalive(struct context *context, int64_t late_ms)
{
        metrics_add_keepalive(context->metrics, late_ms);
}

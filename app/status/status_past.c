/* What has been: how long streams lived, the last hour, and what has ended of late. */
#include "status_inside.h"

#include "mgw/observe/metrics.h"
#include "mgw/observe/recent.h"
#include "mgw/observe/series.h"

/* Of each, streams and calls. */
#define ENDS_MAX 30

json_t *status_lifetimes(const struct context *context)
{
        struct histogram lifetimes = metrics_lifetimes(context->metrics);
        json_t *bounds = json_array(), *counts = json_array();

        for (size_t i = 0; i < lifetimes.bounds->n; i++) {
                json_array_append_new(bounds, json_real((double)lifetimes.bounds->us[i] / 1e6));
                json_array_append_new(counts, json_integer((json_int_t)lifetimes.n[i]));
        }
        json_array_append_new(counts, json_integer((json_int_t)lifetimes.n[lifetimes.bounds->n]));
        return json_pack("{s:o, s:o}", "bounds_s", bounds, "n", counts);
}

/* Oldest first. */
json_t *status_series(const struct context *context)
{
        json_t *streams = json_array(), *calls = json_array(), *failures = json_array();

        for (size_t i = series_n(context->series); i > 0; i--) {
                const struct series_sample *sample = series_ago(context->series, i - 1);

                json_array_append_new(streams, json_integer(sample->n_streams));
                json_array_append_new(calls, json_integer(sample->calls));
                json_array_append_new(failures, json_integer(sample->failures));
        }
        return json_pack("{s:i, s:i, s:o, s:o, s:o}", "step_ms", SERIES_STEP_MS, "room", SERIES_MAX,
                         "streams", streams, "calls", calls, "failures", failures);
}

static json_t *stream_end_row(const struct recent_stream *s)
{
        return json_pack("{s:o, s:I, s:I, s:I, s:I, s:s, s:s, s:o, s:o}", "id", status_text(s->id),
                         "at_ms", (json_int_t)s->ended_ms, "lasted_ms", (json_int_t)s->lasted_ms,
                         "bytes", (json_int_t)s->bytes, "keepalives", (json_int_t)s->keepalives,
                         "kind", stream_record_kind_name(s->kind), "cause",
                         stream_record_cause_name(s->cause), "user", status_text(s->email),
                         "client", status_text(s->client));
}

static json_t *call_end_row(const struct recent_call *c)
{
        return json_pack("{s:I, s:I, s:s, s:i, s:o, s:o, s:o, s:o, s:o}", "at_ms",
                         (json_int_t)c->ended_ms, "took_us", (json_int_t)c->took_us, "outcome",
                         call_record_outcome_name(c->outcome), "code", c->code, "user",
                         status_text(c->email), "client", status_text(c->client), "method",
                         status_text(c->method), "name", status_text(c->name), "server",
                         status_text(c->server));
}

json_t *status_ends(const struct context *context)
{
        json_t *streams = json_array(), *calls = json_array();
        const struct recent_stream *stream;
        const struct recent_call *call;

        for (size_t i = 0; i < ENDS_MAX; i++) {
                if ((stream = recent_stream_ago(context->recent, i)) != NULL)
                        json_array_append_new(streams, stream_end_row(stream));
                if ((call = recent_call_ago(context->recent, i)) != NULL)
                        json_array_append_new(calls, call_end_row(call));
        }
        return json_pack("{s:o, s:o}", "streams", streams, "calls", calls);
}

/* The families of calls and streams. Those of calls have the names of OpenTelemetry's conventions
 * for MCP, as its exporter for Prometheus would write them, where there are such. */
#include "metrics_inside.h"

#include "mgw/observe/audit.h"
#include "mgw/observe/exposition.h"
#include "traces.h"

#include <string.h>

#define LABELS_MAX_BYTES 4096

/* ---- calls ---- */

static bool is_of_prompt(const struct call_series *series)
{
        return strcmp(series->method, "prompts/get") == 0;
}

static void label_ours(const struct call_series *series, struct buf *labels)
{
        exposition_label(labels, "server", series->server);
        exposition_label(labels, "method", series->method);
        exposition_label(labels, is_of_prompt(series) ? "prompt" : "tool", series->name);
        exposition_label(labels, "outcome", call_record_outcome_name(series->outcome));
}

static void label_otel(const struct call_series *series, struct buf *labels)
{
        exposition_label(labels, "mcp_method_name", series->method);
        exposition_label(labels, is_of_prompt(series) ? "gen_ai_prompt_name" : "gen_ai_tool_name",
                         series->name);
        exposition_label(labels, "server", series->server);
        if (series->outcome != CALL_OUTCOME_OK)
                exposition_label(labels, "error_type", call_record_outcome_name(series->outcome));
}

static void print_took(const struct call_series *table, const char *family, const char *help,
                       struct buf *out)
{
        struct buf labels;

        buf_init(&labels, LABELS_MAX_BYTES);
        exposition_family(out, family, EXPOSITION_HISTOGRAM, help);
        for (const struct call_series *it = table; it != NULL; it = it->hh.next) {
                label_otel(it, &labels);
                exposition_histogram(out, family, &labels, &it->took);
                buf_consume(&labels, labels.len);
        }
        buf_finish(&labels);
}

static void print_calls(const struct metrics *metrics, struct buf *out)
{
        struct buf labels;

        buf_init(&labels, LABELS_MAX_BYTES);
        exposition_family(out, "mgw_calls_ended_total", EXPOSITION_COUNTER,
                          "Calls that have ended, by how");
        for (const struct call_series *it = metrics->calls; it != NULL; it = it->hh.next) {
                label_ours(it, &labels);
                exposition_sample(out, "mgw_calls_ended_total", &labels,
                                  histogram_count(&it->took));
                buf_consume(&labels, labels.len);
        }
        buf_finish(&labels);
        print_took(metrics->calls, "mcp_server_operation_duration_seconds",
                   "How long calls took, from their arrival to their answer", out);
        print_took(metrics->answers, "mcp_client_operation_duration_seconds",
                   "How long servers took to answer", out);
        exposition_single(out, "mgw_call_received_bytes_total", EXPOSITION_COUNTER,
                          "Bytes of the params of calls that have ended, about", metrics->bytes_in);
        exposition_single(out, "mgw_call_sent_bytes_total", EXPOSITION_COUNTER,
                          "Bytes of their answers, about", metrics->bytes_out);
}

/* ---- streams ---- */

/* cause: STREAM_CAUSE_N for none. */
static void label_stream(struct buf *labels, enum stream_kind kind, enum stream_cause cause)
{
        buf_consume(labels, labels->len);
        exposition_label(labels, "kind", stream_record_kind_name(kind));
        if (cause < STREAM_CAUSE_N)
                exposition_label(labels, "cause", stream_record_cause_name(cause));
}

static void print_open(const struct metrics *metrics, struct buf *out, struct buf *labels)
{
        exposition_family(out, "mgw_streams_open", EXPOSITION_GAUGE, "SSE streams open, by kind");
        for (enum stream_kind kind = 0; kind < STREAM_KIND_N; kind++) {
                label_stream(labels, kind, STREAM_CAUSE_N);
                exposition_sample(out, "mgw_streams_open", labels, metrics->n_open[kind]);
        }
}

static void print_ended(const struct metrics *metrics, struct buf *out, struct buf *labels)
{
        exposition_family(out, "mgw_streams_ended_total", EXPOSITION_COUNTER,
                          "SSE streams that have ended, by kind and cause");
        for (enum stream_kind kind = 0; kind < STREAM_KIND_N; kind++)
                for (enum stream_cause cause = 0; cause < STREAM_CAUSE_N; cause++) {
                        label_stream(labels, kind, cause);
                        exposition_sample(out, "mgw_streams_ended_total", labels,
                                          metrics->ended[kind][cause]);
                }
}

static void print_lived(const struct metrics *metrics, struct buf *out, struct buf *labels)
{
        exposition_family(out, "mgw_stream_lifetime_seconds", EXPOSITION_HISTOGRAM,
                          "How long SSE streams that have ended had lived");
        for (enum stream_kind kind = 0; kind < STREAM_KIND_N; kind++) {
                label_stream(labels, kind, STREAM_CAUSE_N);
                exposition_histogram(out, "mgw_stream_lifetime_seconds", labels,
                                     &metrics->lived[kind]);
        }
}

/* ---- audit and traces: where there are such ---- */

static void print_audit(const struct audit_stats *stats, struct buf *out)
{
        if (stats == NULL)
                return;
        exposition_single(out, "mgw_audit_lines_total", EXPOSITION_COUNTER,
                          "Lines of the audit that have been written", stats->lines);
        exposition_single(out, "mgw_audit_refused_total", EXPOSITION_COUNTER,
                          "Calls refused since their lines could not be written", stats->refused);
        exposition_single(out, "mgw_audit_missing_total", EXPOSITION_COUNTER,
                          "Lines that there was no room for", stats->missing);
        exposition_single(out, "mgw_audit_waiting", EXPOSITION_GAUGE,
                          "Lines that wait to be written", stats->n_waiting);
        exposition_single(out, "mgw_audit_writable", EXPOSITION_GAUGE,
                          "Whether lines can be written", !stats->is_unwritable);
}

static void print_traces(const struct traces_stats *stats, struct buf *out)
{
        if (stats == NULL)
                return;
        exposition_single(out, "mgw_trace_spans_sent_total", EXPOSITION_COUNTER,
                          "Spans that the collector has taken", stats->sent);
        exposition_single(out, "mgw_trace_spans_dropped_total", EXPOSITION_COUNTER,
                          "Spans dropped: the collector took none, or there was no room",
                          stats->dropped);
        exposition_single(out, "mgw_trace_collector_up", EXPOSITION_GAUGE,
                          "Whether the collector takes spans", !stats->is_away);
}

void metrics_print(struct context *context, struct buf *out)
{
        const struct metrics *metrics = context->metrics;
        struct buf labels;

        print_calls(metrics, out);
        buf_init(&labels, LABELS_MAX_BYTES);
        print_open(metrics, out, &labels);
        print_ended(metrics, out, &labels);
        print_lived(metrics, out, &labels);
        buf_finish(&labels);
        exposition_family(out, "mgw_keepalive_delay_seconds", EXPOSITION_HISTOGRAM,
                          "How long after it was due (keepalive_s) a keep-alive went out");
        exposition_histogram(out, "mgw_keepalive_delay_seconds", NULL, &metrics->keepalives_late);
        print_audit(audit_stats(context), out);
        print_traces(traces_stats(context), out);
}

/* What Prometheus reads: what is counted of the process and of upstreams here, of calls, answers
 * and streams by observe/metrics. docs/metrics.md has a row for each family. */
#include "memory.h"
#include "mgw/base/clock.h"
#include "mgw/observe/exposition.h"
#include "mgw/observe/metrics.h"
#include "mgw/server/admin.h"
#include "mgw/upstream/upstream.h"

#include <sys/resource.h>

/* Far from what there is with as many labels as there may be. */
#define METRICS_MAX_BYTES (16u << 20)
#define LABELS_MAX_BYTES 1024

struct metric {
        const char *name;
        enum exposition_type type;
        const char *help;
        uint64_t value;
};

static void print_counts(const struct context *context, struct buf *out)
{
        const struct context_stats *st = &context->stats;
        const struct metric metrics[] = {
                {"mgw_connections", EXPOSITION_GAUGE, "FastCGI connections open",
                 st->n_connections},
                {"mgw_streams", EXPOSITION_GAUGE, "SSE streams open", st->n_streams},
                {"mgw_streams_max", EXPOSITION_GAUGE, "Cap on them (streams_max, or descriptors)",
                 context->streams_max},
                {"mgw_sessions", EXPOSITION_GAUGE, "Sessions", st->n_sessions},
                {"mgw_calls", EXPOSITION_GAUGE, "Calls running", st->n_calls},
                {"mgw_calls_suspended", EXPOSITION_GAUGE,
                 "Of them, those that wait for their client's retry", st->n_suspended},
                {"mgw_upstream_connections", EXPOSITION_GAUGE, "HTTP connections to upstreams",
                 http_client_n_sockets(context->http)},
                {"mgw_children", EXPOSITION_GAUGE, "Child processes",
                 children_n(context->children)},
                {"mgw_streams_opened_total", EXPOSITION_COUNTER, "SSE streams opened",
                 st->streams_opened},
                {"mgw_streams_overflowed_total", EXPOSITION_COUNTER,
                 "Streams ended over their queue's cap", st->streams_overflowed},
                {"mgw_keepalives_total", EXPOSITION_COUNTER, "Keep-alive comments sent",
                 st->keepalives},
                {"mgw_events_total", EXPOSITION_COUNTER, "Events sent", st->events},
                {"mgw_calls_total", EXPOSITION_COUNTER, "Calls", st->calls},
                {"mgw_requests_total", EXPOSITION_COUNTER, "HTTP requests", st->requests},
                {"mgw_protocol_faults_total", EXPOSITION_COUNTER,
                 "Connections that did not speak FastCGI", st->protocol_faults},
        };

        for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
                exposition_single(out, metrics[i].name, metrics[i].type, metrics[i].help,
                                  metrics[i].value);
}

static void print_memory(const struct ledger *ledger, struct buf *out)
{
        struct buf labels;

        buf_init(&labels, LABELS_MAX_BYTES);
        exposition_family(out, "mgw_memory_bytes", EXPOSITION_GAUGE,
                          "Memory held, by what it is for");
        for (enum ledger_kind kind = 0; kind < LEDGER_N_KINDS; kind++) {
                exposition_label(&labels, "kind", ledger_kind_name(kind));
                exposition_sample(out, "mgw_memory_bytes", &labels, ledger->by_kind[kind]);
                buf_consume(&labels, labels.len);
        }
        buf_finish(&labels);
        exposition_single(out, "mgw_memory_max_bytes", EXPOSITION_GAUGE,
                          "Cap on memory (memory_max_bytes)", ledger->max_bytes);
        exposition_single(out, "mgw_memory_refused_total", EXPOSITION_COUNTER,
                          "What was refused for want of memory", ledger->refused);
}

static void print_turns(const struct loop_turns *turns, struct buf *out)
{
        struct histogram_bounds bounds = {.n = LOOP_N_TURN_BOUNDS};
        struct histogram took = {.bounds = &bounds, .sum_us = (int64_t)turns->sum_us};

        for (size_t i = 0; i < LOOP_N_TURN_BOUNDS; i++) {
                bounds.us[i] = 1000 * (int64_t)loop_turn_bounds_ms[i];
                took.n[i] = turns->n[i];
        }
        took.n[LOOP_N_TURN_BOUNDS] = turns->n[LOOP_N_TURN_BOUNDS];
        exposition_family(out, "mgw_turn_seconds", EXPOSITION_HISTOGRAM,
                          "How long turns of the loop took");
        exposition_histogram(out, "mgw_turn_seconds", NULL, &took);
        exposition_family(out, "mgw_turn_longest_seconds", EXPOSITION_GAUGE,
                          "The longest turn since the start");
        exposition_seconds(out, "mgw_turn_longest_seconds", NULL, (double)turns->longest_us / 1e6);
}

/* ---- upstreams ---- */

static uint64_t is_up(const struct upstream *u)
{
        return !breaker_is_open(&u->breaker);
}

static uint64_t breaker_state(const struct upstream *u)
{
        return u->breaker.state;
}

static uint64_t n_failures(const struct upstream *u)
{
        return u->health.n_faults;
}

/* Walks the servers of the configuration once for each family. */
static void print_upstreams(const struct context *context, struct buf *out)
{
        static const struct {
                const char *name;
                enum exposition_type type;
                const char *help;
                uint64_t (*value)(const struct upstream *u);
        } families[] = {
                {"mgw_upstream_up", EXPOSITION_GAUGE,
                 "Whether requests go to the server: its breaker is closed", is_up},
                {"mgw_upstream_breaker_state", EXPOSITION_GAUGE,
                 "Circuit breaker: 0 closed, 1 open, 2 half open", breaker_state},
                {"mgw_upstream_failures_total", EXPOSITION_COUNTER,
                 "Failures of the server, not of its tools", n_failures},
        };
        struct buf labels;

        buf_init(&labels, LABELS_MAX_BYTES);
        for (size_t k = 0; k < sizeof(families) / sizeof(families[0]); k++) {
                exposition_family(out, families[k].name, families[k].type, families[k].help);
                for (size_t i = 0; i < context->n_upstreams; i++) {
                        const struct upstream *u = context->upstreams[i];

                        exposition_label(&labels, "server", upstream_name(u));
                        exposition_sample(out, families[k].name, &labels, families[k].value(u));
                        buf_consume(&labels, labels.len);
                }
        }
        buf_finish(&labels);
}

/* ---- the process, by the names that all exporters have ---- */

static double seconds_of(struct timeval time)
{
        return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void print_process(const struct context *context, struct buf *out)
{
        int64_t age_ms = loop_now_ms(context->loop) - context->started_ms;
        struct rusage usage = {0};
        struct buf labels;

        (void)getrusage(RUSAGE_SELF, &usage);
        exposition_family(out, "process_cpu_seconds_total", EXPOSITION_COUNTER,
                          "CPU time of the process");
        exposition_seconds(out, "process_cpu_seconds_total", NULL,
                           seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime));
        exposition_single(out, "process_resident_memory_bytes", EXPOSITION_GAUGE,
                          "Resident memory of the process", memory_held());
        exposition_family(out, "process_start_time_seconds", EXPOSITION_GAUGE,
                          "When the process began, since 1970");
        exposition_seconds(out, "process_start_time_seconds", NULL,
                           (double)(clock_wall_ms() - age_ms) / 1000);
        buf_init(&labels, LABELS_MAX_BYTES);
        exposition_label(&labels, "version", MGW_VERSION);
        exposition_family(out, "mgw_build_info", EXPOSITION_GAUGE, "Always 1");
        exposition_sample(out, "mgw_build_info", &labels, 1);
        buf_finish(&labels);
}

void admin_on_metrics(struct request *req)
{
        struct context *context = request_context(req);
        struct buf out;

        buf_init(&out, METRICS_MAX_BYTES);
        print_counts(context, &out);
        print_memory(&context->ledger, &out);
        print_turns(loop_turns(context->loop), &out);
        print_upstreams(context, &out);
        print_process(context, &out);
        metrics_print(context, &out);
        request_reply(req, 200,
                      (const struct cgi_header[]){{"Content-Type", "text/plain; version=0.0.4"},
                                                  {"Cache-Control", "no-store"},
                                                  {0}},
                      buf_bytes(&out));
        buf_finish(&out);
}

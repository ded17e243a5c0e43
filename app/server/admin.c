/* What load balancers and operators ask for. Who may is the table of paths' to say (route). */
#include "mgw/server/admin.h"

#include "mgw/auth/authority.h"
#include "mgw/base/buf.h"
#include "mgw/base/log.h"
#include "mgw/mcp/method.h"
#include "mgw/session/session.h"
#include "mgw/wire/rpc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define METRICS_MAX_BYTES 65536

static void reply_text(struct request *req, unsigned status, const char *type, const char *text,
                       int n)
{
        request_reply(req, status,
                      (const struct cgi_header[]){
                              {"Content-Type", type}, {"Cache-Control", "no-store"}, {0}},
                      (struct str){text, (size_t)n});
}

void admin_on_health(struct request *req)
{
        const struct context *context = request_context(req);
        char text[256];
        int n;

        if (!req->in->head.is_inside) {
                reply_text(req, 200, "application/json", "{\"status\":\"ok\"}\n", 16);
                return;
        }
        n = snprintf(text, sizeof(text),
                     "{\"status\":\"ok\",\"version\":\"%s\",\"uptime_s\":%" PRId64
                     ",\"streams\":%u,\"sessions\":%u}\n",
                     MGW_VERSION, (loop_now_ms(context->loop) - context->started_ms) / 1000,
                     context->stats.n_streams, context->stats.n_sessions);

        reply_text(req, 200, "application/json", text, n);
}

void admin_on_ready(struct request *req)
{
        const struct context *context = request_context(req);

        if (context->is_draining)
                reply_text(req, 503, "text/plain", "draining\n", 9);
        else if (context->authority != NULL && !store_set_is_read(&context->authority->ended))
                reply_text(req, 503, "text/plain", "starting\n", 9);
        else
                reply_text(req, 200, "text/plain", "ready\n", 6);
}

struct metric {
        const char *name;
        const char *type;
        const char *help;
        uint64_t value;
};

/* What does not fit any more is left out: METRICS_MAX_BYTES is far from it. */
static void print_memory(const struct ledger *ledger, struct buf *text)
{
        (void)buf_addf(text, "# HELP mgw_memory_bytes Memory held, by what it is for\n"
                             "# TYPE mgw_memory_bytes gauge\n");
        for (enum ledger_kind kind = 0; kind < LEDGER_N_KINDS; kind++)
                (void)buf_addf(text, "mgw_memory_bytes{kind=\"%s\"} %" PRIu64 "\n",
                               ledger_kind_name(kind), ledger->by_kind[kind]);
        (void)buf_addf(text,
                       "# HELP mgw_memory_max_bytes Cap on memory (memory_max_bytes)\n"
                       "# TYPE mgw_memory_max_bytes gauge\nmgw_memory_max_bytes %" PRIu64 "\n"
                       "# HELP mgw_memory_refused_total What was refused for want of memory\n"
                       "# TYPE mgw_memory_refused_total counter\nmgw_memory_refused_total %" PRIu64
                       "\n",
                       ledger->max_bytes, ledger->refused);
}

/* How long turns take: each bound counts what kept it, and so the lesser ones (Prometheus). */
static void print_turns(const struct loop_turns *turns, struct buf *text)
{
        uint64_t sum = 0;

        (void)buf_addf(text, "# HELP mgw_turn_seconds How long turns of the loop took\n"
                             "# TYPE mgw_turn_seconds histogram\n");
        for (size_t i = 0; i < LOOP_N_TURN_BOUNDS; i++) {
                sum += turns->n[i];
                (void)buf_addf(text, "mgw_turn_seconds_bucket{le=\"%g\"} %" PRIu64 "\n",
                               loop_turn_bounds_ms[i] / 1000.0, sum);
        }
        sum += turns->n[LOOP_N_TURN_BOUNDS];
        (void)buf_addf(text,
                       "mgw_turn_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n"
                       "mgw_turn_seconds_sum %.6f\nmgw_turn_seconds_count %" PRIu64 "\n"
                       "# HELP mgw_turn_longest_seconds The longest turn since the start\n"
                       "# TYPE mgw_turn_longest_seconds gauge\nmgw_turn_longest_seconds %.6f\n",
                       sum, (double)turns->sum_us / 1e6, sum, (double)turns->longest_us / 1e6);
}

void admin_on_metrics(struct request *req)
{
        const struct context *context = request_context(req);
        const struct context_stats *st = &context->stats;
        const struct metric metrics[] = {
                {"mgw_connections", "gauge", "FastCGI connections open", st->n_connections},
                {"mgw_streams", "gauge", "SSE streams open", st->n_streams},
                {"mgw_sessions", "gauge", "Sessions", st->n_sessions},
                {"mgw_calls", "gauge", "Calls running", st->n_calls},
                {"mgw_upstream_connections", "gauge", "HTTP connections to upstreams",
                 http_client_n_sockets(context->http)},
                {"mgw_children", "gauge", "Child processes", children_n(context->children)},
                {"mgw_streams_opened_total", "counter", "SSE streams opened", st->streams_opened},
                {"mgw_streams_overflowed_total", "counter", "Streams ended over their queue's cap",
                 st->streams_overflowed},
                {"mgw_keepalives_total", "counter", "Keep-alive comments sent", st->keepalives},
                {"mgw_events_total", "counter", "Events sent", st->events},
                {"mgw_calls_total", "counter", "Calls", st->calls},
                {"mgw_requests_total", "counter", "HTTP requests", st->requests},
                {"mgw_protocol_faults_total", "counter", "Connections that did not speak FastCGI",
                 st->protocol_faults},
        };
        struct buf text;

        buf_init(&text, METRICS_MAX_BYTES);
        for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
                const struct metric *m = &metrics[i];

                (void)buf_addf(&text, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", m->name,
                               m->help, m->name, m->type, m->name, m->value);
        }
        print_memory(&context->ledger, &text);
        print_turns(loop_turns(context->loop), &text);
        reply_text(req, 200, "text/plain; version=0.0.4", buf_bytes(&text).p, (int)text.len);
        buf_finish(&text);
}

/* A walk over all sessions, when the operator announces something. */
static unsigned announce(struct context *context, const json_t *msg, const char *email)
{
        struct str text;
        unsigned n = 0;

        if (rpc_dump(msg, &text) < 0)
                return 0;
        for (struct session *s = context->sessions; s != NULL; s = s->hh.next) {
                if (list_is_empty(&s->streams) ||
                    (email != NULL && strcmp(email, s->client.user->email) != 0))
                        continue;
                n += channel_announce(s, text);
                if (email != NULL)
                        break;
        }
        free((void *)text.p);
        return n;
}

void admin_on_announce(struct request *req)
{
        char why[160] = "the body must be {\"message\": \"...\", \"level\": \"info\"}", text[64];
        json_t *root = NULL, *msg;
        const char *message, *level = "info", *email = NULL;

        if (rpc_parse(buf_bytes(&req->in->body), NULL, &root, why, sizeof(why)) != 0 ||
            json_unpack(root, "{s:s, s?s, s?s}", "message", &message, "level", &level, "user",
                        &email) < 0 ||
            method_log_level(level) < 0) {
                reply_text(req, 400, "text/plain", why, (int)strlen(why));
                json_decref(root);
                return;
        }
        msg = rpc_notification_take(
                "notifications/message",
                json_pack("{s:s, s:s, s:s}", "level", level, "logger", "mgw", "data", message));
        unsigned n = announce(request_context(req), msg, email);
        json_decref(msg);
        json_decref(root);
        reply_text(req, 200, "application/json", text,
                   snprintf(text, sizeof(text), "{\"streams\":%u}\n", n));
}

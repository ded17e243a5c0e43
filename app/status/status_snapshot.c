/* All that changes by itself, as one object. */
#include "status_inside.h"

#include "mgw/base/clock.h"
#include "mgw/config/config.h"
#include "mgw/loop/http.h"

static json_t *totals(const struct context *context)
{
        const struct context_stats *st = &context->stats;

        return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:I}", "streams",
                         st->n_streams, "sessions", st->n_sessions, "calls", st->n_calls,
                         "connections", st->n_connections, "programs",
                         children_n(context->children), "upstream_connections",
                         http_client_n_sockets(context->http), "calls_total", (json_int_t)st->calls,
                         "streams_opened_total", (json_int_t)st->streams_opened,
                         "streams_overflowed_total", (json_int_t)st->streams_overflowed,
                         "keepalives_total", (json_int_t)st->keepalives, "events_total",
                         (json_int_t)st->events, "requests_total", (json_int_t)st->requests);
}

static json_t *memory(const struct ledger *ledger)
{
        json_t *kinds = json_object();

        for (enum ledger_kind kind = 0; kind < LEDGER_N_KINDS; kind++)
                json_object_set_new(kinds, ledger_kind_name(kind),
                                    json_integer((json_int_t)ledger->by_kind[kind]));
        return json_pack("{s:I, s:I, s:I, s:o}", "bytes", (json_int_t)ledger->bytes, "max_bytes",
                         (json_int_t)ledger->max_bytes, "refused_total",
                         (json_int_t)ledger->refused, "kinds", kinds);
}

json_t *status_snapshot(const struct context *context)
{
        return json_pack("{s:I, s:I, s:b, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "now_ms",
                         (json_int_t)clock_wall_ms(), "up_ms",
                         (json_int_t)(loop_now_ms(context->loop) - context->started_ms),
                         "is_draining", context->is_draining, "longest_turn_us",
                         (json_int_t)loop_turns(context->loop)->longest_us, "totals",
                         totals(context), "memory", memory(&context->ledger), "streams",
                         status_streams(context), "users", status_users(context), "upstreams",
                         status_upstreams(context), "lifetimes", status_lifetimes(context),
                         "series", status_series(context), "ends", status_ends(context));
}

/* Configured servers and how they fare: those first that are not well, then in their order. */
#include "status_inside.h"

#include "mgw/config/config.h"
#include "mgw/upstream/upstream.h"
#include "mgw/upstream/upstream_session.h"

static const char *state_of(const struct upstream *u)
{
        if (breaker_is_open(&u->breaker))
                return u->breaker.state == BREAKER_HALF_OPEN ? "trying" : "down";
        if (u->breaker.n_failures > 0)
                return "failing";
        return u->recent[0].init_result != NULL || u->recent[1].init_result != NULL ? "up"
                                                                                    : "not_asked";
}

/* As it said last, with sessions or without; -1: it has not. */
static json_int_t n_of_list(const struct upstream *u, enum list_kind list)
{
        for (size_t i = 0; i < 2; i++)
                if (u->recent[i].lists[list] != NULL)
                        return (json_int_t)json_array_size(
                                upstream_list_entries(u->recent[i].lists[list]));
        return -1;
}

static json_t *upstream_row(const struct upstream *u, int64_t now_ms)
{
        int64_t wait_ms = breaker_wait_ms(&u->breaker, now_ms, u->breaker.who);
        const struct upstream_health *h = &u->health;
        json_t *row =
                json_pack("{s:o, s:s, s:i, s:b, s:I, s:I, s:I, s:I, s:I}", "name",
                          status_text(upstream_name(u)), "state", state_of(u), "failures",
                          u->breaker.n_failures, "is_for_one", u->breaker.who != NULL,
                          "retry_in_ms", (json_int_t)wait_ms, "tools", n_of_list(u, LIST_TOOLS),
                          "bytes", (json_int_t)u->memory.bytes, "answers", (json_int_t)h->n_answers,
                          "latency_us", (json_int_t)(h->n_answers > 0 ? h->latency_us : -1));

        if (h->fault[0] != '\0')
                json_object_update_new(row, json_pack("{s:o, s:I}", "fault", status_text(h->fault),
                                                      "fault_ago_ms",
                                                      (json_int_t)(now_ms - h->fault_at_ms)));
        return row;
}

/* 0: it is well, or nobody has asked it. */
static uint64_t rank_of(const struct upstream *u)
{
        return breaker_is_open(&u->breaker) ? 2 : u->breaker.n_failures > 0;
}

json_t *status_upstreams(const struct context *context)
{
        int64_t now_ms = loop_now_ms(context->loop);
        struct status_best best = {.n = 0};
        json_t *rows = json_array(), *told;
        size_t n_well = 0;

        for (size_t i = 0; i < context->n_upstreams; i++) {
                const struct upstream *u = context->upstreams[i];

                n_well += rank_of(u) == 0;
                status_best_add(&best, u, rank_of(u));
        }
        for (size_t i = 0; i < best.n; i++)
                json_array_append_new(rows, upstream_row(best.rows[i].of, now_ms));
        told = status_rows_take(context->n_upstreams, rows);
        json_object_set_new(told, "n_well", json_integer((json_int_t)n_well));
        return told;
}

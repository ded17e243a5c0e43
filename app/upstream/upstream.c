/* How one upstream fares: its breaker, when it is tried again, what of its transport and eras is
 * known, and how much of it is logged. */
#include "mgw/upstream/upstream.h"

#include "mgw/base/log.h"
#include "mgw/base/rand.h"
#include "mgw/config/config.h"
#include "mgw/mcp/method.h"
#include "mgw/observe/observe.h"

#include <stdio.h>

/* A message makes as much work as so many bytes (http_source_spend()). */
#define MESSAGE_COST 1024

const char upstream_backing_off[] = "is left alone for a while, after failures in a row";

const char *upstream_name(const struct upstream *upstream)
{
        return upstream->server->name;
}

long upstream_connect_timeout_ms(const struct upstream *upstream)
{
        int64_t own = upstream->server->connect_timeout_ms;

        return (long)(own > 0 ? own : upstream->context->config->upstream_connect_timeout_ms);
}

bool upstream_is_private(const struct upstream *upstream)
{
        return upstream->server->scope == CONFIG_SCOPE_SESSION;
}

static struct breaker_pace pace_of(const struct upstream *u)
{
        const struct config *config = u->context->config;

        return (struct breaker_pace){config->upstream_retry_ms, config->upstream_retry_max_ms};
}

bool upstream_may_try(struct upstream *u, const struct share *share)
{
        const struct breaker_pace pace = pace_of(u);

        return breaker_may_try(&u->breaker, &pace, loop_now_ms(u->context->loop), share);
}

void upstream_spend(struct upstream *u)
{
        http_source_spend(&u->http, loop_turn_no(u->context->loop), MESSAGE_COST);
}

uint32_t upstream_spent(const struct upstream *u)
{
        return http_source_spent(&u->http, loop_turn_no(u->context->loop));
}

void upstream_worked(struct upstream *u)
{
        if (breaker_worked(&u->breaker))
                log_info(NULL, "[upstream] %s: works again", upstream_name(u));
}

void upstream_answered(struct upstream *u, const char *method, const json_t *answer,
                       int64_t took_us)
{
        struct upstream_health *h = &u->health;

        observe_answer(u->context,
                       &(const struct call_record){.server = upstream_name(u),
                                                   .method = method_find(method)->name,
                                                   .outcome = call_record_outcome_of(answer),
                                                   .took_us = took_us});
        h->latency_us =
                h->n_answers++ == 0 ? took_us : h->latency_us + (took_us - h->latency_us) / 8;
}

void upstream_failed(struct upstream *u, const struct share *share, enum breaker_sign sign,
                     const char *why)
{
        const struct breaker_pace pace = pace_of(u);
        int64_t now = loop_now_ms(u->context->loop);

        str_to_text(str_from(why), u->health.fault, sizeof(u->health.fault));
        u->health.fault_at_ms = now;
        u->health.n_faults += sign != BREAKER_NO_SIGN;
        if (breaker_failed(&u->breaker, &pace, now, sign, share))
                log_warn(NULL,
                         "[upstream] %s: failed %u times in a row, left alone for %.1f s%s: %s",
                         upstream_name(u), u->breaker.n_failures,
                         (double)breaker_wait_ms(&u->breaker, now, share) / 1000,
                         u->breaker.who != NULL ? " by the one user who saw it" : "", why);
}

bool upstream_may_log(struct upstream *u)
{
        char whose[64];

        snprintf(whose, sizeof(whose), "upstream %s", upstream_name(u));
        return log_budget_take(&u->log, whose, loop_now_ms(u->context->loop));
}

int64_t upstream_retry_in_ms(const struct upstream *u, const struct share *share,
                             int64_t at_least_ms)
{
        int64_t wait = breaker_wait_ms(&u->breaker, loop_now_ms(u->context->loop), share);

        if (wait < at_least_ms)
                wait = at_least_ms;
        if (wait < u->context->config->upstream_retry_ms)
                wait = u->context->config->upstream_retry_ms;
        return wait + (int64_t)rand_below((uint32_t)wait / 2 + 1);
}

bool upstream_has_listed(const struct upstream *u, unsigned list, const char *theirs)
{
        return upstream_list_find(u->recent[0].lists[list], theirs) != NULL ||
               upstream_list_find(u->recent[1].lists[list], theirs) != NULL;
}

void upstream_forget_transport(struct upstream *u)
{
        u->transport = u->first_transport;
}

void upstream_forget_eras(struct upstream *u)
{
        u->speaks[0] = u->speaks[1] = UPSTREAM_MAY_SPEAK;
}

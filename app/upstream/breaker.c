/* Two times say when it may be tried: one for who tried last, and one for the others. */
#include "mgw/upstream/breaker.h"

#include <assert.h>
#include <stddef.h>

/* So many failures in a row open it. */
#define FAILURES_ALLOWED 3
/* The while is doubled so often. */
#define DOUBLINGS_MAX 16

static const bool breaker_may_move[BREAKER_N_STATES][BREAKER_N_STATES] = {
        [BREAKER_CLOSED] = {[BREAKER_CLOSED] = true, [BREAKER_OPEN] = true},
        [BREAKER_OPEN] =
                {[BREAKER_CLOSED] = true, [BREAKER_OPEN] = true, [BREAKER_HALF_OPEN] = true},
        [BREAKER_HALF_OPEN] =
                {[BREAKER_CLOSED] = true, [BREAKER_OPEN] = true, [BREAKER_HALF_OPEN] = true},
};

static void breaker_move(struct breaker *b, enum breaker_state to)
{
        assert(breaker_may_move[b->state][to]);
        b->state = to;
        assert((to == BREAKER_CLOSED) == (b->n_failures < FAILURES_ALLOWED));
}

bool breaker_is_open(const struct breaker *b)
{
        return b->state != BREAKER_CLOSED;
}

static bool is_shut_for(const struct breaker *b, const void *user)
{
        return breaker_is_open(b) && (b->who == NULL || b->who == user);
}

static int64_t backoff_ms(const struct breaker *b, const struct breaker_pace *pace)
{
        unsigned n = b->n_failures < DOUBLINGS_MAX ? b->n_failures : DOUBLINGS_MAX;
        int64_t ms = pace->first_ms << n;

        return ms < pace->max_ms ? ms : pace->max_ms;
}

static void keep_away(struct breaker *b, const struct breaker_pace *pace, int64_t now_ms,
                      const void *tryer)
{
        b->tryer = tryer;
        b->retry_at_ms = now_ms + backoff_ms(b, pace);
        b->others_at_ms = tryer != NULL ? now_ms + pace->first_ms : b->retry_at_ms;
}

int64_t breaker_wait_ms(const struct breaker *b, int64_t now_ms, const void *user)
{
        int64_t at_ms = b->tryer == NULL || b->tryer == user ? b->retry_at_ms : b->others_at_ms;

        return is_shut_for(b, user) && at_ms > now_ms ? at_ms - now_ms : 0;
}

bool breaker_may_try(struct breaker *b, const struct breaker_pace *pace, int64_t now_ms,
                     const void *user)
{
        if (!is_shut_for(b, user))
                return true;
        if (breaker_wait_ms(b, now_ms, user) > 0)
                return false;
        keep_away(b, pace, now_ms, user);
        breaker_move(b, BREAKER_HALF_OPEN);
        return true;
}

bool breaker_failed(struct breaker *b, const struct breaker_pace *pace, int64_t now_ms,
                    enum breaker_sign sign, const void *user)
{
        const void *who = sign == BREAKER_UNWELL ? user : NULL;
        bool was_shut = is_shut_for(b, user);

        if (sign == BREAKER_NO_SIGN)
                return false;
        if (was_shut && b->state != BREAKER_HALF_OPEN)
                return false; /* of what was on its way when it opened */
        b->who = b->n_failures == 0 || b->who == who ? who : NULL;
        if (b->n_failures < UINT32_MAX)
                b->n_failures++;
        breaker_move(b, b->n_failures < FAILURES_ALLOWED ? BREAKER_CLOSED : BREAKER_OPEN);
        keep_away(b, pace, now_ms, who);
        return breaker_is_open(b) && !was_shut;
}

bool breaker_worked(struct breaker *b)
{
        bool was_open = breaker_is_open(b);

        *b = (struct breaker){.state = b->state};
        breaker_move(b, BREAKER_CLOSED);
        return was_open;
}

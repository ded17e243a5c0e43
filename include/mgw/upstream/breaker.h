/* When an upstream is left alone: after three failures in a row that show that it is not well, for
 * a while that doubles with each more. Then it is tried by one at a time. Pure: time is passed in.
 *
 * What one user alone has seen may be of that user's own making (a request that a proxy cuts, an
 * account whose handshake hangs): it keeps that user away alone, until another has seen the same.
 * And whoever tries in vain waits longer than others do for theirs, so that nobody holds the one
 * try for good. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What a failure says of the server's health. */
enum breaker_sign {
        BREAKER_NO_SIGN, /* nothing: it is that request's, or that account's */
        BREAKER_UNWELL,  /* it did not answer, or a proxy before it says so, as one user has seen */
        BREAKER_AWAY,    /* there is no connection to it, for anybody */
};

struct breaker_pace {
        int64_t first_ms;
        int64_t max_ms;
};

/* CLOSED -> OPEN         so many failures in a row
 * OPEN -> HALF_OPEN       its time is over: one may try
 * HALF_OPEN -> HALF_OPEN  another may, since the first has not told
 * HALF_OPEN -> OPEN       the try has failed
 * OPEN -> OPEN            one has failed whom it does not keep away: longer, or for all
 * any -> CLOSED           it has answered */
enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN, BREAKER_N_STATES };

/* Zeroed: closed. Users are compared, never looked into. */
struct breaker {
        enum breaker_state state;
        const void *who;   /* has seen all the failures in a row; NULL: several, or anybody would */
        const void *tryer; /* had the last try; NULL: there was none, or it was for all */
        int64_t retry_at_ms; /* for the tryer; without one for all */
        int64_t others_at_ms;
        unsigned n_failures; /* in a row */
};

bool breaker_is_open(const struct breaker *b);
/* May this user try now? When it is open, the others wait for what this one finds. */
bool breaker_may_try(struct breaker *b, const struct breaker_pace *pace, int64_t now_ms,
                     const void *user);
/* True: it has just opened, for this user or for all. */
bool breaker_failed(struct breaker *b, const struct breaker_pace *pace, int64_t now_ms,
                    enum breaker_sign sign, const void *user);
/* It has answered. True: it was open. */
bool breaker_worked(struct breaker *b);
/* Until this user may try: 0 is now. */
int64_t breaker_wait_ms(const struct breaker *b, int64_t now_ms, const void *user);

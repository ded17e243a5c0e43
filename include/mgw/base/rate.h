/* How often something may happen: so many a second, and a burst of what was saved up before (a
 * token bucket, as GCRA counts it: one moment says it all). Zeroed: nothing has happened yet. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rate {
        int64_t full_at_us; /* when all that was taken will have been made good */
};

/* Takes n now, or nothing: false when that is more than has been saved up. per_s 0: no limit. */
bool rate_take(struct rate *rate, uint32_t per_s, uint32_t burst, uint32_t n, int64_t now_ms);
/* In how long will all have been made good that was taken? 0: it has been. */
int64_t rate_full_in_ms(const struct rate *rate, int64_t now_ms);
/* Has all been made good that was taken? */
bool rate_is_full(const struct rate *rate, int64_t now_ms);

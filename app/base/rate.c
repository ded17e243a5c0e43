/* One moment says how much has been taken: when it is past, all has been made good. Each taking
 * moves it on by what it costs, never further ahead than the burst. */
#include "mgw/base/rate.h"

#define US_A_SECOND INT64_C(1000000)

bool rate_take(struct rate *rate, uint32_t per_s, uint32_t burst, uint32_t n, int64_t now_ms)
{
        int64_t now_us = now_ms * 1000, from_us, full_at_us;

        if (per_s == 0)
                return true;
        from_us = rate->full_at_us > now_us ? rate->full_at_us : now_us;
        full_at_us = from_us + n * US_A_SECOND / per_s;
        if (full_at_us - now_us > burst * US_A_SECOND / per_s)
                return false;
        rate->full_at_us = full_at_us;
        return true;
}

int64_t rate_full_in_ms(const struct rate *rate, int64_t now_ms)
{
        return rate_is_full(rate, now_ms) ? 0 : (rate->full_at_us + 999) / 1000 - now_ms;
}

bool rate_is_full(const struct rate *rate, int64_t now_ms)
{
        return rate->full_at_us <= now_ms * 1000;
}

#include "mgw/base/clock.h"

#include "../check.h"

#include <time.h>

static void sleep_ms(long ms)
{
        nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

Test(clock, counts_milliseconds)
{
        int64_t start = clock_monotonic_ms();
        int64_t passed;

        sleep_ms(30);
        passed = clock_monotonic_ms() - start;
        cr_assert(passed >= 29, "%lld ms after a sleep of 30", (long long)passed);
        cr_assert(passed < 30000, "%lld ms after a sleep of 30", (long long)passed);
}

Test(clock, the_wall_shows_the_time_of_day)
{
        int64_t before = (int64_t)time(NULL);
        int64_t now = clock_wall_ms() / 1000;

        cr_assert(now >= before - 1 && now <= (int64_t)time(NULL) + 1);
}

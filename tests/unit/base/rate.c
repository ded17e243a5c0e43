#include "mgw/base/rate.h"

#include <criterion/criterion.h>

Test(rate, gives_the_burst_then_so_many_a_second)
{
        struct rate rate = {0};
        unsigned n = 0;

        while (rate_take(&rate, 10, 50, 1, 1000))
                n++;
        cr_assert_eq(n, 50);
        cr_assert_not(rate_take(&rate, 10, 50, 1, 1099));
        cr_assert(rate_take(&rate, 10, 50, 1, 1100));
        cr_assert_not(rate_take(&rate, 10, 50, 1, 1100));
}

Test(rate, takes_all_or_nothing)
{
        struct rate rate = {0};

        cr_assert_not(rate_take(&rate, 10, 50, 51, 1000));
        cr_assert(rate_is_full(&rate, 1000));
        cr_assert(rate_take(&rate, 10, 50, 50, 1000));
        cr_assert_not(rate_is_full(&rate, 5999));
        cr_assert(rate_is_full(&rate, 6000));
        cr_assert(rate_take(&rate, 10, 50, 50, 1000000), "what was saved up is the burst at most");
        cr_assert_not(rate_take(&rate, 10, 50, 1, 1000000));
}

Test(rate, without_a_number_is_no_limit)
{
        struct rate rate = {0};

        cr_assert(rate_take(&rate, 0, 0, UINT32_MAX, 0));
        cr_assert(rate_is_full(&rate, 0));
}

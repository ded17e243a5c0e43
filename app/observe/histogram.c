/* Bounds are few, and most times are short: they are looked through from the least on. */
#include "mgw/observe/histogram.h"

#include <assert.h>

const struct histogram_bounds histogram_of_calls = {
        14,
        {10000, 20000, 50000, 100000, 200000, 500000, 1000000, 2000000, 5000000, 10000000, 30000000,
         60000000, 120000000, 300000000},
};

void histogram_add(struct histogram *h, int64_t us)
{
        size_t i = 0;

        while (i < h->bounds->n && us > h->bounds->us[i])
                i++;
        h->n[i]++;
        h->sum_us += us;
}

uint64_t histogram_count(const struct histogram *h)
{
        uint64_t sum = 0;

        for (size_t i = 0; i <= h->bounds->n; i++)
                sum += h->n[i];
        return sum;
}

void histogram_add_all(struct histogram *sum, const struct histogram *h)
{
        assert(sum->bounds == h->bounds);
        for (size_t i = 0; i <= h->bounds->n; i++)
                sum->n[i] += h->n[i];
        sum->sum_us += h->sum_us;
}

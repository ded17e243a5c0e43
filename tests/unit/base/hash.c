#include "mgw/base/hash.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

Test(hash, is_the_same_for_the_same_bytes_wherever_they_lie)
{
        char first[40] = "a resource of which somebody is told", second[41];

        for (size_t n = 0; n <= sizeof(first); n++) {
                memcpy(second + 1, first, sizeof(first));
                cr_assert_eq(hash_keyed(first, n), hash_keyed(second + 1, n));
        }
}

/* 20,000 names in as many places: with an even hash a few dozen share four or more. */
Test(hash, spreads_names)
{
        enum { N = 20000 };
        static unsigned char places[N];
        unsigned most = 0;
        char name[32];

        for (int i = 0; i < N; i++) {
                int n = snprintf(name, sizeof(name), "x:%d", i);
                unsigned char *place = &places[hash_keyed(name, (size_t)n) % N];

                if (++*place > most)
                        most = *place;
        }
        cr_assert_lt(most, 16, "%u", most);
}

#include "mgw/base/rand.h"

#include "../check.h"

#include <string.h>

#define DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

Test(rand, text_has_the_length_and_alphabet_of_base64url)
{
        static const size_t lengths[] = {0, 2, 3, 4, 6, 7, 8, 10, 11};
        char out[RAND_TEXT_SIZE(8) + 1];

        for (size_t n = 0; n < sizeof(lengths) / sizeof(lengths[0]); n++) {
                memset(out, '!', sizeof(out));
                rand_text(out, n);
                check_int(strlen(out), lengths[n]);
                check_int(RAND_TEXT_SIZE(n), lengths[n] + 1);
                check_int(strspn(out, DIGITS), lengths[n]);
                cr_assert_eq(out[lengths[n] + 1], '!', "wrote past its end");
        }
}

Test(rand, text_uses_every_digit_in_every_place_where_it_may)
{
        bool seen[4][64] = {{false}};
        char out[RAND_TEXT_SIZE(3)];

        /* a digit that may come stays away from 6,400 draws with a chance of e^-100 */
        for (int i = 0; i < 6400; i++) {
                rand_text(out, 3);
                for (int place = 0; place < 4; place++)
                        seen[place][strchr(DIGITS, out[place]) - DIGITS] = true;
        }
        for (int place = 0; place < 4; place++) {
                for (int digit = 0; digit < 64; digit++)
                        cr_assert(seen[place][digit], "%c never at %d", DIGITS[digit], place);
        }
}

Test(rand, texts_differ)
{
        char a[RAND_TEXT_SIZE(16)];
        char b[RAND_TEXT_SIZE(16)];

        rand_text(a, 16);
        rand_text(b, 16);
        cr_assert_str_neq(a, b);
}

Test(rand, bytes_fill_the_whole)
{
        uint8_t sum[300] = {0};
        uint8_t bytes[300];

        for (int i = 0; i < 20; i++) {
                rand_bytes(bytes, sizeof(bytes));
                for (size_t k = 0; k < sizeof(bytes); k++)
                        sum[k] |= bytes[k];
        }
        for (size_t k = 0; k < sizeof(bytes); k++)
                cr_assert_neq(sum[k], 0, "byte %zu was never touched", k);
}

Test(rand, below_stays_below_and_is_even)
{
        int counts[3] = {0};

        for (int i = 0; i < 30000; i++) {
                uint32_t r = rand_below(3);

                cr_assert_lt(r, 3);
                counts[r]++;
        }
        /* 12 standard deviations of 82 */
        for (int i = 0; i < 3; i++)
                cr_assert(counts[i] > 9000 && counts[i] < 11000, "%d: %d times", i, counts[i]);
        check_int(rand_below(1), 0);
        for (int i = 0; i < 100; i++)
                cr_assert_lt(rand_below(0x80000001u), 0x80000001u);
}

/* Every byte comes straight from getrandom(2): no state of our own that a fork could share or a
 * dump could show. */
#include "mgw/base/rand.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void rand_bytes(void *p, size_t n)
{
        uint8_t *at = p;

        while (n > 0) {
                ssize_t got = getrandom(at, n, 0);

                if (got < 0 && errno == EINTR)
                        continue;
                if (got <= 0) {
                        fprintf(stderr, "mgw: getrandom: %s: no random numbers, no safe ids\n",
                                strerror(errno));
                        abort();
                }
                at += got;
                n -= (size_t)got;
        }
}

uint32_t rand_below(uint32_t below)
{
        uint32_t uneven; /* so many of the 2^32 numbers would make the low results likelier */
        uint32_t r;

        assert(below > 0);
        uneven = -below % below;
        do
                rand_bytes(&r, sizeof(r));
        while (r < uneven);
        return r % below;
}

void rand_text(char *out, size_t n_bytes)
{
        static const char digits[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

        while (n_bytes > 0) {
                uint8_t three[3] = {0, 0, 0};
                size_t n = n_bytes < 3 ? n_bytes : 3;
                uint32_t bits;

                rand_bytes(three, n);
                bits = (uint32_t)three[0] << 16 | (uint32_t)three[1] << 8 | three[2];
                for (size_t i = 0; i <= n; i++)
                        *out++ = digits[bits >> (18 - 6 * i) & 63];
                n_bytes -= n;
        }
        *out = '\0';
}

/* UTF-8 and surrogates, for all that read, judge or mend text. */
#include "rpc_text.h"

size_t rpc_put_utf8(char *out, uint32_t c)
{
        size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        static const unsigned char firsts[] = {0, 0, 0xc0, 0xe0, 0xf0};

        for (size_t i = n - 1; i > 0; i--) {
                out[i] = (char)(0x80 | (c & 0x3f));
                c >>= 6;
        }
        out[0] = (char)(firsts[n] | c);
        return n;
}

uint32_t rpc_surrogate_at(const char *p, const char *end)
{
        const unsigned char *u = (const unsigned char *)p;

        if (end - p < 3 || u[0] != 0xed || u[1] < 0xa0 || u[1] > 0xbf || (u[2] & 0xc0) != 0x80)
                return 0;
        return 0xd000 | (uint32_t)(u[1] & 0x3f) << 6 | (uint32_t)(u[2] & 0x3f);
}

size_t rpc_broken_length(const char *p, const char *end, size_t *wants)
{
        const unsigned char *u = (const unsigned char *)p;
        unsigned char from = u[0] == 0xe0 ? 0xa0 : u[0] == 0xf0 ? 0x90 : 0x80;
        unsigned char to = u[0] == 0xed ? 0x9f : u[0] == 0xf4 ? 0x8f : 0xbf;
        size_t n = 1;

        *wants = u[0] >= 0xf0 && u[0] <= 0xf4   ? 4
                 : u[0] >= 0xe0 && u[0] <= 0xef ? 3
                 : u[0] >= 0xc2 && u[0] <= 0xdf ? 2
                                                : 1;
        while (n < *wants && p + n < end && u[n] >= from && u[n] <= to) {
                from = 0x80;
                to = 0xbf;
                n++;
        }
        return n;
}

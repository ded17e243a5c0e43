/* Text of JSON, eight bytes at a time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* One of ASCII that stands for itself. */
static inline bool rpc_is_plain_char(char c)
{
        return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

/* So many digits are read back from a double as they were written. */
#define REAL_DIGITS_MAX 15
/* So many always fit into an int64_t. */
#define INTEGER_DIGITS_SAFE 18

/* Of eight bytes none is a quote, a backslash, a control character or beyond ASCII. */
static inline bool rpc_is_plain(const char *p)
{
        const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
        uint64_t v, quote, backslash;

        memcpy(&v, p, sizeof(v));
        quote = v ^ ones * '"';
        backslash = v ^ ones * '\\';
        return ((v | (v - ones * 0x20) | (quote - ones) | (backslash - ones)) & highs) == 0;
}

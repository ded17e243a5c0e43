/* Characters of JSON strings, and what is none. */
#pragma once

#include "mgw/base/str.h"

#include <stdint.h>

static inline bool rpc_is_high(uint32_t c)
{
        return c >= 0xd800 && c <= 0xdbff;
}

static inline bool rpc_is_low(uint32_t c)
{
        return c >= 0xdc00 && c <= 0xdfff;
}

/* Which character a pair of surrogates is. */
static inline uint32_t rpc_of_pair(uint32_t high, uint32_t low)
{
        return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/* Bytes written, 4 at most. */
size_t rpc_put_utf8(char *out, uint32_t c);
/* Of a surrogate in three bytes (CESU-8). 0: there is none. */
uint32_t rpc_surrogate_at(const char *p, const char *end);
/* The bytes of a character that has begun and does not go on (WHATWG Encoding 4: a maximal
 * subpart, as decoders replace it). At least 1; wants: how many it would have. */
size_t rpc_broken_length(const char *p, const char *end, size_t *wants);

/* What the fuzz targets share. */
#pragma once

#include "../world/require.h"
#include "mgw/base/str.h"
#include "mgw/wire/rpc.h"

#include <stdint.h>
#include <string.h>

/* The fuzzer's entry (libFuzzer's name). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Where to cut an input: the same for the same seed. */
struct cuts {
        uint32_t state;
};

/* The length of the next piece, 0 to at_most, mostly short. */
static inline size_t cuts_next(struct cuts *cuts, size_t at_most)
{
        uint32_t r;

        cuts->state = cuts->state * 1664525 + 1013904223;
        r = cuts->state >> 8;
        return r % 4 == 0 ? r / 4 % (at_most + 1) : r / 4 % (at_most < 12 ? at_most + 1 : 12);
}

/* A copy in memory of exactly its size: the sanitizer sees a read past it. */
static inline char *exact_copy(const void *p, size_t n)
{
        char *copy = malloc(n == 0 ? 1 : n);

        REQUIRE(copy != NULL);
        if (n > 0)
                memcpy(copy, p, n);
        return copy;
}

/* The text of what rpc_parse() has read, which may hold numbers that jansson's own printer refuses
 * (rpc_number.h); the caller frees it. */
static inline char *text_of(const json_t *value)
{
        struct str text;

        REQUIRE(rpc_dump(value, &text) == 0);
        return (char *)text.p;
}

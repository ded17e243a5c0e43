/* A JSON text to jansson's values, some twenty times as fast as jansson's own reader, which takes
 * the text byte by byte: 75 ms for a string of 4 MB, in which nobody else is served. It takes what
 * people write for JSON too: docs/quirks.md. */
#pragma once

#include "mgw/base/str.h"

#include <jansson.h>

struct rpc_read {
        size_t stop;     /* about where it ended */
        size_t n_grown;  /* bytes that strings have more than in the text */
        const char *why; /* a constant; NULL: out of memory, if there is no value */
};

/* An object or array, or any value, also behind a byte order mark. The text has been found to be
 * nested no deeper than RPC_DEPTH_MAX. What json_loadb() takes with JSON_ALLOW_NUL is read as by
 * that, but for numbers that a double does not hold, which stay as written (rpc_number.h). More is
 * taken:
 * - what is no UTF-8, half a pair of surrogates, and a NUL in a name: U+FFFD;
 * - control characters in strings;
 * - NaN (null) and Infinity, and numbers past a double (the nearest there is).
 * Of members of one name the last counts. NULL: it is none, or out of memory. */
json_t *rpc_read(struct str text, bool is_any, struct rpc_read *outcome);

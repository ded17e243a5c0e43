/* jansson's values to a JSON text, as json_dumps() writes it with JSON_COMPACT, but several times
 * as fast, doubles shorter, and numbers as they were written (rpc_number.h). */
#pragma once

#include "mgw/base/str.h"

#include <jansson.h>
#include <stdbool.h>

struct rpc_write_style {
        bool is_sorted;  /* members in the order of their names */
        bool is_ascii;   /* any other character as \uXXXX */
        unsigned indent; /* spaces a level, each member and entry on a line of its own; 0: one line
                          */
};

/* A NUL follows the text, which the caller frees. 0, -ENOMEM (or what is no UTF-8, or nested
 * without end). */
int rpc_write(const json_t *value, const struct rpc_write_style *style, struct str *out);

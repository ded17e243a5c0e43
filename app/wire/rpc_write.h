/* jansson's values to a JSON text, as json_dumps() writes it with JSON_COMPACT, but several times
 * as fast, doubles shorter, and numbers as they were written (rpc_number.h). */
#pragma once

#include "mgw/base/str.h"

#include <jansson.h>

/* A NUL follows the text, which the caller frees. is_sorted: members in the order of their names.
 * 0, -ENOMEM (or what is no UTF-8, or nested without end). */
int rpc_write(const json_t *value, bool is_sorted, struct str *out);

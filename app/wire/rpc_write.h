/* jansson's values to a JSON text, as json_dumps() writes it with JSON_COMPACT, but several times
 * as fast. */
#pragma once

#include "mgw/base/str.h"

#include <jansson.h>

/* An object or array. A NUL follows the text, which the caller frees. 0, -ENOMEM (or what is no
 * UTF-8, or nested without end). */
int rpc_write(const json_t *value, struct str *out);

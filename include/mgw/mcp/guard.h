/* Who may ask at all: Origin (Streamable HTTP transport, "Security Warning"; DNS rebinding). */
#pragma once

#include "mgw/base/str.h"

#include <stdbool.h>
#include <stddef.h>

/* Is a page of this Origin allowed? localhost, 127.0.0.1 and [::1] always are, on any scheme of
 * http(s) and any port; else the origin must equal one of allowed (n of them; ASCII case of scheme
 * and host ignored), or "*" be among them. */
bool guard_origin_is_allowed(struct str origin, const char *const *allowed, size_t n);

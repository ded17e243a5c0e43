/* Values of JSON that are kept as their text, since nobody here looks into them: neither made of
 * it nor printed anew, they go on byte for byte. A string that begins with a byte no text has
 * (0xfe), followed by the text; rpc_dump() prints that bare. It is an object or an array, and to
 * whoever does not know of it a value without members: who looks into one opens it. */
#pragma once

#include "mgw/wire/json_marked.h"

#include <jansson.h>

/* The text is sound (rpc_glance.h). NULL: out of memory. */
json_t *json_raw(struct str text);

/* The text, borrowed; {NULL, 0}: it is another value. */
static inline struct str json_raw_text(const json_t *value)
{
        return json_marked_text(value, JSON_MARK_RAW);
}

static inline bool json_is_raw(const json_t *value)
{
        return json_raw_text(value).p != NULL;
}

/* An object, made or not. */
static inline bool json_is_object_or_raw(const json_t *value)
{
        return json_is_object(value) || json_is_raw(value);
}

/* The value that it is the text of; any other value (or NULL) is that itself. NULL: out of memory.
 */
json_t *json_raw_open_take(json_t *value);

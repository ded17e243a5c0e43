/* Numbers of JSON, as they were written where neither an int64_t nor a double holds them: integers
 * past 64 bits (18446744073709551615) and fractions of more than 15 digits. Clients read them with
 * more than we have: Python's integers, Java's BigDecimal.
 *
 * jansson knows no such numbers. Here they are strings that begin with a byte no text has (0xff),
 * followed by the text of the number: rpc_dump() prints that bare, and jansson's own printer
 * refuses it. So json_is_number() is false of them: whoever cares for a value asks here. */
#pragma once

#include "mgw/wire/json_marked.h"

#include <jansson.h>

/* The text of a number of JSON (RFC 8259 6). NULL: out of memory. */
json_t *rpc_number_as_written(struct str digits);

/* The text of one that is as it was written, borrowed; {NULL, 0}: it is another value. */
static inline struct str rpc_number_text(const json_t *value)
{
        return json_marked_text(value, JSON_MARK_NUMBER);
}

static inline bool rpc_is_number(const json_t *value)
{
        return json_is_number(value) || rpc_number_text(value).p != NULL;
}

/* A string, and none of those above or of json_raw.h: no text has such a byte. */
static inline bool rpc_is_string(const json_t *value)
{
        const char *text = json_string_value(value);

        return text != NULL && (unsigned char)text[0] < JSON_MARK_RAW;
}

/* The nearest double; 0 of what is no number. */
double rpc_number_value(const json_t *value);
/* Has it no fraction? */
bool rpc_is_integral(const json_t *value);

/* Values that jansson does not know, as strings that begin with a byte no text has, and which stand
 * for their text bare. rpc_dump() prints that; jansson's own printer refuses them. */
#pragma once

#include "mgw/base/str.h"

#include <jansson.h>

#define JSON_MARK_NUMBER 0xff /* rpc_number.h */
#define JSON_MARK_RAW 0xfe    /* json_raw.h; what is below is a text */

/* NULL: out of memory. */
json_t *json_marked(unsigned char mark, struct str text);

/* The text, borrowed; {NULL, 0}: it is another value. */
static inline struct str json_marked_text(const json_t *value, unsigned char mark)
{
        const char *text = json_string_value(value);

        if (text == NULL || (unsigned char)text[0] != mark)
                return (struct str){NULL, 0};
        return (struct str){text + 1, json_string_length(value) - 1};
}

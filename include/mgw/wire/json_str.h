/* Strings of JSON as bytes: NULs may stand among them. */
#pragma once

#include "mgw/base/str.h"

#include <jansson.h>

/* The bytes of a JSON string, NULs among them, borrowed; the empty string of what is none. */
static inline struct str json_str(const json_t *string)
{
        return (struct str){json_string_value(string), json_string_length(string)};
}

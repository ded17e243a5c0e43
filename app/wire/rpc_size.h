/* What a JSON text will be, before it is parsed. */
#pragma once

#include "mgw/base/str.h"

struct rpc_size {
        size_t n_values; /* with the names of members */
        size_t bytes;    /* that jansson will take, about */
        size_t end;      /* up to where it was looked at */
        bool is_too_deep;
};

/* One walk over the text, up to a bracket that goes too deep, or the value that is one too many.
 * Text that is not JSON may give any size: it is refused all the same. */
void rpc_size_of(struct str text, size_t values_max, struct rpc_size *size);

/* The byte behind the string whose first byte, behind its quote, is at; text.n: it has no end. */
size_t rpc_skip_string(struct str text, size_t at);

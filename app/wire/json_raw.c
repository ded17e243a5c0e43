#include "mgw/wire/json_raw.h"

#include "mgw/wire/rpc.h"

#include <stdlib.h>
#include <string.h>

json_t *json_raw(struct str text)
{
        char *marked = malloc(text.n + 1);
        json_t *raw;

        if (marked == NULL)
                return NULL;
        marked[0] = '\xfe';
        memcpy(marked + 1, text.p, text.n);
        raw = json_stringn_nocheck(marked, text.n + 1);
        free(marked);
        return raw;
}

json_t *json_raw_open_take(json_t *value)
{
        struct str text = json_raw_text(value);
        json_t *opened = NULL;
        char why[160];

        if (text.p == NULL)
                return value;
        (void)rpc_parse_any(text, &opened, why, sizeof(why)); /* it was judged before */
        json_decref(value);
        return opened;
}

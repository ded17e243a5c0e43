/* A string of jansson's, with the mark before the text. jansson's own check for UTF-8 would refuse
 * it. */
#include "mgw/wire/json_marked.h"

#include <stdlib.h>
#include <string.h>

json_t *json_marked(unsigned char mark, struct str text)
{
        char *marked = malloc(text.n + 1);
        json_t *value;

        if (marked == NULL)
                return NULL;
        marked[0] = (char)mark;
        memcpy(marked + 1, text.p, text.n);
        value = json_stringn_nocheck(marked, text.n + 1);
        free(marked);
        return value;
}

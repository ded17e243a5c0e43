#include "return_path.h"

#include "mgw/base/alloc.h"
#include "mgw/base/buf.h"

#include <string.h>

/* What stands before the query: one of our pages, each of which has a name of plain letters. */
static bool is_page(struct str page)
{
        for (size_t i = 0; i < page.n; i++)
                if (!((page.p[i] >= 'a' && page.p[i] <= 'z') || page.p[i] == '-' ||
                      (page.p[i] == '/' && (i == 0 || page.p[i - 1] != '/'))))
                        return false;
        return str_eq(page, STR("/")) || str_eq(page, STR("/connect")) ||
               str_has_prefix(page, STR("/connect/")) || str_eq(page, STR("/oauth/authorize"));
}

/* What may not stand in a cookie (RFC 6265 4.1.1) means the same when it is escaped. */
static int add_char(struct buf *out, char c)
{
        if (c <= ' ' || c > '~' || c == '\\' || c == '#')
                return -1;
        if (strchr("\",;", c) != NULL)
                return buf_addf(out, "%%%02X", (unsigned)c);
        return buf_add(out, &c, 1);
}

char *return_path_read(struct str path)
{
        struct str query = path, page = str_cut(&query, '?');
        char *copy = NULL;
        struct buf out;
        int r = is_page(page) ? 0 : -1;

        buf_init(&out, RETURN_PATH_MAX_BYTES);
        for (size_t i = 0; i < path.n && r == 0; i++)
                r = add_char(&out, path.p[i]);
        if (r == 0)
                copy = alloc_str(buf_bytes(&out));
        buf_finish(&out);
        return copy;
}

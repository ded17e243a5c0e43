#include "mgw/auth/oauth_scope.h"

#include "mgw/auth/oauth_party.h"
#include "mgw/base/alloc.h"
#include "mgw/base/buf.h"

#include <stdlib.h>

static bool has_scope(const char *scopes, struct str one)
{
        struct str rest = str_from(scopes);

        while (rest.n > 0)
                if (str_eq(str_cut(&rest, ' '), one))
                        return true;
        return false;
}

/* Appends those of scopes that neither out nor but has. */
static int add_scopes(struct buf *out, const char *scopes, const char *but)
{
        struct str rest = str_from(scopes);
        int r = 0;

        while (rest.n > 0 && r == 0) {
                struct str one = str_cut(&rest, ' ');
                char *so_far = alloc_str(buf_bytes(out));

                if (one.n > 0 && !has_scope(so_far, one) && !has_scope(but, one))
                        r = buf_addf(out, "%s%.*s", out->len > 0 ? " " : "", STR_ARG(one));
                free(so_far);
        }
        return r;
}

static char *scopes_of(const char *a, const char *b, const char *but)
{
        char *text = NULL;
        struct buf out;

        buf_init(&out, OAUTH_SCOPE_MAX);
        if (add_scopes(&out, a, but) == 0 && add_scopes(&out, b, but) == 0 && out.len > 0)
                text = alloc_str(buf_bytes(&out));
        buf_finish(&out);
        return text;
}

char *oauth_scope_union(const char *a, const char *b)
{
        return scopes_of(a, b, NULL);
}

char *oauth_scope_lacking(const char *wanted, const char *granted)
{
        return scopes_of(wanted, NULL, granted);
}

#include "mgw/wire/uri_plain.h"

#include "../check.h"

#include <stdlib.h>

static void check(const char *uri, unsigned how, const char *want)
{
        char *plain = uri_plain(uri, how);

        if (want == NULL)
                cr_assert_null(plain, "%s -> %s", uri, plain);
        else
                cr_assert_str_eq(plain, want);
        free(plain);
}

Test(uri_plain, escapes_and_dots)
{
        check("r://h/a/b?c", 0, NULL);
        check("r:a", 0, NULL);
        check("none", 0, NULL);
        check("r://h/%61/%2e%2E/%zz%2", 0, "r://h/%zz%2");
        check("r://h/a%00b", 0, NULL);
        check("r://h/../../a/..", 0, "r://h");
        check("r://h/a%2fb/../c", 0, "r://h/c");
        check("r://h/a%2fb/../c", URI_PLAIN_SLASHES, "r://h/a/c");
        check("r://h/a//../c", 0, "r://h/a/c");
}

Test(uri_plain, as_file_systems_and_browsers)
{
        check("r://H/of/https://x", 0, NULL);
        check("R://H/of/https://x", URI_PLAIN_LOOSE, "r://H/of/https:/x");
        check("r://h/a//../c", URI_PLAIN_LOOSE, "r://h/c");
        check("r://h/a\\b\tc", URI_PLAIN_LOOSE, "r://h/a/bc");
        check("file:/a?x", URI_PLAIN_LOOSE, "file:///a");
        check("FILE://LOCALHOST//a#x", URI_PLAIN_LOOSE, "file:///a");
        check("file://h/a?x", URI_PLAIN_LOOSE, NULL);
        check("file:a", URI_PLAIN_LOOSE, NULL);
        check("", URI_PLAIN_LOOSE, NULL);
}

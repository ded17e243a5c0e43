#include "mgw/base/strv.h"

#include "../check.h"

#include <errno.h>
#include <string.h>

Test(strv, grows_and_ends_with_null)
{
        char **v = NULL;

        cr_assert_eq(strv_count(NULL), 0);
        check_int(strv_add_take(&v, strdup("a")), 0);
        check_int(strv_add_take(&v, strdup("b")), 0);
        check_int(strv_add_take(&v, NULL), -ENOMEM);
        cr_assert_eq(strv_count((const char *const *)v), 2);
        cr_assert_str_eq(v[0], "a");
        cr_assert_str_eq(v[1], "b");
        cr_assert_null(v[2]);
        strv_free(v);
        strv_free(NULL);
}

Test(strv, tells_whether_a_text_is_there)
{
        static const char *const texts[] = {"ada", "bob", NULL},
                                 *const others[] = {"x", "bob", NULL},
                                 *const strangers[] = {"x", NULL};

        cr_assert(strv_has(texts, "bob"));
        cr_assert_not(strv_has(texts, "bo"));
        cr_assert_not(strv_has(NULL, "bob"));
        cr_assert(strv_has_any(texts, others));
        cr_assert_not(strv_has_any(texts, strangers));
        cr_assert_not(strv_has_any(texts, NULL));
        cr_assert_not(strv_has_any(NULL, others));
}

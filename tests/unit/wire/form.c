#include "mgw/wire/form.h"
#include "../check.h"

#include <errno.h>
#include <string.h>

static void check_get(const struct form *form, const char *name, const char *want)
{
        const char *got = form_get(form, name);

        cr_assert(want == NULL ? got == NULL : got != NULL, "%s", name);
        if (want != NULL)
                check_str(str_from(got), str_from(want));
}

Test(form, names_and_values)
{
        struct form *form;

        check_int(form_read(&form, STR("a=1&b=x+y%20z&&c&d=&%65=%c3%A9&f==&a=2")), 0);
        check_get(form, "a", "1");
        check_get(form, "b", "x y z");
        check_get(form, "c", "");
        check_get(form, "d", "");
        check_get(form, "e", "\xc3\xa9");
        check_get(form, "f", "=");
        check_get(form, "g", NULL);
        check_get(form, "", NULL);
        check_str(str_from(form_repeated(form)), STR("a"));
        form_destroy(form);
}

Test(form, a_name_that_is_spelled_otherwise_is_the_same)
{
        struct form *form;

        check_int(form_read(&form, STR("code=1&%63ode=2")), 0);
        check_str(str_from(form_repeated(form)), STR("code"));
        form_destroy(form);
        check_int(form_read(&form, STR("code=1&Code=2")), 0);
        cr_assert_null(form_repeated(form));
        form_destroy(form);
}

Test(form, nothing_is_a_form)
{
        struct form *form;

        check_int(form_read(&form, (struct str){NULL, 0}), 0);
        check_get(form, "a", NULL);
        cr_assert_null(form_repeated(form));
        form_destroy(form);
        check_int(form_read(&form, STR("&&")), 0);
        check_get(form, "", NULL);
        form_destroy(form);
        check_int(form_read(&form, STR("=x")), 0);
        check_get(form, "", "x");
        form_destroy(form);
        form_destroy(NULL);
}

Test(form, what_is_none)
{
        static const struct str bad[] = {
                {"a=%", 3},          {"a=%4", 4},  {"a=%4g", 5},   {"%zz=1", 5}, {"a=%00", 5},
                {"a=b\0c", 5},       {"a\0=b", 4}, {"a=%ff", 5},   {"a=%c3", 5}, {"a=\xc3", 3},
                {"a=%ed%a0%80", 11}, {"%fe=1", 5}, {"a=1&b=%", 7},
        };

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct form *form = (struct form *)&bad;

                cr_assert_eq(form_read(&form, bad[i]), FORM_E_BAD, "%zu", i);
                cr_assert_null(form);
        }
}

Test(form, has_bounds)
{
        static char text[FORM_MAX_BYTES + 1];
        struct form *form;

        memset(text, 'a', sizeof(text));
        check_int(form_read(&form, (struct str){text, FORM_MAX_BYTES}), 0);
        form_destroy(form);
        check_int(form_read(&form, (struct str){text, FORM_MAX_BYTES + 1}), FORM_E_BAD);
        for (size_t i = 1; i < sizeof(text); i += 2)
                text[i] = '&';
        check_int(form_read(&form, (struct str){text, 2 * FORM_FIELDS_MAX}), 0);
        form_destroy(form);
        check_int(form_read(&form, (struct str){text, 2 * FORM_FIELDS_MAX + 1}), FORM_E_BAD);
}

Test(form, one_value_alone)
{
        char out[4];

        check_int(form_decode(STR("a%62c"), out, sizeof(out)), 0);
        check_str(str_from(out), STR("abc"));
        check_int(form_decode(STR("a%62cd"), out, sizeof(out)), FORM_E_BAD);
        check_int(form_decode((struct str){NULL, 0}, out, sizeof(out)), 0);
        check_str(str_from(out), STR(""));
}

Test(form, what_is_added_is_read_back)
{
        static const char value[] = "https://x/?a=b&c=d+e %\xe2\x82\xac\"'<>";
        struct form *form;
        struct buf out;

        buf_init(&out, 200);
        check_int(form_add(&out, "first one", value), 0);
        check_int(form_add(&out, "none", NULL), 0);
        check_int(form_add(&out, "last", ""), 0);
        cr_assert(str_has_prefix(buf_bytes(&out), STR("first%20one=https%3A%2F%2Fx")));
        check_int(form_read(&form, buf_bytes(&out)), 0);
        check_get(form, "first one", value);
        check_get(form, "none", NULL);
        check_get(form, "last", "");
        form_destroy(form);
        buf_finish(&out);
}

Test(form, is_added_whole_or_not_at_all)
{
        struct buf out;

        buf_init(&out, 8);
        check_int(form_add(&out, "a", "b"), 0);
        check_int(form_add(&out, "c", "defg"), BUF_E_FULL);
        check_str(buf_bytes(&out), STR("a=b"));
        check_int(form_add(&out, "c", "de"), 0);
        check_str(buf_bytes(&out), STR("a=b&c=de"));
        buf_finish(&out);
}

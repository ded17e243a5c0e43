#include "mgw/wire/json_lazy.h"
#include "mgw/wire/rpc_number.h"

#include "../check.h"

static struct json_lazy *lazy_from(const char *text)
{
        struct json_lazy *lazy = NULL;
        size_t at;

        check_int(json_lazy_create(str_from(text), &lazy, &at), 0);
        return lazy;
}

static const char *text_at(struct json_lazy *lazy, const char *pointer)
{
        const char *rest;

        return json_string_value(json_lazy_value(lazy, json_lazy_at(lazy, pointer, &rest)));
}

Test(json_lazy, finds_members_without_making_the_rest)
{
        struct json_lazy *lazy =
                lazy_from(" {\"a\" : {\"b/c\": \"x\", \"d\\u00fc\": [1, \"]}\\\"\"]} ,"
                          "\"broken\": [1, nonsense], \"n\": 18446744073709551615} ");
        struct json_node *node = json_lazy_first(lazy, json_lazy_root(lazy));
        const char *rest;

        check_str(str_from(json_lazy_key(node)), STR("a"));
        check_str(str_from(text_at(lazy, "/a/b~1c")), STR("x"));
        node = json_lazy_at(lazy, "/a/d\303\274/1", &rest);
        check_str(str_from(rest), STR("/1"));
        check_int(json_array_size(json_lazy_value(lazy, node)), 2);
        cr_assert_null(json_lazy_value(lazy, json_lazy_at(lazy, "/broken", &rest)));
        cr_assert(rpc_is_number(json_lazy_value(lazy, json_lazy_at(lazy, "/n", &rest))));
        cr_assert_null(json_lazy_at(lazy, "/a/none", &rest));
        cr_assert_not(json_lazy_was_short(lazy));
        json_lazy_destroy(lazy);
}

Test(json_lazy, takes_the_last_of_two)
{
        struct json_lazy *lazy = lazy_from("{\"a\": \"x\", \"a\": \"y\"}");

        check_str(str_from(text_at(lazy, "/a")), STR("y"));
        json_lazy_destroy(lazy);
}

Test(json_lazy, tells_where_a_text_is_cut_or_broken)
{
        static const struct {
                const char *text;
                size_t at;
        } all[] = {
                {"", 1},
                {"[]", 1},
                {"{\"a\": 1", 7},
                {"{\"a\": {\"b\": ", 1},
                {"{\"a\"}", 1},
                {"{\"a\": 1}x", 7},
                {"{\"a\": 1 \"b\"}", 8},
                {"{\"a\": \"x", 8},
                {"{\"a\": 1, ", 9},
        };

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                struct json_lazy *lazy;
                size_t at;

                cr_assert_eq(json_lazy_create(str_from(all[i].text), &lazy, &at), JSON_LAZY_E_TEXT,
                             "%s", all[i].text);
                cr_assert_eq(at, all[i].at, "%s: at %zu", all[i].text, at);
        }
}

Test(json_lazy, stands_on_values_too)
{
        struct json_lazy *lazy =
                json_lazy_of_take(json_pack("{s:{s:s, s:[i]}}", "a", "b", "x", "c", 7));
        const char *rest;

        check_str(str_from(text_at(lazy, "/a/b")), STR("x"));
        check_int(json_array_size(json_lazy_value(lazy, json_lazy_at(lazy, "/a/c/0", &rest))), 1);
        check_str(str_from(rest), STR("/0"));
        json_lazy_destroy(lazy);
}

Test(json_lazy, is_bounded)
{
        struct buf text;
        struct json_lazy *lazy;
        size_t at;
        const char *rest;

        buf_init(&text, 64u << 20);
        check_int(buf_addf(&text, "{\"deep\": "), 0);
        for (unsigned i = 0; i < 100000; i++)
                check_int(buf_add(&text, "[", 1), 0);
        for (unsigned i = 0; i < 100000; i++)
                check_int(buf_add(&text, "]", 1), 0);
        check_int(buf_addf(&text, ", \"wide\": [0"), 0);
        for (unsigned i = 0; i < JSON_LAZY_BYTES_MAX / 128; i++)
                check_int(buf_add(&text, ",[]", 3), 0);
        check_int(buf_addf(&text, "]}"), 0);
        check_int(json_lazy_create(buf_bytes(&text), &lazy, &at), 0);
        cr_assert_null(json_lazy_value(lazy, json_lazy_at(lazy, "/deep", &rest)));
        cr_assert_not(json_lazy_was_short(lazy));
        cr_assert_null(json_lazy_value(lazy, json_lazy_at(lazy, "/wide", &rest)));
        cr_assert(json_lazy_was_short(lazy));
        json_lazy_destroy(lazy);
        buf_finish(&text);
}

#include "mgw/base/str.h"

#include "../check.h"

#include <errno.h>
#include <stdlib.h>

static const struct str nothing = {NULL, 0};

Test(str, equality_is_of_bytes_and_length)
{
        cr_assert(str_eq(STR("abc"), str_from("abc")));
        cr_assert_not(str_eq(STR("abc"), STR("abd")));
        cr_assert_not(str_eq(STR("abc"), STR("ab")));
        cr_assert_not(str_eq(STR("a\0b"), STR("a\0c")));
        cr_assert(str_eq(STR(""), nothing));
        cr_assert(str_eq(str_from(NULL), nothing));
}

Test(str, case_is_ignored_in_ascii_only)
{
        cr_assert(str_eq_nocase(STR("Content-TYPE"), STR("content-type")));
        cr_assert(str_eq_nocase(nothing, STR("")));
        cr_assert_not(str_eq_nocase(STR("a"), STR("b")));
        cr_assert_not(str_eq_nocase(STR("aa"), STR("a")));
        /* neighbours of the letters, and the same letters with an accent */
        cr_assert_not(str_eq_nocase(STR("@["), STR("`{")));
        cr_assert_not(str_eq_nocase(STR("\xc3\x89"), STR("\xc3\xa9")));
}

Test(str, prefix)
{
        cr_assert(str_has_prefix(STR("/mcp/x"), STR("/mcp")));
        cr_assert(str_has_prefix(STR("/mcp"), STR("/mcp")));
        cr_assert(str_has_prefix(nothing, STR("")));
        cr_assert_not(str_has_prefix(STR("/mc"), STR("/mcp")));
}

Test(str, trim_takes_spaces_and_tabs)
{
        check_str(str_trim(STR(" \ta b\t ")), STR("a b"));
        check_str(str_trim(STR(" \t ")), STR(""));
        check_str(str_trim(nothing), STR(""));
        check_str(str_trim(STR("\nx\n")), STR("\nx\n"));
}

Test(str, cut_gives_what_stands_before_and_after)
{
        struct str rest = STR("a,,b");

        check_str(str_cut(&rest, ','), STR("a"));
        check_str(rest, STR(",b"));
        check_str(str_cut(&rest, ','), STR(""));
        check_str(rest, STR("b"));
        check_str(str_cut(&rest, ','), STR("b"));
        check_str(rest, STR(""));
        check_str(str_cut(&rest, ','), STR(""));
        rest = nothing;
        check_str(str_cut(&rest, ','), STR(""));
}

Test(str, numbers_are_digits_and_fit)
{
        static const struct {
                const char *text;
                int outcome;
                uint64_t n;
        } cases[] = {
                {"0", 0, 0},
                {"007", 0, 7},
                {"18446744073709551615", 0, UINT64_MAX},
                {"18446744073709551616", -ERANGE, 0},
                {"99999999999999999999999", -ERANGE, 0},
                {"99999999999999999999999x", -EINVAL, 0},
                {"", -EINVAL, 0},
                {"-1", -EINVAL, 0},
                {"+1", -EINVAL, 0},
                {" 1", -EINVAL, 0},
                {"1 ", -EINVAL, 0},
                {"0x10", -EINVAL, 0},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                uint64_t n = 0;

                cr_assert_eq(str_to_u64(str_from(cases[i].text), &n), cases[i].outcome, "\"%s\"",
                             cases[i].text);
                check_int(n, cases[i].n);
        }
}

Test(str, dup_ends_with_nul)
{
        char *copy = str_dup((struct str){"abcdef", 3});
        char *empty = str_dup(nothing);

        cr_assert_str_eq(copy, "abc");
        cr_assert_str_eq(empty, "");
        free(copy);
        free(empty);
}

Test(str, utf8_characters_are_known_by_their_shortest_form)
{
        static const struct {
                struct str text;
                size_t n;
                uint32_t code_point;
        } cases[] = {
                {{"a", 1}, 1, 'a'},
                {{"\0", 1}, 1, 0},
                {{"\x7f", 1}, 1, 0x7f},
                {{"\xc2\x80", 2}, 2, 0x80},
                {{"\xdf\xbf-", 3}, 2, 0x7ff},
                {{"\xe0\xa0\x80", 3}, 3, 0x800},
                {{"\xed\x9f\xbf", 3}, 3, 0xd7ff},
                {{"\xee\x80\x80", 3}, 3, 0xe000},
                {{"\xef\xbf\xbf", 3}, 3, 0xffff},
                {{"\xf0\x90\x80\x80", 4}, 4, 0x10000},
                {{"\xf4\x8f\xbf\xbf", 4}, 4, 0x10ffff},
                /* longer than needed, surrogates, over the end, cut off, no beginning */
                {{"\xc0\x80", 2}, 0, 0},
                {{"\xc1\xbf", 2}, 0, 0},
                {{"\xe0\x9f\xbf", 3}, 0, 0},
                {{"\xed\xa0\x80", 3}, 0, 0},
                {{"\xed\xbf\xbf", 3}, 0, 0},
                {{"\xf0\x8f\xbf\xbf", 4}, 0, 0},
                {{"\xf4\x90\x80\x80", 4}, 0, 0},
                {{"\xf5\x80\x80\x80", 4}, 0, 0},
                {{"\xe2\x82", 2}, 0, 0},
                {{"\xe2\x28\xac", 3}, 0, 0},
                {{"\x80", 1}, 0, 0},
                {{"\xff", 1}, 0, 0},
                {{"", 0}, 0, 0},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                uint32_t c = 0;

                cr_assert_eq(str_utf8_first(cases[i].text, &c), cases[i].n, "case %zu", i);
                cr_assert_eq(c, cases[i].code_point, "case %zu: U+%04X", i, c);
        }
}

Test(str, to_text_leaves_no_control_nor_what_turns_a_line_around)
{
        char text[64], small[4];

        str_to_text(
                STR("a\x1b[2J\x7f\xc2\x85 \xe2\x80\xae\xe2\x81\xa6\xe2\x80\xa8z\xff\xe2\x82\xac"),
                text, sizeof(text));
        check_str(str_from(text), STR("a?[2J?? ???z?\xe2\x82\xac"));
        str_to_text(STR("ab\xe2\x82\xac"), small, sizeof(small));
        check_str(str_from(small), STR("ab"));
}

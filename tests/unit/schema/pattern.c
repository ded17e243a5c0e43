#include "mgw/schema/pattern.h"

#include "../check.h"

#include <stdlib.h>
#include <string.h>

#define STEPS 1000000

static int match(const char *text, struct str subject, uint32_t steps)
{
        struct pattern *pattern;
        char why[160];
        int r = pattern_create(str_from(text), &pattern, why, sizeof(why));

        cr_assert_eq(r, 0, "%s: %s", text, why);
        r = pattern_match(pattern, subject, &steps);
        pattern_destroy(pattern);
        return r;
}

Test(pattern, dialect)
{
        const struct {
                const char *pattern;
                struct str text;
                int want;
        } cases[] = {
                {"b", STR("abc"), 0},
                {"^b", STR("abc"), PATTERN_E_NONE},
                {"", STR(""), 0},
                {"^$", STR("\n"), PATTERN_E_NONE},
                {"a$", STR("a\n"), PATTERN_E_NONE},
                {"^b", STR("a\nb"), PATTERN_E_NONE},
                {"^.$", STR("\xf0\x9f\x98\x80"), 0},
                {"^.$", STR("\n"), PATTERN_E_NONE},
                {"^.$", STR("\r"), PATTERN_E_NONE},
                {"^\\d+$", STR("0189"), 0},
                {"^\\d+$", STR("\xd9\xa0"), PATTERN_E_NONE},
                {"^\\w$", STR("\xc3\xa9"), PATTERN_E_NONE},
                {"^\\p{L}$", STR("\xc3\xa9"), 0},
                {"^\\u00e9$", STR("\xc3\xa9"), 0},
                {"^\\u{1f600}$", STR("\xf0\x9f\x98\x80"), 0},
                {"^\\x41$", STR("A"), 0},
                {"[]", STR("a"), PATTERN_E_NONE},
                {"^[^]$", STR("a"), 0},
                {"^(?:(a)|b)\\1$", STR("b"), 0},
                {"^(?<n>a)\\k<n>$", STR("aa"), 0},
                {"(?=.*[0-9])(?!.*x)", STR("a1"), 0},
                {"(?<=a)b", STR("ab"), 0},
                {"a\\/b", STR("a/b"), 0},
                {"^a.b$", STR("a\0b"), 0},
                {"a", STR("\xff"), PATTERN_E_NONE},
                {"^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}Z$", STR("2026-01-31T09:00:00Z"), 0},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                int r = match(cases[i].pattern, cases[i].text, STEPS);

                cr_assert_eq(r, cases[i].want, "%s: %d", cases[i].pattern, r);
        }
}

Test(pattern, malformed)
{
        static const char *const cases[] = {
                "(",   "[a",       "a{2,1}", "*",    "\\", "(?<n>a)(?<n>b)", "\\p{Nothing}",
                "\\C", "(?<=a*)b", "\xff",   "[b-a]"};
        char *big = calloc(1, 5001);
        struct pattern *pattern;
        char why[160];

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                why[0] = '\0';
                cr_assert_eq(pattern_create(str_from(cases[i]), &pattern, why, sizeof(why)),
                             PATTERN_E_BAD, "%s", cases[i]);
                cr_assert_neq(why[0], '\0');
        }
        memset(big, 'a', 5000);
        check_int(pattern_create(str_from(big), &pattern, why, sizeof(why)), PATTERN_E_BAD);
        memset(big, '(', 2000);
        memset(big + 2000, ')', 2000);
        big[4000] = '\0';
        check_int(pattern_create(str_from(big), &pattern, why, sizeof(why)), PATTERN_E_BAD);
        pattern_destroy(NULL);
        free(big);
}

/* n times the letter, and another one. */
static struct str repeated(char letter, size_t n)
{
        char *text = malloc(n + 1);

        memset(text, letter, n);
        text[n] = '!';
        return (struct str){text, n + 1};
}

/* No one letter is needed at the end, which PCRE2 would look for first. Each would run for minutes,
 * or for ever, on its own. */
Test(pattern, work_is_bounded, .timeout = 60)
{
        static const struct {
                const char *pattern;
                size_t n;
        } cases[] = {
                {"(a+)+$", 100},
                {"(a+)+$", 4000000},
                {"^(a|a)*$", 100},
                {"^(a|aa)+$", 1000},
                {"(.*)*[xy]", 10000},
                {"a*a*a*a*a*a*[xy]", 10000},
                {"a+[xy]", 4000000},
                {"a{60000}[xy]", 4000000},
                {"(?:a{1000}){60}[xy]", 1000000},
                {"(a*)a*\\1[xy]", 100000},
                {"(?:(?=(a*))\\1)*[xy]", 100000},
                {"(?R)?a", 100000},
                {"(?:ab?)*[xy]", 4000000},
                {"[^b]*[^c]*[xy]", 4000000},
                {"^(?:a(?=.*[xy])|a)*$", 100000},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct str text = repeated('a', cases[i].n);
                int r = match(cases[i].pattern, text, STEPS);

                cr_assert(r == PATTERN_E_LIMIT || r == PATTERN_E_NONE || r == 0, "%s: %d",
                          cases[i].pattern, r);
                free((char *)text.p);
        }
}

Test(pattern, takes_steps)
{
        struct str text = repeated('a', 100);
        struct pattern *pattern;
        uint32_t steps = 1000;
        char why[160];

        check_int(pattern_create(STR("^(a+)+$"), &pattern, why, sizeof(why)), 0);
        check_int(pattern_match(pattern, STR("aaaa"), &steps), 0);
        cr_assert(steps < 1000 && steps > 900, "%u", steps);
        check_int(pattern_match(pattern, text, &steps), PATTERN_E_LIMIT);
        check_int(steps, 0);
        check_int(pattern_match(pattern, STR("a"), &steps), PATTERN_E_LIMIT);
        pattern_destroy(pattern);
        free((char *)text.p);
}

/* What a file of some size needs must not be refused. */
Test(pattern, long_text_that_matches)
{
        struct str text = repeated('a', 4000000);

        text.n--;
        check_int(match("^[A-Za-z0-9+/]*={0,2}$", text, STEPS), 0);
        check_int(match("a$", text, STEPS), PATTERN_E_LIMIT);
        free((char *)text.p);
}

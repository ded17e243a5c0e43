#include "mgw/base/glob.h"

#include "../check.h"

#include <string.h>

Test(glob, a_star_is_any_bytes_and_all_else_itself)
{
        cr_assert(glob_match("*", ""));
        cr_assert(glob_match("*", "a"));
        cr_assert(glob_match("", ""));
        cr_assert(glob_match("gmail_*", "gmail_"));
        cr_assert(glob_match("gmail_*", "gmail_list"));
        cr_assert(glob_match("*_list", "gmail_list"));
        cr_assert(glob_match("a*b*c", "abbc"));
        cr_assert(glob_match("a**c", "abbc"));
        cr_assert(glob_match("*a*a*", "aa"));
        cr_assert(glob_match("x?y", "x?y"));
        cr_assert(glob_match("[ab]", "[ab]"));

        cr_assert_not(glob_match("", "a"));
        cr_assert_not(glob_match("gmail_*", "gmai"));
        cr_assert_not(glob_match("gmail_*", "Gmail_list"));
        cr_assert_not(glob_match("aba*aba", "ababa"));
        cr_assert_not(glob_match("*a*a*", "ba"));
        cr_assert_not(glob_match("a*b", "ac"));
        cr_assert_not(glob_match("x?y", "xzy"));
        cr_assert_not(glob_match("[ab]", "a"));
}

static bool naive_match(const char *p, const char *t)
{
        if (*p == '\0')
                return *t == '\0';
        if (*p == '*')
                return naive_match(p + 1, t) || (*t != '\0' && naive_match(p, t + 1));
        return *p == *t && naive_match(p + 1, t + 1);
}

/* The number as a word of at most five letters out of those. */
static void word(char out[6], unsigned number, const char *letters)
{
        size_t n = strlen(letters) + 1, i = 0;

        for (; number > 0 && i < 5; number /= (unsigned)n)
                if (number % n > 0)
                        out[i++] = letters[number % n - 1];
        out[i] = '\0';
}

#define N_PATTERNS 1024 /* of three letters, five long at most */
#define N_TEXTS 243     /* of two */

Test(glob, all_small_patterns_match_cover_and_meet_as_the_definition_has_it)
{
        static bool matches[N_PATTERNS][N_TEXTS];
        char a[6], b[6], text[6];

        for (unsigned i = 0; i < N_PATTERNS; i++)
                for (unsigned j = 0; j < N_TEXTS; j++) {
                        word(a, i, "ab*");
                        word(text, j, "ab");
                        matches[i][j] = glob_match(a, text);
                        cr_assert_eq(matches[i][j], naive_match(a, text), "%s %s", a, text);
                }
        for (unsigned i = 0; i < N_PATTERNS; i += 3)
                for (unsigned k = 0; k < N_PATTERNS; k += 5) {
                        bool meets = false, covers = true;

                        word(a, i, "ab*");
                        word(b, k, "ab*");
                        for (unsigned j = 0; j < N_TEXTS; j++) {
                                meets = meets || (matches[i][j] && matches[k][j]);
                                covers = covers && (matches[i][j] || !matches[k][j]);
                        }
                        /* a text that both match may be longer than those here */
                        cr_assert(!meets || glob_meets(a, b), "%s %s", a, b);
                        cr_assert_eq(glob_meets(a, b), glob_meets(b, a), "%s %s", a, b);
                        cr_assert(covers || !glob_covers(a, b), "%s %s", a, b);
                }
        cr_assert_not(glob_meets("a*", "b*"));
        cr_assert_not(glob_meets("*a", "*b"));
        cr_assert_not(glob_meets("gmail_*", "notes_list"));
        cr_assert(glob_meets("*_list", "gmail_*"));
        cr_assert(glob_covers("gmail_*", "gmail_list*"));
        cr_assert_not(glob_covers("gmail_list*", "gmail_*"));
}

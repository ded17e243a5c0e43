/* What others have chosen is bounded, and what is shown of many is chosen. */
#include "../../../app/status/status_inside.h"
#include "../check.h"

#include <stdlib.h>
#include <string.h>

static void check_text(const char *given, const char *expected)
{
        json_t *text = status_text(given);

        cr_assert_str_eq(json_string_value(text), expected);
        json_decref(text);
}

Test(status_rows, a_text_is_cut_at_a_whole_character_and_has_no_controls)
{
        char text[4096], expected[STATUS_TEXT_SIZE];
        json_t *none = status_text(NULL);

        check_text("Cursor", "Cursor");
        check_text("", "");
        check_text("a\nb\x1b[31m\x7f", "a?b?[31m?");
        check_text("\xff\xc0\xaf", "???");
        cr_assert(json_is_null(none));

        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        memset(expected, 'x', sizeof(expected) - 1);
        expected[sizeof(expected) - 1] = '\0';
        check_text(text, expected);

        /* of two bytes each: the last does not fit */
        for (size_t i = 1; i + 1 < sizeof(text); i += 2)
                memcpy(text + i, "\xc3\xa4", 2);
        text[0] = 'x';
        json_t *cut = status_text(text);
        check_int(json_string_length(cut), STATUS_TEXT_SIZE - 2);
        json_decref(cut);
}

Test(status_rows, the_highest_ranks_are_kept_in_their_order)
{
        static int of[5000];
        struct status_best *best = calloc(1, sizeof(*best));

        for (uint64_t i = 0; i < 5000; i++)
                status_best_add(best, &of[i], i * 7919 % 5000);
        check_int(best->n, STATUS_ROWS_MAX);
        for (size_t i = 0; i < best->n; i++) {
                check_int(best->rows[i].rank, 4999 - i);
                check_int((uint64_t)((const int *)best->rows[i].of - of) * 7919 % 5000, 4999 - i);
        }
        free(best);
}

Test(status_rows, the_first_of_equals_stays_first)
{
        static int of[3];
        struct status_best best = {.n = 0};

        for (size_t i = 0; i < 3; i++)
                status_best_add(&best, &of[i], 1);
        for (size_t i = 0; i < 3; i++)
                cr_assert_eq(best.rows[i].of, &of[i]);
}

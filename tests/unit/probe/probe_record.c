/* Beats, and lines of heads. */
#include "records.h"

#include <string.h>

static struct probe_record record;

static void tear_down(void)
{
        probe_record_finish(&record);
}

TestSuite(probe_record, .fini = tear_down);

Test(probe_record, what_comes_together_is_one_beat)
{
        record = record_of(PROBE_KIND_GET);
        probe_record_beat(&record, 1000, 1);
        probe_record_beat(&record, 1000 + PROBE_BEAT_MS, 2);
        probe_record_beat(&record, 1001 + PROBE_BEAT_MS, 1);
        check_int(record.n_beats, 2);
        check_int(record.beats[0].n_comments, 3);
        check_int(record.n_comments, 4);
}

Test(probe_record, silences_are_measured_with_that_at_the_end)
{
        record = record_of(PROBE_KIND_GET);
        probe_record_beat(&record, 5000, 1);
        probe_record_beat(&record, 6000, 1);
        check_int(record.gap_ms, 4980);
        record_end(&record, PROBE_END_NONE, 9000);
        check_int(probe_record_silence_ms(&record), 3000);
        check_int(probe_record_longest_ms(&record), 4980);
        record_end(&record, PROBE_END_NONE, 16000);
        check_int(probe_record_longest_ms(&record), 10000);
}

Test(probe_record, what_is_kept_is_bounded)
{
        record = record_of(PROBE_KIND_GET);
        for (int64_t i = 1; i <= PROBE_BEATS_MAX + 10; i++)
                probe_record_beat(&record, i * 1000, 1);
        check_int(record.n_beats, PROBE_BEATS_MAX);
        check_int(record.n_more, 10);
        check_int(record.n_comments, PROBE_BEATS_MAX + 10);
        check_int(record.last_ms, (PROBE_BEATS_MAX + 10) * 1000);
}

Test(probe_record, lines_of_a_head_are_found_in_any_case)
{
        static const char lines[] = "Via: 1.1 a\nServer: b\nvia: 1.1 c\nVia-Not: d\n";
        const char *value;
        size_t n;

        value = probe_record_header(lines, "via", NULL, &n);
        check_str(((struct str){value, n}), STR("1.1 a"));
        value = probe_record_header(lines, "via", value, &n);
        check_str(((struct str){value, n}), STR("1.1 c"));
        cr_assert_null(probe_record_header(lines, "via", value, &n));
        cr_assert_null(probe_record_header("", "via", NULL, &n));
        cr_assert_null(probe_record_header(NULL, "via", NULL, &n));
}

/* It is printed on terminals, and as JSON. */
Test(probe_record, a_head_can_be_printed)
{
        static const char lines[] = "Server: nginx\033[2J\xff\nVia: a\n";

        record = record_of(PROBE_KIND_GET);
        probe_record_take_lines(&record, lines, strlen(lines));
        cr_assert_str_eq(record.lines, "Server: nginx?[2J?\nVia: a\n");
}

Test(probe_record, marks_name_their_line)
{
        static const char lines[] = "Date: x\nServer: nginx/1.22.1\n";
        size_t n = 0;

        for (size_t i = 0; i < probe_party_count(); i++) {
                const char *mark = probe_party_mark(i, lines, &n);

                cr_assert_eq(mark != NULL, strcmp(probe_party_name(i), "nginx") == 0, "%s",
                             probe_party_name(i));
                if (mark != NULL)
                        check_str(((struct str){mark, n}), STR("Server: nginx/1.22.1"));
        }
        check_int(probe_party_seen(NULL), 0);
}

/* The log through real pipes: what a line looks like, and what happens when nobody reads. */
#include "mgw/base/log.h"

#include "../check.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int in;
static int out;

static void set_up(void)
{
        int ends[2];

        check_int(pipe(ends), 0);
        in = ends[0];
        out = ends[1];
        check_int(fcntl(in, F_SETFL, O_NONBLOCK), 0);
        log_setup(out, LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
}

static void tear_down(void)
{
        close(in);
        close(out);
}

/* a log that blocks meets the time limit */
TestSuite(log, .init = set_up, .fini = tear_down, .timeout = 20);

/* All that was logged since the last call, NUL-terminated. */
static struct str logged(void)
{
        static char text[1 << 17];
        size_t n = 0;
        ssize_t got;

        while ((got = read(in, text + n, sizeof(text) - 1 - n)) > 0)
                n += (size_t)got;
        text[n] = '\0';
        return (struct str){text, n};
}

/* The same, one line, behind its time. */
static struct str logged_after_time(void)
{
        static const char pattern[] = "dddd-dd-ddTdd:dd:dd.dddZ ";
        struct str s = logged();

        cr_assert_gt(s.n, sizeof(pattern) - 1, "\"%s\" is no line", s.p);
        for (size_t i = 0; i < sizeof(pattern) - 1; i++) {
                bool is_good =
                        pattern[i] == 'd' ? s.p[i] >= '0' && s.p[i] <= '9' : s.p[i] == pattern[i];

                cr_assert(is_good, "\"%s\" begins with no time", s.p);
        }
        return (struct str){s.p + sizeof(pattern) - 1, s.n - (sizeof(pattern) - 1)};
}

static json_t *logged_json(void)
{
        struct str s = logged();
        json_error_t error;
        json_t *line;

        cr_assert(s.n > 0 && s.p[s.n - 1] == '\n');
        cr_assert_eq(strchr(s.p, '\n'), s.p + s.n - 1, "more than one line: %s", s.p);
        line = json_loadb(s.p, s.n, JSON_REJECT_DUPLICATES, &error);
        cr_assert_not_null(line, "%s: %s", error.text, s.p);
        return line;
}

static void check_member(const json_t *line, const char *key, const char *value)
{
        const json_t *member = json_object_get(line, key);

        check_str(str_from(json_string_value(member)), str_from(value));
}

Test(log, a_line_has_time_level_message_and_fields)
{
        log_info(LOG_FIELDS({"user", "ann@example.com"}, {"none", NULL}, {"n", "3"}),
                 "[MCP] Client connected: %s (%s)", "n1-7", "ann@example.com");
        check_str(logged_after_time(), STR("INFO [MCP] Client connected: n1-7 (ann@example.com) "
                                           "user=ann@example.com n=3\n"));
        log_error(NULL, "gone");
        check_str(logged_after_time(), STR("ERROR gone\n"));
        log_warn(LOG_FIELDS({NULL, NULL}), "soon");
        check_str(logged_after_time(), STR("WARN soon\n"));
}

Test(log, levels_below_the_lowest_are_silent)
{
        log_debug(NULL, "quiet");
        log_line(LOG_LEVEL_DEBUG, NULL, "quiet");
        check_str(logged(), STR(""));
        log_setup(out, LOG_FORMAT_TEXT, LOG_LEVEL_DEBUG);
        log_debug(NULL, "loud");
        check_str(logged_after_time(), STR("DEBUG loud\n"));
        log_setup(out, LOG_FORMAT_TEXT, LOG_LEVEL_ERROR);
        log_warn(NULL, "quiet");
        check_str(logged(), STR(""));
        cr_assert(log_is_on(LOG_LEVEL_ERROR));
        cr_assert_not(log_is_on(LOG_LEVEL_WARN));
}

Test(log, values_are_quoted_when_they_would_mislead)
{
        log_info(LOG_FIELDS({"a", "two words"}, {"b", ""}, {"c", "k=v"}, {"d", "say \"x\""},
                            {"e", "back\\slash"}, {"f", "line\nend"}, {"g", "\xc3\xa9t\xc3\xa9"}),
                 "m");
        check_str(logged_after_time(),
                  STR("INFO m a=\"two words\" b=\"\" c=\"k=v\" d=\"say \\\"x\\\"\" "
                      "e=\"back\\\\slash\" f=\"line\\nend\" g=\xc3\xa9t\xc3\xa9\n"));
}

Test(log, no_input_forges_a_line_or_steers_a_terminal)
{
        log_info(LOG_FIELDS({"k", "v\r\n2026-01-02T03:04:05.678Z ERROR forged"}),
                 "a\nb\rc\td\x1b[31m\x7f\xc2\x9b" /* CSI in one character */
                 "\xe2\x80\xa8");
        check_str(logged_after_time(), STR("INFO a\\nb\\rc\\td\\u001b[31m\\u007f\\u009b\\u2028 "
                                           "k=\"v\\r\\n2026-01-02T03:04:05.678Z ERROR forged\"\n"));
}

/* Shown as they are they would turn a line around, or hide a part of it. */
Test(log, escapes_what_is_not_seen)
{
        log_info(LOG_FIELDS({"name", "a\xe2\x80\xae\xd8\x9c\xef\xbb\xbf z"}),
                 "m \xe2\x81\xa6x\xe2\x81\xa9\xc2\xa0\xe2\x80\x8b\xf3\xa0\x80\xa0");
        check_str(logged_after_time(), STR("INFO m \\u2066x\\u2069\\u00a0\\u200b\\udb40\\udc20 "
                                           "name=\"a\\u202e\\u061c\\ufeff z\"\n"));
        log_setup(out, LOG_FORMAT_JSON, LOG_LEVEL_INFO);
        log_info(NULL, "x\xe2\x80\xae\xf3\xa0\x80\xa0y");
        json_t *line = logged_json();
        check_str(str_from(json_string_value(json_object_get(line, "message"))),
                  STR("x\xe2\x80\xae\xf3\xa0\x80\xa0y"));
        json_decref(line);
}

Test(log, what_is_not_utf8_is_replaced)
{
        log_info(LOG_FIELDS({"k", "x\xffy\xc3"}), "\xed\xa0\x80");
        check_str(logged_after_time(),
                  STR("INFO \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd k=x\xef\xbf\xbdy\xef\xbf\xbd\n"));
}

Test(log, json_lines_are_json)
{
        json_t *line;

        log_setup(out, LOG_FORMAT_JSON, LOG_LEVEL_INFO);
        log_warn(LOG_FIELDS({"user", "a \"b\" \\ \n \x01 \x1b \xe2\x82\xac"}, {"none", NULL}),
                 "broken \xff \"%s\"", "pipe");
        line = logged_json();
        check_member(line, "level", "warn");
        check_member(line, "message", "broken \xef\xbf\xbd \"pipe\"");
        check_member(line, "user", "a \"b\" \\ \n \x01 \x1b \xe2\x82\xac");
        check_int(json_object_size(line), 4);
        check_int(json_string_length(json_object_get(line, "time")), 24);
        json_decref(line);
}

Test(log, a_long_line_is_cut_between_characters)
{
        char text[6000];
        struct str s;

        for (size_t i = 0; i + 2 < sizeof(text); i += 2)
                memcpy(text + i, "\xc3\xa9", 3);
        for (size_t start = 0; start < 40; start++) {
                log_info(LOG_FIELDS({"key", text}, {"later", "1"}), "%.*s", (int)start,
                         "0123456789012345678901234567890123456789");
                s = logged();
                cr_assert(s.n <= PIPE_BUF && s.n > PIPE_BUF - 64, "%zu bytes", s.n);
                cr_assert(strstr(s.p, "\xc3\xa9 cut=true\n") != NULL);
                cr_assert_null(strstr(s.p, "later"));
        }
        log_info(LOG_FIELDS({"key", "v"}), "%s", text);
        cr_assert_not_null(strstr(logged().p, "\xc3\xa9 cut=true\n"));
}

static struct str last_value(const json_t *line)
{
        return str_from(json_string_value(json_object_get(line, "last")));
}

/* Wherever the cut falls, in a key, an escape or a value, the line is still JSON. */
Test(log, a_long_json_line_is_cut_and_still_json)
{
        char text[PIPE_BUF];
        int n_cut = 0;
        bool is_whole;
        json_t *line;

        log_setup(out, LOG_FORMAT_JSON, LOG_LEVEL_INFO);
        memset(text, 'x', sizeof(text));
        for (int n = PIPE_BUF - 200; n < PIPE_BUF; n++) {
                log_info(LOG_FIELDS({"value", "\n\x01\"\xff\xc3\xa9"}, {"last", "v"}), "%.*s", n,
                         text);
                line = logged_json();
                is_whole = str_eq(last_value(line), STR("v"));
                cr_assert_neq(is_whole, json_is_true(json_object_get(line, "cut")));
                n_cut += json_object_get(line, "cut") != NULL;
                json_decref(line);
        }
        cr_assert(n_cut > 100 && n_cut < 200, "%d of 200 cut", n_cut);
}

/* Fills the pipe to the last byte, through a flag that is taken back. */
static void fill_pipe(void)
{
        char text[4096] = {0};

        check_int(fcntl(out, F_SETFL, O_NONBLOCK), 0);
        while (write(out, text, sizeof(text)) > 0)
                continue;
        while (write(out, text, 1) > 0)
                continue;
        check_int(errno, EAGAIN);
        check_int(fcntl(out, F_SETFL, 0), 0);
}

Test(log, lines_wait_for_a_full_pipe_in_order)
{
        struct str s;

        fill_pipe();
        for (int i = 0; i < 3; i++)
                log_info(NULL, "waits %d", i);
        cr_assert(!log_flush());
        s = logged();
        cr_assert_null(memchr(s.p, 'w', s.n), "a line came through a full pipe");
        cr_assert(log_flush());
        s = logged();
        for (int i = 0; i < 3; i++) {
                char line[32];
                const char *at;

                snprintf(line, sizeof(line), "Z INFO waits %d\n", i);
                at = strstr(s.p, line);
                cr_assert_not_null(at, "%s", s.p);
                s.p = at;
        }
}

Test(log, a_burst_at_a_socket_is_whole)
{
        int n_lines = 0, pair[2];
        char text[65536];
        ssize_t n;

        check_int(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        log_setup(pair[1], LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
        for (int i = 0; i < 5000; i++)
                log_info(NULL, "line");
        while (n_lines < 5000) {
                n = recv(pair[0], text, sizeof(text), MSG_DONTWAIT);
                cr_assert_gt(n, 0, "%d of 5000 lines", n_lines);
                for (ssize_t i = 0; i < n; i++)
                        n_lines += text[i] == '\n';
                (void)log_flush();
        }
        cr_assert(log_flush());
        close(pair[0]);
        close(pair[1]);
}

Test(log, what_passes_the_queue_is_dropped_and_told)
{
        int n_logged = 0, n_came = 0;
        struct str s;
        char told[64];
        const char *at;

        fill_pipe();
        for (size_t bytes = 0; bytes < (2u << 20); bytes += 1000, n_logged++)
                log_info(NULL, "%*s", 1000, "x");
        for (bool is_first = true; is_first || !log_flush(); is_first = false) {
                s = logged();
                for (size_t i = 0; i < s.n; i++)
                        n_came += s.p[i] == '\n';
        }
        s = logged();
        for (size_t i = 0; i < s.n; i++)
                n_came += s.p[i] == '\n';
        cr_assert(n_came > 900 && n_came < n_logged, "%d of %d", n_came, n_logged);
        log_info(NULL, "after");
        s = logged();
        snprintf(told, sizeof(told), "took no more count=%d\n", n_logged - n_came);
        at = strstr(s.p, told);
        cr_assert_not_null(at, "%s, not %s", s.p, told);
        cr_assert_not_null(strstr(at, "Z INFO after\n"));
}

Test(log, the_end_waits_for_a_reader_but_not_for_ever)
{
        struct str s;

        fill_pipe();
        log_info(NULL, "last words");
        log_finish(1);
        s = logged();
        cr_assert_null(memchr(s.p, 'l', s.n));
        log_info(NULL, "next");
        log_finish(1000);
        check_str(logged_after_time(), STR("INFO next\n"));
}

Test(log, nobody_on_the_other_end_is_no_end_of_ours)
{
        close(in);
        log_info(NULL, "to nobody");
        close(out);
        log_info(NULL, "to nothing");
        set_up();
        log_info(NULL, "to somebody");
        check_str(logged_after_time(), STR("INFO to somebody\n"));
}

/* A file at its size limit takes a line in part: the rest follows when it can. */
Test(log, a_line_that_got_out_in_part_goes_on)
{
        struct rlimit all;
        struct rlimit little;
        FILE *file = tmpfile();
        char text[200] = {0};

        check_int(getrlimit(RLIMIT_FSIZE, &all), 0);
        little = (struct rlimit){.rlim_cur = 10, .rlim_max = all.rlim_max};
        check_int(setrlimit(RLIMIT_FSIZE, &little), 0);
        log_setup(fileno(file), LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
        log_info(NULL, "torn");
        check_int(setrlimit(RLIMIT_FSIZE, &all), 0);
        log_info(NULL, "whole");
        cr_assert_gt(pread(fileno(file), text, sizeof(text) - 1, 0), 10);
        cr_assert_not_null(strstr(text, "Z INFO torn\n"), "%s", text);
        cr_assert_not_null(strstr(text, "Z INFO whole\n"), "%s", text);
        fclose(file);
}

Test(log, errno_is_left_alone)
{
        errno = ERANGE;
        log_info(NULL, "x");
        check_int(errno, ERANGE);
        close(out);
        log_info(NULL, "x");
        check_int(errno, ERANGE);
        set_up();
}

/* Lines: what stands in them, and what becomes of calls when they cannot be written. */
#include "mgw/observe/audit.h"
#include "audit_world.h"
#include "mgw/core/share.h"

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(audit, .timeout = 120);

static struct audit_world w;

static void check_text(const json_t *line, const char *key, const char *expected)
{
        const char *text = json_string_value(json_object_get(line, key));

        cr_assert(text != NULL && strcmp(text, expected) == 0, "%s: got %s, want %s", key,
                  text != NULL ? text : "nothing", expected);
}

static void check_number(const json_t *line, const char *key, long long expected)
{
        check_int(json_integer_value(json_object_get(line, key)), expected);
}

static bool matches(const char *text, const char *pattern)
{
        regex_t regex;
        bool is;

        cr_assert_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
        is = regexec(&regex, text, 0, NULL, 0) == 0;
        regfree(&regex);
        return is;
}

Test(audit, a_call_has_one_line_that_says_who_what_and_how)
{
        json_t *lines;
        const json_t *line;

        audit_world_open(&w);
        audit_world_start(&w);
        cr_assert(audit_world_run(&w, "forecast"));
        audit_world_stop(&w);
        lines = audit_world_lines(w.file);
        check_int(json_array_size(lines), 3);
        check_text(json_array_get(lines, 0), "kind", "start");
        check_text(json_array_get(lines, 2), "kind", "stop");
        line = json_array_get(lines, 1);
        check_text(line, "kind", "call");
        check_text(line, "user", "ann@example.com");
        check_text(line, "client", "cursor");
        check_text(line, "client_version", "1.2.3");
        check_text(line, "revision", "2025-06-18");
        check_text(line, "session", "s-1");
        check_text(line, "server", "weather");
        check_text(line, "method", "tools/call");
        check_text(line, "tool", "forecast");
        check_text(line, "outcome", "ok");
        check_text(line, "request_id", "r-1");
        check_number(line, "duration_us", 1234);
        check_number(line, "bytes_in", 10);
        check_number(line, "bytes_out", 20);
        cr_assert(matches(json_string_value(json_object_get(line, "time")),
                          "^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$"));
        cr_assert_null(json_object_get(line, "arguments"), "they are not switched on");
        json_decref(lines);
        audit_world_close(&w);
}

Test(audit, nothing_that_a_client_says_makes_another_line)
{
        static const char evil[] =
                "x\"}\n{\"kind\":\"call\",\"tool\":\"forged\"}\n\x01\xff\xc3\xa9";
        json_t *lines;
        char long_name[2000];

        memset(long_name, '\n', sizeof(long_name) - 1);
        long_name[sizeof(long_name) - 1] = '\0';
        audit_world_open(&w);
        audit_world_start(&w);
        cr_assert(audit_world_run(&w, evil));
        cr_assert(audit_world_run(&w, long_name));
        audit_decide(&w.context, &(const struct audit_decision){.kind = "token",
                                                                .outcome = "refused",
                                                                .reason = evil,
                                                                .address = STR("10.0.0.1\n"),
                                                                .request_id = STR("\xff\n\"")});
        audit_world_stop(&w);
        lines = audit_world_lines(w.file);
        check_int(json_array_size(lines), 5);
        check_int(audit_world_count(lines, "tool", "forged"), 0);
        check_text(json_array_get(lines, 1), "tool",
                   "x\"}\n{\"kind\":\"call\",\"tool\":\"forged\"}\n\x01?\xc3\xa9");
        check_text(json_array_get(lines, 3), "address", "10.0.0.1\n");
        json_decref(lines);
        audit_world_close(&w);
}

static char *mask[] = {(char *)"password", (char *)"token", NULL};

static json_t *arguments_of(json_t *params, bool *is_left_out)
{
        struct call_record record;
        json_t *lines, *arguments;
        const json_t *line;

        audit_world_open(&w);
        w.config.audit_arguments = true;
        w.config.audit_mask = mask;
        audit_world_start(&w);
        record = audit_world_call(&w, "t");
        record.params = params;
        cr_assert_eq(audit_begin(&w.context, &record, &record.audit), 0);
        observe_call(&w.context, &record);
        audit_world_stop(&w);
        lines = audit_world_lines(w.file);
        line = audit_world_line(lines, "tool", "t");
        arguments = json_incref(json_object_get(line, "arguments"));
        *is_left_out = json_is_true(json_object_get(line, "arguments_left_out"));
        json_decref(lines);
        json_decref(params);
        audit_world_close(&w);
        return arguments;
}

Test(audit, named_arguments_are_masked_at_any_depth)
{
        bool is_left_out;
        json_t *expected = json_loads("{\"to\":\"ann\",\"Password\":\"***\",\"n\":1.5,\"list\":[{"
                                      "\"token\":\"***\",\"deep\":{\"TOKEN\":\"***\",\"a\\\"b\":"
                                      "null}},true,[]],\"tokens\":2}",
                                      0, NULL);
        json_t *params = json_loads(
                "{\"name\":\"t\",\"arguments\":{\"to\":\"ann\",\"Password\":{\"a\":\"secret\"},"
                "\"n\":1.5,\"list\":[{\"token\":\"secret\",\"deep\":{\"TOKEN\":[\"secret\"],"
                "\"a\\\"b\":null}},true,[]],\"tokens\":2}}",
                0, NULL);
        json_t *arguments = arguments_of(params, &is_left_out);
        char *text = json_dumps(arguments, 0);

        cr_assert(json_equal(arguments, expected), "%s", text);
        cr_assert(!is_left_out);
        free(text);
        json_decref(arguments);
        json_decref(expected);
}

Test(audit, arguments_that_are_too_long_are_left_out_and_the_line_says_so)
{
        bool is_left_out;
        char *big = calloc(1, 100001);

        memset(big, 'x', 100000);
        cr_assert_null(arguments_of(
                json_pack("{s:s, s:{s:s}}", "name", "t", "arguments", "big", big), &is_left_out));
        cr_assert(is_left_out);
        big[15000] = '\0';
        json_t *arguments = arguments_of(
                json_pack("{s:s, s:{s:s}}", "name", "t", "arguments", "big", big), &is_left_out);
        check_int(json_string_length(json_object_get(arguments, "big")), 15000);
        cr_assert(!is_left_out);
        json_decref(arguments);
        free(big);
}

/* ---- where they cannot be written ---- */

static void limit_file(rlim_t bytes)
{
        struct rlimit limit;

        cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
        limit.rlim_cur = bytes;
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void run_until_unwritable(uint64_t *n)
{
        char tool[32];

        while (!audit_stats(&w.context)->is_unwritable) {
                snprintf(tool, sizeof(tool), "t-%llu", (unsigned long long)*n);
                *n += audit_world_run(&w, tool);
                cr_assert_eq(loop_turn(w.context.loop, 0), 0);
        }
}

static void run_until_writable(uint64_t *n)
{
        char tool[32];

        while (audit_stats(&w.context)->is_unwritable) {
                snprintf(tool, sizeof(tool), "t-%llu", (unsigned long long)*n);
                *n += audit_world_run(&w, tool);
                cr_assert_eq(loop_turn(w.context.loop, 0), 0);
                usleep(1000);
        }
}

static void check_each_once(const char *path, uint64_t n)
{
        json_t *lines = audit_world_lines(path);
        uint8_t *seen = calloc(n, 1);
        const json_t *line;
        size_t i;

        json_array_foreach (lines, i, line) {
                const char *tool = json_string_value(json_object_get(line, "tool"));
                unsigned long long no = 0;

                if (tool == NULL || sscanf(tool, "t-%llu", &no) != 1)
                        continue;
                cr_assert(no < n, "t-%llu was refused", no);
                cr_assert(seen[no]++ == 0, "t-%llu has two lines", no);
        }
        for (uint64_t no = 0; no < n; no++)
                cr_assert(seen[no] == 1, "t-%llu has no line", (unsigned long long)no);
        free(seen);
        json_decref(lines);
}

Test(audit, a_full_disk_refuses_calls_and_loses_none)
{
        uint64_t n = 0, refused;

        audit_world_open(&w);
        audit_world_start(&w);
        limit_file(10000);
        run_until_unwritable(&n);
        cr_assert_geq(n, 10);
        refused = audit_stats(&w.context)->refused; /* the last of them may have been, too */
        cr_assert(!audit_world_run(&w, "refused"));
        check_int(audit_stats(&w.context)->refused, refused + 1);
        limit_file(RLIM_INFINITY);
        run_until_writable(&n);
        cr_assert(audit_world_run(&w, "again"));
        audit_world_stop(&w);
        check_each_once(w.file, n);
        audit_world_close(&w);
}

Test(audit, what_a_full_disk_keeps_waiting_is_written_by_the_next_process)
{
        uint64_t n = 0;
        struct stat st;

        audit_world_open(&w);
        audit_world_start(&w);
        limit_file(10000);
        run_until_unwritable(&n);
        audit_world_stop(&w);
        cr_assert_eq(stat(w.file, &st), 0);
        check_int(st.st_size, 10000); /* a line is torn */
        limit_file(RLIM_INFINITY);
        audit_world_start(&w);
        audit_world_stop(&w);
        check_each_once(w.file, n);
        audit_world_close(&w);
}

/* Until there is no room for calls any more; the disk is full. */
static uint64_t fill(struct audit_world *world, uint64_t n)
{
        while (audit_stats(&world->context)->missing == 0) {
                char tool[32];
                struct call_record record;

                snprintf(tool, sizeof(tool), "t-%llu", (unsigned long long)n);
                record = audit_world_call(world, tool);
                cr_assert_eq(audit_begin(&world->context, &record, &record.audit), 0);
                n += record.audit != NULL;
                observe_call(&world->context, &record);
                cr_assert_eq(loop_turn(world->context.loop, 0), 0);
        }
        return n;
}

Test(audit, more_than_the_next_process_has_room_for_is_written_in_the_end_and_once)
{
        static struct audit_world other;
        uint64_t n;

        audit_world_open(&w);
        w.config.audit_when_unwritable = CONFIG_AUDIT_GO_ON;
        audit_world_start(&w);
        other = w;
        other.context.config = &other.config;
        other.context.audit = NULL;
        audit_world_start(&other);
        limit_file(10000);
        n = fill(&w, 0);
        n = fill(&other, n);
        cr_assert_gt(n, 20000);
        audit_world_stop(&w);
        audit_world_stop(&other);
        limit_file(RLIM_INFINITY);
        for (int i = 0; i < 2; i++) {
                audit_world_start(&w);
                audit_world_stop(&w);
        }
        check_each_once(w.file, n);
        audit_world_close(&w);
}

Test(audit, calls_go_on_where_that_is_configured)
{
        json_t *lines;

        audit_world_open(&w);
        w.config.audit_when_unwritable = CONFIG_AUDIT_GO_ON;
        cr_assert_eq(mkfifo(w.file, 0600), 0);
        int fd = open(w.file, O_RDWR); /* nobody reads */
        audit_world_start(&w);
        for (int i = 0; i < 20000; i++) {
                cr_assert(audit_world_run(&w, "t"));
                cr_assert_eq(loop_turn(w.context.loop, 0), 0);
        }
        cr_assert_gt(audit_stats(&w.context)->missing, 0);
        unlink(w.file);
        /* once there is room the next line says how many are missing */
        char drop[65536], out[96];
        snprintf(out, sizeof(out), "%s/out", w.dir);
        int file = open(out, O_CREAT | O_WRONLY, 0600);
        fcntl(fd, F_SETFL, O_NONBLOCK);
        audit_world_run(&w, "last");
        for (;;) {
                ssize_t r = read(fd, drop, sizeof(drop));

                if (r > 0)
                        cr_assert_eq(write(file, drop, (size_t)r), r);
                cr_assert_eq(loop_turn(w.context.loop, 0), 0);
                (void)audit_world_run(&w, "more");
                if (r < 0 && audit_stats(&w.context)->n_waiting < 100)
                        break;
                usleep(500);
        }
        audit_world_stop(&w);
        for (ssize_t r; (r = read(fd, drop, sizeof(drop))) > 0;)
                cr_assert_eq(write(file, drop, (size_t)r), r);
        close(fd);
        close(file);
        lines = audit_world_lines(out);
        cr_assert_geq(audit_world_count(lines, "kind", "missing"), 1);
        json_decref(lines);
        audit_world_close(&w);
}

static uint64_t missing_of(const char *path)
{
        json_t *lines = audit_world_lines(path);
        const json_t *line;
        uint64_t n = 0;
        size_t i;

        json_array_foreach (lines, i, line)
                n += (uint64_t)json_integer_value(json_object_get(line, "missing"));
        json_decref(lines);
        return n;
}

Test(audit, calls_that_lack_their_lines_take_no_room_of_decisions_and_are_counted_once)
{
        const struct audit_decision decision = {.kind = "token", .outcome = "ok"};
        char drop[65536], out[96];
        uint64_t n = 0;

        audit_world_open(&w);
        w.config.audit_when_unwritable = CONFIG_AUDIT_GO_ON;
        cr_assert_eq(mkfifo(w.file, 0600), 0);
        int fd = open(w.file, O_RDWR); /* nobody reads */
        audit_world_start(&w);
        for (int i = 0; i < 20000; i++) {
                struct call_record record = audit_world_call(&w, "t");

                cr_assert_eq(audit_begin(&w.context, &record, &record.audit), 0);
                n += record.audit == NULL;
                observe_call(&w.context, &record);
                cr_assert_eq(loop_turn(w.context.loop, 0), 0);
        }
        cr_assert_gt(n, 2000);
        check_int(audit_stats(&w.context)->missing, n);
        for (int i = 0; i < 1000; i++)
                audit_decide(&w.context, &decision);
        check_int(audit_stats(&w.context)->missing, n);
        snprintf(out, sizeof(out), "%s/out", w.dir);
        int file = open(out, O_CREAT | O_WRONLY, 0600);
        fcntl(fd, F_SETFL, O_NONBLOCK);
        while (audit_stats(&w.context)->n_waiting > 0) {
                ssize_t r = read(fd, drop, sizeof(drop));

                if (r > 0)
                        cr_assert_eq(write(file, drop, (size_t)r), r);
                else
                        usleep(500);
                cr_assert_eq(loop_turn(w.context.loop, 0), 0);
        }
        for (ssize_t r; (r = read(fd, drop, sizeof(drop))) > 0;)
                cr_assert_eq(write(file, drop, (size_t)r), r);
        check_int(missing_of(out), n);
        audit_world_stop(&w);
        close(fd);
        close(file);
        audit_world_close(&w);
}

Test(audit, what_nobody_reads_fills_its_room_and_refuses_then)
{
        unsigned n = 0;

        audit_world_open(&w);
        cr_assert_eq(mkfifo(w.file, 0600), 0);
        int fd = open(w.file, O_RDWR);
        audit_world_start(&w);
        while (audit_world_run(&w, "t")) {
                cr_assert_eq(loop_turn(w.context.loop, 0), 0);
                cr_assert_lt(++n, 20000);
        }
        cr_assert_gt(n, 10000);
        /* a decision has room still */
        audit_decide(&w.context, &(const struct audit_decision){.kind = "token", .outcome = "ok"});
        check_int(audit_stats(&w.context)->missing, 0);
        close(fd); /* the thread's write fails: it may end */
        audit_world_stop(&w);
        audit_world_close(&w);
}

Test(audit, a_fifo_that_nobody_reads_is_not_waited_for)
{
        audit_world_open(&w);
        cr_assert_eq(mkfifo(w.file, 0600), 0);
        cr_assert_eq(loop_create(&w.context.loop), 0);
        cr_assert_eq(observe_open(&w.context), -EINVAL);
        observe_close(&w.context);
        int fd = open(w.file, O_RDONLY | O_NONBLOCK);
        cr_assert_eq(observe_open(&w.context), 0);
        cr_assert(audit_world_run(&w, "t"));
        audit_world_stop(&w);
        close(fd);
        audit_world_close(&w);
}

Test(audit, what_is_not_seen_in_a_text_is_written_so_that_it_is)
{
        static const char evil[] = "a\xc2\x9b"
                                   "2Jb\u202ec\u00add\U000e0041e\u00e9";
        char text[4096] = "";
        json_t *lines;
        FILE *file;

        audit_world_open(&w);
        audit_world_start(&w);
        cr_assert(audit_world_run(&w, evil));
        audit_world_stop(&w);
        lines = audit_world_lines(w.file);
        audit_world_line(lines, "tool", evil);
        json_decref(lines);
        file = fopen(w.file, "r");
        cr_assert_gt(fread(text, 1, sizeof(text) - 1, file), 0);
        fclose(file);
        cr_assert_not_null(strstr(text, "\"a\\u009b2Jb\\u202ec\\u00add\\udb40\\udc41e\u00e9\""),
                           "%s", text);
        audit_world_close(&w);
}

/* A call that brings much, and does not end. False: refused. */
static bool begin_long(struct share *share, const json_t *params)
{
        struct call_record record = audit_world_call(&w, "t");

        record.share = share;
        record.params = params;
        return audit_begin(&w.context, &record, &record.audit) == 0;
}

Test(audit, one_user_leaves_room_for_the_calls_of_others)
{
        static struct share ada, bob;
        static char text[15000];
        unsigned n = 0;
        json_t *params;

        memset(text, 'x', sizeof(text) - 1);
        params = json_pack("{s:{s:s}}", "arguments", "text", text);
        audit_world_open(&w);
        w.config.audit_arguments = true;
        audit_world_start(&w);
        ada.context = bob.context = &w.context;
        while (begin_long(&ada, params))
                cr_assert_lt(++n, 2000);
        cr_assert_gt(n, 300);
        for (unsigned i = 0; i < n / 4; i++)
                cr_assert(begin_long(&bob, params), "bob has room for %u", i);
        cr_assert_not(begin_long(&ada, params));
        audit_world_stop(&w);
        json_decref(params);
        audit_world_close(&w);
}

Test(audit, a_file_that_was_moved_away_is_made_anew)
{
        char moved[128];

        audit_world_open(&w);
        audit_world_start(&w);
        snprintf(moved, sizeof(moved), "%s/audit.log.1", w.dir);
        cr_assert(audit_world_run(&w, "before"));
        audit_world_wait_lines(&w, 2);
        cr_assert_eq(rename(w.file, moved), 0);
        cr_assert_eq(observe_reload(&w.context, false), 0);
        while (access(w.file, F_OK) < 0)
                usleep(1000);
        cr_assert(audit_world_run(&w, "after"));
        audit_world_stop(&w);
        json_t *old = audit_world_lines(moved), *new = audit_world_lines(w.file);
        audit_world_line(old, "tool", "before");
        audit_world_line(new, "tool", "after");
        json_array_extend(old, new); /* its line may have been written before */
        audit_world_line(old, "kind", "reload");
        json_decref(old);
        json_decref(new);
        audit_world_close(&w);
}

Test(audit, strangers_cause_so_many_lines_and_the_rest_are_counted)
{
        struct audit_decision decision = {
                .kind = "token", .outcome = "refused", .is_strangers = true};
        json_t *lines;
        const json_t *line;
        size_t n, i;

        audit_world_open(&w);
        audit_world_start(&w);
        cr_assert_eq(loop_turn(w.context.loop, 0), 0);
        for (i = 0; i < 5000; i++)
                audit_decide(&w.context, &decision);
        usleep(50000);
        cr_assert_eq(loop_turn(w.context.loop, 0), 0);
        audit_decide(&w.context, &decision);
        audit_world_stop(&w);
        lines = audit_world_lines(w.file);
        n = audit_world_count(lines, "kind", "token");
        cr_assert(n >= 1000 && n < 4000, "%zu", n);
        json_array_foreach (lines, i, line)
                n += (size_t)json_integer_value(json_object_get(line, "left_out"));
        check_int(n, 5001);
        json_decref(lines);
        audit_world_close(&w);
}

/* Child processes: how they start, what goes in and what comes out. */
#include "kid.h"

#include "mgw/loop/signal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(child, .timeout = 60);

static void assert_how(const struct kid *kid, const char *how)
{
        cr_assert_str_eq(kid->how, how);
}

static void assert_exits(struct kid *kid, const char *how)
{
        KID_AWAIT(kid->n_exits > 0);
        assert_how(kid, how);
        check_int(children_n(kid_children), 0);
        kid_finish(kid);
}

/* ---- the start ---- */

KID_TEST(child, the_environment_is_what_was_given)
{
        struct kid kid = {.options.envp = (const char *const[]){"B=two words", "A=", NULL}};

        setenv("SECRET", "1", 1);
        kid_start(&kid, (const char *const[]){"env", NULL});
        KID_AWAIT(kid.n_exits == 1);
        check_str(buf_bytes(&kid.out), STR("B=two words|A=|"));
        kid_finish(&kid);
}

KID_TEST(child, leads_its_own_session_and_group)
{
        struct kid kid = {0};
        pid_t pid;

        kid_start(&kid, (const char *const[]){"cat", NULL});
        pid = child_pid(kid.child);
        check_int(getpgid(pid), pid);
        check_int(getsid(pid), pid);
}

KID_TEST(child, gets_no_descriptor_of_ours)
{
        struct kid kid = {0};
        int fd = open("/dev/null", O_RDONLY);

        cr_assert_eq(dup2(fd, 50), 50, "one that is not close-on-exec");
        kid_start(&kid, (const char *const[]){"ls", "/proc/self/fd", NULL});
        KID_AWAIT(kid.n_exits == 1);
        check_str(buf_bytes(&kid.out), STR("0|1|2|3|")); /* 3 is ls's own */
        kid_finish(&kid);
        close(fd);
        close(50);
}

KID_TEST(child, starts_with_no_signal_blocked_or_ignored)
{
        struct signal_watch watch = {0};
        struct kid kid = {0};

        cr_assert_eq(signal_watch_open(kid_loop, &watch, (const int[]){SIGTERM, SIGHUP, 0}), 0);
        kid_start(&kid,
                  (const char *const[]){"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status", NULL});
        KID_AWAIT(kid.n_exits == 1);
        check_str(buf_bytes(&kid.out), STR("SigBlk:\t0000000000000000|SigIgn:\t0000000000000000|"));
        signal_watch_close(&watch);
        kid_finish(&kid);
}

KID_TEST(child, starts_in_the_directory_given)
{
        struct kid kid = {.options.cwd = "/usr/bin"};

        kid_start(&kid, (const char *const[]){"pwd", NULL});
        KID_AWAIT(kid.n_exits == 1);
        check_str(buf_bytes(&kid.out), STR("/usr/bin|"));
        kid_finish(&kid);
}

static char dir[] = "/tmp/mgw-child-XXXXXX";

static void file_write(const char *name, mode_t mode, const char *text)
{
        char path[128];
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", dir, name);
        file = fopen(path, "w");
        cr_assert_not_null(file);
        fputs(text, file);
        fclose(file);
        cr_assert_eq(chmod(path, mode), 0);
}

static void file_remove(const char *name)
{
        char path[128];

        snprintf(path, sizeof(path), "%s/%s", dir, name);
        cr_assert_eq(unlink(path), 0);
}

static void assert_refused(int error, const char *words, const char *cwd, const char *path,
                           const char *command)
{
        struct kid kid = {.options = {.cwd = cwd, .envp = (const char *const[]){path, NULL}}};
        unsigned n = kid_n_descriptors();

        check_int(kid_try(&kid, (const char *const[]){command, NULL}), -error);
        cr_assert_not_null(strstr(kid_why, words), "\"%s\" does not say \"%s\"", kid_why, words);
        check_int(children_n(kid_children), 0);
        check_int(kid_n_descriptors(), n);
        cr_assert_eq(waitpid(-1, NULL, WNOHANG), 0, "the keeper alone is left");
}

KID_TEST(child, a_command_that_cannot_be_executed_is_told_at_once)
{
        cr_assert_not_null(mkdtemp(dir));
        file_write("plain", 0644, "");
        file_write("lost", 0755, "#!/no/interpreter\n");
        file_write("noise", 0755, "no program\n");
        assert_refused(ENOENT,
                       "no command \"mgw-no-such\" in PATH: install it or give its whole path "
                       "(PATH is /usr/bin:/bin)",
                       NULL, "PATH=/usr/bin:/bin", "mgw-no-such");
        assert_refused(ENOENT, "no \"such\" at that path", NULL, "A=b", "/no/such");
        assert_refused(ENOENT, "interpreter", dir, "A=b", "./lost");
        assert_refused(EACCES, "\"plain\": Permission denied", dir, "A=b", "./plain");
        assert_refused(EACCES, "\"plain\": Permission denied", dir, "PATH=/no:.:/bin", "plain");
        assert_refused(EACCES, "\"/\": Permission denied", NULL, "A=b", "/");
        assert_refused(ENOEXEC, "\"noise\": Exec format error", dir, "A=b", "./noise");
        assert_refused(ENOENT, "the working directory of \"true\": No such", "/no/such", "A=b",
                       "/bin/true");
        assert_refused(ENOTDIR, "the working directory of \"true\": Not a", "/dev/null", "A=b",
                       "/bin/true");
        assert_refused(EINVAL, "the command is empty", NULL, "A=b", "");
        file_remove("plain");
        file_remove("lost");
        file_remove("noise");
        rmdir(dir);
}

KID_TEST(child, the_command_is_looked_up_in_its_own_path)
{
        char path[64];
        struct kid kid = {.options.envp = (const char *const[]){path, NULL}};

        cr_assert_not_null(mkdtemp(dir));
        snprintf(path, sizeof(path), "PATH=/no/such::%s", dir);
        file_write("ls", 0755, "#!/bin/sh\necho mine $1\n");
        kid_start(&kid, (const char *const[]){"ls", "really", NULL});
        KID_AWAIT(kid.n_exits == 1);
        check_str(buf_bytes(&kid.out), STR("mine really|"));
        kid_finish(&kid);
        file_remove("ls");
        rmdir(dir);
}

KID_TEST(child, a_failed_watch_leaves_nothing)
{
        struct kid kid = {.options.line_max_bytes = UINT32_MAX};

        check_int(kid_try(&kid, (const char *const[]){"cat", NULL}), -EINVAL);
}

/* ---- lines ---- */

KID_TEST(child, what_is_written_comes_back_from_cat)
{
        struct kid kid = {0};

        kid_start(&kid, (const char *const[]){"cat", NULL});
        kid_write(&kid, "hello\n");
        KID_AWAIT(kid.n_lines == 1);
        kid_write(&kid, "again\r\nand ");
        kid_write(&kid, "again\n");
        KID_AWAIT(kid.n_lines == 3);
        check_str(buf_bytes(&kid.out), STR("hello|again|and again|"));
        check_int(kid.n_rooms, 0);
        kid_finish(&kid);
}

KID_TEST(child, many_lines_of_all_lengths_come_in_order)
{
        enum { N = 3000 };
        struct kid kid = {.options.queue_max_bytes = UINT32_MAX};
        struct buf want;

        buf_init(&want, UINT32_MAX);
        kid_start(&kid, (const char *const[]){"cat", NULL});
        for (int i = 0; i < N; i++) {
                char text[8192];
                int n = snprintf(text, sizeof(text), "%d %0*d\n", i, 1 + i * 7 % 8000, i);

                cr_assert_eq(child_write(kid.child, (struct str){text, (size_t)n}), 0);
                cr_assert_eq(buf_add(&want, text, (size_t)n - 1), 0);
                cr_assert_eq(buf_add_str(&want, STR("|")), 0);
        }
        KID_AWAIT(kid.n_lines == N);
        cr_assert(str_eq(buf_bytes(&kid.out), buf_bytes(&want)));
        buf_finish(&want);
        kid_finish(&kid);
}

static void kid_go_on(struct kid *kid)
{
        kid_write(kid, "go\n");
}

/* The child says on standard error when the first part is in the pipe. */
KID_TEST(child, a_line_may_be_split_at_every_byte)
{
        static const char text[] = "alpha\n\r\n\nbe\rta\r\ngamma\n\nlast";

        for (size_t at = 0; at < sizeof(text); at++) {
                struct kid kid = {.then_on_error_line = kid_go_on};
                char first[sizeof(text)];

                snprintf(first, sizeof(first), "%.*s", (int)at, text);
                kid_start(&kid, (const char *const[]){"sh", "-c",
                                                      "printf %s \"$1\"; echo ready >&2; read x; "
                                                      "printf %s \"$2\"",
                                                      "sh", first, text + at, NULL});
                KID_AWAIT(kid.n_exits == 1);
                check_str(buf_bytes(&kid.out), STR("alpha|be\rta|gamma|last|"));
                assert_how(&kid, "exited with code 0");
                kid_finish(&kid);
        }
}

KID_TEST(child, a_line_at_the_cap_passes_and_one_over_it_ends_the_child)
{
        struct kid kid = {.options.line_max_bytes = 4096};

        kid_start_sh(&kid, "printf '%04096d\\r\\n%04097d\\nmore\\n' 1 2; exec cat");
        KID_AWAIT(kid.n_exits == 1);
        check_int(kid.n_lines, 1);
        check_int(kid.out.len, 4097);
        check_int(WTERMSIG(kid.status), SIGKILL);
        assert_how(&kid, "sent a line of more than 4096 bytes");
        kid_finish(&kid);
}

/* A line of at least 8 bytes is offered when its first part is in. */
KID_TEST(child, a_long_line_may_be_split_at_every_byte)
{
        static const char text[] = "short\n0123456789abcdef\r\nmore\n0123456789\nlast";

        for (size_t at = 0; at < sizeof(text); at++) {
                struct kid kid = {.options.line_long_bytes = 8, .then_on_error_line = kid_go_on};
                char first[sizeof(text)];

                snprintf(first, sizeof(first), "%.*s", (int)at, text);
                kid_start(&kid, (const char *const[]){"sh", "-c",
                                                      "printf %s \"$1\"; echo ready >&2; read x; "
                                                      "printf %s \"$2\"",
                                                      "sh", first, text + at, NULL});
                KID_AWAIT(kid.n_exits == 1);
                if (kid.n_long == 1 && at < 24) /* its CR is a byte like others */
                        check_str(buf_bytes(&kid.out),
                                  STR("short|0123456789abcdef\r|more|0123456789|last|"));
                else
                        check_str(buf_bytes(&kid.out),
                                  STR("short|0123456789abcdef|more|0123456789|last|"));
                check_int(kid.n_long, (at >= 14 && at < 24) || (at >= 37 && at < 40));
                assert_how(&kid, "exited with code 0");
                kid_finish(&kid);
        }
}

KID_TEST(child, a_line_in_pieces_may_pass_the_cap_and_one_refused_may_not)
{
        struct kid kid = {.options = {.line_max_bytes = 200000, .line_long_bytes = 70000}};
        struct kid other = {.options = {.line_max_bytes = 200000, .line_long_bytes = 70000},
                            .refuses_long = true};

        kid_start_sh(&kid, "head -c 3000000 /dev/zero | tr '\\0' a; echo; echo next");
        KID_AWAIT(kid.n_exits == 1);
        check_int(kid.n_long, 1);
        check_int(kid.n_lines, 2);
        check_int(kid.out.len, 3000000 + strlen("|next|"));
        assert_how(&kid, "exited with code 0");
        kid_finish(&kid);

        kid_start_sh(&other, "head -c 3000000 /dev/zero | tr '\\0' a; echo; echo next");
        KID_AWAIT(other.n_exits == 1);
        check_int(other.n_long, 1);
        assert_how(&other, "sent a line of more than 200000 bytes");
        kid_finish(&other);
}

KID_TEST(child, a_line_in_pieces_that_its_end_cuts_has_no_last_piece)
{
        struct kid kid = {.options = {.line_long_bytes = 70000}};

        kid_start_sh(&kid, "head -c 3000000 /dev/zero | tr '\\0' a; exit 3");
        assert_exits(&kid, "exited with code 3");
        check_int(kid.n_long, 1);
        check_int(kid.n_lines, 0);
}

KID_TEST(child, a_line_without_end_ends_the_child)
{
        struct kid kid = {.options.line_max_bytes = 1 << 20};

        kid_start_sh(&kid, "tr '\\0' a </dev/zero");
        assert_exits(&kid, "sent a line of more than 1048576 bytes");
        check_int(kid.n_lines, 0);
}

KID_TEST(child, the_line_in_progress_is_paid_for_and_ends_the_child_when_there_is_no_more)
{
        struct ledger ledger = {0};
        struct ledger_payer payer = {.ledger = &ledger, .max_bytes = 1 << 20};
        struct kid kid = {.options = {.line_max_bytes = 64 << 20, .memory = &payer}};

        kid_start_sh(&kid, "printf 'one\\n'; tr '\\0' a </dev/zero");
        assert_exits(&kid, "sent a line that takes more memory than there is for it");
        check_int(kid.n_lines, 1);
        cr_assert_gt(ledger.refused, 0);
        check_int(payer.bytes, 0);
}

KID_TEST(child, who_only_speaks_is_not_ended_for_what_others_hold)
{
        struct ledger ledger = {.is_tight = true};
        struct ledger_payer payer = {.ledger = &ledger, .bytes = 2, .max_bytes = 1};
        struct kid kid = {.options = {.line_max_bytes = 64 << 20, .memory = &payer}};

        kid_start_sh(&kid, "echo one; echo two");
        assert_exits(&kid, "exited with code 0");
        check_int(kid.n_lines, 2);
        check_int(payer.bytes, 2);
}

KID_TEST(child, standard_error_comes_in_lines_and_long_ones_are_cut)
{
        struct kid kid = {0};

        kid_start_sh(&kid, "exec >&2; echo one; echo; printf '%020000d\\n' 5; echo two; "
                           "printf '%04096d\\n' 5; printf three");
        KID_AWAIT(kid.n_exits == 1);
        check_int(kid.n_error_lines, 5);
        check_int(kid.err.len, strlen("one|two|three|") + 2 * (CHILD_ERROR_LINE_MAX + 1));
        check_str(((struct str){(const char *)kid.err.mem + kid.err.head, 8}), STR("one|0000"));
        check_str(((struct str){(const char *)kid.err.mem + kid.err.head + kid.err.len - 8, 8}),
                  STR("5|three|"));
        check_int(kid.n_lines, 0);
        assert_how(&kid, "exited with code 0");
        kid_finish(&kid);
}

/* ---- writing ---- */

KID_TEST(child, a_full_queue_is_told_and_so_is_its_room)
{
        enum { MESSAGE = 1000, QUEUE = 100000 };
        struct kid kid = {.options.queue_max_bytes = QUEUE};
        char text[MESSAGE + 1];
        unsigned n = 0;
        int r;

        snprintf(text, sizeof(text), "%0*d\n", MESSAGE - 1, 0);
        kid_start(&kid, (const char *const[]){"cat", NULL});
        cr_assert_eq(kill(child_pid(kid.child), SIGSTOP), 0);
        for (int i = 0; i < 2; i++) {
                while ((r = child_write(kid.child, str_from(text))) == 0)
                        n++;
                check_int(r, CHILD_E_FULL);
                kid_turn_for(50); /* the pipe may take a little more */
        }
        cr_assert_geq(n, QUEUE / MESSAGE);
        /* What waits, the pipe, and what cat had read before it stopped. */
        cr_assert_leq(n, (QUEUE + 3 * 65536) / MESSAGE);
        check_int(kid.n_rooms, 0);
        cr_assert_eq(kill(child_pid(kid.child), SIGCONT), 0);
        KID_AWAIT(kid.n_rooms == 1);
        kid_write(&kid, text);
        KID_AWAIT(kid.n_lines == n + 1);
        check_int(kid.n_rooms, 1);
        kid_finish(&kid);
}

KID_TEST(child, what_it_does_not_read_is_paid_for)
{
        enum { MESSAGE = 400000, LINE = 4000 };
        static char text[MESSAGE + 1];
        struct ledger ledger = {0};
        struct ledger_payer payer = {.ledger = &ledger, .max_bytes = 2 << 20};
        struct kid kid = {.options = {.queue_max_bytes = 64 << 20, .memory = &payer}};
        int n = 0, r;

        memset(text, 'x', MESSAGE);
        for (int i = LINE - 1; i < MESSAGE; i += LINE)
                text[i] = '\n';
        kid_start(&kid, (const char *const[]){"cat", NULL});
        cr_assert_eq(kill(child_pid(kid.child), SIGSTOP), 0);
        while ((r = child_write(kid.child, str_from(text))) == 0)
                cr_assert_lt(++n, 20);
        check_int(r, CHILD_E_FULL);
        cr_assert_gt(n, 1);
        cr_assert_gt(payer.bytes, (uint64_t)(n - 1) * MESSAGE);
        cr_assert_eq(kill(child_pid(kid.child), SIGCONT), 0);
        KID_AWAIT(kid.n_rooms == 1);
        KID_AWAIT(kid.n_lines == (unsigned)n * (MESSAGE / LINE));
        cr_assert_lt(payer.bytes, 1 << 20);
        kid_finish(&kid);
        check_int(payer.bytes, 0);
}

KID_TEST(child, room_is_told_though_more_is_written_first)
{
        enum { MESSAGE = 90000 };
        static char text[MESSAGE + 1];
        struct kid kid = {.options.queue_max_bytes = 100000};

        snprintf(text, sizeof(text), "%0*d\n", MESSAGE - 1, 0);
        kid_start(&kid, (const char *const[]){"cat", NULL});
        cr_assert_eq(kill(child_pid(kid.child), SIGSTOP), 0);
        kid_write(&kid, text);
        check_int(child_write(kid.child, str_from(text)), CHILD_E_FULL);
        cr_assert_eq(kill(child_pid(kid.child), SIGCONT), 0);
        usleep(100000); /* the pipe takes all of it now */
        kid_write(&kid, "more\n");
        KID_AWAIT(kid.n_rooms == 1);
        KID_AWAIT(kid.n_lines == 2);
        kid_finish(&kid);
}

KID_TEST(child, a_message_over_the_cap_is_refused_for_good)
{
        struct kid kid = {.options.queue_max_bytes = 4};

        kid_start(&kid, (const char *const[]){"cat", NULL});
        check_int(child_write(kid.child, STR("1234\n")), -EMSGSIZE);
        check_int(child_write(kid.child, STR("123\n")), 0);
        KID_AWAIT(kid.n_lines == 1);
        check_str(buf_bytes(&kid.out), STR("123|"));
        kid_finish(&kid);
}

/* SIGPIPE would end the test. */
KID_TEST(child, one_that_closes_its_input_is_ended)
{
        struct kid kid = {.options = {.term_after_ms = 50}};

        kid_start_sh(&kid, "exec <&-; echo closed; exec sleep 1000");
        KID_AWAIT(kid.n_lines == 1);
        check_int(child_write(kid.child, STR("hello\n")), -EPIPE);
        check_int(child_write(kid.child, STR("hello\n")), -EPIPE);
        assert_exits(&kid, "closed its standard input or output and did not exit");
        check_int(WTERMSIG(kid.status), SIGTERM);
}

KID_TEST(child, one_that_closes_its_output_is_ended)
{
        struct kid kid = {.options = {.term_after_ms = 50, .kill_after_ms = 50}};

        kid_start_sh(&kid, "trap '' TERM; exec >&-; while :; do sleep 1; done");
        assert_exits(&kid, "closed its standard input or output and did not exit");
        check_int(WTERMSIG(kid.status), SIGKILL);
}

/* ---- pausing ---- */

/* What the process has written so far. */
static long n_written(pid_t pid)
{
        char path[64];
        char line[128];
        long n = -1;
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/io", pid);
        file = fopen(path, "r");
        cr_assert_not_null(file);
        while (fgets(line, sizeof(line), file) != NULL)
                if (strncmp(line, "wchar: ", 7) == 0)
                        n = strtol(line + 7, NULL, 10);
        fclose(file);
        return n;
}

KID_TEST(child, a_paused_child_waits_and_what_it_said_waits_in_its_pipe)
{
        struct kid kid = {.pause_at = 10};
        unsigned n_before;

        kid_start(&kid, (const char *const[]){"yes", NULL});
        KID_AWAIT(kid.n_lines == 10);
        kid_turn_for(100);
        check_int(kid.n_lines, 10);
        /* One read, the pipe, and what yes was about to write. */
        cr_assert_leq(n_written(child_pid(kid.child)), 3 * 65536);

        kid.pause_at = 500000;
        child_resume(kid.child);
        check_int(kid.n_lines, 10);
        KID_AWAIT(kid.n_lines == 500000);
        n_before = kid.n_lines;
        kid_turn_for(100);
        check_int(kid.n_lines, n_before);
        cr_assert_leq(n_written(child_pid(kid.child)), 500000 * 2 + 3 * 65536);
        kid_finish(&kid);
}

KID_TEST(child, a_child_paused_within_a_long_line_waits)
{
        struct kid kid = {.options.line_long_bytes = 100000, .pause_at_piece = 3};

        kid_start_sh(&kid, "exec tr '\\0' a </dev/zero");
        KID_AWAIT(kid.n_pieces == 3);
        kid_turn_for(100);
        check_int(kid.n_pieces, 3);
        /* The head, the pieces, the pipe, and what tr was about to write. */
        cr_assert_leq(n_written(child_pid(kid.child)), 100000 + 6 * 65536);

        kid.pause_at_piece = 100;
        child_resume(kid.child);
        KID_AWAIT(kid.n_pieces == 100);
        kid_turn_for(100);
        check_int(kid.n_pieces, 100);
        check_int(kid.n_long, 1);
        kid_finish(&kid);
}

KID_TEST(child, the_end_waits_for_the_lines_of_a_paused_child)
{
        struct kid kid = {.pause_at = 1};
        unsigned n_turns = 0;
        int64_t end_ms;

        kid_start_sh(&kid, "echo one; echo two; printf three; exit 3");
        KID_AWAIT(kid.n_lines == 1);
        end_ms = clock_monotonic_ms() + 200;
        for (; clock_monotonic_ms() < end_ms; n_turns++)
                cr_assert_eq(loop_turn(kid_loop, 50), 0);
        cr_assert_leq(n_turns, 20, "the end of a paused pipe keeps the loop awake");
        check_int(kid.n_lines, 1);
        check_int(kid.n_exits, 0);
        cr_assert_eq(waitpid(child_pid(kid.child), NULL, WNOHANG), -1, "it is reaped all the same");

        kid.pause_at = 2;
        child_resume(kid.child);
        KID_AWAIT(kid.n_lines == 2);
        kid_turn_for(50);
        check_int(kid.n_lines, 2);
        child_resume(kid.child);
        KID_AWAIT(kid.n_exits == 1);
        check_str(buf_bytes(&kid.out), STR("one|two|three|"));
        assert_how(&kid, "exited with code 3");
        kid_finish(&kid);
}

KID_TEST(child, the_end_of_a_paused_child_that_said_all_is_told)
{
        struct kid kid = {.pause_at = 2};

        kid_start_sh(&kid, "echo one; echo two; exit 3");
        assert_exits(&kid, "exited with code 3");
        check_int(kid.n_lines, 2);
}

static void kid_pause_and_resume(struct kid *kid)
{
        child_pause(kid->child);
        child_resume(kid->child);
}

KID_TEST(child, pausing_within_every_line_loses_none)
{
        struct kid kid = {.then_on_line = kid_pause_and_resume};

        kid_start(&kid, (const char *const[]){"seq", "2000", NULL});
        KID_AWAIT(kid.n_exits == 1);
        check_int(kid.n_lines, 2000);
        check_str(((struct str){(const char *)kid.out.mem + kid.out.head + kid.out.len - 5, 5}),
                  STR("2000|"));
        kid_finish(&kid);
}

/* ---- the end by itself ---- */

static void assert_ends(const char *script, const char *how)
{
        struct kid kid = {0};

        kid_start_sh(&kid, script);
        assert_exits(&kid, how);
}

KID_TEST(child, its_end_is_told_in_words)
{
        assert_ends("exit 0", "exited with code 0");
        assert_ends("exit 3", "exited with code 3");
        assert_ends("kill -KILL $$", "was killed by SIGKILL");
        assert_ends("kill -TERM $$", "was killed by SIGTERM");
        assert_ends("kill -40 $$", "was killed by signal 40");
}

KID_TEST(child, all_its_output_comes_before_its_end)
{
        struct kid kid = {0};

        kid_start(&kid, (const char *const[]){"seq", "300000", NULL});
        KID_AWAIT(kid.n_exits == 1);
        check_int(kid.n_lines, 300000);
        check_str(((struct str){(const char *)kid.out.mem + kid.out.head + kid.out.len - 7, 7}),
                  STR("300000|"));
        kid_finish(&kid);
}

KID_TEST(child, a_child_of_somebody_else_is_left_alone)
{
        struct kid kid = {0};
        pid_t pid = fork();
        int status;

        cr_assert_geq(pid, 0);
        if (pid == 0)
                _exit(7);
        kid_start_sh(&kid, "exit 0");
        assert_exits(&kid, "exited with code 0");
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        check_int(WEXITSTATUS(status), 7);
}

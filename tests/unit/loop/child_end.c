/* Child processes: how they are stopped, and that nothing of them outlives us. */
#include "kid.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(child_end, .timeout = 60);

static void assert_none_left(void)
{
        KID_AWAIT(children_n(kid_children) == 0);
}

/* How long the stop takes; nothing is told of it. */
static int64_t stop_ms(struct kid *kid)
{
        int64_t from_ms = clock_monotonic_ms();
        unsigned n_lines = kid->n_lines;

        child_stop(kid->child);
        check_int(children_n(kid_children), 1);
        assert_none_left();
        check_int(kid->n_lines, n_lines);
        check_int(kid->n_exits, 0);
        kid_finish(kid);
        return clock_monotonic_ms() - from_ms;
}

/* A process of a child's, named by its number in a line; false: it has not ended within 10 s. */
static bool is_killed(const struct kid *kid, int *signo)
{
        pid_t pid = (pid_t)strtol((const char *)kid->out.mem + kid->out.head, NULL, 10);
        int64_t end_ms = clock_monotonic_ms() + 10000;
        int status;

        cr_assert_gt(pid, 1);
        while (waitpid(pid, &status, WNOHANG) != pid)
                if (clock_monotonic_ms() > end_ms)
                        return false;
        *signo = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        return true;
}

/* ---- the stop ---- */

KID_TEST(child_end, the_end_of_its_input_ends_a_good_child)
{
        struct kid kid = {0};

        kid_start_sh(&kid, "echo hello; cat; echo bye; echo bye >&2");
        KID_AWAIT(kid.n_lines == 1);
        cr_assert_lt(stop_ms(&kid), 10000);
}

KID_TEST(child_end, one_that_does_not_care_for_its_input_gets_a_signal)
{
        struct kid kid = {.options.term_after_ms = 100};
        int64_t ms;

        kid_start(&kid, (const char *const[]){"sleep", "1000", NULL});
        ms = stop_ms(&kid);
        cr_assert_geq(ms, 100);
        cr_assert_lt(ms, 10000);
}

KID_TEST(child_end, one_that_ignores_that_is_killed)
{
        struct kid kid = {.options = {.term_after_ms = 100, .kill_after_ms = 100}};
        int64_t ms;

        kid_start_sh(&kid, "trap '' TERM; echo ready; while :; do sleep 1; done");
        KID_AWAIT(kid.n_lines == 1);
        ms = stop_ms(&kid);
        cr_assert_geq(ms, 200);
        cr_assert_lt(ms, 10000);
}

/* A child that cannot write could not end well. */
KID_TEST(child_end, what_a_stopped_child_still_writes_is_read)
{
        struct kid kid = {.pause_at = 1};

        kid_start_sh(&kid, "echo ready; cat; seq 200000; seq 200000 >&2; exit 0");
        KID_AWAIT(kid.n_lines == 1);
        cr_assert_lt(stop_ms(&kid), 10000);
}

KID_TEST(child_end, a_long_line_does_not_shorten_the_stop)
{
        struct kid kid = {.options.line_max_bytes = 100};

        kid_start_sh(&kid, "trap 'kill $!; exit' TERM; echo $$; cat; printf '%0200000d' 1; "
                           "sleep 1000 & wait");
        KID_AWAIT(kid.n_lines == 1);
        child_stop(kid.child);
        kid_turn_for(200);
        check_int(children_n(kid_children), 1);
        cr_assert_eq(kill((pid_t)strtol((const char *)kid.out.mem, NULL, 10), SIGTERM), 0);
        assert_none_left();
        kid_finish(&kid);
}

static void kid_stop(struct kid *kid)
{
        child_stop(kid->child);
        child_stop(kid->child);
}

KID_TEST(child_end, may_be_stopped_within_its_own_handlers)
{
        struct kid line = {.then_on_line = kid_stop};
        struct kid error_line = {.then_on_error_line = kid_stop};
        struct kid end = {.then_on_exit = kid_stop};
        struct kid last_line = {.then_on_line = kid_stop};
        struct kid room = {.then_on_room = kid_stop, .options.queue_max_bytes = 100000};

        child_stop(NULL);
        kid_start_sh(&line, "seq 100; cat");
        kid_start_sh(&error_line, "seq 100 >&2; cat");
        kid_start_sh(&end, "seq 100");
        kid_start_sh(&last_line, "seq 100");
        kid_start_sh(&room, "cat >/dev/null");
        cr_assert_eq(kill(child_pid(room.child), SIGSTOP), 0);
        while (child_write(room.child, STR("0123456789012345678901234567890123456789\n")) == 0)
                ;
        cr_assert_eq(kill(child_pid(room.child), SIGCONT), 0);
        assert_none_left();
        check_int(line.n_lines, 1);
        check_int(line.n_exits, 0);
        check_int(error_line.n_error_lines, 1);
        check_int(error_line.n_exits, 0);
        check_int(end.n_lines, 100);
        check_int(end.n_exits, 1);
        check_int(last_line.n_lines, 1);
        check_int(last_line.n_exits, 0);
        check_int(room.n_rooms, 1);
        check_int(room.n_exits, 0);
        kid_finish(&line);
        kid_finish(&error_line);
        kid_finish(&end);
        kid_finish(&last_line);
}

static struct kid next;

static void kid_start_next(struct kid *kid)
{
        (void)kid;
        kid_start_sh(&next, "echo next; exit 4");
}

KID_TEST(child_end, another_may_be_started_when_one_ends)
{
        struct kid kid = {.then_on_exit = kid_start_next};

        kid_start_sh(&kid, "exit 3");
        KID_AWAIT(next.n_exits == 1);
        check_str(buf_bytes(&next.out), STR("next|"));
        cr_assert_str_eq(kid.how, "exited with code 3");
        cr_assert_str_eq(next.how, "exited with code 4");
        kid_finish(&next);
}

KID_TEST(child_end, a_hundred_leave_no_descriptor_and_no_zombie)
{
        enum { N = 100 };
        static struct kid kids[N];
        unsigned n_before = kid_n_descriptors();

        for (int i = 0; i < N; i++)
                kid_start_sh(&kids[i], i % 2 ? "echo ready; exec cat" : "echo ready; exit 1");
        for (int i = 0; i < N; i++)
                KID_AWAIT(i % 2 ? kids[i].n_lines == 1 : kids[i].n_exits == 1);
        check_int(children_n(kid_children), N / 2);
        for (int i = 0; i < N; i++)
                child_stop(kids[i].child);
        assert_none_left();
        check_int(kid_n_descriptors(), n_before);
        cr_assert_eq(waitpid(-1, NULL, WNOHANG), 0, "the keeper alone is left");
        for (int i = 0; i < N; i++)
                kid_finish(&kids[i]);
}

/* ---- what a child has started ---- */

KID_TEST(child_end, what_it_started_is_ended_when_it_is_stopped)
{
        struct kid kid = {0};
        int signo = 0;

        kid_start_sh(&kid, "sleep 1000 & echo $!; cat");
        KID_AWAIT(kid.n_lines == 1);
        child_stop(kid.child);
        assert_none_left();
        cr_assert(is_killed(&kid, &signo));
        check_int(signo, SIGTERM);
        kid_finish(&kid);
}

KID_TEST(child_end, what_it_started_has_its_time_to_end)
{
        struct kid kid = {0};
        int signo = -1;

        /* The leader goes with its input. */
        kid_start_sh(
                &kid,
                "sh -c 'trap \"sleep 0.2; exit 9\" TERM; echo $$; while :; do sleep 0.05; done' & "
                "cat");
        KID_AWAIT(kid.n_lines == 1);
        child_stop(kid.child);
        assert_none_left();
        cr_assert(is_killed(&kid, &signo));
        check_int(signo, 0);
        kid_finish(&kid);
}

KID_TEST(child_end, what_it_started_is_killed_when_it_ignores_the_signal)
{
        struct kid kid = {.options.kill_after_ms = 100};
        int signo = 0;
        int64_t ms;

        kid_start_sh(&kid, "sh -c 'trap \"\" TERM; echo $$; while :; do sleep 1; done' & cat");
        KID_AWAIT(kid.n_lines == 1);
        ms = clock_monotonic_ms();
        child_stop(kid.child);
        assert_none_left();
        cr_assert_geq(clock_monotonic_ms() - ms, 100);
        cr_assert(is_killed(&kid, &signo));
        check_int(signo, SIGKILL);
        kid_finish(&kid);
}

KID_TEST(child_end, what_it_started_is_killed_when_all_are_destroyed_meanwhile)
{
        struct kid kid = {0};
        pid_t pid;
        int signo = 0;

        kid_start_sh(&kid, "sh -c 'trap \"\" TERM; echo $$; while :; do sleep 1; done' & cat");
        KID_AWAIT(kid.n_lines == 1);
        pid = child_pid(kid.child);
        child_stop(kid.child);
        KID_AWAIT(waitid(P_PID, (id_t)pid, &(siginfo_t){0}, WEXITED | WNOWAIT) == 0);
        kid_turn_for(20);
        check_int(children_n(kid_children), 1);
        children_destroy(kid_children);
        kid_children = NULL;
        cr_assert(is_killed(&kid, &signo));
        check_int(signo, SIGKILL);
        kid_finish(&kid);
}

KID_TEST(child_end, its_end_is_told_though_another_holds_its_output)
{
        struct kid kid = {0};
        int signo = 0;

        kid_start_sh(&kid, "sleep 1000 & echo $!; exit 3");
        KID_AWAIT(kid.n_exits == 1);
        cr_assert_str_eq(kid.how, "exited with code 3");
        cr_assert(is_killed(&kid, &signo));
        check_int(signo, SIGKILL);
        kid_finish(&kid);
}

/* Out of our reach, and out of our way: it writes for ever. */
KID_TEST(child_end, its_end_is_told_though_one_that_left_its_group_goes_on_writing)
{
        struct kid kid = {.then_on_line = NULL};
        int signo = 0;

        kid_start_sh(&kid, "setsid sh -c 'echo $$; exec yes' & read x; exit 3");
        KID_AWAIT(kid.n_lines >= 1);
        kid_write(&kid, "\n");
        KID_AWAIT(kid.n_exits == 1);
        cr_assert_str_eq(kid.how, "exited with code 3");
        cr_assert(is_killed(&kid, &signo), "by the end of its pipe");
        check_int(signo, SIGPIPE);
        kid_finish(&kid);
}

/* ---- our own end ---- */

static void destroy_all(struct kid *kid)
{
        (void)kid;
        children_destroy(kid_children);
        kid_children = NULL;
}

KID_TEST(child_end, all_die_when_they_are_destroyed_within_a_handler)
{
        struct kid kid = {.then_on_line = destroy_all};
        struct kid other = {0};
        struct kid stopped = {0};

        kid_start_sh(&other, "trap '' TERM; while :; do sleep 1; done");
        kid_start_sh(&stopped, "exec sleep 1000");
        child_stop(stopped.child);
        kid_start_sh(&kid, "trap '' TERM; seq 100; while :; do sleep 1; done");
        KID_AWAIT(kid_children == NULL);
        check_int(kid.n_lines, 1);
        check_int(kid.n_exits + other.n_exits + stopped.n_exits, 0);
        kid_finish(&kid);
}

/* The one process that children_create() has made. */
static pid_t keeper_pid(void)
{
        FILE *file;
        char path[64];
        int pid = 0;

        snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
        file = fopen(path, "r");
        cr_assert_not_null(file);
        cr_assert_eq(fscanf(file, "%d", &pid), 1);
        fclose(file);
        return pid;
}

/* The descriptors of a process: "0 3 " */
static void list_descriptors(pid_t pid, char *text, size_t size)
{
        char path[64];
        size_t n = 0;

        text[0] = '\0';
        for (int fd = 0; fd < 256; fd++) {
                snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
                if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                        n += (size_t)snprintf(text + n, size - n, "%d ", fd);
        }
}

KID_TEST(child_end, the_keeper_holds_nothing_but_its_pipe)
{
        char text[2048];

        KID_AWAIT((list_descriptors(keeper_pid(), text, sizeof(text)), strcmp(text, "0 ") == 0));
}

/* ---- when we are killed ---- */

/* What a process starts before it is killed, and what becomes of its keeper meanwhile. */
struct starter {
        const char *script;   /* prints two lines when all runs */
        unsigned n_processes; /* of each child */
        int keeper_signo;
        int signal_after; /* this child */
};

static void kid_tell_ready(struct kid *kid)
{
        if (kid->n_lines == 2)
                cr_assert_eq(write(STDOUT_FILENO, "r", 1), 1);
}

static void keeper_signal(pid_t keeper, int signo)
{
        cr_assert_eq(kill(keeper, signo), 0);
        if (signo == SIGKILL)
                cr_assert_eq(waitid(P_PID, (id_t)keeper, &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
}

static _Noreturn void starter_run(const struct starter *starter)
{
        static struct kid kids[2];
        pid_t keeper;

        cr_assert_eq(loop_create(&kid_loop), 0);
        cr_assert_eq(children_create(kid_loop, &kid_children), 0);
        keeper = keeper_pid();
        for (int i = 0; i < 2; i++) {
                kids[i].then_on_line = kid_tell_ready;
                kid_start_sh(&kids[i], starter->script);
                if (i == starter->signal_after)
                        keeper_signal(keeper, starter->keeper_signo);
        }
        (void)loop_run(kid_loop);
        _exit(1);
}

static void assert_nothing_outlives(struct starter starter)
{
        int ends[2];
        char ready;
        pid_t pid;

        cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
        cr_assert_eq(pipe(ends), 0);
        pid = fork();
        cr_assert_geq(pid, 0);
        if (pid == 0) {
                dup2(ends[1], STDOUT_FILENO);
                close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
                starter_run(&starter);
        }
        close(ends[1]);
        for (int i = 0; i < 2; i++)
                cr_assert_eq(read(ends[0], &ready, 1), 1);
        cr_assert_eq(kill(pid, SIGKILL), 0);
        /* The starter, the keeper, the children. */
        cr_assert_geq(kid_wait_for_all(), 1 + 1 + 2 * starter.n_processes);
        close(ends[0]);
}

#define FAMILY "sleep 1000 & (trap '' TERM; sleep 1000 & echo a; wait) & echo b; wait"
#define N_FAMILY 4

TestSuite(child_killed, .timeout = 60);

Test(child_killed, nothing_outlives_a_process_that_was_killed)
{
        assert_nothing_outlives((struct starter){FAMILY, N_FAMILY, 0, 0});
}

Test(child_killed, nor_when_the_keeper_was_told_to_end)
{
        assert_nothing_outlives((struct starter){FAMILY, N_FAMILY, SIGTERM, 1});
}

Test(child_killed, nor_when_the_keeper_was_killed_and_replaced)
{
        assert_nothing_outlives((struct starter){FAMILY, N_FAMILY, SIGKILL, 0});
}

Test(child_killed, nor_a_lone_child_when_there_is_no_keeper)
{
        assert_nothing_outlives((struct starter){"echo a; echo b; exec sleep 1000", 1, SIGKILL, 1});
}

/* Turns that take long, and the thread that sees it. */
#include "mgw/loop/watchdog.h"
#include "mgw/base/clock.h"
#include "mgw/base/log.h"
#include "mgw/loop/timer.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLOW_MS 40

static struct loop *loop;
static int out_fd;

static void set_up(void)
{
        int fds[2];

        cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
        out_fd = fds[0];
        log_setup(fds[1], LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
        cr_assert_eq(loop_create(&loop), 0);
}

static void tear_down(void)
{
        loop_destroy(loop);
}

TestSuite(watchdog, .init = set_up, .fini = tear_down, .timeout = 60);

static char line[4096];

/* Waits for a line of the log that comes while this very turn lasts. */
static void hang_until_told(struct timer *timer)
{
        ssize_t n = read(out_fd, line, sizeof(line) - 1);

        (void)timer;
        cr_assert_gt(n, 0);
        line[n] = '\0';
}

static void hang_for_good(struct timer *timer)
{
        (void)timer;
        for (;;)
                pause();
}

static void run(void (*on_due)(struct timer *timer), int64_t limit_ms)
{
        struct timer timer = {.on_due = on_due};
        struct watchdog *watchdog;

        cr_assert_eq(watchdog_start(loop, SLOW_MS, limit_ms, &watchdog), 0);
        timer_arm(loop, &timer, 0);
        cr_assert_eq(loop_turn(loop, 1000), 0);
        watchdog_stop(watchdog);
}

Test(watchdog, a_turn_that_hangs_is_told_with_where_it_is)
{
        run(hang_until_told, 0);
        cr_assert_not_null(strstr(line, "WARN [loop] a turn has lasted"), "%s", line);
        cr_assert_not_null(strstr(line, "+0x"), "%s", line);
}

Test(watchdog, a_turn_past_the_limit_ends_the_process)
{
        pid_t pid = fork();
        int status;

        if (pid == 0) {
                run(hang_for_good, 2 * SLOW_MS);
                _exit(0);
        }
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert(WIFEXITED(status));
        cr_assert_eq(WEXITSTATUS(status), WATCHDOG_EXIT_CODE);
        cr_assert_gt(read(out_fd, line, sizeof(line) - 1), 0);
        cr_assert_not_null(strstr(line, "ERROR [loop] a turn has lasted"), "%s", line);
}

/* It sleeps in the kernel far longer than a turn may last. */
Test(watchdog, waiting_is_no_turn)
{
        struct watchdog *watchdog;

        cr_assert_eq(watchdog_start(loop, SLOW_MS, 2 * SLOW_MS, &watchdog), 0);
        cr_assert_eq(loop_turn(loop, 5 * SLOW_MS), 0);
        watchdog_stop(watchdog);
        cr_assert_eq(fcntl(out_fd, F_SETFL, O_NONBLOCK), 0);
        cr_assert_eq(read(out_fd, line, sizeof(line)), -1);
}

static void spend_20_ms(struct timer *timer)
{
        int64_t end_ms = clock_monotonic_ms() + 20;

        (void)timer;
        while (clock_monotonic_ms() < end_ms)
                ;
}

Test(watchdog, turns_are_counted_by_how_long_they_took)
{
        struct timer timer = {.on_due = spend_20_ms};
        const struct loop_turns *turns = loop_turns(loop);
        uint64_t n_short = 0, n = 0;

        cr_assert_eq(loop_turn(loop, 0), 0);
        timer_arm(loop, &timer, 0);
        cr_assert_eq(loop_turn(loop, 1000), 0);
        for (size_t i = 0; i <= LOOP_N_TURN_BOUNDS; i++) {
                n += turns->n[i];
                if (i < LOOP_N_TURN_BOUNDS && loop_turn_bounds_ms[i] < 20)
                        n_short += turns->n[i];
        }
        cr_assert_eq(n, 2);
        cr_assert_leq(n_short, 1);
        cr_assert_geq(turns->longest_us, 19000);
        cr_assert_geq(turns->sum_us, turns->longest_us);
}

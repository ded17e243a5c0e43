/* Signals as events. */
#include "mgw/loop/signal.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static struct loop *loop;

static void set_up(void)
{
        cr_assert_eq(loop_create(&loop), 0);
}

static void tear_down(void)
{
        loop_destroy(loop);
}

TestSuite(signal, .init = set_up, .fini = tear_down, .timeout = 60);

static int seen[8];
static int n_seen;
static bool close_at_once;

static void on_signal(struct signal_watch *watch, int signo)
{
        seen[n_seen++] = signo;
        if (close_at_once)
                signal_watch_close(watch);
}

static void watch_open(struct signal_watch *watch)
{
        static const int signos[] = {SIGTERM, SIGHUP, 0};

        *watch = (struct signal_watch){.on_signal = on_signal};
        cr_assert_eq(signal_watch_open(loop, watch, signos), 0);
}

Test(signal, each_comes_as_an_event_with_its_number)
{
        struct signal_watch watch;

        watch_open(&watch);
        cr_assert_eq(raise(SIGHUP), 0);
        cr_assert_eq(loop_turn(loop, 1000), 0);
        cr_assert_eq(n_seen, 1);
        cr_assert_eq(seen[0], SIGHUP);
        cr_assert_eq(raise(SIGTERM), 0);
        cr_assert_eq(raise(SIGHUP), 0);
        cr_assert_eq(loop_turn(loop, 1000), 0);
        cr_assert_eq(n_seen, 3);
        signal_watch_close(&watch);
}

Test(signal, the_handler_may_close_its_watch)
{
        struct signal_watch watch;

        watch_open(&watch);
        close_at_once = true;
        cr_assert_eq(raise(SIGTERM), 0);
        cr_assert_eq(raise(SIGHUP), 0);
        cr_assert_eq(loop_turn(loop, 1000), 0);
        cr_assert_eq(loop_turn(loop, 0), 0);
        cr_assert_eq(n_seen, 1, "the other stays pending and ends nobody");
        signal_watch_close(&watch);
}

Test(signal, closing_what_was_never_open_is_harmless)
{
        struct signal_watch watch = {0};

        signal_watch_close(&watch);
        cr_assert_neq(fcntl(0, F_GETFD), -1, "descriptor 0 is not a zeroed watch's");
}

Test(signal, a_signal_that_does_not_exist_is_an_error)
{
        struct signal_watch watch = {.on_signal = on_signal};
        static const int signos[] = {12345, 0};

        cr_assert_eq(signal_watch_open(loop, &watch, signos), -EINVAL);
        signal_watch_close(&watch);
}

Test(signal, writing_to_nobody_is_an_error_not_an_end)
{
        struct signal_watch watch;
        int pipe_fds[2];

        watch_open(&watch);
        cr_assert_eq(pipe(pipe_fds), 0);
        close(pipe_fds[0]);
        cr_assert_eq(write(pipe_fds[1], "x", 1), -1);
        cr_assert_eq(errno, EPIPE);
        signal_watch_close(&watch);
}

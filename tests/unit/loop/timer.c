/* Timers: the heap against a plain array, and what handlers may do. */
#include "mgw/loop/timer.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/socket.h>
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

TestSuite(timer, .init = set_up, .fini = tear_down, .timeout = 60);

struct alarm {
        struct timer timer;
        int64_t due_ms;
        unsigned n_rings;
        unsigned rank; /* the how manieth ring of all this was */
        bool again;
        struct alarm *silences;
};

static unsigned n_rings_of_all;

static void alarm_on_due(struct timer *timer)
{
        struct alarm *a = container_of(timer, struct alarm, timer);

        cr_assert_not(timer_is_armed(timer));
        cr_assert_geq(loop_now_ms(loop), a->due_ms, "rang early");
        a->n_rings++;
        a->rank = ++n_rings_of_all;
        if (a->again)
                timer_arm(loop, timer, 0);
        if (a->silences != NULL)
                timer_disarm(loop, &a->silences->timer);
}

static void alarm_set(struct alarm *a, int64_t delay_ms)
{
        int64_t now_ms;

        a->timer.on_due = alarm_on_due;
        do { /* until the clock stood still meanwhile */
                now_ms = loop_now_ms(loop);
                timer_arm(loop, &a->timer, delay_ms);
        } while (loop_now_ms(loop) != now_ms);
        a->due_ms = now_ms + (delay_ms < 0 ? 0 : delay_ms > UINT32_MAX ? UINT32_MAX : delay_ms);
}

static void turn(int timeout_ms)
{
        cr_assert_eq(loop_turn(loop, timeout_ms), 0);
}

Test(timer, rings_once_and_not_early)
{
        struct alarm a = {0};
        int64_t start_ms = loop_now_ms(loop);

        alarm_set(&a, 20);
        cr_assert(timer_is_armed(&a.timer));
        while (a.n_rings == 0)
                turn(-1);
        cr_assert_geq(loop_now_ms(loop) - start_ms, 20);
        turn(0);
        cr_assert_eq(a.n_rings, 1);
}

Test(timer, due_times_decide_the_order_not_the_order_of_arming)
{
        struct alarm late = {0}, early = {0}, middle = {0};

        alarm_set(&late, 12);
        alarm_set(&early, 2);
        alarm_set(&middle, 7);
        while (n_rings_of_all < 3)
                turn(-1);
        cr_assert_eq(early.rank, 1);
        cr_assert_eq(middle.rank, 2);
        cr_assert_eq(late.rank, 3);
}

Test(timer, arming_again_moves_it_both_ways)
{
        struct alarm a = {0}, b = {0};

        alarm_set(&a, 5);
        alarm_set(&b, 100000);
        alarm_set(&a, 100000);
        alarm_set(&b, 1);
        turn(-1);
        cr_assert_eq(b.n_rings, 1);
        cr_assert_eq(a.n_rings, 0);
        cr_assert(timer_is_armed(&a.timer));
}

Test(timer, a_disarmed_one_is_silent)
{
        struct alarm a = {0}, zeroed = {0};

        alarm_set(&a, 0);
        timer_disarm(loop, &a.timer);
        timer_disarm(loop, &a.timer);
        timer_disarm(loop, &zeroed.timer);
        turn(5);
        cr_assert_eq(a.n_rings, 0);
}

Test(timer, a_handler_may_disarm_one_that_is_due_too)
{
        struct alarm a = {0}, b = {0};

        a.silences = &b;
        b.silences = &a;
        alarm_set(&a, 0);
        alarm_set(&b, 0);
        turn(5);
        turn(5);
        cr_assert_eq(a.n_rings + b.n_rings, 1);
}

static void count_on_io(struct loop_io *io, uint32_t events)
{
        (void)io, (void)events;
        n_rings_of_all += 1000;
}

Test(timer, one_that_arms_itself_with_0_does_not_hold_the_turn)
{
        struct alarm a = {.again = true};
        struct loop_io io = {.on_io = count_on_io};
        int pair[2];

        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        io.fd = pair[0];
        cr_assert_eq(loop_io_add(loop, &io, LOOP_IN), 0);
        alarm_set(&a, 0);
        turn(-1);
        cr_assert_eq(a.n_rings, 1);
        cr_assert_eq(write(pair[1], "x", 1), 1);
        turn(-1);
        cr_assert_geq(n_rings_of_all, 1000);
        while (a.n_rings < 3)
                turn(-1);
        timer_disarm(loop, &a.timer);
}

Test(timer, the_end_of_time_is_no_overflow)
{
        struct alarm never = {0}, soon = {0};

        alarm_set(&never, INT64_MAX);
        alarm_set(&soon, 1);
        turn(-1);
        cr_assert_eq(soon.n_rings, 1);
        turn(0);
        cr_assert_eq(never.n_rings, 0);
        alarm_set(&soon, -5);
        turn(0);
        cr_assert_eq(soon.n_rings, 2, "a negative delay is none");
}

/* Thousands, armed, moved and disarmed at random: each that is still armed rings once, in the order
 * of due times. */
Test(timer, heap_agrees_with_a_plain_array)
{
        enum { N = 5000 };
        static struct alarm alarms[N];
        unsigned n_armed = 0;
        int64_t last_due_ms = 0;

        srandom(7);
        for (int i = 0; i < 4 * N; i++) {
                struct alarm *a = &alarms[random() % N];

                if (random() % 4 == 0)
                        timer_disarm(loop, &a->timer);
                else
                        alarm_set(a, random() % 60);
        }
        for (int i = 0; i < N; i++)
                n_armed += timer_is_armed(&alarms[i].timer);
        cr_assert_gt(n_armed, N / 4);
        while (n_rings_of_all < n_armed)
                turn(-1);
        turn(70);

        static struct alarm *by_rank[N + 1];
        for (int i = 0; i < N; i++) {
                cr_assert_leq(alarms[i].n_rings, 1);
                by_rank[alarms[i].rank] = &alarms[i];
        }
        for (unsigned rank = 1; rank <= n_armed; rank++) {
                cr_assert_geq(by_rank[rank]->due_ms, last_due_ms);
                last_due_ms = by_rank[rank]->due_ms;
        }
        cr_assert_eq(n_rings_of_all, n_armed);
}

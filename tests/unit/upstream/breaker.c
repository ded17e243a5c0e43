/* Whom failures keep away from an upstream, and for how long. */
#include "mgw/upstream/breaker.h"

#include "../check.h"

static const struct breaker_pace pace = {.first_ms = 100, .max_ms = 2000};
static const char ada[] = "ada", bob[] = "bob", cy[] = "cy";
static struct breaker b;
static int64_t now;

static bool may(const char *user)
{
        return breaker_may_try(&b, &pace, now, user);
}

static bool fails(const char *user, enum breaker_sign sign)
{
        return breaker_failed(&b, &pace, now, sign, user);
}

static void fail_thrice(const char *user, enum breaker_sign sign)
{
        for (int i = 0; i < 3; i++) {
                cr_assert(may(user));
                cr_assert_eq(fails(user, sign), i == 2);
        }
}

static void set_up(void)
{
        b = (struct breaker){0};
        now = 1000;
}

TestSuite(breaker, .init = set_up);

Test(breaker, nothing_that_is_no_sign_opens_it)
{
        for (int i = 0; i < 100; i++)
                cr_assert_not(fails(ada, BREAKER_NO_SIGN));
        cr_assert_not(breaker_is_open(&b));
        cr_assert(may(ada) && may(bob));
}

Test(breaker, no_connection_thrice_keeps_all_away)
{
        fail_thrice(ada, BREAKER_AWAY);
        cr_assert(breaker_is_open(&b));
        cr_assert_not(may(ada));
        cr_assert_not(may(bob));
        cr_assert_eq(breaker_wait_ms(&b, now, ada), 800);
        cr_assert_eq(breaker_wait_ms(&b, now, bob), 800);
}

Test(breaker, an_answer_in_between_begins_anew)
{
        for (int i = 0; i < 10; i++) {
                cr_assert_not(fails(ada, BREAKER_AWAY));
                cr_assert_not(fails(ada, BREAKER_AWAY));
                cr_assert_not(breaker_worked(&b));
        }
        cr_assert(may(ada));
}

Test(breaker, what_one_user_has_seen_keeps_that_user_away_alone)
{
        fail_thrice(ada, BREAKER_UNWELL);
        cr_assert_not(may(ada));
        for (int i = 0; i < 100; i++)
                cr_assert(may(bob));
        cr_assert_eq(breaker_wait_ms(&b, now, bob), 0);
        cr_assert(breaker_worked(&b));
        cr_assert(may(ada));
}

Test(breaker, what_another_has_seen_too_keeps_all_away)
{
        fail_thrice(ada, BREAKER_UNWELL);
        cr_assert(may(bob));
        cr_assert(fails(bob, BREAKER_UNWELL), "it opens for all");
        cr_assert_not(may(bob));
        cr_assert_not(may(cy));
        cr_assert_not(fails(cy, BREAKER_UNWELL), "was on its way");
        cr_assert_eq(b.n_failures, 4);
}

Test(breaker, failures_on_their_way_when_it_opens_do_not_prolong_it)
{
        fail_thrice(ada, BREAKER_AWAY);
        for (int i = 0; i < 50; i++)
                cr_assert_not(fails(ada, BREAKER_AWAY));
        cr_assert_eq(breaker_wait_ms(&b, now, ada), 800);
}

Test(breaker, is_tried_by_one_while_it_doubles_up_to_the_cap)
{
        static const int64_t waits[] = {800, 1600, 2000, 2000};

        fail_thrice(ada, BREAKER_AWAY);
        for (int i = 0; i < 4; i++) {
                cr_assert_eq(breaker_wait_ms(&b, now, ada), waits[i]);
                now += waits[i];
                cr_assert(may(ada));
                cr_assert_not(may(ada));
                cr_assert_not(fails(ada, BREAKER_AWAY));
        }
        now += 2000;
        cr_assert(may(ada));
        cr_assert(breaker_worked(&b));
        cr_assert(may(ada) && may(bob));
        cr_assert_eq(b.n_failures, 0);
}

/* A call that hangs, or one that is cut each time. */
Test(breaker, nobody_holds_the_one_try_for_good)
{
        fail_thrice(ada, BREAKER_UNWELL);
        cr_assert(fails(bob, BREAKER_UNWELL));
        now += 2000;
        cr_assert(may(ada));
        cr_assert_not(may(bob));
        now += 100;
        cr_assert_not(may(ada));
        cr_assert(may(bob));
        cr_assert(breaker_worked(&b));

        set_up();
        fail_thrice(ada, BREAKER_UNWELL);
        cr_assert(fails(bob, BREAKER_UNWELL));
        now += 2000;
        cr_assert(may(ada));
        cr_assert_not(fails(ada, BREAKER_UNWELL));
        now += 100;
        cr_assert_not(may(ada));
        cr_assert(may(bob));
}

Test(breaker, counts_for_ever)
{
        for (int i = 0; i < 1000; i++) {
                now += 5000;
                cr_assert(may(ada));
                fails(ada, BREAKER_AWAY);
        }
        cr_assert_eq(breaker_wait_ms(&b, now, ada), 2000);
}

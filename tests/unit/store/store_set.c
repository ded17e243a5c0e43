/* Names for a while. */
#include "mgw/store/store_set.h"

#include "../check.h"
#include "mgw/base/clock.h"
#include "world.h"

#include <stdlib.h>
#include <string.h>

static struct ledger ledger;
static struct ledger_payer payer = {.ledger = &ledger};
static struct world w;
static struct store_set set;

TestSuite(store_set, .timeout = 120);

static void open_set(size_t max)
{
        store_set_open(&set, w.store, "gone", max, &payer);
}

/* Until what the store has has been read. */
static void settle(void)
{
        while (!store_set_is_read(&set))
                cr_assert_eq(loop_turn(w.loop, 1000), 0);
}

static void add(const char *name, int64_t life_ms)
{
        struct told told;

        told_init(&told);
        store_set_add(&set, &told.op, name, clock_wall_ms() + life_ms);
        cr_assert(store_set_has(&set, name) == (life_ms > 0), "at once");
        world_wait(&w, &told);
        check_int(told.result, 0);
}

static void close_all(void)
{
        store_set_close(&set);
        check_int(ledger.bytes, 0);
        world_close(&w);
}

Test(store_set, names_are_there_after_a_restart)
{
        world_open(&w, true);
        open_set(1000);
        settle();
        for (int i = 0; i < 600; i++) {
                char name[16];

                snprintf(name, sizeof(name), "n-%d", i);
                add(name, 600000);
        }
        store_set_close(&set);
        world_reopen(&w);
        open_set(1000);
        cr_assert(!store_set_is_read(&set) && !store_set_has(&set, "n-0"));
        settle();
        for (int i = 0; i < 600; i++) {
                char name[16];

                snprintf(name, sizeof(name), "n-%d", i);
                cr_assert(store_set_has(&set, name), "%s", name);
        }
        cr_assert_not(store_set_has(&set, "n-600"));
        close_all();
}

Test(store_set, what_cannot_be_read_is_not_taken_for_nothing_and_is_read_later)
{
        static const char value[STORE_VALUE_MAX_BYTES] = {0};

        world_open(&w, true);
        open_set(1000);
        settle();
        add("a", 600000);
        store_set_close(&set);
        world_reopen(&w);
        for (int i = 0; i < 150; i++) /* more than may wait */
                store_put(w.store, NULL, STR("big"), (struct str){value, sizeof(value)}, INT64_MAX,
                          STORE_ANY);
        open_set(1000);
        while (!set.is_failing)
                cr_assert_eq(loop_turn(w.loop, 1000), 0);
        cr_assert(store_set_is_lost(&set));
        while (store_set_is_lost(&set))
                cr_assert_eq(loop_turn(w.loop, 1000), 0);
        cr_assert(store_set_has(&set, "a"));
        close_all();
}

Test(store_set, the_oldest_gives_way)
{
        world_open(&w, false);
        open_set(2);
        settle();
        add("a", 600000);
        add("b", 600000);
        add("a", 600000);
        cr_assert(store_set_has(&set, "a") && store_set_has(&set, "b"));
        add("c", 600000);
        cr_assert_not(store_set_has(&set, "a"));
        cr_assert(store_set_has(&set, "b") && store_set_has(&set, "c"));
        close_all();
}

Test(store_set, what_is_over_is_not_there)
{
        world_open(&w, false);
        open_set(10);
        add("a", 0);
        cr_assert_not(store_set_has(&set, "a"));
        close_all();
}

#include "mgw/mcp/replay.h"

#include "../check.h"

#include <string.h>

static struct ledger ledger;
static struct ledger_payer payer = {.ledger = &ledger};
static struct replay_pool pool;
static struct ledger_payer other = {.ledger = &ledger};
static struct replay_owner ada, bob;
static struct replay one, two, of_bob;

static void set_up(void)
{
        replay_pool_init(&pool, 10000, 1000);
        replay_owner_init(&ada, &payer);
        replay_owner_init(&bob, &other);
        replay_init(&one, &pool, &ada, 1000);
        replay_init(&two, &pool, &ada, 100000);
        replay_init(&of_bob, &pool, &bob, 100000);
}

static void tear_down(void)
{
        replay_finish(&one);
        replay_finish(&two);
        replay_finish(&of_bob);
        check_int(pool.bytes, 0);
        cr_assert(list_is_empty(&pool.owners));
        cr_assert_eq(ledger.bytes, 0);
}

TestSuite(replay, .init = set_up, .fini = tear_down);

static unsigned count(const struct replay *log)
{
        unsigned n = 0;

        list_for_each (it, &log->entries)
                n++;
        return n;
}

Test(replay, ids_are_printed_and_read_back)
{
        struct replay_id id;
        char text[REPLAY_ID_SIZE];

        replay_id_print((struct replay_id){UINT32_MAX, UINT32_MAX}, text);
        check_int(replay_id_read(str_from(text), &id), 0);
        cr_assert(id.stream == UINT32_MAX && id.seq == UINT32_MAX);
        cr_assert(replay_id_read(STR("4294967296-1"), &id) < 0);
        cr_assert(replay_id_read(STR("1"), &id) < 0);
        cr_assert(replay_id_read(STR("1-"), &id) < 0);
        cr_assert(replay_id_read(STR("1-2-3"), &id) < 0);
        cr_assert(replay_id_read(STR("-1-2"), &id) < 0);
        cr_assert(replay_id_read(STR(""), &id) < 0);
}

Test(replay, what_came_after_an_id_on_its_own_stream)
{
        replay_add(&one, (struct replay_id){2, 1}, STR("a"), true, 0);
        replay_add(&one, (struct replay_id){4, 1}, STR("other stream"), true, 0);
        replay_add(&one, (struct replay_id){2, 2}, STR("b"), false, 0);
        const struct replay_entry *e = replay_after(&one, (struct replay_id){2, 1});
        check_str(((struct str){e->data, e->n}), STR("b"));
        cr_assert_null(replay_after(&one, (struct replay_id){2, 2}));
        cr_assert_eq(replay_next(replay_after(&one, (struct replay_id){2, 0})), e);
        cr_assert_null(replay_next(e));
        cr_assert_null(replay_after(&two, (struct replay_id){2, 0}));
        cr_assert_eq(replay_unsent(&one), e);
}

Test(replay, a_full_log_drops_its_oldest)
{
        char text[200];

        memset(text, 'x', sizeof(text));
        for (uint32_t i = 1; i <= 50; i++)
                replay_add(&one, (struct replay_id){2, i}, (struct str){text, sizeof(text)}, true,
                           0);
        cr_assert(one.bytes <= 1000);
        cr_assert(count(&one) >= 3);
        check_int(replay_after(&one, (struct replay_id){2, 49})->id.seq, 50);
}

Test(replay, who_fills_the_pool_gives_up_their_own)
{
        char text[500];

        memset(text, 'x', sizeof(text));
        replay_add(&of_bob, (struct replay_id){2, 1}, STR("old"), true, 0);
        for (uint32_t i = 1; i <= 50; i++) {
                replay_add(&two, (struct replay_id){2, i}, (struct str){text, sizeof(text)}, true,
                           0);
                if (i == 40)
                        replay_add(&of_bob, (struct replay_id){2, 2}, STR("new"), true, 0);
        }
        cr_assert(pool.bytes <= 10000);
        check_int(count(&of_bob), 2);
        check_int(replay_after(&two, (struct replay_id){2, 49})->id.seq, 50);
}

Test(replay, many_who_fill_the_pool_leave_others_their_part)
{
        enum { N = 100 };
        static struct replay_owner owners[N];
        static struct replay logs[N];
        char text[100];

        memset(text, 'x', sizeof(text));
        replay_add(&of_bob, (struct replay_id){2, 1}, STR("old"), true, 0);
        for (size_t i = 0; i < N; i++) {
                replay_owner_init(&owners[i], &payer);
                replay_init(&logs[i], &pool, &owners[i], 100000);
        }
        for (uint32_t i = 1; i <= 10 * N; i++)
                replay_add(&logs[i % N], (struct replay_id){2, i}, (struct str){text, sizeof(text)},
                           true, 0);
        check_int(count(&of_bob), 1);
        for (size_t i = 0; i < N; i++)
                replay_finish(&logs[i]);
}

Test(replay, a_full_pool_drops_the_oldest_of_its_owner)
{
        char text[500];

        memset(text, 'x', sizeof(text));
        replay_add(&one, (struct replay_id){2, 1}, STR("old"), true, 0);
        for (uint32_t i = 1; i <= 50; i++)
                replay_add(&two, (struct replay_id){2, i}, (struct str){text, sizeof(text)}, true,
                           0);
        cr_assert(pool.bytes <= 10000);
        check_int(count(&one), 0);
        check_int(pool.bytes, two.bytes);
}

Test(replay, an_event_over_the_cap_is_not_kept_and_harms_no_other)
{
        static char text[2000];

        replay_add(&one, (struct replay_id){2, 1}, STR("a"), true, 0);
        check_int(replay_add(&one, (struct replay_id){2, 2}, (struct str){text, sizeof(text)}, true,
                             0),
                  0);
        check_int(count(&one), 1);
}

Test(replay, age_counts)
{
        replay_add(&one, (struct replay_id){2, 1}, STR("old"), true, 0);
        replay_add(&one, (struct replay_id){2, 2}, STR("new"), true, 900);
        replay_pool_expire(&pool, 1500);
        check_int(count(&one), 1);
        check_int(replay_after(&one, (struct replay_id){2, 0})->id.seq, 2);
}

Test(replay, finishing_twice_or_nothing_is_harmless)
{
        struct replay zeroed = {0};

        replay_finish(&zeroed);
        replay_finish(NULL);
        replay_add(&one, (struct replay_id){2, 1}, STR("a"), true, 0);
        replay_finish(&one);
        replay_finish(&one);
}

Test(replay, keeps_nothing_that_its_payer_has_no_room_for)
{
        payer.max_bytes = 2 * (sizeof(struct replay_entry) + 10);
        check_int(replay_add(&two, (struct replay_id){2, 1}, STR("0123456789"), true, 0), 0);
        check_int(replay_add(&two, (struct replay_id){2, 2}, STR("01234567890"), true, 0), 0);
        cr_assert_eq(count(&two), 0);
        cr_assert_eq(payer.bytes, 0);
}

Test(replay, leaves_half_of_what_its_payer_may_hold_for_work)
{
        uint64_t work = 300;

        payer.max_bytes = 1000;
        for (uint32_t i = 1; i <= 50; i++)
                replay_add(&two, (struct replay_id){2, i}, STR("0123456789"), true, 0);
        cr_assert_leq(payer.bytes, 500);
        cr_assert_geq(count(&two), 3);
        cr_assert_eq(replay_after(&two, (struct replay_id){2, 49})->id.seq, 50, "the newest");
        ledger_charge_past(&payer, LEDGER_CALL, work);
        replay_add(&two, (struct replay_id){2, 51}, STR("0123456789"), true, 0);
        cr_assert_leq(payer.bytes, 500, "what is kept makes room");
        ledger_release(&payer, LEDGER_CALL, work);
}

/* What both forms of the store do, each of them by the same cases. */
#include "../check.h"
#include "mgw/base/clock.h"
#include "world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

TestSuite(store_memory, .timeout = 120);
TestSuite(store_sqlite, .timeout = 120);

#define BOTH(name)                                                                                 \
        static void name(struct world *w);                                                         \
        Test(store_memory, name)                                                                   \
        {                                                                                          \
                in_world(name, false);                                                             \
        }                                                                                          \
        Test(store_sqlite, name)                                                                   \
        {                                                                                          \
                in_world(name, true);                                                              \
        }                                                                                          \
        static void name(struct world *w)

static void in_world(void (*play)(struct world *w), bool has_dir)
{
        struct world w;

        world_open(&w, has_dir);
        cr_assert_eq(store_is_durable(w.store), has_dir);
        play(&w);
        world_close(&w);
}

BOTH(what_is_put_is_got)
{
        check_int(world_get(w, "a/1"), STORE_E_NONE);
        check_int((int)w->last.n_records, 0);
        check_int(world_put_at(w, "a/1", "one", INT64_MAX - 1, STORE_ANY), 0);
        check_str(str_from(w->last.text), STR("a/1= "));
        check_int(world_get(w, "a/1"), 0);
        check_str(str_from(w->last.text), STR("a/1=one "));
        cr_assert_eq(w->last.expires_ms, INT64_MAX - 1);
        check_int(world_put(w, "a/1", ""), 0);
        check_int(world_get(w, "a/1"), 0);
        check_str(str_from(w->last.text), STR("a/1= "));
        check_int(world_get(w, "a/"), STORE_E_NONE);
        check_int(world_get(w, "a/11"), STORE_E_NONE);
}

BOTH(values_may_hold_any_bytes_up_to_their_bound)
{
        char *big = malloc(STORE_VALUE_MAX_BYTES + 1), key[STORE_KEY_MAX_BYTES + 1];
        struct told told;

        for (size_t i = 0; i <= STORE_VALUE_MAX_BYTES; i++)
                big[i] = (char)i;
        memset(key, 'k', sizeof(key));
        told_init(&told);
        store_put(w->store, &told.op, (struct str){key, STORE_KEY_MAX_BYTES},
                  (struct str){big, STORE_VALUE_MAX_BYTES}, INT64_MAX, STORE_NEW);
        world_wait(w, &told);
        check_int(told.result, 0);
        told_init(&told);
        store_put(w->store, &told.op, STR("k"), (struct str){big, STORE_VALUE_MAX_BYTES + 1},
                  INT64_MAX, STORE_ANY);
        cr_assert_not(told.is_told);
        world_wait(w, &told);
        check_int(told.result, -E2BIG);
        told_init(&told);
        store_put(w->store, &told.op, (struct str){key, sizeof(key)}, STR(""), INT64_MAX,
                  STORE_ANY);
        world_wait(w, &told);
        check_int(told.result, -E2BIG);
        check_int(world_get(w, ""), -E2BIG);
        check_int(world_put(w, "", "nothing is called so"), -E2BIG);
        check_int(world_get(w, "k"), STORE_E_NONE);
        free(big);
}

struct big {
        struct store_op op;
        bool is_told;
        bool is_same;
};

static void on_big(struct store_op *op)
{
        struct big *big = container_of(op, struct big, op);

        big->is_told = true;
        big->is_same = op->result == 0 && op->records[0].value.n == STORE_VALUE_MAX_BYTES;
        for (size_t i = 0; big->is_same && i < op->records[0].value.n; i++)
                big->is_same = op->records[0].value.p[i] == (char)(i * 7);
}

BOTH(a_value_comes_back_byte_by_byte)
{
        char *value = malloc(STORE_VALUE_MAX_BYTES);
        struct big big = {.op.on_done = on_big};
        struct told told;

        for (size_t i = 0; i < STORE_VALUE_MAX_BYTES; i++)
                value[i] = (char)(i * 7);
        told_init(&told);
        store_put(w->store, &told.op, STR("k"), (struct str){value, STORE_VALUE_MAX_BYTES},
                  INT64_MAX, STORE_ANY);
        free(value); /* it has been copied */
        store_get(w->store, &big.op, STR("k"));
        while (!big.is_told)
                cr_assert_eq(loop_turn(w->loop, -1), 0);
        cr_assert(told.is_told, "in order");
        cr_assert(big.is_same);
}

BOTH(a_write_compares_and_sets)
{
        uint64_t first, second;

        check_int(world_put_at(w, "a", "1", INT64_MAX, 7), STORE_E_CONFLICT);
        check_int(world_put_at(w, "a", "1", INT64_MAX, STORE_NEW), 0);
        first = w->last.version;
        cr_assert_gt(first, 0);
        check_int(world_put_at(w, "a", "2", INT64_MAX, STORE_NEW), STORE_E_CONFLICT);
        check_int(world_put_at(w, "a", "2", INT64_MAX, first), 0);
        second = w->last.version;
        cr_assert_gt(second, first);
        check_int(world_put_at(w, "a", "3", INT64_MAX, first), STORE_E_CONFLICT);
        check_int(world_get(w, "a"), 0);
        check_str(str_from(w->last.text), STR("a=2 "));
        cr_assert_eq(w->last.version, second);
        check_int(world_delete(w, "a", first), STORE_E_CONFLICT);
        check_int(world_delete(w, "a", second), 0);
        check_int(world_delete(w, "a", STORE_ANY), STORE_E_NONE);
        check_int(world_get(w, "a"), STORE_E_NONE);
        check_int(world_put_at(w, "a", "4", INT64_MAX, STORE_NEW), 0);
        cr_assert_gt(w->last.version, second, "who has read the second must not meet it again");
}

BOTH(of_many_at_once_that_expect_the_same_one_wins)
{
        struct told tolds[20];
        uint64_t version;
        unsigned n_done = 0;

        check_int(world_put(w, "k", "0"), 0);
        version = w->last.version;
        for (size_t i = 0; i < 20; i++) {
                told_init(&tolds[i]);
                store_put(w->store, &tolds[i].op, STR("k"), STR("1"), INT64_MAX, version);
        }
        for (size_t i = 0; i < 20; i++) {
                world_wait(w, &tolds[i]);
                n_done += tolds[i].result == 0;
                check_int(tolds[i].result, i == 0 ? 0 : STORE_E_CONFLICT);
        }
        check_int(n_done, 1);
}

BOTH(what_has_expired_is_not_there)
{
        int64_t now = clock_wall_ms();

        check_int(world_put_at(w, "a", "old", now - 1, STORE_ANY), 0);
        check_int(world_put_at(w, "b", "new", now + 1000000, STORE_ANY), 0);
        check_int(world_get(w, "a"), STORE_E_NONE);
        check_int(world_get(w, "b"), 0);
        check_int(world_delete(w, "a", STORE_ANY), STORE_E_NONE);
        check_int(world_list(w, "", "", 10), 0);
        check_str(str_from(w->last.text), STR("b=new "));
        check_int(world_put_at(w, "a", "2", INT64_MAX, STORE_NEW), 0);
        check_int(world_get(w, "a"), 0);
        check_str(str_from(w->last.text), STR("a=2 "));
}

BOTH(a_list_has_a_prefix_and_pages)
{
        static const char *const keys[] = {"b/3", "a/1", "b",  "b/1", "b/1/x",
                                           "c/1", "b/2", "b0", "B/9", "b/\xff"};

        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
                check_int(world_put(w, keys[i], "v"), 0);
        check_int(world_list(w, "b/", "", 256), 0);
        check_str(str_from(w->last.text), STR("b/1=v b/1/x=v b/2=v b/3=v b/\xff=v "));
        check_int(world_list(w, "b/", "", 2), 0);
        check_str(str_from(w->last.text), STR("b/1=v b/1/x=v "));
        check_int(world_list(w, "b/", "b/1/x", 2), 0);
        check_str(str_from(w->last.text), STR("b/2=v b/3=v "));
        check_int(world_list(w, "b/", "b/3", 2), 0);
        check_str(str_from(w->last.text), STR("b/\xff=v "));
        check_int(world_list(w, "b/", "b/\xff", 2), 0);
        check_int((int)w->last.n_records, 0);
        check_int(world_list(w, "b/", "a", 1), 0);
        check_str(str_from(w->last.text), STR("b/1=v "));
        check_int(world_list(w, "b/", "c", 9), 0);
        check_int((int)w->last.n_records, 0);
        check_int(world_list(w, "", "b0", 9), 0);
        check_str(str_from(w->last.text), STR("c/1=v "));
        check_int(world_list(w, "d", "", 9), 0);
        check_int((int)w->last.n_records, 0);
}

BOTH(who_has_left_is_not_told_and_the_write_is_done)
{
        struct told left, stays;

        told_init(&left);
        told_init(&stays);
        store_put(w->store, &left.op, STR("a"), STR("1"), INT64_MAX, STORE_ANY);
        store_cancel(&left.op);
        store_cancel(&left.op);
        store_get(w->store, &stays.op, STR("a"));
        world_wait(w, &stays);
        cr_assert_not(left.is_told);
        check_str(str_from(stays.text), STR("a=1 "));
        store_cancel(&stays.op);
}

BOTH(too_much_that_waits_is_refused_and_told_later)
{
        enum { N = 200 };
        struct told *tolds = calloc(N, sizeof(*tolds));
        char *value = calloc(1, STORE_VALUE_MAX_BYTES);
        unsigned n_busy = 0;

        for (size_t i = 0; i < N; i++) {
                told_init(&tolds[i]);
                store_put(w->store, &tolds[i].op, STR("k"),
                          (struct str){value, STORE_VALUE_MAX_BYTES}, INT64_MAX, STORE_ANY);
                cr_assert_not(tolds[i].is_told);
        }
        for (size_t i = 0; i < N; i++) {
                world_wait(w, &tolds[i]);
                cr_assert(tolds[i].result == 0 || tolds[i].result == -EBUSY);
                n_busy += tolds[i].result == -EBUSY;
        }
        cr_assert_gt(n_busy, 0);
        cr_assert_lt(n_busy, N);
        check_int(world_put(w, "k", "there is room again"), 0);
        free(value);
        free(tolds);
}

/* Asks the next thing from within on_done, in the memory of the last. */
struct chain {
        struct store_op op;
        struct store *store;
        unsigned n_left;
};

static void on_link(struct store_op *op)
{
        struct chain *chain = container_of(op, struct chain, op);

        cr_assert_eq(op->result, 0);
        if (chain->n_left == 0)
                return;
        chain->n_left--;
        store_put(chain->store, op, STR("k"), STR("v"), INT64_MAX, STORE_ANY);
}

BOTH(who_is_told_may_ask_again_at_once)
{
        struct chain chain = {.op.on_done = on_link, .store = w->store, .n_left = 10};

        store_put(w->store, &chain.op, STR("k"), STR("v"), INT64_MAX, STORE_ANY);
        while (chain.n_left > 0 || chain.op.job != NULL)
                cr_assert_eq(loop_turn(w->loop, -1), 0);
}

BOTH(an_end_gives_up_what_waits)
{
        struct told told;

        told_init(&told);
        store_put(w->store, &told.op, STR("k"), STR("v"), INT64_MAX, STORE_ANY);
        store_close(w->store);
        w->store = NULL;
        cr_assert_not(told.is_told);
        store_cancel(&told.op); /* harmless */
}

BOTH(a_label_has_a_key_of_its_own)
{
        uint8_t a[STORE_SECRET_KEY_BYTES], b[STORE_SECRET_KEY_BYTES], old[STORE_SECRET_KEY_BYTES];

        store_secret_key(w->store, "tokens", a);
        store_secret_key(w->store, "cookies", b);
        cr_assert_neq(memcmp(a, b, sizeof(a)), 0);
        cr_assert_not(store_old_secret_key(w->store, "tokens", old));
        world_reopen(w);
        store_secret_key(w->store, "tokens", b);
        cr_assert_eq(memcmp(a, b, sizeof(a)), 0);

        w->options.old_key = WORLD_SECRET;
        w->options.key = WORLD_OTHER_SECRET;
        world_reopen(w);
        store_secret_key(w->store, "tokens", b);
        cr_assert_neq(memcmp(a, b, sizeof(a)), 0);
        cr_assert(store_old_secret_key(w->store, "tokens", old));
        cr_assert_eq(memcmp(a, old, sizeof(a)), 0);
}

Test(store_memory, without_a_key_it_has_a_random_one)
{
        uint8_t a[STORE_SECRET_KEY_BYTES], b[STORE_SECRET_KEY_BYTES];
        struct world w;

        world_open(&w, false);
        w.options.key = NULL;
        world_reopen(&w);
        store_secret_key(w.store, "tokens", a);
        world_reopen(&w);
        store_secret_key(w.store, "tokens", b);
        cr_assert_neq(memcmp(a, b, sizeof(a)), 0);
        world_close(&w);
}

Test(store, a_key_of_parts_keeps_them_apart)
{
        char *a = store_key("grant", "ada@example.com", "mail/x", NULL);
        char *b = store_key("grant", "ada@example.com/mail", "x", NULL);
        char longer[STORE_KEY_MAX_BYTES + 1];

        check_str(str_from(a), STR("grant/ada%40example.com/mail%2Fx"));
        cr_assert_str_neq(a, b);
        memset(longer, 'x', sizeof(longer));
        longer[sizeof(longer) - 1] = '\0';
        cr_assert_null(store_key("grant", longer, NULL));
        free(a);
        free(b);
}

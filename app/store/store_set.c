/* In order of coming, which is that of going where all live alike: so the oldest is the first that
 * may go. */
#include "mgw/store/store_set.h"

#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/base/hash.h"
#include "mgw/base/log.h"

#include "store_inside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS 1000

struct store_set_name {
        UT_hash_handle hh;
        struct list node; /* set->by_age */
        int64_t until_ms;
        size_t n_bytes;
        char text[];
};

static void forget(struct store_set *set, struct store_set_name *name)
{
        assert(set->names != NULL);
        HASH_DEL(set->names, name);
        list_unlink(&name->node);
        ledger_release(set->payer, LEDGER_SESSION, name->n_bytes);
        free(name);
}

static struct store_set_name *find(const struct store_set *set, const char *text)
{
        struct store_set_name *found;

        HASH_FIND_STR(set->names, text, found);
        return found;
}

static void make_room(struct store_set *set)
{
        int64_t now_ms = clock_wall_ms();
        struct list *first;

        while ((first = list_first(&set->by_age)) != NULL) {
                struct store_set_name *oldest = container_of(first, struct store_set_name, node);
                bool is_over = oldest->until_ms <= now_ms;

                if (!is_over && HASH_COUNT(set->names) < set->max)
                        return;
                if (!is_over)
                        log_warn(LOG_FIELDS({"name", oldest->text}),
                                 "[store] %zu names under \"%s\": the oldest is not looked at any "
                                 "more, though its time has not come",
                                 set->max, set->kind);
                forget(set, oldest);
        }
}

static void note(struct store_set *set, const char *text, int64_t until_ms)
{
        size_t n = strlen(text) + 1;
        struct store_set_name *name = find(set, text);

        if (name != NULL && name->until_ms < until_ms)
                name->until_ms = until_ms;
        if (name != NULL || until_ms <= clock_wall_ms())
                return;
        make_room(set);
        name = alloc_zeroed(sizeof(*name) + n);
        name->until_ms = until_ms;
        name->n_bytes = sizeof(*name) + n;
        memcpy(name->text, text, n);
        HASH_ADD_STR(set->names, text, name);
        list_append(&set->by_age, &name->node);
        ledger_charge_past(set->payer, LEDGER_SESSION, name->n_bytes);
}

bool store_set_is_read(const struct store_set *set)
{
        return set->is_read;
}

bool store_set_is_lost(const struct store_set *set)
{
        return set->is_failing && !set->is_read;
}

bool store_set_has(const struct store_set *set, const char *text)
{
        const struct store_set_name *name = find(set, text);

        return name != NULL && name->until_ms > clock_wall_ms();
}

void store_set_add(struct store_set *set, struct store_op *op, const char *text, int64_t until_ms)
{
        char *key = store_key(set->kind, text, NULL);

        note(set, text, until_ms);
        store_put(set->store, op, str_from(key), STR(""), until_ms, STORE_ANY);
        free(key);
}

/* ---- from the store ---- */

static void read_page(struct store_set *set);

static void on_retry(struct timer *timer)
{
        read_page(container_of(timer, struct store_set, retry));
}

static void read_later(struct store_set *set)
{
        if (!set->is_failing)
                log_error(NULL, "[store] what stands under \"%s\" cannot be read", set->kind);
        set->is_failing = true;
        timer_arm(set->store->loop, &set->retry, RETRY_MS);
}

static void on_page(struct store_op *op)
{
        struct store_set *set = container_of(op, struct store_set, op);
        size_t n_before = strlen(set->kind) + 1;

        if (op->result != 0) {
                read_later(set);
                return;
        }
        for (size_t i = 0; i < op->n_records; i++) {
                struct str key = op->records[i].key;
                char *text = alloc_str((struct str){key.p + n_before, key.n - n_before});

                note(set, text, op->records[i].expires_ms);
                free(text);
        }
        set->is_read = set->is_read || op->n_records < STORE_LIST_MAX;
        if (op->n_records < STORE_LIST_MAX)
                return;
        free(set->after);
        set->after = alloc_str(op->records[op->n_records - 1].key);
        read_page(set);
}

static void read_page(struct store_set *set)
{
        char *prefix = alloc_format("%s/", set->kind);

        set->op.on_done = on_page;
        store_list(set->store, &set->op, str_from(prefix), str_from(set->after), STORE_LIST_MAX);
        free(prefix);
}

void store_set_open(struct store_set *set, struct store *store, const char *kind, size_t max,
                    struct ledger_payer *payer)
{
        *set = (struct store_set){.store = store, .kind = kind, .max = max, .payer = payer};
        list_init(&set->by_age);
        set->retry.on_due = on_retry;
        read_page(set);
}

void store_set_close(struct store_set *set)
{
        struct list *first;

        if (set->store == NULL)
                return;
        store_cancel(&set->op);
        timer_disarm(set->store->loop, &set->retry);
        while ((first = list_first(&set->by_age)) != NULL)
                forget(set, container_of(first, struct store_set_name, node));
        free(set->after);
        set->after = NULL;
}

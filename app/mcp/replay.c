/* Every entry stands on three lists, each in order of time: its log's, its owner's and the pool's.
 */
#include "mgw/mcp/replay.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void replay_id_print(struct replay_id id, char out[REPLAY_ID_SIZE])
{
        snprintf(out, REPLAY_ID_SIZE, "%" PRIu32 "-%" PRIu32, id.stream, id.seq);
}

int replay_id_read(struct str text, struct replay_id *idp)
{
        struct str rest = text, stream = str_cut(&rest, '-');
        uint64_t a, b;

        if (str_to_u64(stream, &a) != 0 || str_to_u64(rest, &b) != 0 || a > UINT32_MAX ||
            b > UINT32_MAX)
                return -EINVAL;
        *idp = (struct replay_id){(uint32_t)a, (uint32_t)b};
        return 0;
}

/* Owners that are looked at for the one that keeps most. */
#define OWNERS_SEEN_MAX 64

static uint32_t entry_bytes(const struct replay_entry *e)
{
        return (uint32_t)sizeof(*e) + e->n;
}

static void entry_add(struct replay *log, struct replay_entry *e)
{
        struct replay_owner *owner = log->owner;

        list_append(&log->entries, &e->node);
        list_append(&owner->entries, &e->owner_node);
        list_append(&log->pool->entries, &e->pool_node);
        if (owner->bytes == 0)
                list_append(&log->pool->owners, &owner->node);
        log->bytes += entry_bytes(e);
        owner->bytes += entry_bytes(e);
        log->pool->bytes += entry_bytes(e);
}

static void entry_drop(struct replay_entry *e)
{
        struct replay_owner *owner = e->log->owner;

        e->log->bytes -= entry_bytes(e);
        owner->bytes -= entry_bytes(e);
        e->log->pool->bytes -= entry_bytes(e);
        ledger_release(owner->payer, LEDGER_REPLAY, entry_bytes(e));
        list_unlink(&e->node);
        list_unlink(&e->owner_node);
        list_unlink(&e->pool_node);
        if (owner->bytes == 0)
                list_unlink(&owner->node);
        free(e);
}

void replay_pool_init(struct replay_pool *pool, uint64_t max_bytes, int64_t max_age_ms)
{
        *pool = (struct replay_pool){.max_bytes = max_bytes, .max_age_ms = max_age_ms};
        list_init(&pool->entries);
        list_init(&pool->owners);
}

void replay_owner_init(struct replay_owner *owner, struct ledger_payer *payer)
{
        *owner = (struct replay_owner){.payer = payer};
        list_init(&owner->node);
        list_init(&owner->entries);
}

static struct replay_entry *pool_oldest(const struct replay_pool *pool)
{
        struct list *first = list_first(&pool->entries);

        return first != NULL ? container_of(first, struct replay_entry, pool_node) : NULL;
}

void replay_pool_expire(struct replay_pool *pool, int64_t now_ms)
{
        struct replay_entry *e;

        while ((e = pool_oldest(pool)) != NULL && e->at_ms < now_ms - pool->max_age_ms)
                entry_drop(e);
}

void replay_init(struct replay *log, struct replay_pool *pool, struct replay_owner *owner,
                 uint32_t max_bytes)
{
        *log = (struct replay){.pool = pool, .owner = owner, .max_bytes = max_bytes};
        list_init(&log->entries);
}

static struct replay_entry *log_oldest(const struct replay *log)
{
        struct list *first = list_first(&log->entries);

        return first != NULL ? container_of(first, struct replay_entry, node) : NULL;
}

void replay_finish(struct replay *log)
{
        struct replay_entry *e;

        while (log != NULL && (e = log_oldest(log)) != NULL)
                entry_drop(e);
}

/* Whose turn it is to give up: of some owners the one that keeps most. The next time others are
 * seen. Walks OWNERS_SEEN_MAX at most. */
static void pool_make_room(struct replay_pool *pool)
{
        struct replay_owner *most = NULL;
        unsigned n_seen = 0;

        list_for_each (it, &pool->owners) {
                struct replay_owner *owner = container_of(it, struct replay_owner, node);

                if (most == NULL || owner->bytes > most->bytes)
                        most = owner;
                if (++n_seen == OWNERS_SEEN_MAX)
                        break;
        }
        assert(most != NULL);
        list_move_to_tail(&pool->owners, &most->node);
        entry_drop(container_of(list_first(&most->entries), struct replay_entry, owner_node));
}

int replay_add(struct replay *log, struct replay_id id, struct str data, bool was_sent,
               int64_t now_ms)
{
        struct replay_pool *pool = log->pool;
        uint64_t size = sizeof(struct replay_entry) + data.n;
        struct replay_entry *e;
        int r;

        replay_pool_expire(pool, now_ms);
        if (size > log->max_bytes || size > pool->max_bytes)
                return 0;
        while (log->bytes + size > log->max_bytes)
                entry_drop(log_oldest(log));
        while (pool->bytes + size > pool->max_bytes)
                pool_make_room(pool);
        while ((r = ledger_charge_spare(log->owner->payer, LEDGER_REPLAY, size)) != 0) {
                e = r == LEDGER_E_PAYER ? log_oldest(log) : NULL;
                if (e == NULL)
                        return 0;
                entry_drop(e);
        }
        e = calloc(1, size);
        if (e == NULL) {
                ledger_release(log->owner->payer, LEDGER_REPLAY, size);
                return -ENOMEM;
        }
        e->log = log;
        e->id = id;
        e->at_ms = now_ms;
        e->was_sent = was_sent;
        e->n = (uint32_t)data.n;
        memcpy(e->data, data.p, data.n);
        entry_add(log, e);
        return 0;
}

/* The first behind a place in the log. */
static struct replay_entry *find_after(const struct replay *log, const struct list *place,
                                       struct replay_id id)
{
        for (struct list *it = place->next; it != &log->entries; it = it->next) {
                struct replay_entry *e = container_of(it, struct replay_entry, node);

                if (e->id.stream == id.stream && e->id.seq > id.seq)
                        return e;
        }
        return NULL;
}

/* Walks the log of one session (replay_max_bytes). */
struct replay_entry *replay_after(const struct replay *log, struct replay_id id)
{
        return find_after(log, &log->entries, id);
}

struct replay_entry *replay_next(const struct replay_entry *e)
{
        return find_after(e->log, &e->node, e->id);
}

/* Walks the log of one session (replay_max_bytes). */
struct replay_entry *replay_unsent(const struct replay *log)
{
        list_for_each (it, &log->entries) {
                struct replay_entry *e = container_of(it, struct replay_entry, node);

                if (!e->was_sent && e->id.stream % 2 == 0)
                        return e;
        }
        return NULL;
}

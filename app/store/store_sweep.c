/* What nobody asks for any more: records that have expired are removed; those that the old key has
 * sealed are sealed anew, from the first key to the last, once. A bounded number each time, so that
 * what is asked meanwhile waits for no more than that. */
#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "store_database.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define RESEAL_MAX 100

static bool remove_expired(struct store_database *d)
{
        sqlite3_stmt *statement = store_statement(d, STORE_EXPIRE);

        (void)sqlite3_bind_int64(statement, 1, clock_wall_ms());
        (void)sqlite3_bind_int64(statement, 2, STORE_SWEEP_MAX);
        return store_statement_run(d, STORE_EXPIRE) == 0 &&
               sqlite3_changes(d->db) == STORE_SWEEP_MAX;
}

/* 0, -errno. */
static int seal_anew(struct store_database *d, struct store_record record)
{
        size_t n;
        int r = store_seal_open(&d->seal, &record, d->value, &n);
        char *open;

        if (r != 0)
                return r < 0 ? r : 0; /* it stays as it is */
        open = alloc_judge(malloc(n + 1), n + 1);
        if (open == NULL)
                return -ENOMEM;
        memcpy(open, d->value, n);
        record.value = (struct str){open, n};
        r = store_statement_write(d, &record);
        OPENSSL_cleanse(open, n);
        free(open);
        return r;
}

/* The record behind the last one, in copies: what it was read by ends before it is written.
 * STORE_E_NONE: that was the last. */
static int seal_next(struct store_database *d)
{
        sqlite3_stmt *statement = store_statement(d, STORE_AFTER);
        struct str after = {d->resealed, d->n_resealed};
        struct store_record record;
        int outcome, r;

        store_statement_bind_bytes(statement, 1, after);
        outcome = sqlite3_step(statement);
        if (outcome != SQLITE_ROW) {
                sqlite3_reset(statement);
                return outcome == SQLITE_DONE ? STORE_E_NONE : store_database_errno(outcome);
        }
        record = store_statement_record(statement);
        d->n_resealed = record.key.n < sizeof(d->resealed) ? record.key.n : sizeof(d->resealed);
        memcpy(d->resealed, record.key.p, d->n_resealed);
        record.key = (struct str){d->resealed, d->n_resealed};
        if (store_seal_by(&d->seal, record.value) != STORE_SEAL_BY_OLD) {
                sqlite3_reset(statement);
                return 0;
        }
        record.value.p = alloc_str(record.value);
        sqlite3_reset(statement);
        r = seal_anew(d, record);
        free((void *)record.value.p);
        return r;
}

/* true: there is more. Where the disk refuses it is tried again, from the first on. */
static bool seal_some(struct store_database *d)
{
        int r = store_statement_begin(d), written;

        for (unsigned i = 0; i < RESEAL_MAX && r == 0; i++)
                r = seal_next(d);
        written = r >= 0 ? store_statement_commit(d) : r;
        if (written < 0) {
                store_statement_roll_back(d);
                d->n_resealed = 0;
                return false;
        }
        d->is_all_sealed_anew = r == STORE_E_NONE;
        return r == 0;
}

bool store_sweep(struct store_database *d)
{
        bool has_more = remove_expired(d);

        if (!d->is_all_sealed_anew)
                has_more = seal_some(d) || has_more;
        return has_more;
}

/* The statements, prepared when they are first needed. */
#include "mgw/base/alloc.h"
#include "store_database.h"

#include <errno.h>
#include <stdlib.h>

#define RECORD "key, version, expires_ms, value FROM records "

/* '+': what is bounded is the key, by its own index. */
static const char *const texts[STORE_N_STATEMENTS] = {
        [STORE_BEGIN] = "BEGIN IMMEDIATE",
        [STORE_COMMIT] = "COMMIT",
        [STORE_ROLLBACK] = "ROLLBACK",
        [STORE_COUNT] = "UPDATE counters SET value = ?1 WHERE name = 'version'",
        [STORE_FIND] = "SELECT version FROM records WHERE key = ?1 AND +expires_ms > ?2",
        [STORE_READ] = "SELECT " RECORD "WHERE key = ?1 AND +expires_ms > ?2",
        [STORE_LIST] = "SELECT " RECORD "WHERE key >= ?1 AND +expires_ms > ?2 ORDER BY key",
        [STORE_WRITE] = "REPLACE INTO records (key, version, expires_ms, value) "
                        "VALUES (?1, ?2, ?3, ?4)",
        [STORE_REMOVE] = "DELETE FROM records WHERE key = ?1",
        [STORE_EXPIRE] = "DELETE FROM records WHERE rowid IN "
                         "(SELECT rowid FROM records WHERE expires_ms <= ?1 LIMIT ?2)",
        [STORE_AFTER] = "SELECT " RECORD "WHERE key > ?1 ORDER BY key LIMIT 1",
};

sqlite3_stmt *store_statement(struct store_database *d, enum store_statement which)
{
        if (d->statements[which] == NULL)
                (void)sqlite3_prepare_v3(d->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT,
                                         &d->statements[which], NULL);
        return d->statements[which];
}

/* A statement that could not be prepared is NULL, with which SQLite's calls do nothing but say
 * so. */
int store_statement_run(struct store_database *d, enum store_statement which)
{
        sqlite3_stmt *statement = store_statement(d, which);
        int outcome = statement != NULL ? sqlite3_step(statement) : sqlite3_errcode(d->db);
        int r = store_database_errno(outcome);

        sqlite3_reset(statement);
        return r;
}

void store_statement_bind_bytes(sqlite3_stmt *statement, int at, struct str bytes)
{
        (void)sqlite3_bind_blob(statement, at, bytes.n > 0 ? bytes.p : "", (int)bytes.n,
                                SQLITE_STATIC);
}

static struct str column(sqlite3_stmt *statement, int at)
{
        const char *bytes = sqlite3_column_blob(statement, at);

        return (struct str){bytes != NULL ? bytes : "",
                            (size_t)sqlite3_column_bytes(statement, at)};
}

struct store_record store_statement_record(sqlite3_stmt *statement)
{
        return (struct store_record){
                .key = column(statement, 0),
                .version = (uint64_t)sqlite3_column_int64(statement, 1),
                .expires_ms = sqlite3_column_int64(statement, 2),
                .value = column(statement, 3),
        };
}

int store_statement_begin(struct store_database *d)
{
        return store_statement_run(d, STORE_BEGIN);
}

/* SQLite has done so itself where the disk was full or has failed. */
void store_statement_roll_back(struct store_database *d)
{
        if (!sqlite3_get_autocommit(d->db))
                (void)store_statement_run(d, STORE_ROLLBACK);
}

int store_statement_commit(struct store_database *d)
{
        sqlite3_stmt *count = store_statement(d, STORE_COUNT);
        int r = sqlite3_get_autocommit(d->db) ? -EIO : 0;

        (void)sqlite3_bind_int64(count, 1, (int64_t)d->last_version);
        if (r == 0)
                r = store_statement_run(d, STORE_COUNT);
        if (r == 0)
                r = store_statement_run(d, STORE_COMMIT);
        if (r < 0)
                store_statement_roll_back(d);
        return r;
}

int store_statement_write(struct store_database *d, const struct store_record *record)
{
        sqlite3_stmt *statement = store_statement(d, STORE_WRITE);
        int r = store_seal_close(&d->seal, record, d->value);

        if (r < 0)
                return r;
        store_statement_bind_bytes(statement, 1, record->key);
        (void)sqlite3_bind_int64(statement, 2, (int64_t)record->version);
        (void)sqlite3_bind_int64(statement, 3, record->expires_ms);
        store_statement_bind_bytes(
                statement, 4,
                (struct str){(const char *)d->value, record->value.n + STORE_SEAL_EXTRA_BYTES});
        return store_statement_run(d, STORE_WRITE);
}

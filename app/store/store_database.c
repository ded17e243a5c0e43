/* The database's file: whose it is, whether it is whole, and in which version. The file may come
 * from anywhere (a backup): it has no say in what is run (no triggers, no views, nothing trusted),
 * and the sizes that it can ask for are bounded. */
#include "store_database.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#define BUSY_MS 5000
#define LENGTH_MAX (1 << 20)
#define WAL_KEPT_BYTES "4194304"
#define VERSION_MAX (INT64_MAX / 2)

/* Each leads from the version of its place to the next one. What stands here once is never changed:
 * files have been made by it. */
static const char *const migrations[] = {
        "CREATE TABLE records (key BLOB PRIMARY KEY NOT NULL, version INTEGER NOT NULL,"
        " expires_ms INTEGER NOT NULL, value BLOB NOT NULL) STRICT;"
        "CREATE INDEX records_by_expiry ON records (expires_ms);"
        "CREATE TABLE counters (name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL) STRICT;"
        "INSERT INTO counters VALUES ('version', 0);",
};
#define VERSION (int64_t)(sizeof(migrations) / sizeof(migrations[0]))

/* ---- outcomes ---- */

/* A disk that is full is SQLITE_FULL; a quota that is, is told by errno alone, which nothing has
 * touched since. */
int store_database_errno(int outcome)
{
        int system = errno;

        switch (outcome & 0xff) {
        case SQLITE_OK:
        case SQLITE_ROW:
        case SQLITE_DONE:
                return 0;
        case SQLITE_FULL:
                return -ENOSPC;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return -EBUSY;
        case SQLITE_NOMEM:
                return -ENOMEM;
        case SQLITE_READONLY:
                return -EROFS;
        case SQLITE_IOERR:
                return system == ENOSPC || system == EDQUOT || system == EFBIG ? -ENOSPC : -EIO;
        default:
                return -EIO;
        }
}

/* ---- small questions ---- */

/* The first column of the first row; 0 when there is none. An outcome of SQLite's. */
static int ask(struct store_database *d, const char *sql, int64_t *np, char *text, size_t size)
{
        sqlite3_stmt *statement = NULL;
        int r = sqlite3_prepare_v2(d->db, sql, -1, &statement, NULL);

        *np = 0;
        if (r == SQLITE_OK)
                r = sqlite3_step(statement);
        if (r == SQLITE_ROW) {
                const unsigned char *found = sqlite3_column_text(statement, 0);

                *np = sqlite3_column_int64(statement, 0);
                if (text != NULL)
                        snprintf(text, size, "%s", found != NULL ? (const char *)found : "");
        }
        sqlite3_finalize(statement);
        return r == SQLITE_ROW || r == SQLITE_DONE ? SQLITE_OK : r;
}

static int fault(const struct store_database *d, FILE *err, const char *path, const char *what)
{
        fprintf(err, "%s: %s: %s\n", path, what, sqlite3_errmsg(d->db));
        return -EINVAL;
}

/* ---- is it ours, and whole? ---- */

static bool is_on_network(const char *path)
{
        struct statfs fs;

        return statfs(path, &fs) == 0 &&
               ((uint32_t)fs.f_type == NFS_SUPER_MAGIC || (uint32_t)fs.f_type == SMB2_SUPER_MAGIC ||
                (uint32_t)fs.f_type == CIFS_SUPER_MAGIC);
}

static int settle(struct store_database *d, const char *path)
{
        int r = sqlite3_busy_timeout(d->db, BUSY_MS);

        /* Machines share no memory, which is where WAL keeps its index (state.db-shm). Whoever has
         * the file for themselves keeps it in memory of their own. */
        if (r == SQLITE_OK && is_on_network(path))
                r = sqlite3_exec(d->db, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL);

        sqlite3_db_config(d->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(d->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        sqlite3_db_config(d->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
        sqlite3_db_config(d->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
        sqlite3_limit(d->db, SQLITE_LIMIT_LENGTH, LENGTH_MAX);
        sqlite3_limit(d->db, SQLITE_LIMIT_ATTACHED, 0);
        return r;
}

/* Every page is read, once, before anybody is served. */
static int check_pages(struct store_database *d, const char *path, FILE *err)
{
        char found[256] = "";
        int64_t n;

        if (ask(d, "PRAGMA quick_check(1)", &n, found, sizeof(found)) != SQLITE_OK)
                return fault(d, err, path, "cannot be read");
        if (strcmp(found, "ok") == 0)
                return 0;
        fprintf(err,
                "%s: is damaged (%s): put back a backup, or move it away with its -wal to begin "
                "anew\n",
                path, found);
        return -EINVAL;
}

/* *versionp: 0 for an empty file. */
static int check_owner(struct store_database *d, const char *path, FILE *err, int64_t *versionp)
{
        int64_t id, n_objects, n_foreign;

        if (ask(d, "PRAGMA application_id", &id, NULL, 0) != SQLITE_OK ||
            ask(d, "PRAGMA user_version", versionp, NULL, 0) != SQLITE_OK ||
            ask(d, "SELECT count(*) FROM sqlite_schema", &n_objects, NULL, 0) != SQLITE_OK ||
            ask(d, "SELECT count(*) FROM sqlite_schema WHERE type NOT IN ('table', 'index')",
                &n_foreign, NULL, 0) != SQLITE_OK)
                return fault(d, err, path, "cannot be read");
        if ((id == STORE_DATABASE_ID && n_foreign == 0) ||
            (id == 0 && n_objects == 0 && *versionp == 0))
                return 0;
        fprintf(err,
                "%s: is a database of another program: move it away, or choose another folder "
                "(state_dir)\n",
                path);
        return -EINVAL;
}

static int check_version(const char *path, FILE *err, int64_t version)
{
        if (version >= 0 && version <= VERSION)
                return 0;
        fprintf(err,
                "%s: was made by a newer mgw (version %" PRId64 ", this one knows up to %" PRId64
                "): start that one, or put back a backup\n",
                path, version, VERSION);
        return -EINVAL;
}

/* All steps, or none. */
static int migrate(struct store_database *d, const char *path, FILE *err, int64_t version)
{
        char last[96];
        int r;

        if (version == VERSION)
                return 0;
        snprintf(last, sizeof(last),
                 "PRAGMA application_id = %d; PRAGMA user_version = %" PRId64 "; COMMIT",
                 STORE_DATABASE_ID, VERSION);
        r = sqlite3_exec(d->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        for (; r == SQLITE_OK && version < VERSION; version++)
                r = sqlite3_exec(d->db, migrations[version], NULL, NULL, NULL);
        if (r == SQLITE_OK)
                r = sqlite3_exec(d->db, last, NULL, NULL, NULL);
        return r == SQLITE_OK ? 0 : fault(d, err, path, "cannot be brought to this version");
}

/* WAL: readers (a backup) and we do not wait for each other. FULL: what is committed is on the
 * disk. */
static int set_journal(struct store_database *d, const char *path, FILE *err)
{
        char mode[16] = "";
        int64_t n;

        if (ask(d, "PRAGMA journal_mode = WAL", &n, mode, sizeof(mode)) != SQLITE_OK ||
            strcmp(mode, "wal") != 0 ||
            sqlite3_exec(d->db,
                         "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = " WAL_KEPT_BYTES,
                         NULL, NULL, NULL) != SQLITE_OK)
                return fault(d, err, path, "cannot be written in WAL mode");
        return 0;
}

/* ---- what is in it ---- */

static int read_version(struct store_database *d, const char *path, FILE *err)
{
        int64_t n;

        if (ask(d,
                "SELECT max((SELECT value FROM counters WHERE name = 'version'),"
                " (SELECT coalesce(max(version), 0) FROM records))",
                &n, NULL, 0) != SQLITE_OK)
                return fault(d, err, path, "cannot be read");
        if (n < 0 || n > VERSION_MAX) {
                fprintf(err, "%s: is damaged (versions): put back a backup\n", path);
                return -EINVAL;
        }
        d->last_version = (uint64_t)n;
        return 0;
}

/* By whom what is there is sealed. Whoever gave the wrong key learns it now. */
static int check_seals(struct store_database *d, const char *path, FILE *err)
{
        size_t n_by[STORE_SEAL_BY_NOBODY + 1] = {0};
        sqlite3_stmt *statement = NULL;
        int r = sqlite3_prepare_v2(d->db, "SELECT value FROM records", -1, &statement, NULL);

        while (r == SQLITE_OK && (r = sqlite3_step(statement)) == SQLITE_ROW) {
                struct str value = {sqlite3_column_blob(statement, 0),
                                    (size_t)sqlite3_column_bytes(statement, 0)};

                n_by[store_seal_by(&d->seal, value)]++;
                r = SQLITE_OK;
        }
        sqlite3_finalize(statement);
        if (r != SQLITE_DONE)
                return fault(d, err, path, "cannot be read");
        if (n_by[STORE_SEAL_BY_NOBODY] > 0)
                fprintf(err,
                        "%s: %zu records of %zu cannot be opened: they are sealed by another key, "
                        "to be given as state_key_old\n",
                        path, n_by[STORE_SEAL_BY_NOBODY],
                        n_by[0] + n_by[1] + n_by[STORE_SEAL_BY_NOBODY]);
        if (n_by[STORE_SEAL_BY_OLD] > 0)
                fprintf(err, "%s: %zu records are sealed by state_key_old, and will be anew\n",
                        path, n_by[STORE_SEAL_BY_OLD]);
        d->is_all_sealed_anew = n_by[STORE_SEAL_BY_OLD] == 0;
        return 0;
}

/* ---- its life ---- */

int store_database_open(struct store_database *d, const char *path, FILE *err)
{
        int64_t version = 0;
        int r = sqlite3_open_v2(path, &d->db,
                                SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                                NULL);

        if (r != SQLITE_OK || settle(d, path) != SQLITE_OK)
                return fault(d, err, path, "cannot be opened");
        if ((r = check_owner(d, path, err, &version)) == 0 &&
            (r = check_version(path, err, version)) == 0 && (r = check_pages(d, path, err)) == 0 &&
            (r = set_journal(d, path, err)) == 0 && (r = migrate(d, path, err, version)) == 0 &&
            (r = read_version(d, path, err)) == 0)
                r = check_seals(d, path, err);
        return r;
}

void store_database_close(struct store_database *d)
{
        for (size_t i = 0; i < STORE_N_STATEMENTS; i++)
                sqlite3_finalize(d->statements[i]);
        sqlite3_close(d->db);
        store_seal_finish(&d->seal);
        d->db = NULL;
}

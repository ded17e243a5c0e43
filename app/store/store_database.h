/* The database in the folder, for the one thread that has it. */
#pragma once

#include "store_seal.h"

#include <sqlite3.h>

/* "mgws" */
#define STORE_DATABASE_ID 0x6d677773
/* One sweep removes, or seals anew, so many at most. */
#define STORE_SWEEP_MAX 500

enum store_statement {
        STORE_BEGIN,
        STORE_COMMIT,
        STORE_ROLLBACK,
        STORE_COUNT, /* (version) */
        STORE_FIND,  /* (key, now): version */
        STORE_READ,  /* (key, now): a record */
        STORE_LIST,  /* (first key, now): records */
        STORE_WRITE, /* a record */
        STORE_REMOVE,
        STORE_EXPIRE, /* (now, most) */
        STORE_AFTER,  /* (key): the next record */
        STORE_N_STATEMENTS,
};

struct store_database {
        sqlite3 *db;
        sqlite3_stmt *statements[STORE_N_STATEMENTS];
        struct store_seal seal;
        uint64_t last_version;
        bool is_all_sealed_anew;
        char resealed[STORE_KEY_MAX_BYTES]; /* the key up to which they are */
        size_t n_resealed;
        /* A value, open or sealed: one at a time. */
        uint8_t value[STORE_VALUE_MAX_BYTES + STORE_SEAL_EXTRA_BYTES];
};

/* ---- store_database.c ---- */

/* Opens, checks and migrates the database at path, which is there (it may be empty). Faults, and
 * warnings, are written to err. 0, -EINVAL (it has been told). Closed in any case by
 * store_database_close(). */
int store_database_open(struct store_database *d, const char *path, FILE *err);
void store_database_close(struct store_database *d);
/* An outcome of SQLite's, just now, as -errno. */
int store_database_errno(int outcome);

/* ---- store_statement.c ---- */

sqlite3_stmt *store_statement(struct store_database *d, enum store_statement which);
/* Steps one that has no rows to read. 0, -errno. */
int store_statement_run(struct store_database *d, enum store_statement which);
void store_statement_bind_bytes(sqlite3_stmt *statement, int at, struct str bytes);
/* The record that a row of STORE_READ, STORE_LIST or STORE_AFTER has; its value is sealed. Borrowed
 * until the next step. */
struct store_record store_statement_record(sqlite3_stmt *statement);
int store_statement_begin(struct store_database *d);
/* Also writes down how far versions have come. 0; -errno: it has been rolled back. */
int store_statement_commit(struct store_database *d);
void store_statement_roll_back(struct store_database *d);
/* Seals and writes. 0, -errno. */
int store_statement_write(struct store_database *d, const struct store_record *record);

/* ---- store_batch.c ---- */

/* Does them all, and sets their results. Writes are told of as done when they are on the disk. */
void store_batch_do(struct store_database *d, struct list *jobs);

/* ---- store_sweep.c ---- */

/* Removes what has expired, and seals anew what the old key has sealed. true: there is more. */
bool store_sweep(struct store_database *d);

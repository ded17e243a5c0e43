/* What outlives the process: records by key, few and small (grants of users at upstreams, refresh
 * tokens that were used, revocations, consents). Two forms: memory, and SQLite in a folder, whose
 * one thread does all reading and writing, so that the loop never waits. Values on the disk are
 * sealed (AES-256-GCM, bound to their key), and opened when they come back.
 *
 * Every operation ends in on_done, from the loop, never from within the call that started it. A
 * write that has been told of as done is on the disk. Operations on one key are done in the order
 * in which they were started. */
#pragma once

#include "mgw/base/buf.h"
#include "mgw/base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct loop;
struct store;
struct store_job;

#define STORE_KEY_MAX_BYTES 1024
#define STORE_VALUE_MAX_BYTES (64u << 10)
#define STORE_LIST_MAX 256
#define STORE_SECRET_MIN 32 /* characters */
#define STORE_SECRET_KEY_BYTES 32

/* Outcomes in op->result, beside 0 and -errno (-EIO: the disk; -ENOSPC: it is full; -EBUSY: too
 * much waits; -E2BIG: the key is empty or too long, or the value is). */
#define STORE_E_NONE 1     /* there is no such record */
#define STORE_E_CONFLICT 2 /* its version is another, or (STORE_NEW) it is there already */
#define STORE_E_SEALED 3   /* it is there, and no key that we have opens it */

/* For `expected`: whichever version, and none at all. */
#define STORE_ANY UINT64_MAX
#define STORE_NEW 0

struct store_record {
        struct str key;
        struct str value;
        uint64_t version;   /* grows with each write, also past a deletion; never 0 */
        int64_t expires_ms; /* wall clock; INT64_MAX: never. What has expired is not there */
};

/* Embedded by who waits, zeroed but for on_done; may be used again from on_done on. */
struct store_op {
        void (*on_done)(struct store_op *op);
        int result;
        /* Of get and list: borrowed until on_done returns. Of put: n = 1, with the new version and
         * without the value. */
        const struct store_record *records;
        size_t n_records;
        struct store_job *job; /* the store's own; NULL: it does not wait */
};

/* The names of all files in the folder, which are nobody's but the store's; ended by NULL. */
extern const char *const store_file_names[];

struct store_options {
        const char *dir; /* NULL: memory */
        /* Secrets of STORE_SECRET_MIN characters or more. NULL: of the file state.key in dir, made
         * once (0600); in memory a random one. */
        const char *key;
        const char *old_key; /* NULL, or what older records may be sealed by */
};

/* Opens, checks and migrates. Faults are written to err: what, where, what to do. 0, -EINVAL (a
 * fault has been written), -errno. */
int store_open(struct store **storep, struct loop *loop, const struct store_options *options,
               FILE *err);
/* Operations under way are given up without on_done; writes are finished all the same. NULL is
 * fine. */
void store_close(struct store *store);
/* Another process is to have the folder: what has been started is done and told of, and from now on
 * all waits until it is known who does it. Waits for the disk, as store_close() does. Harmless in
 * memory, which is nobody else's. */
void store_yield(struct store *store);
bool store_is_away(const struct store *store);
/* The other did not take it: takes it back. 0, -EINVAL (a fault has been written), -errno: what
 * waits has failed. */
int store_reclaim(struct store *store, FILE *err);

/* What the process that has the folder is to do for this one: a get, put or delete. */
struct store_errand {
        enum { STORE_ERRAND_GET, STORE_ERRAND_PUT, STORE_ERRAND_DELETE } kind;
        struct str key;
        struct str value;
        int64_t expires_ms;
        uint64_t expected;
};

/* Embedded by who carries errands there. */
struct store_courier {
        void (*carry)(struct store_courier *courier, uint64_t number,
                      const struct store_errand *errand);
};

/* While it is away: what waits goes by the courier from now on, in the order in which it was asked.
 * NULL: it fails with -EIO. Lists do in any case. */
void store_send(struct store *store, struct store_courier *courier);
/* What became of the errand of that number; record: what a get has found, or a put's version; NULL:
 * none. Never from within carry(). */
void store_errand_done(struct store *store, uint64_t number, int result,
                       const struct store_record *record);
/* Does something wait for the other process? */
bool store_has_errands(const struct store *store);
/* Starts what another process has asked for. */
void store_run_errand(struct store *store, struct store_op *op, const struct store_errand *errand);
/* Is what it holds there after the process has ended? */
bool store_is_durable(const struct store *store);

/* A key of the label's own, for what others seal: the same after a restart, where the store is
 * durable or was given a key. */
void store_secret_key(const struct store *store, const char *label,
                      uint8_t key[STORE_SECRET_KEY_BYTES]);
/* The same of the old secret. false: there is none. */
bool store_old_secret_key(const struct store *store, const char *label,
                          uint8_t key[STORE_SECRET_KEY_BYTES]);

void store_get(struct store *store, struct store_op *op, struct str key);
/* Makes or replaces it, when its version is `expected` (STORE_ANY, STORE_NEW, or as read). */
void store_put(struct store *store, struct store_op *op, struct str key, struct str value,
               int64_t expires_ms, uint64_t expected);
/* STORE_E_NONE when it is not there. */
void store_delete(struct store *store, struct store_op *op, struct str key, uint64_t expected);
/* Those whose keys begin with prefix, in the order of their bytes, those after `after` (empty: from
 * the first), at most max <= STORE_LIST_MAX: at the end fewer come. What cannot be opened is left
 * out. */
void store_list(struct store *store, struct store_op *op, struct str prefix, struct str after,
                size_t max);
/* on_done is not called any more; a write is done all the same. Harmless when it is not waiting. */
void store_cancel(struct store_op *op);

/* A key of parts: each is percent-encoded, '/' between them, so that no part can reach into
 * another. The parts end with NULL; the caller frees it. NULL: longer than STORE_KEY_MAX_BYTES. */
char *store_key(const char *kind, ...);

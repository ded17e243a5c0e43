/* What the files of this floor share: jobs, the secrets, and what a form of the store must do. */
#pragma once

#include "mgw/base/list.h"
#include "mgw/loop/loop.h"
#include "mgw/store/store.h"

/* Jobs that have not been told of may hold so many bytes. */
#define STORE_WAITING_MAX_BYTES (8u << 20)

enum store_job_kind { STORE_JOB_GET, STORE_JOB_PUT, STORE_JOB_DELETE, STORE_JOB_LIST };

/* An operation under way. The form has it from start() until it gives it back; of its members only
 * `op` is the loop's meanwhile. */
struct store_job {
        struct list node;
        struct store_op *op; /* NULL: nobody waits any more */
        enum store_job_kind kind;
        struct str key; /* of a list: the prefix */
        struct str value;
        struct str after;
        int64_t expires_ms;
        uint64_t expected;
        size_t max;
        size_t bytes;    /* what it counts for while it waits */
        uint64_t number; /* of an errand */
        int result;
        struct store_record *records;
        size_t n_records;
        size_t answer_bytes; /* of the records */
};

/* What the secrets give: pseudorandom keys (RFC 5869 2.2), from which all other keys are made. */
struct store_secrets {
        uint8_t own[STORE_SECRET_KEY_BYTES];
        uint8_t old[STORE_SECRET_KEY_BYTES];
        bool has_old;
};

/* A form of the store. Each embeds struct store as its first member. A job that has been done goes
 * to store_job_done(), in the loop, and never from within start(). */
struct store_form {
        bool is_durable;
        /* May the job wait no longer than the others of its key. */
        void (*start)(struct store *store, struct store_job *job);
        /* All jobs are done, and on the list; no more is started. */
        void (*stop)(struct store *store, struct list *jobs);
        /* After stop(): the folder is left to others, and taken again. NULL: there is none. 0,
         * -EINVAL (it has been told), -errno. */
        void (*leave)(struct store *store);
        int (*take)(struct store *store, FILE *err);
        void (*destroy)(struct store *store);
};

struct store {
        const struct store_form *form; /* set by the form, as `loop` is; the rest by store_open() */
        struct loop *loop;
        struct store_secrets secrets;
        size_t bytes_waiting;
        struct list refused; /* jobs that were not started */
        struct loop_task refusal;
        struct list errands; /* jobs for the process that has the folder */
        uint64_t last_errand;
        struct store_courier *courier; /* NULL: there is none yet, or (is_cut_off) none any more */
        bool is_away;                  /* another process has the folder */
        bool is_cut_off;
        bool is_failing; /* the last write was not possible */
        bool is_sealed_told;
};

/* ---- jobs (store_job.c) ---- */

struct store_job *store_job_new(enum store_job_kind kind, struct store_op *op, struct str key);
/* Copies. 0, -ENOMEM. */
int store_job_add_record(struct store_job *job, const struct store_record *record);
void store_job_forget_records(struct store_job *job);
/* Nobody is told. */
void store_job_destroy(struct store_job *job);
/* The first key that a list may have; the caller frees its text. */
struct str store_job_list_start(const struct store_job *job);
bool store_job_is_write(const struct store_job *job);
/* Tells who waits, and frees it. */
void store_job_tell(struct store *store, struct store_job *job);
/* Likewise, when it has been done by a form: what has failed is logged too. */
void store_job_done(struct store *store, struct store_job *job);
/* It is told later that it has failed. */
void store_job_refuse(struct store *store, struct store_job *job, int result);
/* What becomes of a write to a record of this version; 0: there is none. 0, STORE_E_NONE,
 * STORE_E_CONFLICT. */
int store_job_judge(const struct store_job *job, uint64_t version);

/* ---- errands (store_errand.c) ---- */

/* The store is away. */
void store_errand_add(struct store *store, struct store_job *job);
/* It is here again: they are done here. */
void store_errands_start(struct store *store);

/* ---- the folder (store_folder.c) ---- */

struct store_folder {
        char *dir; /* paths */
        char *database;
        char *key;
        int lock_fd;       /* who has it has the folder */
        bool has_database; /* from an earlier process */
};

/* Makes the folder, when only that is missing, and takes it. Faults are written to err. 0, -EINVAL
 * (it has been told). Finished in any case. */
int store_folder_open(struct store_folder *folder, const char *dir, FILE *err);
/* Makes the file of the database, when it is missing, and sees to it that it is ours alone. */
int store_folder_make_database(const struct store_folder *folder, FILE *err);
/* Others may have it, and it is to be taken again. Outcomes as store_folder_open(). */
void store_folder_leave(struct store_folder *folder);
int store_folder_take(struct store_folder *folder, FILE *err);
void store_folder_finish(struct store_folder *folder);

/* ---- secrets (store_secret.c) ---- */

/* folder: NULL in memory. 0, -EINVAL (it has been told). */
int store_secrets_open(struct store_secrets *secrets, const struct store_options *options,
                       const struct store_folder *folder, FILE *err);
/* HKDF-SHA256's second half (RFC 5869 2.3), one block of it. */
void store_secret_expand(const uint8_t secret[STORE_SECRET_KEY_BYTES], const char *purpose,
                         const char *label, uint8_t key[STORE_SECRET_KEY_BYTES]);

/* ---- forms ---- */

struct store *store_memory_create(struct loop *loop);
/* Takes the lock of the folder. 0, -EINVAL (it has been told), -errno. */
int store_sqlite_open(struct store **storep, struct loop *loop, struct store_folder *folder,
                      const struct store_secrets *secrets, FILE *err);

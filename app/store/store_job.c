/* An operation under way, with copies of what it was given and of what it has found. Values are
 * wiped before their memory goes back. */
#include "mgw/base/alloc.h"
#include "mgw/base/log.h"
#include "store_inside.h"

#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

struct store_job *store_job_new(enum store_job_kind kind, struct store_op *op, struct str key)
{
        struct store_job *job = alloc_zeroed(sizeof(*job));

        assert(op == NULL || op->job == NULL);
        job->kind = kind;
        job->op = op;
        job->key = (struct str){alloc_str(key), key.n};
        job->bytes = sizeof(*job) + key.n;
        if (op != NULL)
                op->job = job;
        return job;
}

int store_job_add_record(struct store_job *job, const struct store_record *record)
{
        size_t n = record->key.n + record->value.n + 1;
        char *copy = alloc_judge(malloc(n), n);

        if (copy == NULL)
                return -ENOMEM;
        memcpy(copy, record->key.p, record->key.n);
        if (record->value.n > 0)
                memcpy(copy + record->key.n, record->value.p, record->value.n);
        copy[n - 1] = '\0';
        job->records = alloc_again(job->records, job->n_records + 1, sizeof(*job->records));
        job->records[job->n_records++] = (struct store_record){
                .key = {copy, record->key.n},
                .value = {copy + record->key.n, record->value.n},
                .version = record->version,
                .expires_ms = record->expires_ms,
        };
        job->answer_bytes += n + sizeof(*record);
        return 0;
}

void store_job_forget_records(struct store_job *job)
{
        for (size_t i = 0; i < job->n_records; i++) {
                const struct store_record *record = &job->records[i];

                OPENSSL_cleanse((void *)record->value.p, record->value.n);
                free((void *)record->key.p);
        }
        free(job->records);
        job->records = NULL;
        job->n_records = 0;
        job->answer_bytes = 0;
}

void store_job_destroy(struct store_job *job)
{
        store_job_forget_records(job);
        if (job->value.n > 0)
                OPENSSL_cleanse((void *)job->value.p, job->value.n);
        free((void *)job->value.p);
        free((void *)job->key.p);
        free((void *)job->after.p);
        free(job);
}

/* Nothing stands between a key and the same with a zero behind it. */
struct str store_job_list_start(const struct store_job *job)
{
        struct str after = job->after, prefix = job->key;
        size_t n = after.n < prefix.n ? after.n : prefix.n;
        int order = n > 0 ? memcmp(after.p, prefix.p, n) : 0;

        if (after.n == 0 || order < 0 || (order == 0 && after.n < prefix.n))
                return (struct str){alloc_str(prefix), prefix.n};
        return (struct str){alloc_str(after), after.n + 1}; /* it ends with a zero */
}

bool store_job_is_write(const struct store_job *job)
{
        return job->kind == STORE_JOB_PUT || job->kind == STORE_JOB_DELETE;
}

int store_job_judge(const struct store_job *job, uint64_t version)
{
        if (job->kind == STORE_JOB_DELETE && version == 0)
                return STORE_E_NONE;
        if (job->expected != STORE_ANY && job->expected != version)
                return STORE_E_CONFLICT;
        return 0;
}

/* ---- what is told ---- */

static void log_outcome(struct store *store, const struct store_job *job)
{
        if (job->result == STORE_E_SEALED && !store->is_sealed_told) {
                store->is_sealed_told = true;
                log_error(LOG_FIELDS({"key", job->key.p}),
                          "[store] a record cannot be opened: it is sealed by another key, or was "
                          "changed. Give the former key as state_key_old");
        }
        if (!store_job_is_write(job) || job->result > 0)
                return;
        if (job->result < 0 && !store->is_failing)
                log_error(NULL, "[store] cannot write: %s", strerror(-job->result));
        if (job->result == 0 && store->is_failing)
                log_info(NULL, "[store] writes again");
        store->is_failing = job->result < 0;
}

void store_job_tell(struct store *store, struct store_job *job)
{
        struct store_op *op = job->op;

        store->bytes_waiting -= job->bytes;
        if (op != NULL) {
                op->job = NULL;
                op->result = job->result;
                op->records = job->records;
                op->n_records = job->n_records;
                op->on_done(op);
        }
        store_job_destroy(job);
}

void store_job_done(struct store *store, struct store_job *job)
{
        log_outcome(store, job);
        store_job_tell(store, job);
}

void store_job_refuse(struct store *store, struct store_job *job, int result)
{
        job->result = result;
        list_append(&store->refused, &job->node);
        loop_defer(store->loop, &store->refusal);
}

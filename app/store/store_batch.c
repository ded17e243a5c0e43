/* Jobs that have come together are done in one transaction, and wait for the disk once. Where that
 * fails each is done by itself, so that none fails for another's sake. */
#include "mgw/base/clock.h"
#include "store_database.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>

/* ---- one job ---- */

static int add_record(struct store_database *d, struct store_job *job, sqlite3_stmt *statement)
{
        struct store_record record = store_statement_record(statement);
        size_t n;
        int r = store_seal_open(&d->seal, &record, d->value, &n);

        if (r != 0)
                return r;
        record.value = (struct str){(const char *)d->value, n};
        r = store_job_add_record(job, &record);
        OPENSSL_cleanse(d->value, n);
        return r;
}

static int get(struct store_database *d, struct store_job *job, int64_t now_ms)
{
        sqlite3_stmt *statement = store_statement(d, STORE_READ);
        int outcome, r;

        store_statement_bind_bytes(statement, 1, job->key);
        (void)sqlite3_bind_int64(statement, 2, now_ms);
        outcome = sqlite3_step(statement);
        r = outcome == SQLITE_ROW    ? add_record(d, job, statement)
            : outcome == SQLITE_DONE ? STORE_E_NONE
                                     : store_database_errno(outcome);
        sqlite3_reset(statement);
        return r;
}

/* What cannot be opened is passed over. */
static int list_rows(struct store_database *d, struct store_job *job, sqlite3_stmt *statement)
{
        int outcome = SQLITE_DONE, r = 0;

        while (r >= 0 && job->n_records < job->max &&
               (outcome = sqlite3_step(statement)) == SQLITE_ROW) {
                if (!str_has_prefix(store_statement_record(statement).key, job->key))
                        return 0;
                r = add_record(d, job, statement);
        }
        return r < 0 ? r : store_database_errno(outcome);
}

static int list(struct store_database *d, struct store_job *job, int64_t now_ms)
{
        sqlite3_stmt *statement = store_statement(d, STORE_LIST);
        struct str start = store_job_list_start(job);
        int r;

        store_statement_bind_bytes(statement, 1, start);
        (void)sqlite3_bind_int64(statement, 2, now_ms);
        r = list_rows(d, job, statement);
        sqlite3_reset(statement);
        free((void *)start.p);
        return r;
}

/* 0: there is none. */
static int find(struct store_database *d, struct str key, int64_t now_ms, uint64_t *versionp)
{
        sqlite3_stmt *statement = store_statement(d, STORE_FIND);
        int outcome;

        store_statement_bind_bytes(statement, 1, key);
        (void)sqlite3_bind_int64(statement, 2, now_ms);
        outcome = sqlite3_step(statement);
        *versionp = outcome == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
        sqlite3_reset(statement);
        return store_database_errno(outcome);
}

static int put(struct store_database *d, struct store_job *job)
{
        struct store_record record = {.key = job->key,
                                      .value = job->value,
                                      .version = ++d->last_version,
                                      .expires_ms = job->expires_ms};
        int r = store_statement_write(d, &record);

        record.value = STR("");
        return r < 0 ? r : store_job_add_record(job, &record);
}

static int write_job(struct store_database *d, struct store_job *job, int64_t now_ms)
{
        uint64_t version;
        int r = find(d, job->key, now_ms, &version);

        if (r == 0)
                r = store_job_judge(job, version);
        if (r != 0)
                return r;
        if (job->kind == STORE_JOB_PUT)
                return put(d, job);
        store_statement_bind_bytes(store_statement(d, STORE_REMOVE), 1, job->key);
        return store_statement_run(d, STORE_REMOVE);
}

static int do_job(struct store_database *d, struct store_job *job)
{
        int64_t now_ms = clock_wall_ms();

        return store_job_is_write(job)      ? write_job(d, job, now_ms)
               : job->kind == STORE_JOB_GET ? get(d, job, now_ms)
                                            : list(d, job, now_ms);
}

/* ---- all of them ---- */

/* 0; -errno: nothing has been written. */
static int do_in_one(struct store_database *d, struct list *jobs)
{
        bool is_begun = false;
        int r = 0;

        for (struct list *node = jobs->next; r == 0 && node != jobs; node = node->next) {
                struct store_job *job = container_of(node, struct store_job, node);

                if (store_job_is_write(job) && !is_begun) {
                        r = store_statement_begin(d);
                        is_begun = r == 0;
                }
                if (r == 0)
                        job->result = do_job(d, job);
                /* What could not be read is its reader's matter. */
                if (r == 0 && store_job_is_write(job) && job->result < 0)
                        r = job->result;
        }
        if (r == 0)
                return is_begun ? store_statement_commit(d) : 0;
        if (is_begun)
                store_statement_roll_back(d);
        return r;
}

static void do_alone(struct store_database *d, struct store_job *job)
{
        struct list one;
        int r;

        list_init(&one);
        list_append(&one, &job->node);
        store_job_forget_records(job);
        r = do_in_one(d, &one);
        if (r < 0) {
                store_job_forget_records(job);
                job->result = r;
        }
        list_unlink(&job->node);
}

void store_batch_do(struct store_database *d, struct list *jobs)
{
        struct list failed;
        struct list *node;

        if (do_in_one(d, jobs) == 0)
                return;
        list_take_all(&failed, jobs);
        while ((node = list_first(&failed)) != NULL) {
                list_unlink(node);
                do_alone(d, container_of(node, struct store_job, node));
                list_append(jobs, node);
        }
}

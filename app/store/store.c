/* The front: what is asked becomes a job, which a form of the store does and gives back, and who
 * waits is told. What too much waits for is refused here, later, as all else is told. */
#include "mgw/store/store.h"

#include "mgw/base/alloc.h"
#include "store_inside.h"

#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

/* ---- its life ---- */

static void on_refusal(struct loop_task *task)
{
        struct store *store = container_of(task, struct store, refusal);
        struct list refused;
        struct list *node;

        list_take_all(&refused, &store->refused);
        while ((node = list_first(&refused)) != NULL) {
                list_unlink(node);
                store_job_tell(store, container_of(node, struct store_job, node));
        }
}

static int open_in_folder(struct store **storep, struct store_secrets *secrets, struct loop *loop,
                          const struct store_options *options, FILE *err)
{
        struct store_folder folder;
        int r = store_folder_open(&folder, options->dir, err);

        if (r == 0)
                r = store_secrets_open(secrets, options, &folder, err);
        if (r == 0)
                r = store_sqlite_open(storep, loop, &folder, secrets, err);
        store_folder_finish(&folder);
        return r;
}

static int open_in_memory(struct store **storep, struct store_secrets *secrets, struct loop *loop,
                          const struct store_options *options, FILE *err)
{
        int r = store_secrets_open(secrets, options, NULL, err);

        if (r == 0)
                *storep = store_memory_create(loop);
        return r;
}

int store_open(struct store **storep, struct loop *loop, const struct store_options *options,
               FILE *err)
{
        struct store_secrets secrets = {.has_old = false};
        struct store *store = NULL;
        int r = (options->dir != NULL ? open_in_folder : open_in_memory)(&store, &secrets, loop,
                                                                         options, err);

        if (r == 0) {
                store->secrets = secrets;
                store->refusal.on_run = on_refusal;
                list_init(&store->refused);
                list_init(&store->errands);
                *storep = store;
        }
        OPENSSL_cleanse(&secrets, sizeof(secrets));
        return r;
}

static void forget(struct list *jobs)
{
        struct list *node;

        while ((node = list_first(jobs)) != NULL) {
                struct store_job *job = container_of(node, struct store_job, node);

                list_unlink(node);
                if (job->op != NULL)
                        job->op->job = NULL;
                store_job_destroy(job);
        }
}

void store_close(struct store *store)
{
        struct list jobs;

        if (store == NULL)
                return;
        if (!store->is_away) {
                store->form->stop(store, &jobs);
                forget(&jobs);
        }
        forget(&store->refused);
        forget(&store->errands);
        loop_task_cancel(&store->refusal);
        OPENSSL_cleanse(&store->secrets, sizeof(store->secrets));
        store->form->destroy(store);
}

void store_yield(struct store *store)
{
        struct list jobs, *node;

        if (store->form->leave == NULL || store->is_away)
                return;
        store->is_away = true;
        store->is_cut_off = false;
        store->form->stop(store, &jobs);
        store->form->leave(store);
        while ((node = list_first(&jobs)) != NULL) {
                list_unlink(node);
                store_job_done(store, container_of(node, struct store_job, node));
        }
}

int store_reclaim(struct store *store, FILE *err)
{
        int r = store->is_away ? store->form->take(store, err) : 0;

        store->is_away = r < 0;
        if (r < 0)
                store_send(store, NULL);
        else
                store_errands_start(store);
        return r;
}

bool store_is_away(const struct store *store)
{
        return store->is_away;
}

bool store_is_durable(const struct store *store)
{
        return store->form->is_durable;
}

/* ---- what is asked ---- */

/* fault: why it cannot even be started, or 0. */
static void start(struct store *store, struct store_job *job, int fault)
{
        store->bytes_waiting += job->bytes;
        if (fault == 0 && store->bytes_waiting > STORE_WAITING_MAX_BYTES)
                fault = -EBUSY;
        if (fault < 0)
                store_job_refuse(store, job, fault);
        else if (store->is_away)
                store_errand_add(store, job);
        else
                store->form->start(store, job);
}

static int judge_key(struct str key)
{
        return key.n > 0 && key.n <= STORE_KEY_MAX_BYTES ? 0 : -E2BIG;
}

void store_get(struct store *store, struct store_op *op, struct str key)
{
        start(store, store_job_new(STORE_JOB_GET, op, key), judge_key(key));
}

static int set_value(struct store_job *job, struct str value)
{
        if (value.n > STORE_VALUE_MAX_BYTES)
                return -E2BIG;
        job->value.p = str_dup(value);
        if (job->value.p == NULL)
                return -ENOMEM;
        job->value.n = value.n;
        job->bytes += value.n;
        return 0;
}

void store_put(struct store *store, struct store_op *op, struct str key, struct str value,
               int64_t expires_ms, uint64_t expected)
{
        struct store_job *job = store_job_new(STORE_JOB_PUT, op, key);
        int r = judge_key(key);

        job->expires_ms = expires_ms;
        job->expected = expected;
        start(store, job, r == 0 ? set_value(job, value) : r);
}

void store_delete(struct store *store, struct store_op *op, struct str key, uint64_t expected)
{
        struct store_job *job = store_job_new(STORE_JOB_DELETE, op, key);

        job->expected = expected;
        start(store, job, judge_key(key));
}

void store_run_errand(struct store *store, struct store_op *op, const struct store_errand *errand)
{
        switch (errand->kind) {
        case STORE_ERRAND_GET:
                store_get(store, op, errand->key);
                break;
        case STORE_ERRAND_PUT:
                store_put(store, op, errand->key, errand->value, errand->expires_ms,
                          errand->expected);
                break;
        case STORE_ERRAND_DELETE:
                store_delete(store, op, errand->key, errand->expected);
                break;
        }
}

void store_list(struct store *store, struct store_op *op, struct str prefix, struct str after,
                size_t max)
{
        struct store_job *job = store_job_new(STORE_JOB_LIST, op, prefix);

        assert(max > 0 && max <= STORE_LIST_MAX);
        job->after = (struct str){alloc_str(after), after.n};
        job->bytes += after.n;
        job->max = max;
        start(store, job, 0);
}

void store_cancel(struct store_op *op)
{
        if (op->job != NULL)
                op->job->op = NULL;
        op->job = NULL;
}

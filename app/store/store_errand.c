/* While another process has the folder, it does what is asked here: in the order in which it was
 * asked, as on the disk. */
#include "mgw/base/alloc.h"
#include "store_inside.h"

#include <assert.h>
#include <errno.h>

static_assert(STORE_JOB_GET == (int)STORE_ERRAND_GET && STORE_JOB_PUT == (int)STORE_ERRAND_PUT &&
                      STORE_JOB_DELETE == (int)STORE_ERRAND_DELETE,
              "an errand is a job of the same kind");

static void carry(struct store *store, const struct store_job *job)
{
        const struct store_errand errand = {
                .kind = (int)job->kind,
                .key = job->key,
                .value = job->value,
                .expires_ms = job->expires_ms,
                .expected = job->expected,
        };

        store->courier->carry(store->courier, job->number, &errand);
}

void store_errand_add(struct store *store, struct store_job *job)
{
        if (store->is_cut_off || job->kind == STORE_JOB_LIST) {
                store_job_refuse(store, job, -EIO);
                return;
        }
        job->number = ++store->last_errand;
        list_append(&store->errands, &job->node);
        if (store->courier != NULL)
                carry(store, job);
}

void store_send(struct store *store, struct store_courier *courier)
{
        if (!store->is_away)
                return;
        store->courier = courier;
        store->is_cut_off = courier == NULL;
        list_for_each_safe (it, &store->errands) {
                struct store_job *job = container_of(it, struct store_job, node);

                if (courier != NULL) {
                        carry(store, job);
                        continue;
                }
                list_unlink(it);
                store_job_refuse(store, job, -EIO);
        }
}

void store_errands_start(struct store *store)
{
        struct list *node;

        while ((node = list_first(&store->errands)) != NULL) {
                list_unlink(node);
                store->form->start(store, container_of(node, struct store_job, node));
        }
}

static int add_record(struct store_job *job, struct store_record record)
{
        record.key = job->key;
        return store_job_add_record(job, &record);
}

/* What it cannot be is not believed: who waits reads the record. */
static int judge(const struct store_job *job, int result, const struct store_record *record)
{
        bool wants_record = job->kind != STORE_JOB_DELETE;

        return result > STORE_E_SEALED || (result == 0 && wants_record && record == NULL) ? -EIO
                                                                                          : result;
}

void store_errand_done(struct store *store, uint64_t number, int result,
                       const struct store_record *record)
{
        list_for_each_safe (it, &store->errands) {
                struct store_job *job = container_of(it, struct store_job, node);

                if (job->number != number)
                        continue;
                list_unlink(it);
                job->result = judge(job, result, record);
                if (job->result == 0 && record != NULL && add_record(job, *record) != 0)
                        job->result = -ENOMEM;
                store_job_done(store, job);
                return;
        }
}

bool store_has_errands(const struct store *store)
{
        return !list_is_empty(&store->errands);
}

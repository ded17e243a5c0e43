/* Records in memory: an array in the order of their keys, searched by halves. What is asked is done
 * at once and told at the end of the turn. Values are not sealed: they leave this floor for nobody
 * but who put them. */
#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/loop/timer.h"
#include "store_inside.h"

#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define RECORDS_MAX 100000
#define BYTES_MAX (64u << 20)
#define SLOT_BYTES sizeof(void *)
#define SWEEP_MS 10000
/* Records that one sweep looks at. */
#define SWEEP_MAX 1000

struct store_memory {
        struct store store;
        struct store_record **records; /* each with its texts behind it, in one piece of memory */
        size_t n_records;
        size_t records_size;
        size_t bytes;
        uint64_t last_version;
        struct list done; /* jobs that are to be told of */
        struct loop_task tell;
        struct timer sweep;
        size_t swept; /* the place where the next sweep begins */
};

static_assert(offsetof(struct store_memory, store) == 0, "a form begins with the store");

/* ---- the array ---- */

static int compare(struct str a, struct str b)
{
        size_t n = a.n < b.n ? a.n : b.n;
        int order = n > 0 ? memcmp(a.p, b.p, n) : 0;

        return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

/* The place of the key, or where it belongs. */
static size_t place(const struct store_memory *m, struct str key, bool *is_therep)
{
        size_t low = 0, high = m->n_records;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (compare(m->records[middle]->key, key) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        *is_therep = low < m->n_records && compare(m->records[low]->key, key) == 0;
        return low;
}

static size_t size_of(struct str key, struct str value)
{
        return sizeof(struct store_record) + key.n + value.n;
}

/* NULL: no memory for a big one. */
static struct store_record *record_new(const struct store_job *job, uint64_t version)
{
        size_t n = size_of(job->key, job->value);
        struct store_record *record = alloc_judge(malloc(n), n);
        char *text = (char *)(record + 1);

        if (record == NULL)
                return NULL;
        memcpy(text, job->key.p, job->key.n);
        if (job->value.n > 0)
                memcpy(text + job->key.n, job->value.p, job->value.n);
        *record = (struct store_record){
                .key = {text, job->key.n},
                .value = {text + job->key.n, job->value.n},
                .version = version,
                .expires_ms = job->expires_ms,
        };
        return record;
}

static void record_free(struct store_memory *m, struct store_record *record)
{
        m->bytes -= size_of(record->key, record->value);
        OPENSSL_cleanse((void *)record->value.p, record->value.n);
        free(record);
}

static void insert(struct store_memory *m, size_t at, struct store_record *record)
{
        if (m->n_records == m->records_size) {
                m->records_size = m->records_size == 0 ? 64 : 2 * m->records_size;
                m->records = alloc_again(m->records, m->records_size, SLOT_BYTES);
        }
        memmove(m->records + at + 1, m->records + at, (m->n_records - at) * SLOT_BYTES);
        m->records[at] = record;
        m->n_records++;
}

static void take_out(struct store_memory *m, size_t at, size_t n)
{
        memmove(m->records + at, m->records + at + n, (m->n_records - at - n) * SLOT_BYTES);
        m->n_records -= n;
}

/* Frees what has expired from `from` on, of at most SWEEP_MAX. Returns the place behind what it has
 * looked at. */
static size_t sweep(struct store_memory *m, size_t from, int64_t now_ms)
{
        size_t end = m->n_records - from > SWEEP_MAX ? from + SWEEP_MAX : m->n_records, to = from;

        for (size_t i = from; i < end; i++) {
                if (m->records[i]->expires_ms <= now_ms)
                        record_free(m, m->records[i]);
                else
                        m->records[to++] = m->records[i];
        }
        take_out(m, to, end - to);
        return to;
}

static void on_sweep(struct timer *timer)
{
        struct store_memory *m = container_of(timer, struct store_memory, sweep);

        m->swept = sweep(m, m->swept < m->n_records ? m->swept : 0, clock_wall_ms());
        if (m->n_records > 0)
                timer_arm(m->store.loop, timer, SWEEP_MS);
}

/* ---- what is asked ---- */

/* The record, when it has not expired. */
static struct store_record *find(const struct store_memory *m, struct str key, size_t *atp)
{
        bool is_there;

        *atp = place(m, key, &is_there);
        return is_there && m->records[*atp]->expires_ms > clock_wall_ms() ? m->records[*atp] : NULL;
}

static int get(const struct store_memory *m, struct store_job *job)
{
        size_t at;
        const struct store_record *record = find(m, job->key, &at);

        return record == NULL ? STORE_E_NONE : store_job_add_record(job, record);
}

static int list(const struct store_memory *m, struct store_job *job)
{
        int64_t now = clock_wall_ms();
        struct str start = store_job_list_start(job);
        bool is_there;
        size_t at = place(m, start, &is_there);
        int r = 0;

        free((void *)start.p);
        for (; r == 0 && at < m->n_records && job->n_records < job->max; at++) {
                const struct store_record *record = m->records[at];

                if (!str_has_prefix(record->key, job->key))
                        break;
                if (record->expires_ms > now)
                        r = store_job_add_record(job, record);
        }
        return r;
}

/* What is there under the key, expired or not, makes room. */
static int put(struct store_memory *m, struct store_job *job)
{
        struct store_record *record;
        bool is_there;
        size_t at = place(m, job->key, &is_there);

        if (m->bytes + size_of(job->key, job->value) > BYTES_MAX ||
            (!is_there && m->n_records >= RECORDS_MAX))
                return -ENOSPC;
        record = record_new(job, m->last_version + 1);
        if (record == NULL)
                return -ENOMEM;
        m->last_version++;
        m->bytes += size_of(job->key, job->value);
        if (is_there) {
                record_free(m, m->records[at]);
                m->records[at] = record;
        } else {
                insert(m, at, record);
        }
        if (!timer_is_armed(&m->sweep))
                timer_arm(m->store.loop, &m->sweep, SWEEP_MS);
        return store_job_add_record(job, &(struct store_record){.key = job->key,
                                                                .version = record->version,
                                                                .expires_ms = record->expires_ms});
}

static int write_job(struct store_memory *m, struct store_job *job)
{
        size_t at;
        struct store_record *record = find(m, job->key, &at);
        int r = store_job_judge(job, record != NULL ? record->version : 0);

        if (r != 0)
                return r;
        if (job->kind == STORE_JOB_PUT)
                return put(m, job);
        record_free(m, record);
        take_out(m, at, 1);
        return 0;
}

static void memory_start(struct store *store, struct store_job *job)
{
        struct store_memory *m = container_of(store, struct store_memory, store);

        job->result = store_job_is_write(job)      ? write_job(m, job)
                      : job->kind == STORE_JOB_GET ? get(m, job)
                                                   : list(m, job);
        list_append(&m->done, &job->node);
        loop_defer(store->loop, &m->tell);
}

static void on_tell(struct loop_task *task)
{
        struct store_memory *m = container_of(task, struct store_memory, tell);
        struct list done;
        struct list *node;

        list_take_all(&done, &m->done);
        while ((node = list_first(&done)) != NULL) {
                list_unlink(node);
                store_job_done(&m->store, container_of(node, struct store_job, node));
        }
}

/* ---- its life ---- */

static void memory_stop(struct store *store, struct list *jobs)
{
        struct store_memory *m = container_of(store, struct store_memory, store);

        loop_task_cancel(&m->tell);
        timer_disarm(store->loop, &m->sweep);
        list_take_all(jobs, &m->done);
}

static void memory_destroy(struct store *store)
{
        struct store_memory *m = container_of(store, struct store_memory, store);

        for (size_t i = 0; i < m->n_records; i++)
                record_free(m, m->records[i]);
        free(m->records);
        free(m);
}

static const struct store_form form = {
        .is_durable = false,
        .start = memory_start,
        .stop = memory_stop,
        .destroy = memory_destroy,
};

struct store *store_memory_create(struct loop *loop)
{
        struct store_memory *m = alloc_zeroed(sizeof(*m));

        m->store.form = &form;
        m->store.loop = loop;
        m->tell.on_run = on_tell;
        m->sweep.on_due = on_sweep;
        list_init(&m->done);
        return &m->store;
}

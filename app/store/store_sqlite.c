/* Records in SQLite: a thread of its own has the database, takes what waits, does it as one batch,
 * and gives it back, where an eventfd wakes the loop. Lists and numbers that both sides touch stand
 * under one mutex. All that has been started is done before the thread ends. */
#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/loop/thread.h"
#include "store_database.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define STACK_BYTES (512u << 10)
/* Of one transaction. */
#define BATCH_MAX 64
/* What has been found and not been fetched: the thread waits then. */
#define DONE_MAX_BYTES (16u << 20)
#define SWEEP_S 60

struct store_sqlite {
        struct store store;
        struct store_folder folder;
        struct loop_io io; /* an eventfd: something has been done */
        pthread_t thread;
        pthread_mutex_t mutex;
        pthread_cond_t wake; /* the thread */
        /* Under the mutex: */
        struct list waiting;
        struct list done;
        size_t done_bytes;
        bool is_stopping;
        /* The thread's: */
        struct store_database database;
        struct timespec sweep_at; /* monotonic */
        /* While the thread opens, and store_sqlite_open() waits for it: */
        FILE *err;
        int opened; /* 1: not yet */
};

static_assert(offsetof(struct store_sqlite, store) == 0, "a form begins with the store");

/* ---- the thread ---- */

static void sweep_in(struct store_sqlite *s, time_t seconds)
{
        clock_gettime(CLOCK_MONOTONIC, &s->sweep_at);
        s->sweep_at.tv_sec += seconds;
}

/* Takes a batch, in order; a list is the last of it, since it may find much. Empty: a sweep is due.
 * false: the end. */
static bool take(struct store_sqlite *s, struct list *batch)
{
        bool is_due = false, is_full;
        struct list *node;

        list_init(batch);
        pthread_mutex_lock(&s->mutex);
        for (;;) {
                is_full = s->done_bytes > DONE_MAX_BYTES && !s->is_stopping;
                if (is_due || s->is_stopping || (!is_full && !list_is_empty(&s->waiting)))
                        break;
                is_due = pthread_cond_timedwait(&s->wake, &s->mutex, &s->sweep_at) == ETIMEDOUT;
        }
        for (unsigned n = 0; !is_full && n < BATCH_MAX && (node = list_first(&s->waiting)) != NULL;
             n++) {
                list_move_to_tail(batch, node);
                if (container_of(node, struct store_job, node)->kind == STORE_JOB_LIST)
                        break;
        }
        pthread_mutex_unlock(&s->mutex);
        return !list_is_empty(batch) || is_due;
}

static void give_back(struct store_sqlite *s, struct list *batch)
{
        const uint64_t one = 1;
        struct list *node;

        if (list_is_empty(batch))
                return;
        pthread_mutex_lock(&s->mutex);
        while ((node = list_first(batch)) != NULL) {
                s->done_bytes += container_of(node, struct store_job, node)->answer_bytes;
                list_move_to_tail(&s->done, node);
        }
        pthread_mutex_unlock(&s->mutex);
        (void)!write(s->io.fd, &one, sizeof(one));
}

static bool is_past(const struct timespec *at)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec > at->tv_sec || (now.tv_sec == at->tv_sec && now.tv_nsec >= at->tv_nsec);
}

static void serve(struct store_sqlite *s)
{
        struct list batch;

        sweep_in(s, 0);
        while (take(s, &batch)) {
                if (!list_is_empty(&batch))
                        store_batch_do(&s->database, &batch);
                give_back(s, &batch);
                if (is_past(&s->sweep_at))
                        sweep_in(s, store_sweep(&s->database) ? 0 : SWEEP_S);
        }
}

static void tell_opened(struct store_sqlite *s, int outcome)
{
        pthread_mutex_lock(&s->mutex);
        s->opened = outcome;
        pthread_cond_broadcast(&s->wake);
        pthread_mutex_unlock(&s->mutex);
}

static void *run(void *arg)
{
        struct store_sqlite *s = arg;
        int r;

        thread_leave_descriptors(s->io.fd);
        r = store_database_open(&s->database, s->folder.database, s->err);
        tell_opened(s, r);
        if (r == 0)
                serve(s);
        store_database_close(&s->database);
        return NULL;
}

/* ---- the loop's side ---- */

static void sqlite_start(struct store *store, struct store_job *job)
{
        struct store_sqlite *s = container_of(store, struct store_sqlite, store);

        pthread_mutex_lock(&s->mutex);
        list_append(&s->waiting, &job->node);
        pthread_cond_signal(&s->wake);
        pthread_mutex_unlock(&s->mutex);
}

static void fetch(struct store_sqlite *s, struct list *done)
{
        pthread_mutex_lock(&s->mutex);
        list_take_all(done, &s->done);
        s->done_bytes = 0;
        pthread_cond_signal(&s->wake);
        pthread_mutex_unlock(&s->mutex);
}

static void on_io(struct loop_io *io, uint32_t events)
{
        struct store_sqlite *s = container_of(io, struct store_sqlite, io);
        struct list done;
        struct list *node;
        uint64_t n;

        (void)events;
        (void)!read(io->fd, &n, sizeof(n));
        fetch(s, &done);
        while ((node = list_first(&done)) != NULL) {
                list_unlink(node);
                store_job_done(&s->store, container_of(node, struct store_job, node));
        }
}

/* ---- its life ---- */

static void sqlite_stop(struct store *store, struct list *jobs)
{
        struct store_sqlite *s = container_of(store, struct store_sqlite, store);

        pthread_mutex_lock(&s->mutex);
        s->is_stopping = true;
        pthread_cond_signal(&s->wake);
        pthread_mutex_unlock(&s->mutex);
        pthread_join(s->thread, NULL);
        fetch(s, jobs);
}

static void sqlite_leave(struct store *store)
{
        store_folder_leave(&container_of(store, struct store_sqlite, store)->folder);
}

static void sqlite_destroy(struct store *store)
{
        struct store_sqlite *s = container_of(store, struct store_sqlite, store);
        int fd = s->io.fd;

        loop_io_remove(store->loop, &s->io);
        if (fd >= 0)
                close(fd);
        store_folder_finish(&s->folder);
        pthread_cond_destroy(&s->wake);
        pthread_mutex_destroy(&s->mutex);
        free(s);
}

static const struct store_form form;

static struct store_sqlite *create(struct loop *loop, struct store_folder *folder, FILE *err)
{
        struct store_sqlite *s = alloc_zeroed(sizeof(*s));
        pthread_condattr_t attr;

        s->store = (struct store){.form = &form, .loop = loop};
        s->folder = *folder;
        *folder = (struct store_folder){.lock_fd = -1};
        s->io = (struct loop_io){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .on_io = on_io};
        list_init(&s->waiting);
        list_init(&s->done);
        s->err = err;
        s->opened = 1;
        pthread_mutex_init(&s->mutex, NULL);
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_cond_init(&s->wake, &attr);
        pthread_condattr_destroy(&attr);
        return s;
}

static int start_thread(struct store_sqlite *s)
{
        int r = thread_start(&s->thread, run, s, STACK_BYTES);

        if (r < 0)
                return r;
        pthread_mutex_lock(&s->mutex);
        while (s->opened > 0)
                pthread_cond_wait(&s->wake, &s->mutex);
        r = s->opened;
        pthread_mutex_unlock(&s->mutex);
        if (r < 0)
                pthread_join(s->thread, NULL);
        return r;
}

static int sqlite_take(struct store *store, FILE *err)
{
        struct store_sqlite *s = container_of(store, struct store_sqlite, store);
        int r = store_folder_take(&s->folder, err);

        if (r < 0)
                return r;
        memset(&s->database, 0, sizeof(s->database));
        store_seal_init(&s->database.seal, &store->secrets);
        s->err = err;
        s->opened = 1;
        s->is_stopping = false;
        r = start_thread(s);
        if (r < 0)
                store_folder_leave(&s->folder);
        return r;
}

static const struct store_form form = {
        .is_durable = true,
        .start = sqlite_start,
        .stop = sqlite_stop,
        .leave = sqlite_leave,
        .take = sqlite_take,
        .destroy = sqlite_destroy,
};

int store_sqlite_open(struct store **storep, struct loop *loop, struct store_folder *folder,
                      const struct store_secrets *secrets, FILE *err)
{
        struct store_sqlite *s = create(loop, folder, err);
        int r = s->io.fd < 0 ? -errno : store_folder_make_database(&s->folder, err);

        store_seal_init(&s->database.seal, secrets);
        if (r == 0)
                r = loop_io_add(loop, &s->io, LOOP_IN);
        if (r == 0)
                r = start_thread(s);
        if (r == 0)
                *storep = &s->store;
        else
                sqlite_destroy(&s->store);
        return r;
}

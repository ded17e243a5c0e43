/* Lines become the file's, or standard output's, by a thread: what it waits for is the disk, or who
 * reads. It writes several at once. What has been written in part goes on where it was when there
 * is room again, so that no line is torn or doubled. */
#include "audit_inside.h"
#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/loop/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STACK_BYTES (256u << 10)
#define BATCH_MAX_BYTES (64u << 10)
#define BATCH_MAX_LINES 256
/* Lines that come one by one are written together. */
#define GATHER_NS 2000000
#define RETRY_MS 250
#define SYNC_MS 1000
/* A pipe that can be written to takes so much at once. */
#define PIPE_BYTES PIPE_BUF

struct batch {
        uint32_t entries[BATCH_MAX_LINES];
        uint32_t ends[BATCH_MAX_LINES]; /* of their lines in text */
        uint32_t n, n_written;
        size_t bytes, at; /* written so far */
        char text[BATCH_MAX_BYTES];
};

/* ---- the file ---- */

int audit_writer_open(const char *path)
{
        int fd =
                open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);

        return fd < 0 ? -errno : fd;
}

/* 0, -errno. */
static int open_file(struct audit_writer *w)
{
        struct stat st;
        int fd = w->path == NULL ? STDOUT_FILENO : audit_writer_open(w->path);

        if (fd < 0)
                return fd;
        if (w->fd >= 0 && w->path != NULL)
                close(w->fd);
        w->fd = fd;
        w->is_regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
        return 0;
}

/* A part of what is left: all of it, but for a reader who may leave it. 0, -errno. */
static int write_some(struct audit_writer *w, struct batch *b)
{
        struct pollfd pfd = {.fd = w->fd, .events = POLLOUT};
        size_t left = b->bytes - b->at;
        ssize_t n;

        if (!w->is_regular) {
                left = left < PIPE_BYTES ? left : PIPE_BYTES;
                if (poll(&pfd, 1, RETRY_MS) == 0)
                        return 0; /* who reads takes nothing now */
        }
        n = write(w->fd, b->text + b->at, left);
        if (n < 0)
                return errno == EINTR || errno == EAGAIN ? 0 : -errno;
        b->at += (size_t)n;
        w->is_dirty = w->is_dirty || w->is_regular;
        return 0;
}

/* What power that fails may take is of the last second. */
static void sync_now(struct audit_writer *w, bool is_last)
{
        int64_t now = clock_monotonic_ms();

        if (!w->is_dirty || (!is_last && now - w->synced_ms < SYNC_MS))
                return;
        (void)fdatasync(w->fd);
        w->is_dirty = false;
        w->synced_ms = clock_monotonic_ms();
}

/* ---- batches ---- */

static void wait_ms(struct audit_writer *w, int64_t ms)
{
        struct timespec until;

        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += ms / 1000;
        until.tv_nsec += ms % 1000 * 1000000;
        if (until.tv_nsec >= 1000000000) {
                until.tv_sec++;
                until.tv_nsec -= 1000000000;
        }
        (void)pthread_cond_timedwait(&w->wake, &w->mutex, &until);
}

/* The line goes into the batch. false: it is full. */
static bool add(struct audit_writer *w, struct batch *b, uint32_t block)
{
        struct audit_entry *entry = &w->journal->blocks[block];

        if (b->n == BATCH_MAX_LINES || audit_entry_bytes(entry) > BATCH_MAX_BYTES - b->bytes)
                return false;
        b->bytes += audit_journal_line(w->journal, entry, b->text + b->bytes);
        b->entries[b->n] = block;
        b->ends[b->n++] = (uint32_t)b->bytes;
        atomic_store_explicit(&entry->state, AUDIT_STATE_WRITING, memory_order_release);
        return true;
}

/* false: the end. Without lines: the file is to be opened anew, or synced. */
static bool take(struct audit_writer *w, struct batch *b)
{
        bool goes_on;

        b->n = b->n_written = 0;
        b->bytes = b->at = 0;
        pthread_mutex_lock(&w->mutex);
        while (w->n_waiting == 0 && !w->is_stopping && !w->must_reopen) {
                if (w->is_dirty) {
                        wait_ms(w, SYNC_MS);
                        break;
                }
                pthread_cond_wait(&w->wake, &w->mutex);
        }
        goes_on = w->n_waiting > 0 || !w->is_stopping;
        while (w->n_waiting > 0 && add(w, b, w->waiting[w->first])) {
                w->first = (w->first + 1) % AUDIT_BLOCKS;
                w->n_waiting--;
        }
        pthread_mutex_unlock(&w->mutex);
        return goes_on;
}

/* Lines that stand in the file whole are done with. */
static void give_back(struct audit_writer *w, struct batch *b)
{
        uint32_t from = b->n_written;

        while (b->n_written < b->n && b->ends[b->n_written] <= b->at)
                atomic_store_explicit(&w->journal->blocks[b->entries[b->n_written++]].state,
                                      AUDIT_STATE_FREE, memory_order_release);
        pthread_mutex_lock(&w->mutex);
        while (from < b->n_written)
                w->done[w->n_done++] = b->entries[from++];
        pthread_mutex_unlock(&w->mutex);
}

/* The line that stands in the old file in part goes into the new one whole. */
static void reopen(struct audit_writer *w, struct batch *b)
{
        bool is_due;
        int r;

        pthread_mutex_lock(&w->mutex);
        is_due = w->must_reopen;
        w->must_reopen = false;
        pthread_mutex_unlock(&w->mutex);
        if (!is_due || w->path == NULL)
                return;
        sync_now(w, true);
        r = open_file(w);
        atomic_store(&w->reopen_error, -r);
        if (r == 0)
                b->at = b->n_written > 0 ? b->ends[b->n_written - 1] : 0;
}

static bool is_stopping(struct audit_writer *w)
{
        bool is;

        pthread_mutex_lock(&w->mutex);
        is = w->is_stopping;
        pthread_mutex_unlock(&w->mutex);
        return is;
}

/* false: it cannot be written, and mgw ends. */
static bool write_batch(struct audit_writer *w, struct batch *b)
{
        while (b->at < b->bytes) {
                int r = write_some(w, b);

                atomic_store(&w->error, -r);
                give_back(w, b);
                if (r < 0 && is_stopping(w))
                        return false;
                if (r < 0) {
                        pthread_mutex_lock(&w->mutex);
                        wait_ms(w, RETRY_MS);
                        pthread_mutex_unlock(&w->mutex);
                }
                reopen(w, b);
        }
        return true;
}

static void gather(void)
{
        const struct timespec while_more_come = {.tv_nsec = GATHER_NS};

        nanosleep(&while_more_come, NULL);
}

static void serve(struct audit_writer *w)
{
        struct batch *b = alloc_zeroed(sizeof(*b));

        while (take(w, b)) {
                reopen(w, b);
                if (b->n > 0 && !write_batch(w, b))
                        break;
                sync_now(w, false);
                gather();
        }
        sync_now(w, true);
        free(b);
}

static void tell_opened(struct audit_writer *w, int r)
{
        pthread_mutex_lock(&w->mutex);
        w->opened = r;
        pthread_cond_broadcast(&w->wake);
        pthread_mutex_unlock(&w->mutex);
}

static void *run(void *arg)
{
        struct audit_writer *w = arg;
        int r;

        thread_leave_descriptors(STDERR_FILENO);
        w->fd = -1;
        r = open_file(w);
        tell_opened(w, r);
        if (r == 0)
                serve(w);
        if (r == 0 && w->path != NULL)
                close(w->fd);
        return NULL;
}

/* ---- the loop's side ---- */

void audit_writer_exchange(struct audit_writer *w, const uint32_t *ended, uint32_t n_ended,
                           uint32_t *done, uint32_t *n_done)
{
        bool was_empty;

        pthread_mutex_lock(&w->mutex);
        was_empty = w->n_waiting == 0;
        for (uint32_t i = 0; i < n_ended; i++)
                w->waiting[(w->first + w->n_waiting++) % AUDIT_BLOCKS] = ended[i];
        memcpy(done, w->done, w->n_done * sizeof(*done));
        *n_done = w->n_done;
        w->n_done = 0;
        if (was_empty && n_ended > 0)
                pthread_cond_signal(&w->wake);
        pthread_mutex_unlock(&w->mutex);
}

void audit_writer_reopen(struct audit_writer *w)
{
        pthread_mutex_lock(&w->mutex);
        w->must_reopen = true;
        pthread_cond_signal(&w->wake);
        pthread_mutex_unlock(&w->mutex);
}

/* ---- its life ---- */

int audit_writer_start(struct audit_writer *w, const struct audit_journal *journal,
                       const char *path)
{
        pthread_condattr_t attr;
        int r;

        w->journal = journal;
        w->path = path != NULL ? alloc_text(path) : NULL;
        w->opened = 1;
        pthread_mutex_init(&w->mutex, NULL);
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_cond_init(&w->wake, &attr);
        pthread_condattr_destroy(&attr);
        r = thread_start(&w->thread, run, w, STACK_BYTES);
        if (r == 0) {
                pthread_mutex_lock(&w->mutex);
                while (w->opened > 0)
                        pthread_cond_wait(&w->wake, &w->mutex);
                r = w->opened;
                pthread_mutex_unlock(&w->mutex);
                if (r < 0)
                        pthread_join(w->thread, NULL);
        }
        if (r < 0)
                audit_writer_finish(w);
        return r;
}

bool audit_writer_stop(struct audit_writer *w, int64_t ms)
{
        struct timespec until;

        pthread_mutex_lock(&w->mutex);
        w->is_stopping = true;
        pthread_cond_signal(&w->wake);
        pthread_mutex_unlock(&w->mutex);
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += ms / 1000;
        return pthread_timedjoin_np(w->thread, NULL, &until) == 0;
}

void audit_writer_finish(struct audit_writer *w)
{
        pthread_cond_destroy(&w->wake);
        pthread_mutex_destroy(&w->mutex);
        free(w->path);
}

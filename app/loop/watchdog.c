/* The loop counts when a turn begins and when it ends; the thread looks at the number each time
 * that a slow turn would have taken: often enough, since each look wakes an idle process. Where a
 * turn is, its own thread finds out, in the handler of a signal that is sent to it. */
#include "mgw/loop/watchdog.h"

#include "mgw/base/alloc.h"
#include "mgw/base/log.h"
#include "mgw/loop/thread.h"
#include "turn.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STACK_BYTES (256u << 10)
#define FRAMES_MAX 24
/* The handler, and what the kernel returns by. */
#define FRAMES_OF_HANDLER 2
/* For the handler; a thread that waits in the kernel may not come to it. */
#define HANDLER_MS 500

struct watchdog {
        struct loop *loop;
        int64_t slow_ms;
        int64_t limit_ms;
        pthread_t thread;
        pthread_t watched;
        sem_t stop;
};

static struct {
        sem_t is_found;
        void *frames[FRAMES_MAX];
        int n;
} found;

static void on_signal(int signo)
{
        int saved_errno = errno;

        (void)signo;
        found.n = backtrace(found.frames, FRAMES_MAX);
        sem_post(&found.is_found);
        errno = saved_errno;
}

static bool wait_for(sem_t *sem, int64_t ms)
{
        struct timespec until;

        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += ms / 1000;
        until.tv_nsec += ms % 1000 * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        for (;;) {
                if (sem_clockwait(sem, CLOCK_MONOTONIC, &until) == 0)
                        return true;
                if (errno != EINTR)
                        return false;
        }
}

/* FILE+OFFSET for each, the innermost first. */
static void name_frames(char *text, size_t size)
{
        size_t n = 0;

        text[0] = '\0';
        for (int i = FRAMES_OF_HANDLER; i < found.n && n < size; i++) {
                const char *at = found.frames[i], *slash;
                Dl_info info;

                if (dladdr(at, &info) == 0 || info.dli_fname == NULL)
                        continue;
                slash = strrchr(info.dli_fname, '/');
                n += (size_t)snprintf(text + n, size - n, " %s+0x%zx",
                                      slash != NULL ? slash + 1 : info.dli_fname,
                                      (size_t)(at - (const char *)info.dli_fbase));
        }
}

static void tell_slow(struct watchdog *w, int64_t ms)
{
        char where[1024] = " (where is not known)";

        while (sem_trywait(&found.is_found) == 0)
                ; /* of a handler that came too late for the last one */
        if (pthread_kill(w->watched, SIGRTMIN) == 0 && wait_for(&found.is_found, HANDLER_MS))
                name_frames(where, sizeof(where));
        log_urgent(LOG_LEVEL_WARN, "[loop] a turn has lasted %.3g s, and is at%s",
                   (double)ms / 1000, where);
}

static void *watch(void *arg)
{
        struct watchdog *w = arg;
        uint64_t last = 0;
        int64_t stuck_ms = 0;
        bool is_told = false;

        thread_leave_descriptors(log_fd());
        while (!wait_for(&w->stop, w->slow_ms)) {
                uint64_t now = atomic_load_explicit(&w->loop->n_halves, memory_order_relaxed);
                bool is_in_turn = now % 2 == 1;

                if (!is_in_turn || now != last) {
                        last = now;
                        stuck_ms = 0;
                        is_told = false;
                        continue;
                }
                stuck_ms += w->slow_ms;
                if (!is_told) {
                        is_told = true;
                        tell_slow(w, stuck_ms);
                }
                if (w->limit_ms > 0 && stuck_ms >= w->limit_ms) {
                        log_urgent(LOG_LEVEL_ERROR,
                                   "[loop] a turn has lasted %.3g s (turn_limit_s): mgw ends",
                                   (double)stuck_ms / 1000);
                        _exit(WATCHDOG_EXIT_CODE);
                }
        }
        return NULL;
}

int watchdog_start(struct loop *loop, int64_t slow_ms, int64_t limit_ms,
                   struct watchdog **watchdogp)
{
        struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
        struct watchdog *w = alloc_zeroed(sizeof(*w));
        void *frame;
        int r;

        w->loop = loop;
        w->slow_ms = slow_ms;
        w->limit_ms = limit_ms;
        w->watched = pthread_self();
        sem_init(&w->stop, 0, 0);
        sem_init(&found.is_found, 0, 0);
        (void)backtrace(&frame, 1); /* loads what it needs now, not in the handler */
        r = sigaction(SIGRTMIN, &action, NULL) < 0
                    ? -errno
                    : thread_start(&w->thread, watch, w, STACK_BYTES);
        if (r < 0) {
                free(w);
                return r;
        }
        *watchdogp = w;
        return 0;
}

void watchdog_stop(struct watchdog *w)
{
        if (w == NULL)
                return;
        sem_post(&w->stop);
        pthread_join(w->thread, NULL);
        signal(SIGRTMIN, SIG_IGN);
        free(w);
}

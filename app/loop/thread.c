/* Of a table of descriptors that two threads share the kernel takes and gives back a reference with
 * each system call. So a thread has its own; where the kernel has no such call (before 5.9), it
 * shares on. */
#include "mgw/loop/thread.h"

#include "mgw/base/log.h"

#include <signal.h>
#include <unistd.h>

int thread_start(pthread_t *threadp, void *(*run)(void *arg), void *arg, size_t stack_bytes)
{
        pthread_attr_t attr;
        sigset_t all, before;
        int r = pthread_attr_init(&attr);

        if (r != 0)
                return -r;
        sigfillset(&all);
        pthread_attr_setstacksize(&attr, stack_bytes);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(threadp, &attr, run, arg);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        pthread_attr_destroy(&attr);
        return -r;
}

static void close_between(int low, int high)
{
        if (high > low + 1)
                close_range((unsigned)low + 1, (unsigned)high - 1, 0);
}

void thread_leave_descriptors(int kept)
{
        int log = log_fd(), low = log < kept ? log : kept, high = log < kept ? kept : log;

        if (close_range((unsigned)(high > STDERR_FILENO ? high : STDERR_FILENO) + 1, ~0U,
                        CLOSE_RANGE_UNSHARE) != 0)
                return;
        close_between(low > STDERR_FILENO ? low : STDERR_FILENO, high);
        close_between(STDERR_FILENO, low);
}

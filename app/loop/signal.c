/* Signals through signalfd, so that they are handled in the turn like everything else.
 * Threads that libraries start later inherit the blocked mask; a child process must be given a
 * clean one. */
#include "mgw/loop/signal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void signal_on_io(struct loop_io *io, uint32_t events)
{
        struct signal_watch *watch = container_of(io, struct signal_watch, io);
        struct signalfd_siginfo info;

        (void)events;
        while (watch->loop != NULL && read(io->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
                watch->on_signal(watch, (int)info.ssi_signo);
}

static int signal_block(sigset_t *set, const int *signos)
{
        sigemptyset(set);
        for (; *signos != 0; signos++)
                if (sigaddset(set, *signos) < 0)
                        return -errno;
        return -pthread_sigmask(SIG_BLOCK, set, NULL);
}

int signal_watch_open(struct loop *loop, struct signal_watch *watch, const int *signos)
{
        struct sigaction ignore = {.sa_handler = SIG_IGN};
        sigset_t set;
        int r = signal_block(&set, signos);

        if (r < 0)
                return r;
        if (sigaction(SIGPIPE, &ignore, NULL) < 0)
                return -errno;
        watch->io.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
        if (watch->io.fd < 0)
                return -errno;
        watch->io.on_io = signal_on_io;
        watch->loop = loop;
        r = loop_io_add(loop, &watch->io, LOOP_IN);
        if (r < 0)
                signal_watch_close(watch);
        return r;
}

void signal_watch_close(struct signal_watch *watch)
{
        int fd = watch->io.fd;

        if (watch->loop == NULL)
                return;
        /* The signals stay blocked: one that is pending must not end the process on its way out. */
        loop_io_remove(watch->loop, &watch->io);
        close(fd);
        watch->loop = NULL;
}

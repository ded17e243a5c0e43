/* PR_SET_PDEATHSIG reaches our children, not theirs; a process group survives its starter. So one
 * small process holds the read end of a pipe and is told the groups. The end of the pipe is the end
 * of all who held the other end: of us, and of a child on its way to exec, which has told its
 * group by then.
 *
 * It may be forked while other threads run: it calls nothing that takes a lock. */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* From SIGTERM to SIGKILL; what we started itself is dead already. */
#define KEEPER_GRACE_MS 500
#define KEEPER_STEP_MS 10

/* A record is a group to hold, or its negative to drop. */
struct keeper_groups {
        pid_t ids[KEEPER_GROUPS_MAX];
        int n;
};

static void groups_drop_at(struct keeper_groups *groups, int i)
{
        groups->ids[i] = groups->ids[--groups->n];
}

static void groups_take(struct keeper_groups *groups, pid_t record)
{
        if (record > 0) {
                if (groups->n < KEEPER_GROUPS_MAX)
                        groups->ids[groups->n++] = record;
                return;
        }
        for (int i = 0; i < groups->n; i++)
                if (groups->ids[i] == -record) {
                        groups_drop_at(groups, i);
                        return;
                }
}

/* What is gone is forgotten, lest its number comes back as somebody else's. */
static void groups_signal(struct keeper_groups *groups, int signo)
{
        for (int i = groups->n - 1; i >= 0; i--)
                if (kill(-groups->ids[i], signo) < 0)
                        groups_drop_at(groups, i);
}

static void groups_end(struct keeper_groups *groups)
{
        const struct timespec step = {.tv_nsec = KEEPER_STEP_MS * 1000000L};

        groups_signal(groups, SIGTERM);
        for (int ms = 0; ms < KEEPER_GRACE_MS && groups->n > 0; ms += KEEPER_STEP_MS) {
                nanosleep(&step, NULL);
                groups_signal(groups, 0);
        }
        groups_signal(groups, SIGKILL);
}

static _Noreturn void keeper_run(int fd)
{
        static struct keeper_groups groups;
        pid_t records[256];
        ssize_t n;

        setsid();
        prctl(PR_SET_NAME, "mgw-keeper");
        dup2(fd, STDIN_FILENO);
        close_range(STDIN_FILENO + 1, ~0U, 0);
        if (chdir("/") < 0)
                _exit(1);
        /* Writes of a record are atomic, so that no read splits one. */
        while ((n = read(STDIN_FILENO, records, sizeof(records))) > 0)
                for (size_t i = 0; i < (size_t)n / sizeof(records[0]); i++)
                        groups_take(&groups, records[i]);
        groups_end(&groups);
        _exit(0);
}

int keeper_start(struct keeper *keeper)
{
        sigset_t all, before;
        int ends[2];
        pid_t pid;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        /* What ends us by a signal to everybody must not end the keeper, not even as it begins. */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        /* We never wait for the keeper. */
        pid = fcntl(ends[1], F_SETFL, O_NONBLOCK) < 0 ? -1 : fork();
        if (pid == 0)
                keeper_run(ends[0]);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (pid < 0) {
                int r = -errno;

                close(ends[0]);
                close(ends[1]);
                return r;
        }
        close(ends[0]);
        *keeper = (struct keeper){.pid = pid, .fd = ends[1]};
        return 0;
}

bool keeper_is_alive(const struct keeper *keeper)
{
        struct pollfd end = {.fd = keeper->fd};

        return poll(&end, 1, 0) == 0;
}

static int keeper_tell(int fd, pid_t record)
{
        return write(fd, &record, sizeof(record)) < 0 ? -errno : 0;
}

int keeper_add(int fd, pid_t group)
{
        return keeper_tell(fd, group);
}

int keeper_drop(int fd, pid_t group)
{
        return keeper_tell(fd, -group);
}

void keeper_end(struct keeper *keeper)
{
        close(keeper->fd);
        while (waitpid(keeper->pid, NULL, 0) < 0 && errno == EINTR)
                ;
        *keeper = (struct keeper){.fd = -1};
}

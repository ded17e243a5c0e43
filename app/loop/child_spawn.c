/* vfork(), since to copy the tables of a process with ten thousands of streams takes long, and
 * since we must know whether the command could be executed: we go on when it was, or when the child
 * has written into our memory why it was not. Between the two the child makes system calls alone,
 * with all signals blocked until no handler of ours is left. It gives up what it must not have
 * (limits, user, capabilities, hidden files) before it touches anything that its entry names. */
#include "child_spawn.h"

#include "keeper.h"
#include "mgw/base/alloc.h"
#include "mgw/base/privilege.h"
#include "mgw/loop/fence.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SPAWN_PATH "/usr/local/bin:/usr/bin:/bin"
#define SPAWN_EXIT 127

enum spawn_step { SPAWN_PREPARE, SPAWN_ENTER, SPAWN_EXECUTE };

struct spawn {
        const struct child_options *options;
        struct str path;
        char *file; /* room for a directory of path and the command */
        pid_t parent;
        int keeper_fd;
        int ruleset_fd; /* -1: none */
        int ends[3];    /* the child's, all above 2 */
        /* Written by the child. */
        volatile enum spawn_step step;
        volatile int error;
};

/* ---- in the child ---- */

static void spawn_reset_signals(void)
{
        struct sigaction standard = {.sa_handler = SIG_DFL};
        sigset_t none;

        for (int signo = 1; signo < NSIG; signo++)
                (void)sigaction(signo, &standard, NULL); /* some cannot be set */
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
}

static int spawn_set_limit(int resource, uint64_t most)
{
        struct rlimit limit;

        if (getrlimit(resource, &limit) < 0)
                return -errno;
        if (most < limit.rlim_max)
                limit.rlim_max = most;
        if (limit.rlim_cur > limit.rlim_max)
                limit.rlim_cur = limit.rlim_max;
        return setrlimit(resource, &limit) < 0 ? -errno : 0;
}

static int spawn_set_limits(const struct child_options *options)
{
        int r = 0;

        if (options->data_max_bytes > 0)
                r = spawn_set_limit(RLIMIT_DATA, options->data_max_bytes);
        if (r == 0 && options->files_max > 0)
                r = spawn_set_limit(RLIMIT_NOFILE, options->files_max);
        if (r == 0 && options->uid != 0 && options->processes_max > 0)
                r = spawn_set_limit(RLIMIT_NPROC, options->processes_max);
        return r;
}

/* The system calls themselves: the library's would change the user of all our threads. */
static int spawn_set_user(uid_t uid)
{
        if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, uid, uid, uid) < 0 ||
            syscall(SYS_setresuid, uid, uid, uid) < 0)
                return -errno;
        return 0;
}

/* Ambient ones go with them. no_new_privs keeps what it executes from having any again: as root it
 * would, and PR_SET_PDEATHSIG be forgotten for it. */
static int spawn_drop_capabilities(void)
{
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

        if (syscall(SYS_capset, &header, none) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        return 0;
}

static int spawn_confine(const struct spawn *spawn)
{
        const struct child_options *options = spawn->options;
        int r = spawn_set_limits(options);

        if (r == 0 && options->uid != 0)
                r = spawn_set_user(options->uid);
        if (r == 0)
                r = spawn_drop_capabilities();
        if (r == 0 && spawn->ruleset_fd >= 0 &&
            syscall(SYS_landlock_restrict_self, spawn->ruleset_fd, 0) < 0)
                r = -errno;
        return r;
}

static int spawn_prepare(const struct spawn *spawn)
{
        int r;

        if (setsid() < 0)
                return -errno;
        r = keeper_add(spawn->keeper_fd, getpid());
        for (int fd = 0; fd < 3 && r == 0; fd++)
                if (dup2(spawn->ends[fd], fd) < 0)
                        r = -errno;
        if (r == 0)
                r = spawn_confine(spawn);
        if (r < 0)
                return r;
        /* A change of the user would make it forgotten. */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                return -errno;
        /* It died before it could be said. */
        if (getppid() != spawn->parent)
                return -ESRCH;
        return close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0 ? -errno : 0;
}

static int spawn_execute_file(const struct spawn *spawn, const char *file)
{
        execve(file, (char *const *)spawn->options->argv, (char *const *)spawn->options->envp);
        return -errno;
}

/* As execvp() does it, with the child's own PATH. */
static int spawn_execute(const struct spawn *spawn)
{
        const char *command = spawn->options->argv[0];
        struct str rest = spawn->path;
        int r = -ENOENT;

        if (strchr(command, '/') != NULL)
                return spawn_execute_file(spawn, command);
        while (rest.n > 0) {
                struct str dir = str_cut(&rest, ':');
                int error;

                if (dir.n == 0)
                        continue;
                memcpy(spawn->file, dir.p, dir.n);
                spawn->file[dir.n] = '/';
                memcpy(spawn->file + dir.n + 1, command, strlen(command) + 1);
                error = spawn_execute_file(spawn, spawn->file);
                if (error == -EACCES)
                        r = error;
                else if (error != -ENOENT && error != -ENOTDIR)
                        return error;
        }
        return r;
}

static _Noreturn void spawn_in_child(struct spawn *spawn)
{
        const char *cwd = spawn->options->cwd;
        int r = spawn_prepare(spawn);

        if (r == 0) {
                spawn->step = SPAWN_ENTER;
                r = cwd != NULL && chdir(cwd) < 0 ? -errno : 0;
        }
        if (r == 0) {
                spawn->step = SPAWN_EXECUTE;
                spawn_reset_signals();
                r = spawn_execute(spawn);
        }
        spawn->error = r;
        _exit(SPAWN_EXIT);
}

/* ---- in the parent ---- */

static int spawn_fork(struct spawn *spawn, pid_t *pidp)
{
        sigset_t all;
        sigset_t old;
        pid_t pid;
        int r;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        privilege_fork_expendable(true);
        pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork): see above */
        if (pid == 0)
                spawn_in_child(spawn); /* NOLINT(clang-analyzer-unix.Vfork): system calls alone */
        r = pid < 0 ? -errno : spawn->error;
        privilege_fork_expendable(false);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        if (pid > 0 && r < 0) {
                (void)keeper_drop(spawn->keeper_fd, pid);
                waitpid(pid, NULL, 0);
        }
        *pidp = pid;
        return r;
}

static void fds_close(const int fds[3])
{
        for (int i = 0; i < 3; i++)
                if (fds[i] >= 0)
                        close(fds[i]);
}

/* A pipe for the child's descriptor i; its end goes above 2, out of the way of dup2(). */
static int spawn_open_pipe(struct spawn *spawn, int i, int fds[3])
{
        bool is_in = i == STDIN_FILENO;
        int ends[2];
        int r = 0;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        fds[i] = ends[is_in ? 1 : 0];
        spawn->ends[i] = fcntl(ends[is_in ? 0 : 1], F_DUPFD_CLOEXEC, 3);
        if (spawn->ends[i] < 0 || fcntl(fds[i], F_SETFL, O_NONBLOCK) < 0)
                r = -errno;
        close(ends[is_in ? 0 : 1]);
        return r;
}

static int spawn_open_pipes(struct spawn *spawn, int fds[3])
{
        int r = 0;

        for (int i = 0; i < 3; i++)
                fds[i] = spawn->ends[i] = -1;
        for (int i = 0; i < 3 && r == 0; i++)
                r = spawn_open_pipe(spawn, i, fds);
        return r;
}

static struct str spawn_path(const char *const *envp)
{
        for (; *envp != NULL; envp++)
                if (strncmp(*envp, "PATH=", 5) == 0)
                        return str_from(*envp + 5);
        return STR(SPAWN_PATH);
}

static void spawn_why(const struct spawn *spawn, int error, char *why, size_t why_size)
{
        /* Where it lies is the configuration's business. */
        const char *path = spawn->options->argv[0], *slash = strrchr(path, '/');
        const char *command = slash != NULL && slash[1] != '\0' ? slash + 1 : path;

        if (spawn->step == SPAWN_ENTER)
                snprintf(why, why_size, "cannot enter the working directory of \"%s\": %s", command,
                         strerror(error));
        else if (spawn->step == SPAWN_PREPARE)
                snprintf(why, why_size, "cannot start \"%s\": %s", command, strerror(error));
        else if (error == ENOENT && slash == NULL)
                snprintf(why, why_size,
                         "there is no command \"%s\" in PATH: install it or give its whole path "
                         "(PATH is %.*s)",
                         command, STR_ARG(spawn->path));
        else if (error == ENOENT)
                snprintf(why, why_size,
                         "there is no \"%s\" at that path, or not the interpreter that it names",
                         command);
        else
                snprintf(why, why_size, "cannot execute \"%s\": %s", command, strerror(error));
}

static int spawn_run(struct spawn *spawn, pid_t *pidp, int fds[3])
{
        int r;

        spawn->file = alloc_zeroed(spawn->path.n + strlen(spawn->options->argv[0]) + 2);
        r = spawn_open_pipes(spawn, fds);
        if (r == 0 && spawn->options->fence != NULL) {
                spawn->ruleset_fd = fence_ruleset(spawn->options->fence);
                r = spawn->ruleset_fd < 0 ? spawn->ruleset_fd : 0;
        }
        if (r == 0)
                r = spawn_fork(spawn, pidp);
        fds_close(spawn->ends);
        if (r < 0)
                fds_close(fds);
        free(spawn->file);
        return r;
}

int child_spawn(const struct child_options *options, int keeper_fd, pid_t *pidp, int fds[3],
                char *why, size_t why_size)
{
        struct spawn spawn = {
                .options = options,
                .path = spawn_path(options->envp),
                .parent = getpid(),
                .keeper_fd = keeper_fd,
                .ruleset_fd = -1,
        };
        int r;

        if (options->argv[0] == NULL || options->argv[0][0] == '\0') {
                snprintf(why, why_size, "the command is empty");
                return -EINVAL;
        }
        r = spawn_run(&spawn, pidp, fds);
        if (r < 0)
                spawn_why(&spawn, -r, why, why_size);
        return r;
}

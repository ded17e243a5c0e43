/* The life of a child: started, ended by itself or by us, reaped, told.
 *
 * Its number, and that of its group, is its own until it is reaped: so its group is signalled
 * before that and never after. When it is dead the rest of its group is killed, the keeper drops
 * the group, and only then it is reaped; the end is told when its output has been delivered.
 *
 * In a stop the leader may be the first to go (npx before its server). The rest is asked to end
 * then, and has its time as long as it holds the leader's output. */
#include "mgw/loop/child.h"

#include "child_inside.h"
#include "child_spawn.h"
#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/base/log.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How long children_destroy() waits for those it killed. */
#define CHILDREN_WAIT_MS 1000
#define ADOPTED_A_TURN 64
#define CHILD_LINE_MAX (INT32_MAX - 1048576)

static_assert(CHILDREN_MAX <= KEEPER_GROUPS_MAX, "the keeper holds them all");

static void child_free(void *object)
{
        struct child *child = object;

        lines_finish(&child->out.lines);
        lines_finish(&child->err.lines);
        free(child);
}

static const bool child_may_move[CHILD_N_STATES][CHILD_N_STATES] = {
        [CHILD_RUNS] = {[CHILD_ENDING] = true, [CHILD_REAPED] = true, [CHILD_OVER] = true},
        [CHILD_ENDING] = {[CHILD_LEFT] = true, [CHILD_REAPED] = true, [CHILD_OVER] = true},
        [CHILD_LEFT] = {[CHILD_REAPED] = true, [CHILD_OVER] = true},
        [CHILD_REAPED] = {[CHILD_OVER] = true},
};

static void child_move(struct child *child, enum child_state to)
{
        assert(child_may_move[child->state][to]);
        child->state = to;
}

/* Its number, and that of its group, may be another's. */
static bool child_is_reaped(const struct child *child)
{
        return child->state >= CHILD_REAPED;
}

static void child_signal(const struct child *child, int signo)
{
        if (!child_is_reaped(child))
                (void)kill(-child->pid, signo);
}

/* ---- its end ---- */

static void child_say_how(const struct child *child, char *how, size_t size)
{
        int signo = WIFSIGNALED(child->status) ? WTERMSIG(child->status) : 0;
        const char *name = sigabbrev_np(signo);

        if (child->fault[0] != '\0')
                snprintf(how, size, "%s", child->fault);
        else if (signo == 0)
                snprintf(how, size, "exited with code %d", WEXITSTATUS(child->status));
        else if (name != NULL)
                snprintf(how, size, "was killed by SIG%s", name);
        else
                snprintf(how, size, "was killed by signal %d", signo);
}

static void child_close_pid(struct child *child)
{
        int fd = child->pid_io.fd;

        if (fd < 0)
                return;
        loop_io_remove(child->loop, &child->pid_io);
        close(fd);
}

/* Off the list, out of the loop, into the morgue. */
static void child_finish(struct child *child)
{
        child_move(child, CHILD_OVER);
        child->out.on_line = child->err.on_line = NULL;
        child->children->n--;
        if (child->on_over != NULL)
                child->on_over(child->counter);
        list_unlink(&child->node);
        timer_disarm(child->loop, &child->timer);
        child_in_close(child);
        child_out_close(&child->out);
        child_out_close(&child->err);
        loop_task_cancel(&child->work);
        lines_release(&child->out.lines);
        loop_bury(child->loop, child, child_free);
}

static void child_tell_exit(struct child *child)
{
        char how[128];

        child_say_how(child, how, sizeof(how));
        child_finish(child);
        child->handlers.on_exit(child->owner, child->status, how);
}

static void child_reap(struct child *child)
{
        child_signal(child, SIGKILL);
        (void)keeper_drop(child->children->keeper.fd, child->pid);
        waitpid(child->pid, &child->status, 0);
        child_move(child, CHILD_REAPED);
        children_reap_adopted(child->children);
        child_close_pid(child);
        child_in_close(child);
        timer_disarm(child->loop, &child->timer);
}

static void child_end_after(struct child *child, int64_t ms, void (*on_due)(struct timer *timer))
{
        child->timer.on_due = on_due;
        timer_arm(child->loop, &child->timer, ms);
}

static bool child_is_silent(const struct child *child)
{
        return child->out.fd < 0 && child->err.fd < 0;
}

static void child_end(struct child *child)
{
        if (!child_is_reaped(child))
                child_reap(child);
        if (child->is_stopped)
                child_finish(child);
        else
                child_tell_exit(child);
}

static void child_on_work(struct loop_task *task)
{
        struct child *child = container_of(task, struct child, work);

        child_out_work(&child->out);
        child_out_work(&child->err);
        if (child->state == CHILD_OVER)
                return;
        if (child_is_silent(child) && child->pid_io.fd < 0)
                child_end(child);
        else if (child_out_has_work(&child->out) || child_out_has_work(&child->err))
                loop_defer(child->loop, &child->work);
}

static void child_on_rest_due(struct timer *timer)
{
        child_end(container_of(timer, struct child, timer));
}

static void child_on_dead(struct loop_io *io, uint32_t events)
{
        struct child *child = container_of(io, struct child, pid_io);

        (void)events;
        if (!child->is_stopped) {
                child_reap(child);
                child_out_drain(&child->out);
                child_out_drain(&child->err);
                loop_defer(child->loop, &child->work);
        } else if (child_is_silent(child)) {
                child_end(child);
        } else {
                child_move(child, CHILD_LEFT);
                child_close_pid(child);
                child_signal(child, SIGTERM);
                child_end_after(child, child->kill_after_ms, child_on_rest_due);
        }
}

static void child_on_kill_due(struct timer *timer)
{
        child_signal(container_of(timer, struct child, timer), SIGKILL);
}

static void child_on_term_due(struct timer *timer)
{
        struct child *child = container_of(timer, struct child, timer);

        if (child->fault[0] == '\0')
                snprintf(child->fault, sizeof(child->fault),
                         "closed its standard input or output and did not exit");
        child_signal(child, SIGTERM);
        child_end_after(child, child->kill_after_ms, child_on_kill_due);
}

void child_begin_end(struct child *child)
{
        child_in_close(child);
        if (child->state != CHILD_RUNS)
                return;
        child_move(child, CHILD_ENDING);
        child_end_after(child, child->term_after_ms, child_on_term_due);
}

void child_fault(struct child *child, const char *fmt, ...)
{
        va_list ap;

        child_out_mute(&child->out);
        if (child->fault[0] != '\0')
                return;
        va_start(ap, fmt);
        vsnprintf(child->fault, sizeof(child->fault), fmt, ap);
        va_end(ap);
        child_signal(child, SIGKILL);
}

static void child_tell(struct child *child, const struct child_handlers *handlers, void *owner)
{
        child->handlers = *handlers;
        child->owner = owner;
        child->out.on_line = handlers->on_line;
        child->err.on_line = handlers->on_error_line;
}

void child_hand_over(struct child *child, const struct child_handlers *handlers, void *owner)
{
        child_tell(child, handlers, owner);
        child_resume(child);
}

void child_stop(struct child *child)
{
        if (child == NULL || child->state == CHILD_OVER || child->is_stopped)
                return;
        child->is_stopped = true;
        if (child_is_reaped(child)) {
                child_finish(child);
                return;
        }
        lines_release(&child->out.lines);
        child_out_mute(&child->out);
        child_out_mute(&child->err);
        child_begin_end(child);
}

/* ---- its start ---- */

static int child_watch(struct child *child, int fds[3], const struct child_options *options)
{
        int r;

        child->pid_io = (struct loop_io){.fd = pidfd_open(child->pid, 0), .on_io = child_on_dead};
        r = child->pid_io.fd < 0 ? -errno : 0;
        if (r == 0)
                r = loop_io_add(child->loop, &child->pid_io, LOOP_IN);
        if (r == 0)
                r = child_io_open(child, fds, options);
        return r;
}

static int child_run(struct child *child, const struct child_options *options, char *why,
                     size_t why_size)
{
        int fds[3];
        int r = child_spawn(options, child->children->keeper.fd, &child->pid, fds, why, why_size);

        if (r < 0)
                return r;
        child->children->n++;
        list_append(&child->children->list, &child->node);
        r = child_watch(child, fds, options);
        if (r == 0)
                return 0;
        snprintf(why, why_size, "cannot watch its process: %s", strerror(-r));
        child_signal(child, SIGKILL);
        child_reap(child);
        child->on_over = NULL; /* nobody has counted it */
        for (int i = 0; i < 3; i++)
                if (fds[i] >= 0)
                        close(fds[i]);
        child_finish(child);
        return r;
}

/* Somebody may have killed it. */
static int children_renew_keeper(struct children *children)
{
        int r;

        if (children->keeper.fd >= 0) {
                if (keeper_is_alive(&children->keeper))
                        return 0;
                log_warn(NULL, "the process that ends child processes after mgw is gone: started "
                               "anew");
                keeper_end(&children->keeper);
        }
        r = keeper_start(&children->keeper);
        if (r < 0)
                return r;
        list_for_each (node, &children->list) {
                struct child *child = container_of(node, struct child, node);

                if (!child_is_reaped(child))
                        (void)keeper_add(children->keeper.fd, child->pid);
        }
        return 0;
}

static struct child *child_create(struct children *children, const struct child_options *options,
                                  const struct child_handlers *handlers, void *owner)
{
        struct child *child = alloc_zeroed(sizeof(*child));

        child->children = children;
        child->loop = children->loop;
        child_tell(child, handlers, owner);
        child->on_over = options->on_over;
        child->counter = options->counter;
        child->term_after_ms = options->term_after_ms;
        child->kill_after_ms = options->kill_after_ms;
        child->work.on_run = child_on_work;
        child->pid_io.fd = child->in.io.fd = child->out.fd = child->err.fd = -1;
        return child;
}

/* What must be so before a process is started. */
static int child_start_check(struct children *children, const struct child_options *options,
                             char *why, size_t why_size)
{
        int r;

        if (options->line_max_bytes > CHILD_LINE_MAX) {
                snprintf(why, why_size, "a line may have %d bytes at most", CHILD_LINE_MAX);
                return -EINVAL;
        }
        if (children->n >= CHILDREN_MAX) {
                snprintf(why, why_size, "%d processes run already", CHILDREN_MAX);
                return -EAGAIN;
        }
        r = children_renew_keeper(children);
        if (r < 0)
                snprintf(why, why_size, "cannot start the process that ends it after mgw: %s",
                         strerror(-r));
        return r;
}

/* Since the machine was started, as /proc/PID/stat has it. */
static int64_t now_ticks(void)
{
        struct timespec now;

        clock_gettime(CLOCK_BOOTTIME, &now);
        return ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000) * sysconf(_SC_CLK_TCK) / 1000;
}

int64_t children_first_tick(const struct children *children)
{
        return children->first_tick;
}

int child_start(struct children *children, const struct child_options *options,
                const struct child_handlers *handlers, void *owner, struct child **childp,
                char *why, size_t why_size)
{
        int r = child_start_check(children, options, why, why_size);
        struct child *child;

        if (r < 0)
                return r;
        if (children->first_tick == 0)
                children->first_tick = now_ticks();
        child = child_create(children, options, handlers, owner);
        r = child_run(child, options, why, why_size);
        if (r == 0)
                *childp = child;
        else if (child->state != CHILD_OVER)
                free(child);
        return r;
}

/* ---- what children leave behind ---- */

static bool children_know(const struct children *children, pid_t pid)
{
        list_for_each (node, &children->list) {
                const struct child *child = container_of(node, struct child, node);

                if (child->pid == pid && !child_is_reaped(child))
                        return true;
        }
        return false;
}

/* One that has ended, which is left as it is. 0: none. */
static pid_t children_ended_one(void)
{
        siginfo_t info = {0};

        return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ? 0 : info.si_pid;
}

/* A child of our own holds up those that ended after it until it is reaped, in its own time. A turn
 * looks at ADOPTED_A_TURN times as many children as there are. */
void children_reap_adopted(struct children *children)
{
        pid_t pid = 0;

        if (!children->adopts)
                return;
        for (int i = 0; i < ADOPTED_A_TURN && (pid = children_ended_one()) != 0; i++) {
                if (pid != children->keeper.pid && !children_know(children, pid))
                        (void)waitpid(pid, NULL, WNOHANG);
                else if (pid != children->keeper.pid || children_renew_keeper(children) < 0)
                        return;
        }
        if (pid != 0)
                loop_defer(children->loop, &children->adopted);
}

static void children_on_adopted(struct loop_task *task)
{
        children_reap_adopted(container_of(task, struct children, adopted));
}

int children_adopt(struct children *children)
{
        if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
                return -errno;
        children->adopted.on_run = children_on_adopted;
        children->adopts = true;
        return 0;
}

pid_t child_pid(const struct child *child)
{
        return child->pid;
}

/* ---- all of them ---- */

int children_create(struct loop *loop, struct children **childrenp)
{
        struct children *children = alloc_zeroed(sizeof(*children));
        struct sigaction ignore = {.sa_handler = SIG_IGN};
        int r;

        children->loop = loop;
        list_init(&children->list);
        r = sigaction(SIGPIPE, &ignore, NULL) < 0 ? -errno : keeper_start(&children->keeper);
        if (r < 0) {
                free(children);
                return r;
        }
        *childrenp = children;
        return 0;
}

/* Killed already. One that does not die (it hangs in the kernel) stays the keeper's. */
static void child_end_now(struct child *child, int64_t end_ms)
{
        struct pollfd death = {.fd = child->pid_io.fd, .events = POLLIN};
        int64_t left_ms = end_ms - clock_monotonic_ms();
        bool is_gone = death.fd < 0 || poll(&death, 1, left_ms > 0 ? (int)left_ms : 0) == 1;

        if (is_gone && !child_is_reaped(child))
                child_reap(child);
        child_close_pid(child);
        child_finish(child);
}

void children_destroy(struct children *children)
{
        int64_t end_ms = clock_monotonic_ms() + CHILDREN_WAIT_MS;
        struct list *node;

        if (children == NULL)
                return;
        list_for_each (each, &children->list)
                child_signal(container_of(each, struct child, node), SIGKILL);
        while ((node = list_first(&children->list)) != NULL)
                child_end_now(container_of(node, struct child, node), end_ms);
        loop_task_cancel(&children->adopted);
        keeper_end(&children->keeper);
        /* A handler may be on the stack. */
        loop_bury(children->loop, children, free);
}

unsigned children_n(const struct children *children)
{
        return children->n;
}

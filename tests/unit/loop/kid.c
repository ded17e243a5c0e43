#include "kid.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct loop *kid_loop;
struct children *kid_children;
char kid_why[512];

static unsigned n_descriptors_before;

unsigned kid_n_descriptors(void)
{
        DIR *dir = opendir("/proc/self/fd");
        unsigned n = 0;

        cr_assert_not_null(dir);
        while (readdir(dir) != NULL)
                n++;
        closedir(dir);
        return n;
}

void kid_set_up(void)
{
        /* What our children leave behind becomes ours: we can wait for it. */
        cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
        n_descriptors_before = kid_n_descriptors();
        cr_assert_eq(loop_create(&kid_loop), 0);
        cr_assert_eq(children_create(kid_loop, &kid_children), 0);
}

unsigned kid_wait_for_all(void)
{
        int64_t end_ms = clock_monotonic_ms() + 10000;
        unsigned n = 0;
        pid_t pid;

        while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0 && clock_monotonic_ms() < end_ms) {
                n += pid > 0;
                if (pid == 0)
                        usleep(1000);
        }
        cr_assert_eq(pid, -1, "a process is left");
        check_int(errno, ECHILD);
        return n;
}

void kid_tear_down(void)
{
        children_destroy(kid_children);
        loop_destroy(kid_loop);
        (void)kid_wait_for_all();
        check_int(kid_n_descriptors(), n_descriptors_before);
}

static void note(struct buf *buf, struct str line)
{
        cr_assert_eq(buf_add_str(buf, line), 0);
        cr_assert_eq(buf_add_str(buf, STR("|")), 0);
}

static void kid_then(struct kid *kid, void (*then)(struct kid *kid))
{
        if (then != NULL)
                then(kid);
}

static void kid_on_line(void *owner, struct str line)
{
        struct kid *kid = owner;

        note(&kid->out, line);
        if (++kid->n_lines == kid->pause_at)
                child_pause(kid->child);
        kid_then(kid, kid->then_on_line);
}

static bool kid_on_long_line(void *owner, struct str head)
{
        struct kid *kid = owner;

        kid->n_long++;
        if (!kid->refuses_long)
                cr_assert_eq(buf_add_str(&kid->out, head), 0);
        return !kid->refuses_long;
}

static void kid_on_piece(void *owner, struct str piece, bool is_last)
{
        struct kid *kid = owner;

        cr_assert_eq(buf_add_str(&kid->out, piece), 0);
        if (++kid->n_pieces == kid->pause_at_piece)
                child_pause(kid->child);
        if (!is_last)
                return;
        kid->n_lines++;
        cr_assert_eq(buf_add_str(&kid->out, STR("|")), 0);
}

static void kid_on_error_line(void *owner, struct str line)
{
        struct kid *kid = owner;

        note(&kid->err, line);
        kid->n_error_lines++;
        kid_then(kid, kid->then_on_error_line);
}

static void kid_on_room(void *owner)
{
        struct kid *kid = owner;

        kid->n_rooms++;
        kid_then(kid, kid->then_on_room);
}

static void kid_on_exit(void *owner, int status, const char *how)
{
        struct kid *kid = owner;

        kid->n_exits++;
        kid->status = status;
        snprintf(kid->how, sizeof(kid->how), "%s", how);
        kid_then(kid, kid->then_on_exit);
        kid->child = NULL;
}

int kid_try(struct kid *kid, const char *const *argv)
{
        static const char *const envp[] = {"PATH=/usr/bin:/bin", NULL};
        static const struct child_handlers handlers = {
                .on_line = kid_on_line,
                .on_long_line = kid_on_long_line,
                .on_piece = kid_on_piece,
                .on_error_line = kid_on_error_line,
                .on_drained = kid_on_room,
                .on_exit = kid_on_exit,
        };
        struct child_options options = kid->options;

        options.argv = argv;
        options.envp = options.envp == NULL ? envp : options.envp;
        options.line_max_bytes = options.line_max_bytes == 0 ? 1 << 20 : options.line_max_bytes;
        options.queue_max_bytes = options.queue_max_bytes == 0 ? 1 << 20 : options.queue_max_bytes;
        options.term_after_ms = options.term_after_ms == 0 ? 60000 : options.term_after_ms;
        options.kill_after_ms = options.kill_after_ms == 0 ? 60000 : options.kill_after_ms;
        buf_init(&kid->out, UINT32_MAX);
        buf_init(&kid->err, UINT32_MAX);
        kid_why[0] = '\0';
        return child_start(kid_children, &options, &handlers, kid, &kid->child, kid_why,
                           sizeof(kid_why));
}

void kid_start(struct kid *kid, const char *const *argv)
{
        cr_assert_eq(kid_try(kid, argv), 0, "%s", kid_why);
}

void kid_start_sh(struct kid *kid, const char *script)
{
        kid_start(kid, (const char *const[]){"sh", "-c", script, NULL});
}

void kid_write(struct kid *kid, const char *text)
{
        cr_assert_eq(child_write(kid->child, str_from(text)), 0);
}

void kid_finish(struct kid *kid)
{
        buf_finish(&kid->out);
        buf_finish(&kid->err);
}

void kid_turn_for(int64_t ms)
{
        int64_t end_ms = clock_monotonic_ms() + ms;

        while (clock_monotonic_ms() < end_ms)
                cr_assert_eq(loop_turn(kid_loop, 10), 0);
}

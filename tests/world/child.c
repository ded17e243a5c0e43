#include "child.h"

#include "require.h"
#include "world.h"

#include <string.h>

#define HELD_MAX (64u << 20)

struct children {
        struct loop *loop;
};

struct list world_children = {&world_children, &world_children};
static struct list over = {&over, &over}; /* kept, so that who plays may look at them */
static struct children the_children;
int world_child_start_errno;

int children_create(struct loop *loop, struct children **childrenp)
{
        the_children.loop = loop;
        *childrenp = &the_children;
        return 0;
}

static void child_end(struct child *c)
{
        REQUIRE(!c->is_over);
        c->is_over = true;
        loop_task_cancel(&c->resume);
        list_move_to_tail(&over, &c->node);
        if (c->on_over != NULL)
                c->on_over(c->counter);
}

void children_destroy(struct children *children)
{
        struct list *it;

        (void)children;
        while ((it = list_first(&world_children)) != NULL)
                child_end(container_of(it, struct child, node));
}

void world_child_forget(void)
{
        struct list *it;

        world_child_start_errno = 0;
        REQUIRE(list_is_empty(&world_children));
        while ((it = list_first(&over)) != NULL) {
                struct child *c = container_of(it, struct child, node);

                list_unlink(it);
                buf_finish(&c->held);
                buf_finish(&c->line);
                free(c->command);
                free(c);
        }
}

int children_adopt(struct children *children)
{
        (void)children;
        return 0;
}

int64_t children_first_tick(const struct children *children)
{
        (void)children;
        return 0;
}

void children_reap_adopted(struct children *children)
{
        (void)children;
}

unsigned children_n(const struct children *children)
{
        (void)children;
        return (unsigned)world_child_n();
}

static void child_on_resume(struct loop_task *task)
{
        struct child *c = container_of(task, struct child, resume);
        struct buf held = c->held;
        struct str rest = buf_bytes(&held);

        buf_init(&c->held, HELD_MAX);
        while (rest.n > 0 && !c->is_over) {
                size_t n = (size_t)((const char *)memchr(rest.p, '\n', rest.n) - rest.p);

                world_child_line(c, (struct str){rest.p, n});
                rest = (struct str){rest.p + n + 1, rest.n - n - 1};
        }
        buf_finish(&held);
}

int child_start(struct children *children, const struct child_options *options,
                const struct child_handlers *handlers, void *owner, struct child **childp,
                char *why, size_t why_size)
{
        struct child *c;

        (void)children;
        if (world_child_start_errno != 0) {
                snprintf(why, why_size, "%s: it cannot be started", options->argv[0]);
                return -world_child_start_errno;
        }
        c = calloc(1, sizeof(*c));
        REQUIRE(c != NULL);
        c->handlers = handlers;
        c->owner = owner;
        c->on_over = options->on_over;
        c->counter = options->counter;
        c->long_bytes = options->line_long_bytes;
        c->command = strdup(options->argv[0]);
        c->resume.on_run = child_on_resume;
        buf_init(&c->held, HELD_MAX);
        buf_init(&c->line, HELD_MAX);
        list_append(&world_children, &c->node);
        *childp = c;
        return 0;
}

pid_t child_pid(const struct child *child)
{
        (void)child;
        return 4711;
}

int child_write(struct child *child, struct str bytes)
{
        json_t *msg = json_loadb(bytes.p, bytes.n, 0, NULL);

        REQUIRE(!child->is_over && msg != NULL);
        if (!child->is_full)
                world.events->on_sent(msg, NULL, child);
        json_decref(msg);
        return child->is_full ? CHILD_E_FULL : 0;
}

void child_pause(struct child *child)
{
        REQUIRE(!child->is_over);
        child->is_paused = true;
        loop_task_cancel(&child->resume);
}

void child_resume(struct child *child)
{
        REQUIRE(!child->is_over);
        child->is_paused = false;
        loop_defer(the_children.loop, &child->resume);
}

void child_hand_over(struct child *child, const struct child_handlers *handlers, void *owner)
{
        child_resume(child);
        child->handlers = handlers;
        child->owner = owner;
}

void child_stop(struct child *child)
{
        if (child != NULL)
                child_end(child);
}

/* ---- what they do ---- */

size_t world_child_n(void)
{
        size_t n = 0;

        list_for_each (it, &world_children)
                n++;
        return n;
}

struct child *world_child_ago(size_t n)
{
        struct list *it = world_children.prev;

        while (n-- > 0 && it != &world_children)
                it = it->prev;
        return it != &world_children ? container_of(it, struct child, node) : NULL;
}

void world_child_line(struct child *c, struct str line)
{
        size_t head = line.n < c->long_bytes ? line.n : c->long_bytes;

        REQUIRE(!c->is_over);
        if (c->is_paused || c->held.len > 0) {
                REQUIRE(buf_add_str(&c->held, line) == 0 && buf_add_str(&c->held, STR("\n")) == 0);
                return;
        }
        if (head == line.n || !c->handlers->on_long_line(c->owner, (struct str){line.p, head})) {
                if (!c->is_over)
                        c->handlers->on_line(c->owner, line);
        } else if (!c->is_over) {
                c->handlers->on_piece(c->owner, (struct str){line.p + head, line.n - head}, true);
        }
}

void world_child_error_line(struct child *c, struct str line)
{
        REQUIRE(!c->is_over);
        c->handlers->on_error_line(c->owner, line);
}

void world_child_piece(struct child *c, struct str piece, bool is_last)
{
        REQUIRE(!c->is_over && !c->is_paused);
        if (!c->is_long) {
                REQUIRE(piece.n >= c->long_bytes && !is_last);
                c->is_long = true;
                c->is_given = c->handlers->on_long_line(c->owner, piece);
                if (!c->is_given)
                        REQUIRE(buf_add_str(&c->line, piece) == 0);
                return;
        }
        c->is_long = !is_last;
        if (c->is_given)
                c->handlers->on_piece(c->owner, piece, is_last);
        else
                REQUIRE(buf_add_str(&c->line, piece) == 0);
        if (c->is_given || !is_last || c->is_over)
                return;
        c->handlers->on_line(c->owner, buf_bytes(&c->line));
        buf_consume(&c->line, c->line.len);
}

void world_child_drain(struct child *c)
{
        REQUIRE(!c->is_over && c->is_full);
        c->is_full = false;
        c->handlers->on_drained(c->owner);
}

void world_child_exit(struct child *c, int status, const char *how)
{
        REQUIRE(!c->is_over);
        child_end(c);
        c->handlers->on_exit(c->owner, status, how);
}

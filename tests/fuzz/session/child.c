/* Child processes, in place of loop/child: each a list of what it was sent, and what it says is up
 * to the input. */
#include "world.h"

#include "../fuzz.h"
#include "mgw/loop/child.h"

struct child {
        struct list node;
        const struct child_handlers *handlers;
        void *owner;
        void (*on_over)(void *counter);
        void *counter;
        uint32_t long_bytes;
        bool is_paused;
        bool is_over;
};

struct children {
        struct loop *loop;
};

static struct list all = {&all, &all};
static struct children the_children;

int children_create(struct loop *loop, struct children **childrenp)
{
        the_children.loop = loop;
        *childrenp = &the_children;
        return 0;
}

static void end(struct child *c)
{
        REQUIRE(!c->is_over);
        c->is_over = true;
        if (c->on_over != NULL)
                c->on_over(c->counter);
        list_unlink(&c->node);
        loop_bury(the_children.loop, c, free);
}

void children_destroy(struct children *children)
{
        struct list *it;

        (void)children;
        while ((it = list_first(&all)) != NULL)
                end(container_of(it, struct child, node));
}

size_t child_world_n(void)
{
        size_t n = 0;

        list_for_each (it, &all)
                n++;
        return n;
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
        return (unsigned)child_world_n();
}

int child_start(struct children *children, const struct child_options *options,
                const struct child_handlers *handlers, void *owner, struct child **childp,
                char *why, size_t why_size)
{
        struct child *c = calloc(1, sizeof(*c));

        (void)children;
        (void)why;
        (void)why_size;
        REQUIRE(c != NULL);
        c->handlers = handlers;
        c->owner = owner;
        c->on_over = options->on_over;
        c->counter = options->counter;
        c->long_bytes = options->line_long_bytes;
        list_append(&all, &c->node);
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
        message_note(msg);
        json_decref(msg);
        return 0;
}

void child_pause(struct child *child)
{
        REQUIRE(!child->is_over);
        child->is_paused = true;
}

void child_resume(struct child *child)
{
        REQUIRE(!child->is_over);
        child->is_paused = false;
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
                end(child);
}

/* ---- what they do ---- */

static struct child *pick_child(void)
{
        size_t n = child_world_n(), at = pick_below(n);
        struct list *it = all.prev;

        if (n == 0)
                return NULL;
        while (at-- > 0)
                it = it->prev;
        return container_of(it, struct child, node);
}

static void give_line(struct child *c, struct str line)
{
        size_t head = line.n < c->long_bytes ? line.n : c->long_bytes;

        if (head == line.n || !c->handlers->on_long_line(c->owner, (struct str){line.p, head})) {
                if (!c->is_over)
                        c->handlers->on_line(c->owner, line);
        } else if (!c->is_over) {
                c->handlers->on_piece(c->owner, (struct str){line.p + head, line.n - head}, true);
        }
}

void child_world_say(unsigned kind)
{
        struct child *c = pick_child();
        const json_t *about = message_ago(next_byte() % 8);
        char *text;

        if (c == NULL || c->is_paused || (text = say(kind, about)) == NULL)
                return;
        give_line(c, str_from(text));
        free(text);
}

static void leave(struct child *c)
{
        end(c);
        c->handlers->on_exit(c->owner, 0, "exited with code 0");
}

void child_world_exit(void)
{
        struct child *c = pick_child();

        if (c != NULL)
                leave(c);
}

void child_world_cut(void)
{
        struct list *it;

        for (size_t n = child_world_n(); n > 0 && (it = list_first(&all)) != NULL; n--)
                leave(container_of(it, struct child, node));
}

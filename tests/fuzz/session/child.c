/* What the child processes do is up to the input. */
#include "world.h"

#include "../fuzz.h"

static struct child *pick_child(void)
{
        return world_child_ago(pick_below(world_child_n()));
}

void child_world_say(unsigned kind)
{
        struct child *c = pick_child();
        const json_t *about = message_ago(next_byte() % 8);
        char *text;

        if (c == NULL || c->is_paused || (text = say(kind, about)) == NULL)
                return;
        world_child_line(c, str_from(text));
        free(text);
}

void child_world_exit(void)
{
        struct child *c = pick_child();

        if (c != NULL)
                world_child_exit(c, 0, "exited with code 0");
}

void child_world_cut(void)
{
        struct list *it;

        for (size_t n = world_child_n(); n > 0 && (it = list_first(&world_children)) != NULL; n--)
                world_child_exit(container_of(it, struct child, node), 0, "exited with code 0");
}

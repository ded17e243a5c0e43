/* Lists, made what their shapes want: one value is a list of it, and an entry that is none is left
 * out. */
#include "shape_inside.h"

#include <stdio.h>

/* The first that is wrong is what is told. */
void shape_note(struct mending *m, const char *name, const char *what)
{
        if (m->why[0] == '\0')
                snprintf(m->why, m->why_size, "%s %s", name, what);
}

json_t *shape_entry(struct mending *m, json_t *entry, const struct member *want)
{
        (void)m;
        if (want->kind == WORDS)
                return shape_is_word(entry, want->words) ? json_incref(entry) : NULL;
        return json_is_null(entry) ? NULL : shape_text(entry);
}

json_t *shape_list(struct mending *m, json_t *value, const struct member *want,
                   json_t *(*mend)(struct mending *m, json_t *entry, const struct member *want))
{
        bool is_one = !json_is_array(value) && !shape_is_empty(value);
        json_t *one = is_one ? json_pack("[O]", value) : NULL, *list = json_array(), *entry;
        bool is_same = json_is_array(value);
        size_t i;

        json_array_foreach (is_one ? one : value, i, entry) {
                json_t *new = mend(m, entry, want);

                is_same &= new == entry;
                if (new == NULL)
                        shape_note(m, want->name, "has an entry that is none");
                else
                        json_array_append_new(list, new);
        }
        json_decref(one);
        if (!is_same)
                return list;
        json_decref(list);
        return json_incref(value);
}

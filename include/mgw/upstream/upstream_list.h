/* One list of an upstream: its entries, made as clients take them. Upstream sessions whose lists
 * are equal share it, and the upstream pays for it while any of them has it. */
#pragma once

#include "mgw/base/ledger.h"

#include <jansson.h>

struct context;

struct upstream_list {
        struct context *context;
        unsigned n_users;
        json_t *entries; /* an array */
        json_t *index;   /* of it: name or URI -> the first so called; NULL: templates */
        struct ledger_hold hold;
};

/* Of one user. Takes entries and index, and what the hold holds. */
struct upstream_list *upstream_list_create_take(struct context *context, json_t *entries,
                                                json_t *index, struct ledger_hold *hold);
/* NULL is fine to both. */
struct upstream_list *upstream_list_hold(struct upstream_list *list);
void upstream_list_let_go(struct upstream_list *list);

/* The entry that is asked for by that name or URI, borrowed; NULL: not known. */
static inline json_t *upstream_list_find(const struct upstream_list *list, const char *name)
{
        return list != NULL ? json_object_get(list->index, name) : NULL;
}

static inline json_t *upstream_list_entries(const struct upstream_list *list)
{
        return list != NULL ? list->entries : NULL;
}

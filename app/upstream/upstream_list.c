/* A list is counted by who uses it and freed with the last; pages that were made of it go before.
 */
#include "mgw/upstream/upstream_list.h"

#include "mgw/base/alloc.h"
#include "mgw/core/context.h"

#include <assert.h>
#include <stdlib.h>

struct upstream_list *upstream_list_create_take(struct context *context, json_t *entries,
                                                json_t *index, struct ledger_hold *hold)
{
        struct upstream_list *list = alloc_zeroed(sizeof(*list));

        *list = (struct upstream_list){context, 1, entries, index, *hold};
        hold->bytes = 0;
        return list;
}

struct upstream_list *upstream_list_hold(struct upstream_list *list)
{
        if (list != NULL)
                list->n_users++;
        return list;
}

void upstream_list_let_go(struct upstream_list *list)
{
        assert(list == NULL || list->n_users > 0);
        if (list == NULL || --list->n_users > 0)
                return;
        if (list->context->on_list_end != NULL)
                list->context->on_list_end(list->context, list);
        json_decref(list->entries);
        json_decref(list->index);
        ledger_hold_set_past(&list->hold, 0);
        free(list);
}

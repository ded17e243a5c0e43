/* Users and addresses with what they hold, those first that hold most memory. */
#include "status_inside.h"

#include "mgw/core/share.h"

#include <string.h>

static bool holds(const struct share *share)
{
        return share->memory.bytes > 0 || share->n_sessions > 0 || share->n_streams > 0 ||
               share->n_calls > 0 || share->n_processes > 0;
}

static void add(struct status_best *best, const struct share *share, size_t *n)
{
        if (share == NULL || !holds(share))
                return;
        ++*n;
        status_best_add(best, share, share->memory.bytes + 1);
}

/* An IPv4 address, or the network of an IPv6 one. */
static json_t *name_of_address(const struct share *share)
{
        char text[SHARE_ADDRESS_SIZE];

        share_address(share, text);
        if (strcmp(text, "::") == 0)
                return json_string("without an address");
        return strchr(text, ':') == NULL ? json_string(text) : json_sprintf("%s/64", text);
}

static json_t *user_row(const struct share *share)
{
        json_t *name = share->is_address     ? name_of_address(share)
                       : share->user != NULL ? status_text(share->user->email)
                                             : json_string("the gateway");

        return json_pack("{s:o, s:b, s:I, s:i, s:i, s:i, s:i}", "name", name, "is_address",
                         share->is_address, "bytes", (json_int_t)share->memory.bytes, "sessions",
                         share->n_sessions, "streams", share->n_streams, "calls", share->n_calls,
                         "programs", share->n_processes);
}

json_t *status_users(const struct context *context)
{
        struct status_best best = {.n = 0};
        size_t n = 0, steps = 0;
        json_t *rows = json_array();

        for (const struct user *user = user_table_first(context->users);
             user != NULL && steps < STATUS_WALK_MAX; user = user->hh.next, steps++)
                add(&best, user->share, &n);
        for (const struct share *share = context->shares; share != NULL && steps < STATUS_WALK_MAX;
             share = share->hh.next, steps++)
                add(&best, share, &n);
        add(&best, context->own_share, &n);
        for (size_t i = 0; i < best.n; i++)
                json_array_append_new(rows, user_row(best.rows[i].of));
        return status_rows_take(n, rows);
}

/* Its lines go nowhere: the first answer among them ends it. */
#include "mgw/upstream/leftover.h"

#include "mgw/base/alloc.h"
#include "upstream_inside.h"

#include "mgw/base/log.h"
#include "mgw/core/share.h"
#include "mgw/wire/rpc_peek.h"

#include <assert.h>
#include <stdlib.h>

struct leftover {
        struct list node; /* context->leftovers, the oldest first */
        struct upstream *upstream;
        struct share *share; /* held */
        const struct user *user;
        struct child *child; /* NULL: it has ended */
        struct timer deadline;
};

static void leftover_end(struct leftover *l, const char *why)
{
        struct context *context = l->upstream->context;

        if (upstream_may_log(l->upstream))
                log_info(LOG_FIELDS({"user", l->user->email}), "[upstream] %s: %s",
                         upstream_name(l->upstream), why);
        list_unlink(&l->node);
        timer_disarm(context->loop, &l->deadline);
        child_stop(l->child);
        assert(l->share->n_children > 0);
        l->share->n_children--;
        share_let_go(l->share);
        loop_bury(context->loop, l, free);
}

/* Programs say other things before they answer. */
static void leftover_on_line(void *owner, struct str line)
{
        struct rpc_peek peek;

        rpc_peek(line, &peek);
        if (peek.has_answer)
                leftover_end(owner, "has started, and its session has ended: the next starts it "
                                    "again");
        json_decref(peek.id);
}

static bool leftover_on_long_line(void *owner, struct str head)
{
        (void)owner;
        (void)head;
        return false;
}

static void leftover_on_piece(void *owner, struct str piece, bool is_last)
{
        (void)owner;
        (void)piece;
        (void)is_last;
}

static void leftover_on_error_line(void *owner, struct str line)
{
        const struct leftover *l = owner;

        if (upstream_may_log(l->upstream))
                log_info(NULL, "[upstream] %s: stderr: %.*s", upstream_name(l->upstream),
                         STR_ARG(line));
}

static void leftover_on_drained(void *owner)
{
        (void)owner;
}

static void leftover_on_exit(void *owner, int status, const char *how)
{
        struct leftover *l = owner;

        (void)status;
        l->child = NULL;
        leftover_end(l, how);
}

static void leftover_on_deadline(struct timer *timer)
{
        leftover_end(container_of(timer, struct leftover, deadline),
                     "has not started within start_timeout_s, and its session has ended");
}

static const struct child_handlers leftover_handlers = {
        .on_line = leftover_on_line,
        .on_long_line = leftover_on_long_line,
        .on_piece = leftover_on_piece,
        .on_error_line = leftover_on_error_line,
        .on_drained = leftover_on_drained,
        .on_exit = leftover_on_exit,
};

/* Both walk children_max at most. */
static struct leftover *leftover_find(const struct share *share, const struct upstream *upstream)
{
        list_for_each (it, &share->context->leftovers) {
                struct leftover *l = container_of(it, struct leftover, node);

                if (l->share == share && (upstream == NULL || l->upstream == upstream))
                        return l;
        }
        return NULL;
}

bool leftover_take(struct upstream_session *us, struct child *child, int64_t left_ms)
{
        const struct upstream_client *client = us->client;
        struct context *context = upstream_session_context(us);
        struct leftover *l;

        if (left_ms <= 0 || context->is_draining || us->upstream->retired != NULL ||
            !client->user->has_token || leftover_find(client->share, us->upstream) != NULL)
                return false;
        l = alloc_zeroed(sizeof(*l));
        l->deadline.on_due = leftover_on_deadline;
        timer_arm(context->loop, &l->deadline, left_ms);
        l->upstream = us->upstream;
        l->share = share_hold(client->share);
        l->user = client->user;
        l->child = child;
        client->share->n_children++;
        child_hand_over(child, &leftover_handlers, l);
        list_append(&context->leftovers, &l->node);
        return true;
}

bool leftover_make_room(struct share *share)
{
        struct leftover *l = leftover_find(share, NULL);

        if (l == NULL)
                return false;
        leftover_end(l, "makes room for another program of its user (children_per_user_max)");
        return true;
}

void leftovers_end_of(const struct upstream *upstream)
{
        list_for_each_safe (it, &upstream->context->leftovers) {
                struct leftover *l = container_of(it, struct leftover, node);

                if (l->upstream == upstream)
                        leftover_end(l, "is ended: its configuration is another");
        }
}

void leftovers_end(struct context *context, bool all)
{
        list_for_each_safe (it, &context->leftovers) {
                struct leftover *l = container_of(it, struct leftover, node);

                if (all || !l->user->has_token)
                        leftover_end(l, "is ended with what its user had");
        }
}

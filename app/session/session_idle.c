/* Sessions with nothing open stand in a list of their share, in the order of their last use: its
 * head is the next to expire, and the first to go when the share is full. Shares that have such
 * stand in a list of the context. */
#include "session_inside.h"

#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"
#include "mgw/session/call.h"
#include "mgw/session/post_response.h"
#include "mgw/upstream/upstream_session.h"

#include <assert.h>
#include <errno.h>

/* Shares that are looked at for one that has many idle sessions. */
#define SHARES_SEEN_MAX 64

/* A call whose client has left does not count: it may never be answered. Walks them until one is
 * heard: of a user without sessions those that wait for input come before it, half of
 * calls_per_user_max at most. */
static bool session_is_idle(const struct session *s)
{
        if (!list_is_empty(&s->streams) || s->is_given || s->is_untold)
                return false;
        for (size_t i = 0; s->client.kind == UPSTREAM_CLIENT_SHARED && i < session_n_slots(s); i++)
                if (s->client.upstream_sessions[i] != NULL &&
                    !list_is_empty(&s->client.upstream_sessions[i]->user_sessions))
                        return false;
        list_for_each (it, &s->calls) {
                const struct post_response *post = container_of(it, struct call, node)->post;

                if (post != NULL && post_response_is_heard(post))
                        return false;
        }
        return true;
}

static void sessions_watch_expiry(struct share *share)
{
        const struct list *head = list_first(&share->idle_sessions);
        struct context *context = share->context;

        if (head == NULL) {
                timer_disarm(context->loop, &share->expiry);
        } else if (!timer_is_armed(&share->expiry)) {
                const struct session *s = container_of(head, struct session, idle_node);
                int64_t due =
                        s->used_ms + context->config->session_idle_ms - loop_now_ms(context->loop);

                timer_arm(context->loop, &share->expiry, due > 0 ? due : 0);
        }
}

void session_leave_idle(struct session *s)
{
        if (list_is_empty(&s->idle_node))
                return;
        assert(s->client.share->n_idle_sessions > 0);
        list_unlink(&s->idle_node);
        s->client.is_idle = false;
        if (--s->client.share->n_idle_sessions == 0)
                list_unlink(&s->client.share->idle_node);
}

static void session_enter_idle(struct session *s)
{
        const struct list *last = list_last(&s->client.share->idle_sessions);

        assert(last == NULL ||
               container_of(last, struct session, idle_node)->used_ms <= s->used_ms);
        list_append(&s->client.share->idle_sessions, &s->idle_node);
        s->client.is_idle = true;
        if (s->client.share->n_idle_sessions++ == 0)
                list_append(&session_context(s)->idle_shares, &s->client.share->idle_node);
        sessions_watch_expiry(s->client.share);
}

/* Walks those that end, and one more. */
void sessions_expire(struct share *share)
{
        struct context *context = share->context;
        int64_t horizon = loop_now_ms(context->loop) - context->config->session_idle_ms;
        struct list *node;

        replay_pool_expire(&context->replay, loop_now_ms(context->loop));
        share_hold(share); /* the last of its sessions may end */
        while ((node = list_first(&share->idle_sessions)) != NULL) {
                struct session *s = container_of(node, struct session, idle_node);

                if (s->used_ms > horizon)
                        break;
                if (share_may_log(share, s->client.user->email))
                        log_info(LOG_FIELDS({"user", s->client.user->email}),
                                 "[MCP] session expired");
                session_end(s);
        }
        sessions_watch_expiry(share);
        share_let_go(share);
}

/* Shared sessions aside, which others may need. They stand in the gateway's own share; in others
 * the first fits. */
static struct session *share_longest_idle(const struct share *share)
{
        list_for_each (it, &share->idle_sessions) {
                struct session *s = container_of(it, struct session, idle_node);

                if (s->client.kind != UPSTREAM_CLIENT_SHARED)
                        return s;
        }
        return NULL;
}

/* Of some that have idle sessions, the one that has most. The gateway's own share, where shared
 * sessions are, only where there is no other. Walks SHARES_SEEN_MAX at most. */
static struct session *sessions_longest_idle(const struct context *context)
{
        const struct share *most = NULL;
        unsigned n_seen = 0;

        list_for_each (it, &context->idle_shares) {
                const struct share *share = container_of(it, struct share, idle_node);

                if (share != context->own_share &&
                    (most == NULL || share->n_idle_sessions > most->n_idle_sessions))
                        most = share;
                if (++n_seen == SHARES_SEEN_MAX)
                        break;
        }
        return share_longest_idle(most != NULL ? most : context->own_share);
}

bool sessions_give_up_one(struct context *context)
{
        struct session *s = sessions_longest_idle(context);

        if (s != NULL)
                session_end(s);
        return s != NULL;
}

int sessions_make_room(struct context *context, const struct share *share)
{
        uint32_t max = context->config->sessions_per_user_max;
        bool share_is_full = max > 0 && share->n_sessions >= max;
        struct session *oldest;

        if (!share_is_full && context->stats.n_sessions < context->config->sessions_max)
                return 0;
        oldest = share_longest_idle(share);
        if (oldest == NULL && !share_is_full)
                oldest = sessions_longest_idle(context);
        if (oldest == NULL)
                return -EAGAIN;
        log_debug(LOG_FIELDS({"user", oldest->client.user->email}),
                  "[MCP] its longest idle session is ended: %s",
                  share_is_full ? "sessions_per_user_max" : "sessions_max");
        session_end(oldest);
        return 0;
}

void session_tell_use(struct session *s)
{
        for (size_t i = 0; i < session_n_slots(s); i++)
                upstream_session_use(s->client.upstream_sessions[i]);
}

void session_touch(struct session *s)
{
        bool was_idle, is_idle;

        if (s->client.is_ending)
                return;
        s->used_ms = loop_now_ms(session_context(s)->loop);
        was_idle = !list_is_empty(&s->idle_node);
        session_leave_idle(s);
        if (session_is_idle(s))
                session_enter_idle(s);
        is_idle = !list_is_empty(&s->idle_node);
        if (was_idle != is_idle)
                session_tell_use(s);
}

/* Sessions stand in a hash by id; those with nothing open stand also in a list of their share, in
 * the order of their last use, whose head is the next to expire and the first to go when the share
 * is full. */
#include "mgw/session/session.h"

#include "mgw/base/log.h"
#include "mgw/base/rand.h"
#include "mgw/core/share.h"
#include "mgw/session/call.h"
#include "mgw/session/listing.h"
#include "mgw/session/page_cache.h"
#include "mgw/session/post_response.h"
#include "mgw/session/server_request.h"
#include "mgw/session/subscription.h"
#include "mgw/upstream/leftover.h"
#include "mgw/upstream/upstream_session.h"
#include "mgw/wire/rpc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_RANDOM_BYTES 18
/* Of one session, where nothing else is said. */
#define CALLS_MAX 60000
/* Shares that are looked at for one that has many idle sessions. */
#define SHARES_SEEN_MAX 64
/* What an upstream session holds beside its own struct: what is said at its opening, its
 * transport's peer. */
#define UPSTREAM_SESSION_AROUND_BYTES 1500

static void session_free(void *object)
{
        struct session *s = object;

        ledger_release(&s->client.share->memory, LEDGER_SESSION, s->charged);
        share_let_go(s->client.share);
        free(s);
}

/* A call whose client has left does not count: it may never be answered. Walks them until one is
 * heard: of a user without sessions those that wait for input come before it, half of
 * calls_per_user_max at most. */
static bool session_is_idle(const struct session *s)
{
        if (!list_is_empty(&s->streams))
                return false;
        for (size_t i = 0;
             s->client.kind == UPSTREAM_CLIENT_SHARED && i < session_context(s)->n_upstreams; i++)
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
                const struct session *s = container_of(head, struct session, idle_link);
                int64_t due =
                        s->used_ms + context->config->session_idle_ms - loop_now_ms(context->loop);

                timer_arm(context->loop, &share->expiry, due > 0 ? due : 0);
        }
}

static void session_leave_idle(struct session *s)
{
        if (list_is_empty(&s->idle_link))
                return;
        list_unlink(&s->idle_link);
        s->client.is_idle = false;
        if (--s->client.share->n_idle_sessions == 0)
                list_unlink(&s->client.share->idle_link);
}

static void session_enter_idle(struct session *s)
{
        list_append(&s->client.share->idle_sessions, &s->idle_link);
        s->client.is_idle = true;
        if (s->client.share->n_idle_sessions++ == 0)
                list_append(&session_context(s)->idle_shares, &s->client.share->idle_link);
        sessions_watch_expiry(s->client.share);
}

/* Walks those that end, and one more. */
static void sessions_expire(struct share *share)
{
        struct context *context = share->context;
        int64_t horizon = loop_now_ms(context->loop) - context->config->session_idle_ms;
        struct list *node;

        replay_pool_expire(&context->replay, loop_now_ms(context->loop));
        share_hold(share); /* the last of its sessions may end */
        while ((node = list_first(&share->idle_sessions)) != NULL) {
                struct session *s = container_of(node, struct session, idle_link);

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

/* As the log names them; no user's address. */
static char everybody[] = "*";

void session_context_init(struct context *context)
{
        context->on_idle_due = sessions_expire;
        context->everybody.email = everybody;
        context->everybody.has_token = true;
        page_cache_context_init(context);
        list_init(&context->leftovers);
        list_init(&context->everybody.subscriptions);
}

/* Hosts aside, which others may need. They stand in the gate's own share; in others the first
 * fits. */
static struct session *share_longest_idle(const struct share *share)
{
        list_for_each (it, &share->idle_sessions) {
                struct session *s = container_of(it, struct session, idle_link);

                if (s->client.kind != UPSTREAM_CLIENT_SHARED)
                        return s;
        }
        return NULL;
}

/* Of some that have idle sessions, the one that has most. The gate's own share, where shared
 * sessions are, only where there is no other. Walks SHARES_SEEN_MAX at most. */
static struct session *sessions_longest_idle(const struct context *context)
{
        const struct share *most = NULL;
        unsigned n_seen = 0;

        list_for_each (it, &context->idle_shares) {
                const struct share *share = container_of(it, struct share, idle_link);

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

static int sessions_make_room(struct context *context, const struct share *share)
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

/* What it holds from now on, more or less than before. Past the caps: who asks has been told. */
static void session_charge(struct session *s, size_t bytes)
{
        ledger_release(&s->client.share->memory, LEDGER_SESSION, s->charged);
        s->charged = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
        ledger_charge_past(&s->client.share->memory, LEDGER_SESSION, s->charged);
}

static int session_new(struct context *context, struct user *user, struct share *share,
                       enum upstream_client_kind kind, struct session **sessionp)
{
        size_t n_node = strlen(context->config->node);
        size_t size = sizeof(struct session) + n_node + 1 + RAND_TEXT_SIZE(ID_RANDOM_BYTES);
        struct session *s = calloc(1, size);

        if (s == NULL)
                return -ENOMEM;
        memcpy(s->id, context->config->node, n_node);
        s->id[n_node] = '.';
        rand_text(s->id + n_node + 1, ID_RANDOM_BYTES);
        s->client.user = user;
        s->client.share = share_hold(share);
        session_charge(s, size);
        s->client.events = &session_client_events;
        s->client.kind = (uint8_t)kind;
        s->client.log_level = -1;
        list_init(&s->streams);
        list_init(&s->calls);
        list_init(&s->server_requests);
        HASH_ADD_STR(context->sessions, id, s);
        *sessionp = s;
        return 0;
}

int session_create(struct context *context, struct user *user, struct share *share,
                   enum upstream_client_kind kind, struct session **sessionp)
{
        int r = sessions_make_room(context, share);

        if (r == 0 && ledger_check(&share->memory, sizeof(struct session)) != 0)
                r = -EAGAIN;
        if (r == 0)
                r = session_new(context, user, share, kind, sessionp);
        if (r < 0)
                return r;
        context->stats.n_sessions++;
        share->n_sessions++;
        session_touch(*sessionp);
        return 0;
}

/* Each upstream session that settles asks whether it was the last: the table must be whole before.
 */
int session_open_links(struct session *s, const json_t *init_params)
{
        size_t n = session_context(s)->n_upstreams;
        int r = 0;

        if (n == 0)
                return 0;
        s->client.upstream_sessions = calloc(n, sizeof(struct upstream_session *));
        if (s->client.upstream_sessions == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < n && r == 0; i++)
                r = upstream_session_open(&session_context(s)->upstreams[i], &s->client,
                                          init_params, &s->client.upstream_sessions[i]);
        session_charge(
                s, sizeof(*s) +
                           n * (sizeof(struct upstream_session) + UPSTREAM_SESSION_AROUND_BYTES) +
                           rpc_cost(init_params));
        return r;
}

/* Whoever calls in it says what it can do with each request: an upstream may ask for anything, and
 * is refused where the client cannot. */
static json_t *standing_init_params(void)
{
        return json_pack("{s:{s:{s:{}, s:{}}, s:{s:{}, s:{}}, s:{}}, s:o}", "capabilities",
                         "sampling", "context", "tools", "elicitation", "form", "url", "roots",
                         "clientInfo", context_implementation());
}

/* Where all are one user they share that session: none of them pays for it. */
static struct share *standing_share(struct context *context, struct user *user)
{
        struct share *own =
                user->is_anonymous ? context->own_share : share_of(context, user, STR(""));

        if (!user->is_anonymous)
                share_let_go(own);
        return own;
}

int session_standing(struct context *context, struct user *user, struct session **sessionp)
{
        json_t *init_params;
        int r;

        *sessionp = user->standing;
        if (user->standing != NULL)
                return 0;
        r = session_create(context, user, standing_share(context, user), UPSTREAM_CLIENT_STANDING,
                           sessionp);
        if (r < 0)
                return r;
        user->standing = *sessionp;
        user->standing->client.is_initialized = true;
        user->standing->client.revision = era_newest();
        init_params = standing_init_params();
        r = init_params != NULL ? session_open_links(user->standing, init_params) : -ENOMEM;
        json_decref(init_params);
        if (r < 0)
                session_end(*sessionp);
        return r;
}

unsigned session_calls_max(const struct session *s)
{
        const struct config *config = session_context(s)->config;

        if (s->client.kind != UPSTREAM_CLIENT_STANDING)
                return config->calls_per_session_max;
        return config->calls_per_user_max > 0 ? config->calls_per_user_max : CALLS_MAX;
}

/* It counts as none of the sessions that clients make, and there are no more of them than users. */
static int session_host(struct context *context, struct user *user)
{
        int r = user->shared == NULL ? session_new(context, user, context->own_share,
                                                   UPSTREAM_CLIENT_SHARED, &user->shared)
                                     : 0;

        if (r < 0 || user->shared->client.upstream_sessions != NULL)
                return r;
        user->shared->client.is_initialized = true;
        user->shared->client.revision = era_newest();
        user->shared->client.upstream_sessions =
                calloc(context->n_upstreams, sizeof(struct upstream_session *));
        if (user->shared->client.upstream_sessions != NULL)
                return 0;
        session_end(user->shared);
        return -ENOMEM;
}

int session_shared_upstream(const struct session *s, struct upstream *upstream,
                            struct upstream_session **upstream_sessionp)
{
        bool is_for_all = upstream->server->scope == CONFIG_SCOPE_SHARED;
        struct user *user = is_for_all ? &session_context(s)->everybody : s->client.user;
        int r = session_host(session_context(s), user);
        json_t *init_params;

        if (r == 0 && user->shared->client.upstream_sessions[upstream->index] == NULL) {
                init_params = standing_init_params();
                r = upstream_session_create(
                        upstream, &user->shared->client, init_params,
                        &user->shared->client.upstream_sessions[upstream->index]);
                json_decref(init_params);
        }
        if (r == 0)
                *upstream_sessionp = user->shared->client.upstream_sessions[upstream->index];
        return r;
}

struct session *session_find(struct context *context, struct str id, const struct user *user)
{
        struct session *s = NULL;

        if (id.n > 0)
                HASH_FIND(hh, context->sessions, id.p, (unsigned)id.n, s);
        return s != NULL && s->client.user == user ? s : NULL;
}

void session_tell_use(struct session *s)
{
        for (size_t i = 0;
             s->client.upstream_sessions != NULL && i < session_context(s)->n_upstreams; i++)
                upstream_session_use(s->client.upstream_sessions[i]);
}

void session_touch(struct session *s)
{
        bool was_idle, is_idle;

        if (s->client.is_ending)
                return;
        s->used_ms = loop_now_ms(session_context(s)->loop);
        was_idle = !list_is_empty(&s->idle_link);
        session_leave_idle(s);
        if (session_is_idle(s))
                session_enter_idle(s);
        is_idle = !list_is_empty(&s->idle_link);
        if (was_idle != is_idle)
                session_tell_use(s);
}

static void session_close_upstream(struct upstream_session *us)
{
        if (us == NULL)
                return;
        listing_forget_overdue(us);
        upstream_session_close(us);
}

void session_end(struct session *s)
{
        struct list *node;

        if (s->client.is_ending)
                return;
        s->client.is_ending = true;
        HASH_DEL(session_context(s)->sessions, s);
        if (s->client.kind == UPSTREAM_CLIENT_STANDING)
                s->client.user->standing = NULL;
        if (s->client.kind == UPSTREAM_CLIENT_SHARED)
                s->client.user->shared = NULL;
        session_leave_idle(s);
        while ((node = list_first(&s->calls)) != NULL)
                call_fail(container_of(node, struct call, node), RPC_INTERNAL_ERROR,
                          "the session has ended");
        while ((node = list_first(&s->streams)) != NULL)
                stream_end(container_of(node, struct stream, node));
        server_request_forget_session(s);
        for (size_t i = 0;
             s->client.upstream_sessions != NULL && i < session_context(s)->n_upstreams; i++)
                session_close_upstream(s->client.upstream_sessions[i]);
        free((void *)s->client.upstream_sessions);
        s->client.upstream_sessions = NULL;
        replay_finish(s->replay);
        free(s->replay);
        if (s->client.kind != UPSTREAM_CLIENT_SHARED) {
                session_context(s)->stats.n_sessions--;
                s->client.share->n_sessions--;
        }
        loop_bury(session_context(s)->loop, s, session_free);
}

/* Hosts after those that share them. */
void session_end_all(struct context *context)
{
        struct session *s, *next;

        HASH_ITER(hh, context->sessions, s, next)
        {
                if (s->client.kind != UPSTREAM_CLIENT_SHARED)
                        session_end(s);
        }
        HASH_ITER(hh, context->sessions, s, next)
        {
                session_end(s);
        }
        leftovers_end(context, true);
}

uint32_t session_new_channel(struct session *s, bool is_post)
{
        s->last_channel += 2;
        return s->last_channel + (is_post ? 1 : 0);
}

static void session_keep(struct session *s, struct replay_id id, struct str text, bool was_sent)
{
        if (s->replay == NULL && session_context(s)->config->replay_max_bytes > 0) {
                s->replay = calloc(1, sizeof(*s->replay));
                if (s->replay != NULL)
                        replay_init(s->replay, &session_context(s)->replay,
                                    &s->client.share->memory,
                                    session_context(s)->config->replay_max_bytes);
        }
        if (s->replay != NULL &&
            replay_add(s->replay, id, text, was_sent, loop_now_ms(session_context(s)->loop)) < 0)
                log_warn(NULL, "[MCP] out of memory: an event is not kept for replay");
}

static int push_with_id(struct stream *stream, struct replay_id id, struct str text)
{
        char id_text[REPLAY_ID_SIZE];
        struct sse_event ev = {.name = STR("message"), .data = text, .retry_ms = -1};

        if (id.stream > 0) {
                replay_id_print(id, id_text);
                ev.id = str_from(id_text);
        }
        return stream_push(stream, &ev);
}

void session_push(struct session *s, struct channel *channel, struct stream *stream,
                  struct str text)
{
        struct replay_id id = {channel->no, 0};
        bool was_sent;

        if (channel->no > 0)
                id.seq = ++channel->seq;
        was_sent = stream != NULL && push_with_id(stream, id, text) == 0;
        if (channel->no > 0)
                session_keep(s, id, text, was_sent);
}

void session_deliver(struct session *s, const json_t *msg)
{
        struct list *newest = list_last(&s->streams);
        struct str text;

        if (s->client.kind == UPSTREAM_CLIENT_STANDING) {
                subscriptions_deliver(s, msg);
                return;
        }
        if (rpc_dump(msg, &text) < 0)
                return;
        if (newest != NULL) {
                struct stream *stream = container_of(newest, struct stream, node);

                session_push(s, &stream->channel, stream, text);
        } else if (s->client.kind == UPSTREAM_CLIENT_SESSION) {
                if (s->lost.no == 0)
                        s->lost = (struct channel){session_new_channel(s, false), 0};
                session_push(s, &s->lost, NULL, text);
        }
        free((void *)text.p);
}

static void session_on_get_end(struct stream *stream)
{
        struct session *s = stream->session;

        if (s->client.is_ending)
                return;
        s->lost = stream->channel;
        session_touch(s);
}

static const struct stream_events get_events = {.on_end = session_on_get_end};

/* Everything after id on its channel goes out again, under its old id. One walk of the session's
 * log. */
static void session_replay(struct session *s, struct stream *stream, struct replay_id id)
{
        struct replay_entry *e = s->replay != NULL ? replay_after(s->replay, id) : NULL;

        for (; e != NULL; e = replay_next(e)) {
                id.seq = e->id.seq;
                if (push_with_id(stream, id, (struct str){e->data, e->n}) != 0)
                        break;
                e->was_sent = true;
        }
        if (stream->channel.seq < id.seq)
                stream->channel.seq = id.seq;
}

/* Which channel a GET goes on with, and from where. Walks the streams of a session:
 * streams_per_user_max at most. */
static struct channel session_pick_channel(struct session *s, struct str last_event_id,
                                           struct replay_id *fromp)
{
        struct channel channel = {0};
        bool resumes = replay_id_read(last_event_id, fromp) == 0 && fromp->stream > 1 &&
                       fromp->stream <= s->last_channel + 1;

        list_for_each_safe (it, &s->streams) {
                struct stream *old = container_of(it, struct stream, node);

                if (resumes && old->channel.no == fromp->stream) { /* its client has lost it */
                        channel = old->channel;
                        stream_end(old);
                }
        }
        if (channel.no == 0 && s->lost.no != 0 && (!resumes || s->lost.no == fromp->stream))
                channel = s->lost;
        if (channel.no == 0)
                channel = resumes ? (struct channel){fromp->stream, fromp->seq}
                                  : (struct channel){session_new_channel(s, false), 0};
        if (s->lost.no == channel.no)
                s->lost = (struct channel){0};
        if (!resumes) {
                struct replay_entry *e = s->replay != NULL ? replay_unsent(s->replay) : NULL;

                *fromp = (struct replay_id){channel.no, channel.seq};
                if (e != NULL && e->id.stream == channel.no)
                        fromp->seq = e->id.seq - 1;
        }
        return channel;
}

/* The first bytes: an event with an id and no data where the revision has it, else the comment. */
static struct str session_first_bytes(const struct session *s, struct replay_id id, char *out,
                                      size_t size)
{
        char id_text[REPLAY_ID_SIZE];

        if (!era_primes_streams(s->client.revision))
                return STR(SSE_OPEN);
        replay_id_print(id, id_text);
        int n = snprintf(out, size, "id: %s\ndata: \n\n", id_text);
        return (struct str){out, (size_t)n};
}

void session_open_get(struct session *s, struct request *req, struct str last_event_id)
{
        struct replay_id from;
        struct channel channel = session_pick_channel(s, last_event_id, &from);
        struct post_response *post = channel.no % 2 ? post_response_find(s, channel.no) : NULL;
        char first[REPLAY_ID_SIZE + 16];
        struct stream *stream;
        struct stream_options options = {
                .session = s,
                .channel = channel,
                .has_retry = true,
                .first = session_first_bytes(s, from, first, sizeof(first)),
                .events = channel.no % 2 ? NULL : &get_events,
        };

        if (stream_open(req, &options, &stream) < 0)
                return;
        if (channel.no % 2 == 0)
                list_append(&s->streams, &stream->node);
        session_touch(s);
        session_replay(s, stream, from);
        if (post != NULL)
                post_response_resume(post, stream);
        else if (channel.no % 2) { /* that POST is over: nothing more will come */
                stream->has_retry = false;
                stream_end(stream);
        }
}

static void session_on_sse_end(struct stream *stream)
{
        session_end(stream->session);
}

static const struct stream_events sse_events = {.on_end = session_on_sse_end};

int session_open_sse(struct session *s, struct request *req)
{
        char first[256];
        int n = snprintf(first, sizeof(first), "event: endpoint\ndata: /message?sessionId=%s\n\n",
                         s->id);
        struct stream *stream;
        struct stream_options options = {
                .session = s,
                .first = {first, (size_t)n},
                .events = &sse_events,
        };
        int r = stream_open(req, &options, &stream);

        if (r < 0)
                return r;
        list_append(&s->streams, &stream->node);
        session_touch(s);
        return 0;
}

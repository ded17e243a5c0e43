/* The upstream sessions of a session. They are opened when its client initializes. When the
 * configuration is read again, those of new servers are added, and those of retired ones end: as
 * soon as no call goes by them, at the latest after drain_s. */
#include "session_inside.h"

#include "mgw/base/alloc.h"
#include "mgw/session/access.h"
#include "mgw/session/call.h"
#include "mgw/session/listing.h"
#include "mgw/session/subscription.h"
#include "mgw/upstream/upstream_session.h"
#include "mgw/wire/rpc.h"

#include <stdlib.h>
#include <string.h>

/* What an upstream session holds beside its own struct: what is said at its opening, its
 * transport's peer. */
#define UPSTREAM_SESSION_AROUND_BYTES 1500
/* Retired upstreams are looked after so often. */
#define RETIRE_EVERY_MS 100

static bool is_shared(const struct session *s)
{
        return s->client.kind == UPSTREAM_CLIENT_SHARED;
}

/* ---- opening ---- */

static void charge(struct session *s)
{
        size_t one = sizeof(struct upstream_session) + UPSTREAM_SESSION_AROUND_BYTES;
        size_t n = session_context(s)->n_upstreams;

        session_charge(s, sizeof(*s) + (n > 0 ? n * one + rpc_cost(s->init_params) : 0));
}

/* Thousands of clients say the same: they share it. */
static json_t *shared_init_params(struct context *context, json_t *init_params)
{
        if (!json_equal(context->recent_init, init_params)) {
                json_decref(context->recent_init);
                context->recent_init = json_incref(init_params);
        }
        return json_incref(context->recent_init);
}

static struct upstream_session **place_of(const struct session *s, const struct upstream *u)
{
        return &s->client.upstream_sessions[u->index];
}

/* Each upstream session that settles asks whether it was the last: whoever waits is answered when
 * the table is whole. Those of which nothing is for the user are not opened. */
void session_open_upstreams(struct session *s, json_t *init_params)
{
        struct context *context = session_context(s);

        s->init_params = shared_init_params(context, init_params);
        s->client.upstream_sessions =
                alloc_array(context->n_slots, sizeof(struct upstream_session *));
        s->is_opening = true;
        for (size_t i = 0; i < context->n_upstreams; i++) {
                struct upstream *u = context->upstreams[i];

                if (access_to_server(s->identity, u))
                        upstream_session_open(u, &s->client, s->init_params, place_of(s, u));
        }
        s->is_opening = false;
        charge(s);
}

void session_open_more(struct session *s)
{
        struct context *context = session_context(s);

        for (size_t i = 0; s->client.upstream_sessions != NULL && i < context->n_upstreams; i++) {
                struct upstream *u = context->upstreams[i];
                struct upstream_session **usp = place_of(s, u);

                if (*usp != NULL || !access_to_server(s->identity, u))
                        continue;
                upstream_session_open(u, &s->client, s->init_params, usp);
                if (*usp != NULL && (*usp)->state != UPSTREAM_SESSION_READY)
                        (*usp)->is_missing = true;
        }
}

/* Clients without a session are told by what they listen with. */
void session_tell_lists(struct session *s)
{
        static const char *const methods[] = {"notifications/tools/list_changed",
                                              "notifications/prompts/list_changed",
                                              "notifications/resources/list_changed"};

        if (!s->client.is_initialized)
                return;
        for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
                json_t *msg = rpc_notification_take(methods[i], NULL);

                session_deliver(s, msg);
                json_decref(msg);
        }
}

/* ---- a configuration that has been read again ---- */

static void add_slots(struct session *s, size_t n_before)
{
        size_t n = session_context(s)->n_slots;
        struct upstream_session **all = s->client.upstream_sessions;

        if (all == NULL || n == n_before)
                return;
        all = alloc_again((void *)all, n, sizeof(struct upstream_session *));
        memset((void *)(all + n_before), 0, (n - n_before) * sizeof(struct upstream_session *));
        s->client.upstream_sessions = all;
}

/* The upstream session whose place this one takes: its upstream's entry was changed. */
static const struct upstream_session *predecessor(const struct session *s,
                                                  const struct upstream *upstream)
{
        const struct upstream_session *us = NULL;

        list_for_each (it, &upstream->context->retired) {
                const struct upstream *u = container_of(it, struct upstream, node);

                if (strcmp(upstream_name(u), upstream_name(upstream)) == 0 &&
                    *place_of(s, u) != NULL)
                        us = *place_of(s, u);
        }
        return us;
}

/* Thousands at once would be a rush: those of clients that have been answered open when they are
 * asked for something, as these do when they hear that their lists have changed. */
static void add_upstreams(struct session *s)
{
        const struct context *context = session_context(s);
        bool is_at_once = s->client.kind == UPSTREAM_CLIENT_STANDING || !s->client.is_initialized;

        for (size_t i = 0; i < context->n_upstreams; i++) {
                struct upstream *u = context->upstreams[i];
                struct upstream_session **usp = place_of(s, u);
                const struct upstream_session *before = predecessor(s, u);

                if (*usp != NULL || !access_to_server(s->identity, u))
                        continue;
                if (is_at_once) {
                        upstream_session_open(u, &s->client, s->init_params, usp);
                } else {
                        *usp = upstream_session_create(u, &s->client, s->init_params);
                        (*usp)->is_settled = true;
                }
                if (before != NULL)
                        upstream_session_succeed(*usp, before);
        }
        charge(s);
}

static bool has_call(const struct session *s, const struct upstream *u)
{
        list_for_each (it, &s->calls)
                if (container_of(it, struct call, node)->upstream == u)
                        return true;
        return false;
}

/* But for those that have their answer, and wait for their client to come for it. */
static void fail_calls(struct session *s, const struct upstream *u)
{
        list_for_each_safe (it, &s->calls) {
                struct call *call = container_of(it, struct call, node);

                if (call->upstream == u && call->state != CALL_STATE_ANSWERED)
                        call_fail(call, RPC_INTERNAL_ERROR, "upstream %s: %s", upstream_name(u),
                                  u->retired);
        }
}

static void close_upstream(struct upstream_session *us)
{
        listing_forget_overdue(us);
        upstream_session_close(us);
}

static void retire(struct session *s, const struct upstream *u)
{
        struct upstream_session **usp, *us;

        if (s->client.upstream_sessions == NULL || *(usp = place_of(s, u)) == NULL)
                return;
        us = *usp;
        if (loop_now_ms(session_context(s)->loop) >= u->retired_until_ms)
                fail_calls(s, u);
        if (has_call(s, u) || !list_is_empty(&us->user_sessions) || s->client.is_ending)
                return;
        subscriptions_leave(s, us);
        *usp = NULL;
        upstream_session_abandon(us, u->retired);
        close_upstream(us);
}

/* Shared sessions after those that use them. */
static void retire_all(struct context *context, bool are_shared)
{
        struct session *s, *next;

        HASH_ITER(hh, context->sessions, s, next)
        {
                if (is_shared(s) != are_shared)
                        continue;
                list_for_each_safe (it, &context->retired)
                        retire(s, container_of(it, struct upstream, node));
        }
}

/* Walks all sessions while calls go by what is retired: for drain_s at most. */
static void on_retire(struct timer *timer)
{
        struct context *context = container_of(timer, struct context, retire);

        upstreams_forget_retired(context);
        if (list_is_empty(&context->retired))
                return;
        retire_all(context, false);
        retire_all(context, true);
        timer_arm(context->loop, timer, RETIRE_EVERY_MS);
}

void sessions_follow_upstreams(struct context *context, size_t slots, bool tells)
{
        struct session *s, *next;

        HASH_ITER(hh, context->sessions, s, next)
        {
                add_slots(s, slots);
        }
        HASH_ITER(hh, context->sessions, s, next)
        {
                if (s->client.upstream_sessions != NULL && !is_shared(s))
                        add_upstreams(s);
        }
        on_retire(&context->retire);
        HASH_ITER(hh, context->sessions, s, next)
        {
                if (tells && !is_shared(s))
                        session_tell_lists(s);
        }
}

/* ---- their end ---- */

void session_close_upstreams(struct session *s)
{
        for (size_t i = 0; i < session_n_slots(s); i++)
                if (s->client.upstream_sessions[i] != NULL)
                        close_upstream(s->client.upstream_sessions[i]);
        free((void *)s->client.upstream_sessions);
        s->client.upstream_sessions = NULL;
}

void session_upstreams_context_init(struct context *context)
{
        context->retire.on_due = on_retire;
}

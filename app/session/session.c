/* Sessions stand in a hash by id, from their making to their end. */
#include "session_inside.h"

#include "mgw/base/alloc.h"
#include "mgw/base/log.h"
#include "mgw/base/rand.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"
#include "mgw/session/access.h"
#include "mgw/session/call.h"
#include "mgw/session/listing.h"
#include "mgw/session/page_cache.h"
#include "mgw/session/post_response.h"
#include "mgw/session/server_request.h"
#include "mgw/upstream/leftover.h"
#include "mgw/upstream/upstream_session.h"
#include "mgw/wire/rpc.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ID_RANDOM_BYTES 18
/* What an upstream session holds beside its own struct: what is said at its opening, its
 * transport's peer. */
#define UPSTREAM_SESSION_AROUND_BYTES 1500

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

static void session_free(void *object)
{
        struct session *s = object;

        assert(list_is_empty(&s->calls) && s->n_calls == 0 && s->n_server_requests == 0);
        assert(list_is_empty(&s->streams) && list_is_empty(&s->idle_node) && s->replay == NULL);
        ledger_release(&s->client.share->memory, LEDGER_SESSION, s->charged);
        json_decref(s->task_tools);
        if (s->task_tools_hold.payer != NULL)
                ledger_hold_set_past(&s->task_tools_hold, 0);
        share_let_go(s->client.share);
        json_decref(s->init_params);
        identity_let_go(s->identity);
        user_let_go(s->client.user);
        free(s);
}

/* What it holds from now on, more or less than before. Past the caps: who asks has been told. */
static void session_charge(struct session *s, size_t bytes)
{
        ledger_release(&s->client.share->memory, LEDGER_SESSION, s->charged);
        s->charged = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
        ledger_charge_past(&s->client.share->memory, LEDGER_SESSION, s->charged);
}

static struct session *session_with_id(struct context *context, struct user *user,
                                       struct share *share, enum upstream_client_kind kind,
                                       struct str id)
{
        size_t size = sizeof(struct session) + id.n + 1;
        struct session *s = alloc_zeroed(size);

        memcpy(s->id, id.p, id.n);
        s->client.user = user_hold(user);
        s->client.share = share_hold(share);
        session_charge(s, size);
        s->client.events = context->client_events;
        s->client.kind = (uint8_t)kind;
        s->client.log_level = -1;
        list_init(&s->streams);
        list_init(&s->calls);
        list_init(&s->server_requests);
        HASH_ADD_STR(context->sessions, id, s);
        return s;
}

struct session *session_new(struct context *context, struct user *user, struct share *share,
                            enum upstream_client_kind kind)
{
        char random[RAND_TEXT_SIZE(ID_RANDOM_BYTES)];
        char *id;
        struct session *s;

        rand_text(random, ID_RANDOM_BYTES);
        id = alloc_format("%s.%s", context->config->node, random);
        s = session_with_id(context, user, share, kind, str_from(id));
        free(id);
        return s;
}

/* Counts it as one that a client has made. */
static void session_count(struct session *s, struct identity *identity)
{
        session_identify(s, identity);
        session_context(s)->stats.n_sessions++;
        s->client.share->n_sessions++;
        session_touch(s);
}

int session_create(struct context *context, struct identity *identity, struct share *share,
                   enum upstream_client_kind kind, struct session **sessionp)
{
        int r = sessions_make_room(context, share);

        if (r == 0 && ledger_check(&share->memory, sizeof(struct session)) != 0)
                r = -EAGAIN;
        if (r < 0)
                return r;
        *sessionp = session_new(context, identity->user, share, kind);
        session_count(*sessionp, identity);
        return 0;
}

struct session *session_adopt(struct context *context, struct identity *identity,
                              struct share *share, enum upstream_client_kind kind, struct str id)
{
        struct session *s = session_with_id(context, identity->user, share, kind, id);

        session_count(s, identity);
        return s;
}

/* Each upstream session that settles asks whether it was the last: whoever waits is answered when
 * the table is whole. Those of which nothing is for the user are not opened. */
void session_open_upstreams(struct session *s, json_t *init_params)
{
        size_t n = session_context(s)->n_upstreams;

        if (n == 0)
                return;
        s->init_params = json_incref(init_params);
        s->client.upstream_sessions = alloc_array(n, sizeof(struct upstream_session *));
        s->is_opening = true;
        for (size_t i = 0; i < n; i++)
                if (access_to_server(s->identity, &session_context(s)->upstreams[i]))
                        upstream_session_open(&session_context(s)->upstreams[i], &s->client,
                                              init_params, &s->client.upstream_sessions[i]);
        s->is_opening = false;
        session_charge(
                s, sizeof(*s) +
                           n * (sizeof(struct upstream_session) + UPSTREAM_SESSION_AROUND_BYTES) +
                           rpc_cost(init_params));
}

static void open_more(struct session *s)
{
        struct context *context = session_context(s);

        for (size_t i = 0; s->client.upstream_sessions != NULL && i < context->n_upstreams; i++) {
                struct upstream_session **usp = &s->client.upstream_sessions[i];

                if (*usp != NULL || !access_to_server(s->identity, &context->upstreams[i]))
                        continue;
                upstream_session_open(&context->upstreams[i], &s->client, s->init_params, usp);
                if (*usp != NULL && (*usp)->state != UPSTREAM_SESSION_READY)
                        (*usp)->is_missing = true;
        }
}

/* Clients without a session are told by what they listen with, which has an identity of its own. */
static void tell_lists(struct session *s)
{
        static const char *const methods[] = {"notifications/tools/list_changed",
                                              "notifications/prompts/list_changed",
                                              "notifications/resources/list_changed"};

        if (!s->client.is_initialized || s->client.kind == UPSTREAM_CLIENT_STANDING)
                return;
        for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
                json_t *msg = rpc_notification_take(methods[i], NULL);

                session_deliver(s, msg);
                json_decref(msg);
        }
}

/* Servers that it may see now are opened, and its client is told that its lists may be others. */
static void session_on_identity(struct session *s, struct identity *before)
{
        const struct context *context = session_context(s);
        struct identity_rules rules;

        if (context->policy == NULL || before == NULL || before == s->identity)
                return;
        rules = access_rules_of(context, before);
        if (access_is_alike(context, &rules, s->identity))
                return;
        open_more(s);
        tell_lists(s);
}

void session_identify(struct session *s, struct identity *identity)
{
        struct identity *before = s->identity;

        assert(identity->user == s->client.user);
        s->identity = identity_hold(identity);
        session_on_identity(s, before);
        identity_let_go(before);
}

struct session *session_find(struct context *context, struct str id, struct identity *identity)
{
        struct session *s = NULL;

        if (id.n > 0)
                HASH_FIND(hh, context->sessions, id.p, (unsigned)id.n, s);
        if (s == NULL || s->client.user != identity->user)
                return NULL;
        session_identify(s, identity);
        return s;
}

const json_t *session_client_info(const struct session *s)
{
        return s->client.kind == UPSTREAM_CLIENT_STANDING
                       ? NULL
                       : json_object_get(s->init_params, "clientInfo");
}

static void session_close_upstream(struct upstream_session *us)
{
        if (us == NULL)
                return;
        listing_forget_overdue(us);
        upstream_session_close(us);
}

/* All else that ends while its calls do has ended for that too. */
static void end_calls(struct session *s, enum stream_cause cause)
{
        struct list *node;

        while ((node = list_first(&s->calls)) != NULL) {
                struct call *call = container_of(node, struct call, node);

                if (call->post != NULL)
                        stream_blame(call->post->stream, cause);
                call->error_outcome = CALL_OUTCOME_CANCELLED;
                call_fail(call, RPC_INTERNAL_ERROR, "the session has ended");
        }
}

void session_end(struct session *s)
{
        session_end_for(s, session_context(s)->is_draining ? STREAM_CAUSE_DRAIN
                                                           : STREAM_CAUSE_SESSION);
}

void session_end_for(struct session *s, enum stream_cause cause)
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
        end_calls(s, cause);
        while ((node = list_first(&s->streams)) != NULL)
                stream_end(container_of(node, struct stream, node), cause);
        server_request_forget_session(s);
        for (size_t i = 0;
             s->client.upstream_sessions != NULL && i < session_context(s)->n_upstreams; i++)
                session_close_upstream(s->client.upstream_sessions[i]);
        free((void *)s->client.upstream_sessions);
        s->client.upstream_sessions = NULL;
        channel_forget_all(s);
        if (s->client.kind != UPSTREAM_CLIENT_SHARED) {
                assert(session_context(s)->stats.n_sessions > 0 && s->client.share->n_sessions > 0);
                session_context(s)->stats.n_sessions--;
                s->client.share->n_sessions--;
        }
        loop_bury(session_context(s)->loop, s, session_free);
}

/* Shared sessions after those that use them. */
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

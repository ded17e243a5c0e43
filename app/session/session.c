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
#include "mgw/session/session_handover.h"
#include "mgw/upstream/leftover.h"
#include "mgw/upstream/upstream_session.h"
#include "mgw/wire/rpc.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ID_RANDOM_BYTES 18

/* As the log names them; no user's address. */
static char everybody[] = "*";

void session_context_init(struct context *context)
{
        context->on_idle_due = sessions_expire;
        context->everybody.email = everybody;
        context->everybody.has_token = true;
        page_cache_context_init(context);
        session_upstreams_context_init(context);
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

void session_charge(struct session *s, size_t bytes)
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
        session_open_more(s);
        if (s->client.kind != UPSTREAM_CLIENT_STANDING) /* who listens there has one of their own */
                session_tell_lists(s);
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
        if (cause != STREAM_CAUSE_DRAIN && session_handover(s) != NULL)
                session_handover(s)->on_end(s);
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
        session_close_upstreams(s);
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
        json_decref(context->recent_init);
        context->recent_init = NULL;
}

/* Sessions without a client: a user's standing session, in which requests of the stateless era run,
 * and those whose upstream sessions others share. What initialize says there is ours. */
#include "session_inside.h"

#include "mgw/base/alloc.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"
#include "mgw/upstream/upstream_session.h"

/* Of one session, where nothing else is said. */
#define CALLS_MAX 60000

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

int session_standing(struct context *context, struct identity *identity, struct session **sessionp)
{
        struct user *user = identity->user;
        json_t *init_params;
        int r;

        *sessionp = user->standing;
        if (user->standing != NULL) {
                session_identify(user->standing, identity);
                return 0;
        }
        r = session_create(context, identity, standing_share(context, user),
                           UPSTREAM_CLIENT_STANDING, sessionp);
        if (r < 0)
                return r;
        user->standing = *sessionp;
        user->standing->client.is_initialized = true;
        user->standing->client.revision = era_newest();
        init_params = standing_init_params();
        session_open_upstreams(user->standing, init_params);
        json_decref(init_params);
        return 0;
}

unsigned session_calls_max(const struct session *s)
{
        const struct config *config = session_context(s)->config;

        if (s->client.kind != UPSTREAM_CLIENT_STANDING)
                return config->calls_per_session_max;
        return config->calls_per_user_max > 0 ? config->calls_per_user_max : CALLS_MAX;
}

/* It counts as none of the sessions that clients make, and there are no more of them than users. */
static struct upstream_client *session_shared(struct context *context, struct user *user)
{
        struct upstream_client *client;

        if (user->shared != NULL)
                return &user->shared->client;
        user->shared = session_new(context, user, context->own_share, UPSTREAM_CLIENT_SHARED);
        client = &user->shared->client;
        client->is_initialized = true;
        client->revision = era_newest();
        client->upstream_sessions =
                alloc_array(context->n_slots, sizeof(struct upstream_session *));
        return client;
}

struct upstream_session *session_shared_upstream(const struct session *s, struct upstream *upstream)
{
        bool is_for_all = upstream->server->scope == CONFIG_SCOPE_SHARED;
        struct user *user = is_for_all ? &session_context(s)->everybody : s->client.user;
        struct upstream_client *client = session_shared(session_context(s), user);
        struct upstream_session **usp = &client->upstream_sessions[upstream->index];
        json_t *init_params;

        if (*usp == NULL) {
                init_params = standing_init_params();
                *usp = upstream_session_create(upstream, client, init_params);
                json_decref(init_params);
        }
        return *usp;
}

/* The configuration is read again by SIGHUP: the whole file, with all that it names. A fault in it
 * leaves all as it was. Else what has changed takes its place at once, between two turns: nothing
 * keeps a pointer into the former but entries of servers, which live as long as who serves by them
 * (upstream/upstreams). */
#include "handover.h"
#include "mgw/auth/authority.h"
#include "mgw/auth/caller.h"
#include "mgw/auth/policy.h"
#include "mgw/auth/policy_limit.h"
#include "mgw/base/alloc.h"
#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/login/browser.h"
#include "mgw/loop/sock.h"
#include "mgw/observe/observe.h"
#include "mgw/session/page_cache.h"
#include "mgw/session/session.h"
#include "mgw/upstream/confine.h"
#include "mgw/upstream/upstream.h"
#include "server_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* Log, loop, signals, listener and the like. */
#define OWN_DESCRIPTORS 16

/* ---- what is read ---- */

int server_read(struct context *context, int (*open)(struct context *context, FILE *err))
{
        char *told = NULL, *save = NULL;
        size_t n = 0;
        FILE *err = open_memstream(&told, &n);
        int r;

        if (err == NULL)
                return -ENOMEM;
        r = open(context, err);
        if (fclose(err) == 0)
                for (char *line = strtok_r(told, "\n", &save); line != NULL;
                     line = strtok_r(NULL, "\n", &save))
                        log_line(r < 0 ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, NULL, "[mgw] %s", line);
        free(told);
        return r;
}

static int server_open_tokens(struct context *context, FILE *err)
{
        return user_table_create(&context->users, context->config->auth_tokens_file, err);
}

int server_read_tokens(struct context *context)
{
        return server_read(context, server_open_tokens);
}

static int server_load(struct context *context, FILE *err)
{
        struct server *sv = container_of(context, struct server, context);

        return config_load(sv->next, sv->config->path, err);
}

static int server_check(struct context *context, FILE *err)
{
        const struct server *sv = container_of(context, struct server, context);

        return observe_check(context, sv->next, err);
}

static int server_load_tokens(struct context *context, FILE *err)
{
        const struct server *sv = container_of(context, struct server, context);

        return user_table_reload(context->users, sv->next->auth_tokens_file, err);
}

static int server_keep(struct context *context, FILE *err)
{
        struct server *sv = container_of(context, struct server, context);

        config_follow(sv->next, sv->config, err);
        return 0;
}

/* ---- what follows ---- */

void server_limits(struct context *context)
{
        const struct config *config = context->config;

        context->per_user = (struct share_limits){.calls_max = config->calls_per_user_max,
                                                  .calls_per_s = config->calls_per_user_s,
                                                  .streams_max = config->streams_per_user_max};
}

/* Idle streams must not take the descriptors that calls need: a tenth is theirs. */
void server_fit_descriptors(struct context *context)
{
        struct rlimit limit;
        int64_t fits;

        if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
                limit.rlim_cur = limit.rlim_max;
                (void)setrlimit(RLIMIT_NOFILE, &limit);
        }
        fits = (int64_t)(sock_ceiling() - OWN_DESCRIPTORS) * 9 / 10;
        context->streams_max = context->config->streams_max;
        if (context->streams_max <= fits)
                return;
        context->streams_max = fits > 0 ? (uint32_t)fits : 0;
        log_info(NULL,
                 "[mgw] streams_max is %u, but the descriptors allow %u streams: raise their limit "
                 "(ulimit -n, LimitNOFILE=)",
                 context->config->streams_max, context->streams_max);
}

/* Identities know by its number that a policy is another (auth/policy). */
void server_know_policy(struct context *context)
{
        policy_destroy(context->policy);
        context->policy = context->config->policy != NULL ? policy_create(context->config) : NULL;
        if (context->policy != NULL && context->policy_counts == NULL)
                context->policy_counts = policy_counts_create(&context->own_share->memory);
}

struct server_change {
        const struct server *sv;
        const struct config *before;
};

static bool server_lets_in(const struct server *sv, const struct config *before,
                           const struct identity *identity)
{
        if (identity->source == IDENTITY_FILE)
                return true; /* server_check_tokens() looks */
        if (identity->source == IDENTITY_JWT)
                return caller_issuer_is_same(sv->config, before, identity->issuer);
        return caller_may_stay(&sv->context, identity);
}

static bool server_is_stranger(void *arg, const struct identity *identity)
{
        const struct server_change *change = arg;

        return !server_lets_in(change->sv, change->before, identity);
}

/* Who came by what is not taken any more, or is judged by other rules: their clients show their
 * tokens once more. A walk over all sessions. */
static void server_end_strangers(struct server *sv, const struct config *before)
{
        struct server_change change = {sv, before};
        struct session *s, *next;

        HASH_ITER(hh, sv->context.sessions, s, next)
        {
                if (s->client.kind == UPSTREAM_CLIENT_STANDING)
                        server_end_listening(s, server_is_stranger, &change);
                if (s->identity == NULL || server_lets_in(sv, before, s->identity))
                        continue;
                log_info(LOG_FIELDS({"user", s->client.user->email}),
                         "[MCP] session ended: by the configuration its user is to show who they "
                         "are once more");
                session_end(s);
        }
        caller_known_destroy(&sv->context);
        caller_known_create(&sv->context);
}

/* Is what clients are shown something else, but for the servers? */
static bool server_shows_other(const struct config *now, const struct config *before)
{
        return now->policy != NULL || before->policy != NULL ||
               now->has_builtin_tools != before->has_builtin_tools;
}

/* In this order: a walk below finds what stands above it here. */
static void server_follow(struct server *sv, const struct config *before)
{
        struct context *context = &sv->context;
        size_t slots = context->n_slots;
        bool tells = server_shows_other(sv->config, before);

        log_adjust((enum log_format)sv->config->log_format, (enum log_level)sv->config->log_level);
        page_cache_forget_all(context);
        server_limits(context);
        server_fit_descriptors(context);
        server_know_policy(context);
        authority_follow(context);
        server_end_strangers(sv, before);
        confine_follow(context);
        tells = upstreams_follow(context) || tells;
        sessions_follow_upstreams(context, slots, tells);
        stream_context_follow(context);
        browser_follow(context, before);
        caller_issuers_follow(context, before);
        server_check_tokens(sv);
        context_tell_change(context);
        (void)observe_reload(context, true);
}

/* Its place in memory stays, what stands there is exchanged. */
static void server_take(struct server *sv, struct config *next)
{
        struct config before = *sv->config;

        *sv->config = *next;
        server_follow(sv, &before);
        config_finish(&before);
}

static void server_reload(struct server *sv)
{
        struct context *context = &sv->context;
        struct config next = {.n_servers = 0};

        sv->next = &next;
        if (server_read(context, server_load) < 0 || server_read(context, server_check) < 0 ||
            server_read(context, server_load_tokens) < 0) {
                log_error(NULL, "[mgw] the configuration stays as it was");
                config_finish(&next);
                (void)observe_reload(context, false);
                return;
        }
        (void)server_read(context, server_keep);
        server_take(sv, &next);
        log_info(NULL, "[mgw] configuration read again, upstreams: %zu", sv->config->n_servers);
}

void server_on_hangup(struct server *sv)
{
        if (handover_takes_reload(sv->handover))
                return;
        if (sv->context.is_draining)
                log_warn(NULL, "[mgw] the configuration is not read again: this process is ending");
        else
                server_reload(sv);
}

/* All configured servers. Nothing below calls it: what carries messages to a server, and who pays
 * for it, is settled here once. */
#include "mgw/upstream/upstream.h"

#include "mgw/base/alloc.h"
#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/upstream/account.h"
#include "mgw/upstream/leftover.h"
#include "upstream_inside.h"

#include <stdlib.h>
#include <string.h>

static const struct transport *const transports[] = {
        [CONFIG_SERVER_HTTP] = &transport_http,
        [CONFIG_SERVER_SSE] = &transport_sse,
        [CONFIG_SERVER_STDIO] = &transport_stdio,
        [CONFIG_SERVER_REST] = &transport_rest,
};

static bool is_rival(const char *prefix, const char *other)
{
        size_t n = strlen(prefix);

        return strlen(other) > n && strncmp(prefix, other, n) == 0;
}

static void forget_rivals(struct upstream *u)
{
        free(u->rule.rivals);
        u->rule.rivals = NULL;
}

/* Whoever has the longest prefix that a name begins with owns it, whatever others offer and whoever
 * is down. Configured servers times themselves, once for each configuration. */
static void find_rivals(struct upstream *u)
{
        const struct config *config = u->context->config;
        size_t n = 0;

        forget_rivals(u);
        u->rule.rivals = alloc_array(config->n_servers + 1, sizeof(*u->rule.rivals));
        for (size_t i = 0; i < config->n_servers; i++)
                if (is_rival(u->rule.prefix, config->servers[i]->prefix))
                        u->rule.rivals[n++] = config->servers[i]->prefix;
}

static struct http_tls tls_of(const struct config_server *s)
{
        return (struct http_tls){
                .ca_file = s->ca_file,
                .client_cert_file = s->client_cert_file,
                .client_key_file = s->client_key_file,
                .server_name = s->tls_server_name,
        };
}

/* ---- one ---- */

/* The first that is free, so that there are no more than have been in use at once. */
static void take_slot(struct upstream *u)
{
        struct context *context = u->context;
        size_t i = 0;

        while (i < context->n_slots && context->slots[i] != NULL)
                i++;
        if (i == context->n_slots)
                context->slots = alloc_again((void *)context->slots, ++context->n_slots,
                                             sizeof(struct upstream *));
        context->slots[i] = u;
        u->index = (unsigned)i;
}

static struct upstream *upstream_new(struct context *context, struct config_server *server)
{
        struct upstream *u = alloc_zeroed(sizeof(*u));

        *u = (struct upstream){
                .context = context,
                .server = config_server_hold(server),
                .transport = transports[server->kind],
                .first_transport = transports[server->kind],
                .sharing = &transport_shared,
                .rule = {.server = server->name,
                         .prefix = server->prefix,
                         .include = server->include,
                         .exclude = server->exclude,
                         .tools = server->tools},
                .memory = {&context->ledger, 0, context->memory_per_user_max_bytes},
                .http = {.reach = server->allow_link_local ? HTTP_REACH_ANY : HTTP_REACH_NETWORK,
                         .tls = tls_of(server)},
        };
        list_init(&u->node);
        take_slot(u);
        upstream_forget_eras(u);
        accounts_create(u);
        return u;
}

static void recent_release(struct upstream_recent *recent)
{
        json_decref(recent->init_result);
        recent->init_result = NULL;
        for (size_t i = 0; i < sizeof(recent->lists) / sizeof(recent->lists[0]); i++) {
                upstream_list_let_go(recent->lists[i]);
                recent->lists[i] = NULL;
        }
}

static void forget_what_it_said(struct upstream *u)
{
        recent_release(&u->recent[0]);
        recent_release(&u->recent[1]);
        json_decref(u->recent_params);
        u->recent_params = NULL;
}

static void upstream_free(void *object)
{
        struct upstream *u = object;

        forget_rivals(u);
        config_server_let_go(u->server);
        log_budget_finish(&u->log);
        free(u);
}

/* What was cancelled names its source until the turn ends. */
static void upstream_destroy(struct upstream *u)
{
        struct context *context = u->context;

        list_unlink(&u->node);
        context->slots[u->index] = NULL;
        forget_what_it_said(u);
        accounts_destroy(u);
        loop_bury(context->loop, u, upstream_free);
}

/* ---- those of a configuration ---- */

/* The one that serves by this very entry; NULL: none does. Walks them all. */
static struct upstream *find_by(const struct context *context, const struct config_server *server)
{
        for (size_t i = 0; i < context->n_upstreams; i++)
                if (context->upstreams[i]->server == server)
                        return context->upstreams[i];
        return NULL;
}

static bool has_name(const struct config *config, const char *name)
{
        for (size_t i = 0; i < config->n_servers; i++)
                if (strcmp(config->servers[i]->name, name) == 0)
                        return true;
        return false;
}

static void upstream_retire(struct upstream *u)
{
        struct context *context = u->context;
        bool is_changed = has_name(context->config, upstream_name(u));

        log_info(NULL, "[upstream] %s: %s", upstream_name(u),
                 is_changed ? "changed: it begins anew" : "removed");
        u->retired = is_changed ? "its configuration has changed while it was at work: call again"
                                : "it has been taken out of the configuration";
        u->retired_until_ms = loop_now_ms(context->loop) + context->config->drain_ms;
        list_append(&context->retired, &u->node);
        leftovers_end_of(u);
        forget_rivals(u); /* whose entries may go before it does */
        forget_what_it_said(u);
}

static bool is_among(struct upstream *const *upstreams, size_t n, const struct upstream *u)
{
        for (size_t i = 0; i < n; i++)
                if (upstreams[i] == u)
                        return true;
        return false;
}

/* Retired ones keep their slots before new ones take any. */
bool upstreams_follow(struct context *context)
{
        const struct config *config = context->config;
        size_t n = config->n_servers, n_before = context->n_upstreams;
        struct upstream **now = alloc_array(n, sizeof(struct upstream *)),
                        **before = context->upstreams;
        bool is_other = n != n_before;

        for (size_t i = 0; i < n; i++)
                now[i] = find_by(context, config->servers[i]);
        for (size_t i = 0; i < n_before; i++)
                if (!is_among(now, n, before[i]))
                        upstream_retire(before[i]);
        for (size_t i = 0; i < n; i++) {
                is_other = is_other || now[i] == NULL || now[i] != before[i];
                if (now[i] == NULL)
                        now[i] = upstream_new(context, config->servers[i]);
                is_other = is_other || now[i]->rule.is_safe != config->has_safe_names;
                now[i]->place = (unsigned)i;
                now[i]->rule.is_safe = config->has_safe_names;
                find_rivals(now[i]);
        }
        free((void *)before);
        context->upstreams = now;
        context->n_upstreams = n;
        return is_other;
}

void upstreams_create(struct context *context)
{
        list_init(&context->retired);
        (void)upstreams_follow(context);
}

void upstreams_destroy(struct context *context)
{
        for (size_t i = 0; i < context->n_slots; i++)
                if (context->slots[i] != NULL)
                        upstream_destroy(context->slots[i]);
        free((void *)context->slots);
        free((void *)context->upstreams);
        context->slots = NULL;
        context->upstreams = NULL;
        context->n_slots = context->n_upstreams = 0;
}

void upstreams_forget_retired(struct context *context)
{
        list_for_each_safe (it, &context->retired) {
                struct upstream *u = container_of(it, struct upstream, node);

                if (u->n_sessions == 0 && u->n_ending == 0 && u->memory.bytes == 0 &&
                    accounts_are_idle(u))
                        upstream_destroy(u);
        }
}

unsigned upstreams_n_ending(const struct context *context)
{
        unsigned n = 0;

        for (size_t i = 0; i < context->n_slots; i++)
                n += context->slots[i] != NULL ? context->slots[i]->n_ending : 0;
        return n;
}

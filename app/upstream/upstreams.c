/* All configured servers. Nothing below calls it: what carries messages to a server, and who pays
 * for it, is settled here once. */
#include "mgw/upstream/upstream.h"

#include "mgw/base/alloc.h"
#include "mgw/config/config.h"
#include "mgw/upstream/account.h"
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

/* Whoever has the longest prefix that a name begins with owns it, whatever others offer and whoever
 * is down. Configured servers times themselves, once. */
static void find_rivals(struct upstream *u)
{
        const struct config *config = u->context->config;
        size_t n = 0;

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

void upstreams_create(struct context *context)
{
        size_t n = context->config->n_servers;

        context->upstreams = alloc_array(n, sizeof(*context->upstreams));
        context->n_upstreams = n;
        for (size_t i = 0; i < n; i++) {
                const struct config_server *server = context->config->servers[i];

                context->upstreams[i] = (struct upstream){
                        .context = context,
                        .server = server,
                        .transport = transports[server->kind],
                        .first_transport = transports[server->kind],
                        .sharing = &transport_shared,
                        .rule = {.server = server->name,
                                 .prefix = server->prefix,
                                 .include = server->include,
                                 .exclude = server->exclude,
                                 .tools = server->tools,
                                 .is_safe = context->config->has_safe_names},
                        .memory = {&context->ledger, 0, context->memory_per_user_max_bytes},
                        .index = (unsigned)i,
                        .http = {.reach = server->allow_link_local ? HTTP_REACH_ANY
                                                                   : HTTP_REACH_NETWORK,
                                 .tls = tls_of(server)},
                };
                upstream_forget_eras(&context->upstreams[i]);
                find_rivals(&context->upstreams[i]);
                accounts_create(&context->upstreams[i]);
        }
}

static void recent_release(struct upstream_recent *recent)
{
        json_decref(recent->init_result);
        for (size_t i = 0; i < sizeof(recent->lists) / sizeof(recent->lists[0]); i++)
                upstream_list_let_go(recent->lists[i]);
}

void upstreams_destroy(struct context *context)
{
        for (size_t i = 0; i < context->n_upstreams; i++) {
                recent_release(&context->upstreams[i].recent[0]);
                recent_release(&context->upstreams[i].recent[1]);
                json_decref(context->upstreams[i].recent_params);
                free(context->upstreams[i].rule.rivals);
                log_budget_finish(&context->upstreams[i].log);
                accounts_destroy(&context->upstreams[i]);
        }
        free(context->upstreams);
        context->upstreams = NULL;
        context->n_upstreams = 0;
}

unsigned upstreams_n_ending(const struct context *context)
{
        unsigned n = 0;

        for (size_t i = 0; i < context->n_upstreams; i++)
                n += context->upstreams[i].n_ending;
        return n;
}

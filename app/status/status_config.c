/* What is in force, without secrets: paths and queries of addresses may be one, and so may the
 * arguments of programs. */
#include "status_inside.h"

#include "mgw/auth/policy.h"
#include "mgw/config/config.h"
#include "mgw/loop/http.h"

#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = {
        [CONFIG_SERVER_HTTP] = "http",
        [CONFIG_SERVER_SSE] = "sse",
        [CONFIG_SERVER_STDIO] = "program",
        [CONFIG_SERVER_REST] = "rest",
};
static const char *const scopes[] = {
        [CONFIG_SCOPE_SESSION] = "session",
        [CONFIG_SCOPE_USER] = "user",
        [CONFIG_SCOPE_SHARED] = "shared",
};
static const char *const eras[] = {
        [CONFIG_ERA_AUTO] = "auto",
        [CONFIG_ERA_SESSION] = "session",
        [CONFIG_ERA_STATELESS] = "stateless",
};

/* "https://host:port": no more of an address. */
static json_t *target_of_url(const char *url)
{
        char *origin = http_origin(url);
        json_t *target = status_text(origin);

        free(origin);
        return target;
}

/* The program's own name. */
static json_t *target_of_program(char *const *argv)
{
        const char *slash = argv != NULL && argv[0] != NULL ? strrchr(argv[0], '/') : NULL;

        return status_text(slash != NULL ? slash + 1 : argv != NULL ? argv[0] : NULL);
}

static json_t *target_of(const struct config_server *server)
{
        const char *url = config_server_address(server);

        if (server->kind == CONFIG_SERVER_STDIO)
                return target_of_program(server->argv);
        return url != NULL ? target_of_url(url) : json_null();
}

static json_t *server_row(const struct config_server *server)
{
        return json_pack("{s:o, s:s, s:o, s:s, s:s, s:o, s:i, s:b, s:b, s:I, s:I}", "name",
                         status_text(server->name), "kind", kinds[server->kind], "target",
                         target_of(server), "scope", scopes[server->scope], "era",
                         eras[server->era], "prefix", status_text(server->prefix), "accounts",
                         (int)server->n_users, "is_per_user", server->per_user, "has_oauth",
                         server->account.oauth != NULL, "timeout_ms",
                         (json_int_t)server->timeout_ms, "idle_ms", (json_int_t)server->idle_ms);
}

static json_t *servers(const struct config *config)
{
        json_t *rows = json_array();

        for (size_t i = 0; i < config->n_servers && i < STATUS_ROWS_MAX; i++)
                json_array_append_new(rows, server_row(config->servers[i]));
        return status_rows_take(config->n_servers, rows);
}

static json_t *auth(const struct config *config)
{
        json_t *issuers = json_array();

        for (size_t i = 0; i < config->n_jwt && i < STATUS_ROWS_MAX; i++)
                json_array_append_new(issuers, status_text(config->jwt[i].issuer));
        return json_pack("{s:b, s:b, s:o, s:b}", "has_tokens", config->auth_tokens_file[0] != '\0',
                         "has_login", config_has_login(config), "issuers", issuers,
                         "is_for_anybody", config->auth_anonymous);
}

static json_t *policy(const struct config_policy *policy)
{
        json_t *groups = json_array();

        if (policy == NULL) {
                json_decref(groups);
                return json_null();
        }
        for (size_t i = 0; i < policy->n_groups && i < STATUS_ROWS_MAX; i++)
                json_array_append_new(groups, status_text(policy->groups[i].name));
        return json_pack("{s:I, s:o}", "rules", (json_int_t)policy->n_rules, "groups", groups);
}

json_t *status_config(const struct context *context)
{
        const struct config *config = context->config;

        return json_pack("{s:s, s:o, s:o, s:I, s:I, s:o, s:o, s:o, s:o}", "version", MGW_VERSION,
                         "node", status_text(config->node), "public_url",
                         status_text(config->public_url), "streams_max",
                         (json_int_t)context->streams_max, "keepalive_ms",
                         (json_int_t)config->keepalive_ms, "auth", auth(config), "policy",
                         policy(config->policy), "servers", servers(config), "settings",
                         config_settings_show(config));
}

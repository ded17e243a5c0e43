#include "mgw/auth/challenge.h"

#include "mgw/auth/oauth_discovery.h"
#include "mgw/auth/scope.h"
#include "mgw/base/alloc.h"
#include "mgw/config/config.h"

#include <stdlib.h>

bool challenge_leads(const struct config *config)
{
        return config->n_jwt > 0 || config_has_login(config);
}

char *challenge_resource(const struct config *config, struct str path)
{
        const char *own = "";

        if (str_eq(path, STR("/mcp")))
                own = "/mcp";
        else if (str_eq(path, STR("/sse")) || str_eq(path, STR("/message")))
                own = "/sse";
        return alloc_format("%s%s", config->public_url, own);
}

static char *metadata_url(const struct config *config, struct str path)
{
        char *resource = challenge_resource(config, path);
        char *url = oauth_discovery_well_known(resource, "oauth-protected-resource", true, false);

        free(resource);
        return url;
}

/* text, name="value", where there is a value; text is freed. */
static char *add(char *text, const char *name, const char *value)
{
        char *longer;

        if (value == NULL)
                return text;
        longer = alloc_format("%s%s %s=\"%s\"", text, text[6] == '\0' ? "" : ",", name, value);
        free(text);
        return longer;
}

/* Of other issuers nobody here knows the scopes. */
static char *scope_to_ask(const struct context *context, const char *scope)
{
        if (scope != NULL)
                return alloc_text(scope);
        return config_has_login(context->config) ? scope_text(scope_supported(context)) : NULL;
}

char *challenge_bearer(const struct context *context, struct str path, const char *error,
                       const char *description, const char *scope)
{
        char *text = alloc_text("Bearer"), *url, *asked;

        if (challenge_leads(context->config)) {
                url = metadata_url(context->config, path);
                asked = scope_to_ask(context, scope);
                text = add(text, "resource_metadata", url);
                text = add(text, "scope", asked);
                free(asked);
                free(url);
        }
        text = add(text, "error", error);
        return add(text, "error_description", description);
}

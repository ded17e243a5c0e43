/* The same at three places: for /mcp, for /sse, and for the gateway as a whole. */
#include "resource_metadata.h"

#include "mgw/auth/challenge.h"
#include "mgw/auth/scope.h"
#include "mgw/config/config.h"
#include "mgw/wire/rpc.h"

#include <stdlib.h>

#define PLACE "/.well-known/oauth-protected-resource"

/* The issuer of our own tokens leads to the others' sign-in by itself. */
static json_t *authorization_servers(const struct config *config)
{
        json_t *servers = json_array();

        if (config_has_login(config))
                json_array_append_new(servers, json_string(config->public_url));
        for (size_t i = 0; !config_has_login(config) && i < config->n_jwt; i++)
                json_array_append_new(servers, json_string(config->jwt[i].issuer));
        return servers;
}

static json_t *scopes(const struct context *context)
{
        char *const *scope = scope_supported(context);
        json_t *array = json_array();

        for (; *scope != NULL; scope++)
                json_array_append_new(array, json_string(*scope));
        return array;
}

static json_t *metadata(const struct context *context, struct str path)
{
        char *resource = challenge_resource(context->config, path);
        json_t *object =
                json_pack("{s:s, s:o, s:[s], s:s}", "resource", resource, "authorization_servers",
                          authorization_servers(context->config), "bearer_methods_supported",
                          "header", "resource_name", "mgw, the MCP gateway");

        if (config_has_login(context->config))
                json_object_set_new(object, "scopes_supported", scopes(context));
        free(resource);
        return object;
}

void resource_metadata_on_get(struct request *req)
{
        static const struct cgi_header headers[] = {{"Cache-Control", "max-age=300"}, {0}};
        const struct context *context = request_context(req);
        struct str path = req->in->head.path, text = {NULL, 0};
        json_t *object;

        if (!challenge_leads(context->config)) {
                request_reply(req, 404, NULL, STR("No authorization server is configured here.\n"));
                return;
        }
        path = (struct str){path.p + sizeof(PLACE) - 1, path.n - (sizeof(PLACE) - 1)};
        object = metadata(context, path);
        if (rpc_dump(object, &text) == 0)
                request_reply_json(req, 200, headers, text);
        else
                request_reply(req, 500, NULL, STR(""));
        free((void *)text.p);
        json_decref(object);
}

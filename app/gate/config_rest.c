/* What an entry of mcpServers says of a REST API: the file that describes it, and how the gateway
 * proves who it is. */
#include "config_inside.h"
#include "config_source.h"
#include "mgw/mcp/catalog.h"
#include "mgw/mcp/openapi.h"
#include "mgw/mcp/rest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A relative path is meant from where the configuration file lies. */
static char *beside(const char *config_path, const char *file)
{
        const char *slash = strrchr(config_path, '/');
        char *path;

        if (file[0] == '/' || slash == NULL)
                return strdup(file);
        return asprintf(&path, "%.*s/%s", (int)(slash - config_path), config_path, file) < 0 ? NULL
                                                                                             : path;
}

/* Operations that nobody will see need not be sound. */
static void drop_hidden(json_t *description, const struct config_server *s)
{
        const struct catalog_rule rule = {s->name, "", s->include, s->exclude, NULL};
        json_t *tools = json_object_get(description, "tools"), *tool;
        const char *name;
        void *next;

        json_object_foreach_safe(tools, next, name, tool)
        {
                char *shown = catalog_shown_name(&rule, name);

                if (shown == NULL)
                        json_object_del(tools, name);
                free(shown);
        }
}

/* What is wrong then stands in no line of the document. */
static void read_openapi(struct loading *l, json_t *document, struct config_server *s)
{
        json_t *description = NULL;
        struct rest_fault fault;
        char why[200];

        if (openapi_describe(document, &description, why, sizeof(why)) != 0) {
                config_fault(l, "openapi", "%s", why);
                return;
        }
        drop_hidden(description, s);
        if (rest_create(description, s->base_url, &s->rest, &fault) != 0) {
                fprintf(l->err, "%s: %s: %s (\"exclude\" leaves an operation out)\n", l->path,
                        fault.key[0] != '\0' ? fault.key : "the document", fault.why);
                l->n_faults++;
        }
        json_decref(description);
}

/* Its faults are told as those of the configuration are. */
static void read_description(struct loading *l, const json_t *json, struct config_server *s)
{
        struct rest_fault fault;

        if (rest_create(json, s->base_url, &s->rest, &fault) != 0)
                config_fault(l, fault.key[0] != '\0' ? fault.key : "the description", "%s",
                             fault.why);
}

static void read_json(struct loading *l, struct config_server *s)
{
        json_error_t error;
        json_t *json = json_loadb(l->text.p, l->text.n, JSON_REJECT_DUPLICATES, &error);

        if (json == NULL) {
                fprintf(l->err, "%s:%d:%d: %s\n", l->path, error.line, error.column, error.text);
                l->n_faults++;
        } else if (s->openapi_file != NULL) {
                read_openapi(l, json, s);
        } else {
                read_description(l, json, s);
        }
        json_decref(json);
}

void config_rest_load(struct loading *l, const char *at, struct config_server *server)
{
        char *path = beside(l->path, server->openapi_file != NULL ? server->openapi_file
                                                                  : server->rest_file);
        struct loading file = {.config = l->config, .err = l->err, .path = path};
        int r = path != NULL ? source_read(path, &file.text) : -ENOMEM;

        if (r < 0) {
                config_fault(l, at, "%s cannot be read: %s", path != NULL ? path : "the file",
                             strerror(-r));
        } else {
                read_json(&file, server);
                l->n_faults += file.n_faults;
                free((void *)file.text.p);
        }
        free(path);
}

#define AT(field) offsetof(struct config_oauth, field)

static const struct {
        const char *key;
        size_t offset;
        bool is_needed;
} oauth_keys[] = {
        {"token_url", AT(token_url), true},
        {"client_id", AT(client_id), true},
        {"client_secret", AT(client_secret), false},
        {"refresh_token", AT(refresh_token), false},
        {"scope", AT(scope), false},
};

#define N_OAUTH_KEYS (sizeof(oauth_keys) / sizeof(oauth_keys[0]))

static void load_oauth_key(struct loading *l, const char *at, const char *key, const json_t *value,
                           struct config_oauth *oauth)
{
        char full[320];

        snprintf(full, sizeof(full), "%s.%s", at, key);
        for (size_t i = 0; i < N_OAUTH_KEYS; i++)
                if (strcmp(oauth_keys[i].key, key) == 0) {
                        *(char **)((char *)oauth + oauth_keys[i].offset) =
                                config_text(l, full, JSON_STRING, value);
                        return;
                }
        config_fault(l, full, "not known (docs/rest.md tells what is)");
}

static void check_oauth(struct loading *l, const char *at, const json_t *object,
                        const struct config_oauth *oauth)
{
        for (size_t i = 0; i < N_OAUTH_KEYS; i++)
                if (oauth_keys[i].is_needed && json_object_get(object, oauth_keys[i].key) == NULL)
                        config_fault(l, at, "needs \"%s\"", oauth_keys[i].key);
        if (oauth->token_url != NULL && strncmp(oauth->token_url, "http://", 7) != 0 &&
            strncmp(oauth->token_url, "https://", 8) != 0)
                config_fault(l, at, "\"token_url\" must begin with http:// or https://");
        if (json_object_get(object, "refresh_token") == NULL &&
            json_object_get(object, "client_secret") == NULL)
                config_fault(l, at,
                             "needs \"refresh_token\", or \"client_secret\" for the client's own "
                             "credentials");
}

void config_oauth_load(struct loading *l, const char *at, json_t *object,
                       struct config_oauth **oauthp)
{
        struct config_oauth *oauth = *oauthp = calloc(1, sizeof(*oauth));
        const char *key;
        json_t *value;

        if (oauth == NULL || !json_is_object(object)) {
                config_fault(l, at, "must be an object with \"token_url\" and \"client_id\"");
                return;
        }
        json_object_foreach (object, key, value)
                load_oauth_key(l, at, key, value, oauth);
        check_oauth(l, at, object, oauth);
}

void config_oauth_finish(struct config_oauth *oauth)
{
        if (oauth == NULL)
                return;
        for (size_t i = 0; i < N_OAUTH_KEYS; i++)
                free(*(char **)((char *)oauth + oauth_keys[i].offset));
        free(oauth);
}

/* What an entry of mcpServers says of a REST API: the file that describes it. */
#include "config_inside.h"
#include "config_source.h"
#include "mgw/mcp/catalog.h"
#include "mgw/mcp/openapi.h"
#include "mgw/mcp/rest.h"
#include "mgw/wire/rpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

char *config_beside(const char *config_path, const char *file)
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
        const struct catalog_rule rule = {
                .server = s->name, .prefix = "", .include = s->include, .exclude = s->exclude};
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

/* A document, and where in it the tools of the description stand that was made of it. */
struct origin {
        struct loading *l;
        const json_t *places;
};

/* Told where the operation stands: "tools.find.path" is in no line of the document. */
static void on_operation_fault(void *owner, const char *key, const char *why)
{
        const struct origin *o = owner;
        bool is_tool = strncmp(key, "tools.", 6) == 0;
        char name[80], at[400];
        const char *path, *method;
        const json_t *place;

        snprintf(name, sizeof(name), "%.*s", is_tool ? (int)strcspn(key + 6, ".") : 0,
                 is_tool ? key + 6 : "");
        place = json_object_get(o->places, name);
        path = json_string_value(json_array_get(place, 0));
        method = json_string_value(json_array_get(place, 1));
        snprintf(at, sizeof(at), "paths.%s.%s", path != NULL ? path : "",
                 method != NULL ? method : "");
        if (place != NULL)
                config_fault_at(o->l, at, key, "%s (\"exclude\" leaves an operation out)", why);
        else
                config_fault(o->l, key[0] != '\0' ? key : "the document", "%s", why);
}

static void read_openapi(struct loading *l, json_t *document, struct config_server *s)
{
        json_t *description = NULL, *places = NULL;
        char why[200];

        if (openapi_describe(document, &description, &places, why, sizeof(why)) != 0) {
                config_fault(l, "openapi", "%s", why);
                return;
        }
        struct origin origin = {l, places};
        const struct rest_faults faults = {on_operation_fault, &origin};

        drop_hidden(description, s);
        if (rest_create(description, s->base_url, &s->rest, &faults) == -ENOMEM)
                config_fault(l, "the document", "out of memory");
        json_decref(description);
        json_decref(places);
}

static void on_description_fault(void *owner, const char *key, const char *why)
{
        config_fault(owner, key[0] != '\0' ? key : "the description", "%s", why);
}

static void read_description(struct loading *l, const json_t *json, struct config_server *s)
{
        const struct rest_faults faults = {on_description_fault, l};

        if (rest_create(json, s->base_url, &s->rest, &faults) == -ENOMEM)
                config_fault(l, "the description", "out of memory");
}

/* Strict, but for numbers: bounds like 9223372036854776000 stand in many published documents. */
static json_t *read_text(struct str text, json_error_t *error)
{
        json_t *json = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, error);
        char why[160];

        if (json == NULL && json_error_code(error) == json_error_numeric_overflow)
                (void)rpc_parse_any(text, &json, why, sizeof(why));
        return json;
}

static void read_json(struct loading *l, struct config_server *s)
{
        json_error_t error;
        json_t *json = read_text(l->text, &error);

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
        char *path = config_beside(l->path, server->openapi_file != NULL ? server->openapi_file
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

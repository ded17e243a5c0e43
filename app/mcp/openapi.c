#include "mgw/mcp/openapi.h"

#include "mgw/mcp/rest.h"
#include "openapi_schema.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_BYTES 64
#define REF_HOPS_MAX 16

/* One operation on its way to being a tool. */
struct operation {
        json_t *document;
        const char *path, *method;
        const char *key; /* the method, as the document writes it */
        json_t *spec;    /* what the document says */
        json_t *tool;    /* what comes of it */
        json_t *properties, *required, *defs;
        json_t *arguments; /* "in name" of a parameter -> its argument */
};

/* Follows "$ref" within the document. NULL: it leads nowhere, or out of it. */
static json_t *resolve(json_t *document, json_t *value)
{
        for (unsigned hops = 0; hops < REF_HOPS_MAX; hops++) {
                const char *ref = json_string_value(json_object_get(value, "$ref"));

                if (ref == NULL)
                        return value;
                if (ref[0] != '#')
                        return NULL;
                value = rest_pointer(document, ref + 1);
        }
        return NULL;
}

/* What a tool or an argument may be called. */
static void make_name(char out[NAME_MAX_BYTES + 1], const char *text)
{
        size_t n = 0;

        for (; *text != '\0' && n < NAME_MAX_BYTES; text++)
                if (isalnum((unsigned char)*text) || *text == '_')
                        out[n++] = *text;
                else if (n > 0 && out[n - 1] != '_')
                        out[n++] = '_';
        while (n > 1 && out[n - 1] == '_')
                n--;
        out[n] = '\0';
}

static void set_text(json_t *object, const char *key, const char *text)
{
        json_object_set_new(object, key, json_string(text));
}

/* object[key], made when it is not there. */
static json_t *object_in(json_t *object, const char *key)
{
        if (json_object_get(object, key) == NULL)
                json_object_set_new(object, key, json_object());
        return json_object_get(object, key);
}

/* ---- arguments ---- */

/* The argument for a parameter: its name, or with where it stands before it when that is taken. */
static const char *argument_of(struct operation *o, const char *in, const char *name)
{
        char key[300], argument[NAME_MAX_BYTES + 1], longer[400];

        snprintf(key, sizeof(key), "%s %s", in, name);
        if (json_object_get(o->arguments, key) == NULL) {
                make_name(argument, name);
                if (argument[0] == '\0' || json_object_get(o->properties, argument) != NULL) {
                        snprintf(longer, sizeof(longer), "%s_%s", in, name);
                        make_name(argument, longer);
                }
                set_text(o->arguments, key, argument);
        }
        return json_string_value(json_object_get(o->arguments, key));
}

static const char *add_argument(struct operation *o, const char *in, const char *name,
                                json_t *schema, const char *description, bool is_required)
{
        const char *argument = argument_of(o, in, name);
        json_t *own = openapi_schema(o->document, schema, o->defs);

        if (description != NULL && json_object_get(own, "description") == NULL)
                set_text(own, "description", description);
        json_object_set_new(o->properties, argument, own);
        if (is_required)
                json_object_set_new(o->required, argument, json_true());
        return argument;
}

/* Headers that are not an argument's to set (OpenAPI 3.1 4.8.12.2.1). */
static bool is_reserved(const char *header)
{
        return strcasecmp(header, "Accept") == 0 || strcasecmp(header, "Content-Type") == 0 ||
               strcasecmp(header, "Authorization") == 0;
}

static void add_template(json_t *object, const char *name, const char *argument)
{
        json_object_set_new(object, name, json_sprintf("{%s}", argument));
}

static void add_parameter(struct operation *o, json_t *parameter)
{
        const char *name = json_string_value(json_object_get(parameter, "name"));
        const char *in = json_string_value(json_object_get(parameter, "in"));
        const char *argument;
        bool is_query, is_header;

        if (name == NULL || in == NULL)
                return;
        is_query = strcmp(in, "query") == 0;
        is_header = strcmp(in, "header") == 0;
        if (strcmp(in, "path") != 0 && !is_query && (!is_header || is_reserved(name)))
                return;
        argument = add_argument(o, in, name, json_object_get(parameter, "schema"),
                                json_string_value(json_object_get(parameter, "description")),
                                strcmp(in, "path") == 0 ||
                                        json_is_true(json_object_get(parameter, "required")));
        if (is_query || is_header)
                add_template(object_in(o->tool, is_query ? "query" : "headers"), name, argument);
}

static void add_parameters(struct operation *o, json_t *parameters)
{
        json_t *parameter;
        size_t i;

        json_array_foreach (parameters, i, parameter)
                add_parameter(o, resolve(o->document, parameter));
}

/* "/pets/{pet-id}" with the names of the arguments. */
static void add_path(struct operation *o)
{
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        const char *rest = o->path, *open;

        if (f == NULL)
                return;
        while ((open = strchr(rest, '{')) != NULL && strchr(open, '}') != NULL) {
                int n = (int)(strchr(open, '}') - open) - 1;
                char name[256];

                snprintf(name, sizeof(name), "%.*s", n, open + 1);
                fprintf(f, "%.*s{%s}", (int)(open - rest), rest, argument_of(o, "path", name));
                rest = open + n + 2;
        }
        fputs(rest, f);
        if (fclose(f) == 0)
                set_text(o->tool, "path", text);
        free(text);
}

/* ---- bodies ---- */

static json_t *find_json(json_t *content, const char **typep)
{
        json_t *media;

        json_object_foreach (content, *typep, media) {
                size_t n = strcspn(*typep, "; ");

                if (strncasecmp(*typep, "application/json", n) == 0 ||
                    (n > 5 && strncasecmp(*typep + n - 5, "+json", 5) == 0))
                        return media;
        }
        return NULL;
}

static void add_form(struct operation *o, json_t *media)
{
        json_t *schema = resolve(o->document, json_object_get(media, "schema"));
        json_t *body = object_in(o->tool, "body"), *field, *name;
        const char *key;
        size_t i;

        set_text(o->tool, "body_type", "form");
        json_object_foreach (json_object_get(schema, "properties"), key, field)
                add_template(body, key, add_argument(o, "form", key, field, NULL, false));
        json_array_foreach (json_object_get(schema, "required"), i, name)
                if (json_is_string(name) && json_object_get(body, json_string_value(name)) != NULL)
                        json_object_set_new(o->required,
                                            argument_of(o, "form", json_string_value(name)),
                                            json_true());
}

/* False: it wants a body that cannot be made. */
static bool add_body(struct operation *o)
{
        json_t *body = resolve(o->document, json_object_get(o->spec, "requestBody"));
        json_t *content = json_object_get(body, "content");
        json_t *form = json_object_get(content, "application/x-www-form-urlencoded");
        const char *type = NULL;
        json_t *media = find_json(content, &type);

        if (json_object_size(content) == 0 || strcmp(o->method, "GET") == 0)
                return true;
        if (media == NULL && form == NULL)
                return false;
        if (media == NULL) {
                add_form(o, form);
                return true;
        }
        json_object_set_new(
                o->tool, "body",
                json_sprintf("{%s}",
                             add_argument(o, "body", "body", json_object_get(media, "schema"),
                                          json_string_value(json_object_get(body, "description")),
                                          json_is_true(json_object_get(body, "required")))));
        if (strcmp(type, "application/json") != 0)
                set_text(object_in(o->tool, "headers"), "Content-Type", type);
        return true;
}

/* ---- an operation ---- */

static void add_words(struct operation *o)
{
        const char *summary = json_string_value(json_object_get(o->spec, "summary"));
        const char *description = json_string_value(json_object_get(o->spec, "description"));
        json_t *response;
        const char *status;

        if (summary != NULL && description != NULL)
                set_text(o->tool, "title", summary);
        if (description != NULL || summary != NULL)
                set_text(o->tool, "description", description != NULL ? description : summary);
        else
                json_object_set_new(o->tool, "description",
                                    json_sprintf("%s %s", o->method, o->path));
        json_object_foreach (json_object_get(o->spec, "responses"), status, response) {
                const char *words = json_string_value(
                        json_object_get(resolve(o->document, response), "description"));

                if (strlen(status) == 3 && strspn(status, "0123456789") == 3 && status[0] >= '4' &&
                    words != NULL && words[0] != '\0')
                        set_text(object_in(o->tool, "errors"), status, words);
        }
}

/* What HTTP says of its methods (RFC 9110 9.2). */
static void add_annotations(struct operation *o)
{
        bool is_get = strcmp(o->method, "GET") == 0, is_delete = strcmp(o->method, "DELETE") == 0;

        json_object_set_new(o->tool, "annotations",
                            json_pack("{s:b, s:b, s:b}", "readOnlyHint", is_get, "destructiveHint",
                                      is_delete, "idempotentHint",
                                      is_get || is_delete || strcmp(o->method, "PUT") == 0));
}

static void add_input(struct operation *o)
{
        json_t *input = json_pack("{s:s, s:O, s:b}", "type", "object", "properties", o->properties,
                                  "additionalProperties", 0);
        json_t *flag;
        const char *name;

        json_object_foreach (o->required, name, flag) {
                if (json_object_get(input, "required") == NULL)
                        json_object_set_new(input, "required", json_array());
                json_array_append_new(json_object_get(input, "required"), json_string(name));
        }
        if (json_object_size(o->defs) > 0)
                json_object_set(input, "$defs", o->defs);
        json_object_set_new(o->tool, "inputSchema", input);
}

static void add_tool(struct operation *o, json_t *tools, json_t *places)
{
        const char *id = json_string_value(json_object_get(o->spec, "operationId"));
        char text[300], name[NAME_MAX_BYTES + 1];

        snprintf(text, sizeof(text), "%s %s", o->key, o->path);
        make_name(name, id != NULL ? id : text);
        if (name[0] == '\0' || json_object_get(tools, name) != NULL)
                return;
        json_object_set(tools, name, o->tool);
        json_object_set_new(places, name, json_pack("[s, s]", o->path, o->key));
}

static void read_operation(json_t *document, const char *path, json_t *item,
                           const char *const method[2], json_t *tools, json_t *places)
{
        struct operation o = {
                .document = document,
                .path = path,
                .method = method[1],
                .key = method[0],
                .spec = json_object_get(item, method[0]),
                .tool = json_object(),
                .properties = json_object(),
                .required = json_object(),
                .defs = json_object(),
                .arguments = json_object(),
        };

        set_text(o.tool, "method", o.method);
        add_parameters(&o, json_object_get(item, "parameters"));
        add_parameters(&o, json_object_get(o.spec, "parameters"));
        add_path(&o);
        add_words(&o);
        add_annotations(&o);
        if (add_body(&o)) {
                add_input(&o);
                add_tool(&o, tools, places);
        }
        json_decref(o.tool);
        json_decref(o.properties);
        json_decref(o.required);
        json_decref(o.defs);
        json_decref(o.arguments);
}

int openapi_describe(json_t *document, json_t **descriptionp, json_t **placesp, char *why,
                     size_t why_size)
{
        static const char *const methods[][2] = {{"get", "GET"},
                                                 {"post", "POST"},
                                                 {"put", "PUT"},
                                                 {"patch", "PATCH"},
                                                 {"delete", "DELETE"}};
        const char *version = json_string_value(json_object_get(document, "openapi"));
        json_t *url = rest_pointer(document, "/servers/0/url"), *item;
        json_t *tools, *places;
        const char *path;

        if (version == NULL || strncmp(version, "3.", 2) != 0) {
                snprintf(why, why_size, "is no OpenAPI 3.x document: \"openapi\" must be \"3...\"");
                return REST_E_FAULT;
        }
        tools = json_object();
        places = json_object();
        json_object_foreach (json_object_get(document, "paths"), path, item) {
                item = resolve(document, item);
                for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
                        if (json_object_get(item, methods[i][0]) != NULL)
                                read_operation(document, path, item, methods[i], tools, places);
        }
        *placesp = places;
        *descriptionp = json_pack("{s:o}", "tools", tools);
        if (json_is_string(url) && strncmp(json_string_value(url), "http", 4) == 0)
                json_object_set(*descriptionp, "base_url", url);
        return 0;
}

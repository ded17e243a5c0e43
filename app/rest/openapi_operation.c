/* One operation as a tool. */
#include "openapi_inside.h"

#include "mgw/schema/schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MENDED_MAX 30

static void set_text(json_t *object, const char *key, const char *text)
{
        json_object_set_new(object, key, json_string(text));
}

static const char *text_of(const json_t *object, const char *key)
{
        const char *text = json_string_value(json_object_get(object, key));

        return text != NULL ? text : "";
}

/* ---- parameters ---- */

/* Headers that are not an argument's to set (OpenAPI 3.1 4.8.12.2.1, and RFC 9110 7). */
static bool is_reserved(const char *header)
{
        static const char *const names[] = {
                "Accept",     "Content-Type",      "Authorization", "Host",    "Content-Length",
                "Connection", "Transfer-Encoding", "Upgrade",       "Trailer", "TE",
                "Expect",     "Keep-Alive"};

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (strcasecmp(names[i], header) == 0)
                        return true;
        return strncasecmp(header, "Proxy-", 6) == 0;
}

static const char *default_style(const char *in)
{
        return strcmp(in, "path") == 0 || strcmp(in, "header") == 0 ? "simple" : "form";
}

/* A style that does not go with the place is none. */
static bool is_style_of(const char *in, const char *style)
{
        if (strcmp(in, "path") == 0)
                return strcmp(style, "simple") == 0 || strcmp(style, "label") == 0 ||
                       strcmp(style, "matrix") == 0;
        if (strcmp(in, "header") == 0)
                return strcmp(style, "simple") == 0;
        if (strcmp(in, "cookie") == 0)
                return strcmp(style, "form") == 0 || strcmp(style, "cookie") == 0;
        return strcmp(style, "form") == 0 || strcmp(style, "spaceDelimited") == 0 ||
               strcmp(style, "pipeDelimited") == 0 || strcmp(style, "deepObject") == 0;
}

static void copy_style(struct operation *op, json_t *parameter, const char *in, const char *name,
                       json_t *own)
{
        static const char *const flags[] = {"explode", "allowReserved"};
        const char *style = json_string_value(json_object_get(parameter, "style"));

        if (style != NULL && !is_style_of(in, style))
                openapi_note(op, "%.100s: style \"%.30s\" does not go with a %s: %s is taken", name,
                             style, in, default_style(in));
        else if (style != NULL && strcmp(style, default_style(in)) != 0)
                set_text(own, "style", style);
        for (size_t i = 0; i < 2; i++) {
                json_t *flag = json_object_get(parameter, flags[i]);

                if (json_is_boolean(flag))
                        json_object_set(own, flags[i], flag);
        }
}

/* "content" has one media type, and a text is sent as it is whichever it is. */
static json_t *schema_of(json_t *parameter, bool *is_jsonp)
{
        const char *type;
        json_t *media;

        *is_jsonp = false;
        json_object_foreach (json_object_get(parameter, "content"), type, media) {
                *is_jsonp = strstr(type, "json") != NULL;
                return json_object_get(media, "schema");
        }
        return json_object_get(parameter, "schema");
}

static void add_parameter(struct operation *op, json_t *parameters, json_t *parameter)
{
        const char *name = json_string_value(json_object_get(parameter, "name"));
        const char *in = json_string_value(json_object_get(parameter, "in"));
        const char *words = json_string_value(json_object_get(parameter, "description"));
        bool is_path = strcmp(in, "path") == 0, is_json;
        const char *argument;
        json_t *schema = schema_of(parameter, &is_json), *own, *sent;

        own = openapi_schema(op->o, schema);
        if (words != NULL && json_object_get(own, "description") == NULL)
                set_text(own, "description", words);
        argument = openapi_argument_add(
                op, in, name, own, is_path || json_is_true(json_object_get(parameter, "required")));
        sent = json_pack("{s:s, s:s, s:s}", "argument", argument, "name", name, "in", in);
        copy_style(op, parameter, in, name, sent);
        if (is_json)
                set_text(sent, "content", "json");
        json_array_append_new(parameters, sent);
}

/* NULL: it is. Else why not; "" for what is not an argument's to set. */
static const char *why_not_sent(json_t *parameter)
{
        const char *name = text_of(parameter, "name"), *in = text_of(parameter, "in");

        if (name[0] == '\0')
                return "it has no name";
        if (strcmp(in, "header") == 0)
                return is_reserved(name) ? "" : NULL;
        if (strcmp(in, "path") == 0 || strcmp(in, "query") == 0 || strcmp(in, "cookie") == 0)
                return NULL;
        return "it stands nowhere that is known";
}

/* Those of the path, then those of the operation, which take the place of their like: by name and
 * place. Those of Swagger 2.0's bodies have a place too. */
static void gather(struct operation *op, json_t *list, json_t *gathered)
{
        json_t *one, *parameter;
        size_t i;

        json_array_foreach (list, i, one) {
                const char *name, *in;
                char key[300];

                parameter = openapi_resolve(op->o, one);
                if (parameter == NULL)
                        openapi_note(op,
                                     "a parameter is lost: its $ref, %.150s, leads to nothing in "
                                     "the document",
                                     text_of(one, "$ref"));
                name = json_string_value(json_object_get(parameter, "name"));
                in = json_string_value(json_object_get(parameter, "in"));
                snprintf(key, sizeof(key), "%s %s", in != NULL ? in : "", name != NULL ? name : "");
                if (parameter != NULL)
                        json_object_set(gathered, key, parameter);
        }
}

static json_t *all_parameters(struct operation *op)
{
        json_t *gathered = json_object(), *all = json_array(), *parameter;
        const char *key;

        gather(op, openapi_member(op->o, op->item, "parameters"), gathered);
        gather(op, openapi_member(op->o, op->spec, "parameters"), gathered);
        json_object_foreach (gathered, key, parameter)
                json_array_append(all, parameter);
        json_decref(gathered);
        return all;
}

/* NULL, or why there is no tool. */
static const char *add_parameters(struct operation *op, json_t *all)
{
        json_t *parameters = json_array(), *parameter;
        size_t i;

        json_object_set_new(op->tool, "parameters", parameters);
        json_array_foreach (all, i, parameter) {
                const char *why = why_not_sent(parameter);

                if (json_object_size(op->properties) > OPENAPI_ARGUMENTS_MAX)
                        return "it has more than 500 arguments";
                if (why == NULL)
                        add_parameter(op, parameters, parameter);
                else if (why[0] != '\0' && json_is_true(json_object_get(parameter, "required")))
                        return "it needs a parameter that cannot be sent";
                else if (why[0] != '\0')
                        openapi_note(op, "parameter \"%.100s\" is left out: %s",
                                     text_of(parameter, "name"), why);
        }
        return NULL;
}

/* One that stands in the path alone is a text. */
static void add_undeclared(struct operation *op, const char *name)
{
        json_t *parameter;
        char key[300];

        snprintf(key, sizeof(key), "path %s", name);
        if (json_object_get(op->arguments, key) != NULL)
                return;
        parameter = json_pack("{s:s, s:s, s:{s:s}}", "name", name, "in", "path", "schema", "type",
                              "string");
        if (parameter != NULL)
                add_parameter(op, json_object_get(op->tool, "parameters"), parameter);
        json_decref(parameter);
}

/* "/pets/{pet-id}" with the names of the arguments, whose texts are made elsewhere. Behind a '#',
 * which is never sent, some tell apart what they do at one path. */
static void add_path(struct operation *op)
{
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        const char *rest = op->path, *open;

        if (f == NULL)
                return;
        while ((open = strpbrk(rest, "{#")) != NULL && *open == '{' && strchr(open, '}') != NULL) {
                int n = (int)(strchr(open, '}') - open) - 1;
                char name[256];

                snprintf(name, sizeof(name), "%.*s", n, open + 1);
                add_undeclared(op, name);
                fprintf(f, "%.*s{+%s}", (int)(open - rest), rest,
                        openapi_argument_name(op, "path", name));
                rest = open + n + 2;
        }
        fprintf(f, "%.*s", (int)strcspn(rest, "#"), rest);
        if (fclose(f) == 0)
                set_text(op->tool, "path", text);
        free(text);
}

/* ---- what is said of it ---- */

static void add_errors(struct operation *op)
{
        struct json_node *responses = json_lazy_get(op->o->lazy, op->spec, "responses"), *one;

        for (one = json_lazy_first(op->o->lazy, responses); one != NULL;
             one = json_lazy_next(one)) {
                const char *status = json_lazy_key(one), *words;

                if (strlen(status) != 3 || strspn(status, "0123456789") != 3 || status[0] < '4')
                        continue;
                words = openapi_text(op->o, openapi_node_resolve(op->o, one), "description");
                if (words != NULL && words[0] != '\0')
                        set_text(openapi_object_in(op->tool, "errors"), status, words);
        }
}

static void add_words(struct operation *op)
{
        const char *summary = openapi_text(op->o, op->spec, "summary");
        const char *description = openapi_text(op->o, op->spec, "description");

        if (description != NULL && description[0] == '\0')
                description = NULL;
        if (summary != NULL && description != NULL)
                set_text(op->tool, "title", summary);
        if (description != NULL || summary != NULL)
                set_text(op->tool, "description", description != NULL ? description : summary);
        else
                json_object_set_new(op->tool, "description",
                                    json_sprintf("%s %s", op->method, op->path));
        add_errors(op);
}

/* What HTTP says of its methods (RFC 9110 9.2). */
static void add_annotations(struct operation *op)
{
        bool is_get = strcmp(op->method, "GET") == 0, is_delete = strcmp(op->method, "DELETE") == 0;

        json_object_set_new(op->tool, "annotations",
                            json_pack("{s:b, s:b, s:b}", "readOnlyHint", is_get, "destructiveHint",
                                      is_delete, "idempotentHint",
                                      is_get || is_delete || strcmp(op->method, "PUT") == 0));
}

/* Its own servers, or those of its path; they stand beside the document's, which may be given. */
static void add_server(struct operation *op)
{
        struct openapi *o = op->o;
        json_t *own = openapi_member(o, op->spec, "servers");
        char *url;

        if (json_array_size(own) == 0)
                own = openapi_member(o, op->item, "servers");
        if (json_array_size(own) == 0)
                return;
        url = openapi_server(o, own);
        if (url == NULL) {
                openapi_note(op, "its own \"servers\" have no whole URL: the base_url is taken");
        } else if (o->base_url == NULL || strcmp(url, o->base_url) != 0) {
                set_text(op->tool, "base_url", url);
                if (json_object_get(o->servers, url) == NULL)
                        openapi_note(op,
                                     "goes to a server of its own, %.150s, as all do that name "
                                     "it",
                                     url);
                json_object_set_new(o->servers, url, json_true());
        }
        free(url);
}

static void add_security(struct operation *op)
{
        json_t *security = openapi_security(op->o, op->spec);

        if (security != NULL)
                json_object_set_new(op->tool, "security", security);
}

/* ---- the arguments' schema ---- */

static json_t *make_input(struct operation *op, json_t *properties, json_t *defs)
{
        json_t *input = json_pack("{s:s, s:O, s:b}", "type", "object", "properties", properties,
                                  "additionalProperties", 0);
        json_t *flag;
        const char *name;

        json_object_foreach (op->required, name, flag) {
                if (json_object_get(input, "required") == NULL)
                        json_object_set_new(input, "required", json_array());
                json_array_append_new(json_object_get(input, "required"), json_string(name));
        }
        if (json_object_size(defs) > 0)
                json_object_set(input, "$defs", defs);
        return input;
}

static bool is_sound(const json_t *input, char *why, size_t why_size)
{
        struct schema *schema;

        if (schema_create(input, &schema, why, why_size) != 0)
                return false;
        schema_destroy(schema);
        return true;
}

/* The properties with all that they refer to. */
static json_t *make_whole(struct operation *op, json_t *properties, size_t *np)
{
        json_t *refs = json_object(), *defs, *input;

        openapi_refs(properties, refs);
        defs = openapi_defs(op->o, refs, OPENAPI_TOOL_VALUES_MAX, np);
        input = make_input(op, properties, defs);
        json_decref(defs);
        json_decref(refs);
        return input;
}

/* An argument whose schema is none takes any value: the API will say what it thinks of it. False:
 * there are too many of them. */
static bool mend(struct operation *op)
{
        const char *name, *words;
        unsigned n_mended = 0;
        json_t *property;
        void *next;

        json_object_foreach_safe(op->properties, next, name, property)
        {
                json_t *alone = json_pack("{s:O}", name, property), *any = json_object();
                json_t *input = make_whole(op, alone, &op->o->n_values);
                char why[200];

                if (n_mended < MENDED_MAX && !is_sound(input, why, sizeof(why))) {
                        n_mended++;
                        openapi_note(op, "%s takes any value: its schema is none (%.150s)", name,
                                     why);
                        words = json_string_value(json_object_get(property, "description"));
                        if (words != NULL)
                                set_text(any, "description", words);
                        json_object_set(op->properties, name, any);
                }
                json_decref(any);
                json_decref(input);
                json_decref(alone);
        }
        return n_mended < MENDED_MAX;
}

/* NULL, or why there is none. */
static const char *add_input(struct operation *op)
{
        json_t *input = make_whole(op, op->properties, &op->o->n_values);
        char why[200];

        op->o->n_values += openapi_count(op->properties);
        if (!is_sound(input, why, sizeof(why))) {
                json_decref(input);
                if (!mend(op))
                        return "too many of its schemas are none";
                input = make_whole(op, op->properties, &op->o->n_values);
        }
        json_object_set_new(op->tool, "inputSchema", input);
        return NULL;
}

/* ---- the whole ---- */

/* OpenAPI 3.0 ignores bodies where HTTP knows no meaning of them; that of DELETE is sent. NULL, or
 * why there is no tool. */
static const char *find_body(struct operation *op, json_t **bodyp)
{
        json_t *body = openapi_member(op->o, op->spec, "requestBody");

        *bodyp = openapi_resolve(op->o, body);
        if (body != NULL && *bodyp == NULL)
                return "the $ref of its body leads to nothing in the document";
        if (body == NULL || strcmp(op->method, "GET") != 0 || !op->o->is_v30)
                return NULL;
        openapi_note(op, "its body is left out: OpenAPI 3.0 has none with GET");
        *bodyp = NULL;
        return NULL;
}

static const char *add_all(struct operation *op, json_t *parameters, json_t *body)
{
        const char *why = add_parameters(op, parameters);

        if (why != NULL)
                return why;
        set_text(op->tool, "method", op->method);
        add_path(op);
        add_words(op);
        add_annotations(op);
        add_server(op);
        add_security(op);
        why = openapi_body_add(op, body);
        if (why != NULL)
                return why;
        return json_object_size(op->properties) <= OPENAPI_ARGUMENTS_MAX
                       ? add_input(op)
                       : "it has more than 500 arguments";
}

const char *openapi_operation_read(struct operation *op)
{
        json_t *all = all_parameters(op), *body = NULL, *converted;
        const char *why;

        if (op->o->is_v2) {
                converted = openapi_v2_parameters(op->o, op->spec, all, &body);
                why = add_all(op, converted, body);
                json_decref(converted);
                json_decref(body);
        } else {
                why = find_body(op, &body);
                if (why == NULL)
                        why = add_all(op, all, body);
        }
        json_decref(all);
        return why;
}

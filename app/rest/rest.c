/* Reads and checks a description: whatever is wrong in it is said at the start, not at a call. */
#include "rest_inside.h"

#include "mgw/base/alloc.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/uri.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGES_MAX 100

struct key {
        const char *name;
        json_type type; /* JSON_NULL: any */
        bool is_needed;
};

static const struct key root_keys[] = {
        {"$schema", JSON_STRING, false},
        {"base_url", JSON_STRING, false},
        {"headers", JSON_OBJECT, false},
        {"tools", JSON_OBJECT, true},
        {"security_schemes", JSON_OBJECT, false},
        {"defaults", JSON_STRING, false},
        {NULL, JSON_NULL, false},
};

static const struct key tool_keys[] = {
        {"title", JSON_STRING, false},
        {"description", JSON_STRING, true},
        {"inputSchema", JSON_OBJECT, false},
        {"outputSchema", JSON_OBJECT, false},
        {"annotations", JSON_OBJECT, false},
        {"method", JSON_STRING, true},
        {"path", JSON_STRING, true},
        {"query", JSON_OBJECT, false},
        {"headers", JSON_OBJECT, false},
        {"body", JSON_NULL, false},
        {"body_type", JSON_STRING, false},
        {"content_type", JSON_STRING, false},
        {"body_optional", JSON_TRUE, false},
        {"encoding", JSON_OBJECT, false},
        {"parameters", JSON_ARRAY, false},
        {"security", JSON_ARRAY, false},
        {"base_url", JSON_STRING, false},
        {"result", JSON_STRING, false},
        {"paging", JSON_OBJECT, false},
        {"errors", JSON_OBJECT, false},
        {NULL, JSON_NULL, false},
};

static const struct key paging_keys[] = {
        {"token", JSON_STRING, true}, {"argument", JSON_STRING, true},
        {"items", JSON_STRING, true}, {"pages_max", JSON_INTEGER, true},
        {NULL, JSON_NULL, false},
};

/* What tools/list shows of a tool. */
static const char *const shown_keys[] = {"title", "description", "inputSchema", "outputSchema",
                                         "annotations"};

static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

/* Where the reader stands: "tools.list" and what is below. */
struct place {
        const struct rest_faults *faults;
        char key[120];
};

static int fail(const struct place *at, const char *key, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

static int fail(const struct place *at, const char *key, const char *fmt, ...)
{
        char full[200], why[600];
        va_list ap;

        snprintf(full, sizeof(full), "%s%s%s", at->key,
                 at->key[0] != '\0' && key[0] != '\0' ? "." : "", key);
        va_start(ap, fmt);
        vsnprintf(why, sizeof(why), fmt, ap);
        va_end(ap);
        at->faults->on_fault(at->faults->owner, full, why);
        return REST_E_FAULT;
}

/* What two checks found, both of which are to be made. */
static int both(int a, int b)
{
        return a < 0 || b == 0 ? a : b;
}

static const char *type_words(json_type type)
{
        return type == JSON_STRING   ? "a string"
               : type == JSON_OBJECT ? "an object"
               : type == JSON_ARRAY  ? "an array"
               : type == JSON_TRUE   ? "true or false"
                                     : "a whole number";
}

static const struct key *find_key(const struct key *keys, const char *name)
{
        for (; keys->name != NULL; keys++)
                if (strcmp(keys->name, name) == 0)
                        return keys;
        return NULL;
}

static int check_key(const struct place *at, const struct key *keys, const char *name,
                     const json_t *value)
{
        const struct key *key = find_key(keys, name);

        if (key == NULL)
                return fail(at, name, "not known (docs/rest.md tells what is)");
        if (key->type == JSON_TRUE ? !json_is_boolean(value)
                                   : key->type != JSON_NULL && json_typeof(value) != key->type)
                return fail(at, name, "must be %s", type_words(key->type));
        if (key->type == JSON_STRING &&
            strlen(json_string_value(value)) != json_string_length(value))
                return fail(at, name, "must hold no NUL");
        return 0;
}

static int check_keys(const struct place *at, json_t *object, const struct key *keys)
{
        const char *name;
        json_t *value;
        int r = 0;

        json_object_foreach (object, name, value)
                r = both(r, check_key(at, keys, name, value));
        for (; keys->name != NULL; keys++)
                if (keys->is_needed && json_object_get(object, keys->name) == NULL)
                        r = both(r, fail(at, "", "needs \"%s\"", keys->name));
        return r;
}

static int check_pointer(const struct place *at, const char *key, const char *pointer)
{
        if (pointer[0] != '\0' && pointer[0] != '/')
                return fail(at, key, "must be a JSON pointer, such as \"/items\"");
        return 0;
}

static int check_template(const struct place *at, const char *key, const json_t *template,
                          const json_t *input)
{
        char why[300];

        return rest_template_check(template, input, why, sizeof(why)) == 0
                       ? 0
                       : fail(at, key, "%s", why);
}

static int check_headers(const struct place *at, json_t *headers, const json_t *input)
{
        const char *name;
        json_t *value;

        json_object_foreach (headers, name, value) {
                if (!hdr_is_token(str_from(name)))
                        return fail(at, "headers", "\"%s\" is no name of a header", name);
                if (!json_is_string(value))
                        return fail(at, "headers", "%s: must be a string", name);
                for (size_t i = 0; i < json_string_length(value); i++)
                        if (iscntrl((unsigned char)json_string_value(value)[i]))
                                return fail(at, "headers", "%s: holds a control character", name);
        }
        return check_template(at, "headers", headers, input);
}

/* ---- a tool ---- */

static int copy_url(const struct place *at, const char *url, char **copyp)
{
        size_t n = strlen(url);

        if ((strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) ||
            hdr_url_host(str_from(url)).n == 0 || strpbrk(url, " ?#{}\r\n\t") != NULL)
                return fail(at, "base_url",
                            "must begin with http:// or https://, without query and fragment");
        while (n > 0 && url[n - 1] == '/')
                n--;
        *copyp = alloc_str((struct str){url, n});
        return 0;
}

static int read_schemas(const struct place *at, struct rest_tool *t)
{
        static const char *const keys[] = {"inputSchema", "outputSchema"};

        if (json_object_get(t->spec, "inputSchema") == NULL &&
            json_object_set_new(t->spec, "inputSchema",
                                json_pack("{s:s, s:{}}", "type", "object", "properties")) < 0)
                return -ENOMEM;
        t->input = json_object_get(t->spec, "inputSchema");
        t->output = json_object_get(t->spec, "outputSchema");
        for (size_t i = 0; i < 2; i++) {
                const json_t *json = i == 0 ? t->input : t->output;
                const char *type = json_string_value(json_object_get(json, "type"));
                char why[400] = "out of memory";
                struct schema *schema;

                if (json == NULL)
                        continue;
                if (type == NULL || strcmp(type, "object") != 0)
                        return fail(at, keys[i], "must have \"type\": \"object\"");
                if (at->faults->leaves_out)
                        continue;
                if (schema_create(json, &schema, why, sizeof(why)) != 0)
                        return fail(at, keys[i], "%s", why);
                schema_destroy(schema);
        }
        return 0;
}

static int read_method(const struct place *at, struct rest_tool *t)
{
        const char *method = json_string_value(json_object_get(t->spec, "method"));

        for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
                if (strcmp(methods[i], method) == 0)
                        t->method = methods[i];
        if (t->method == NULL)
                return fail(at, "method", "must be GET, POST, PUT, PATCH or DELETE");
        return 0;
}

static int read_path(const struct place *at, struct rest_tool *t, const json_t *input)
{
        struct uri_vars vars;
        struct str name;
        const char *why;

        t->path = json_string_value(json_object_get(t->spec, "path"));
        if (t->path[0] != '/' || strchr(t->path, '#') != NULL)
                return fail(at, "path", "must begin with '/', and has no '#'");
        if (uri_template_check(str_from(t->path), &why) != 0)
                return fail(at, "path", "%s", why);
        vars = (struct uri_vars){.rest = str_from(t->path)};
        while (uri_vars_next(&vars, &name) == 0)
                if (!rest_template_knows(input, name))
                        return fail(at, "path",
                                    "{%.*s}: inputSchema.properties has no such argument",
                                    STR_ARG(name));
        return 0;
}

static int read_body(const struct place *at, struct rest_tool *t, const json_t *input)
{
        char why[300];

        if (rest_body_read(t, why, sizeof(why)) != 0)
                return fail(at, t->body_type == REST_BODY_NONE ? "body_type" : "encoding", "%s",
                            why);
        if (t->body_type == REST_BODY_FORM && json_is_array(t->body))
                return fail(at, "body", "must be an object where body_type is \"form\"");
        return check_template(at, "body", t->body, input);
}

static int read_parameters(const struct place *at, struct rest_tool *t, const json_t *input)
{
        char why[300];
        int r = rest_parameters_read(t, input, why, sizeof(why));

        return r > 0 ? fail(at, "parameters", "%s", why) : r;
}

/* Lists of names that stand in "security_schemes". */
static int read_security(const struct place *at, struct rest_tool *t, const json_t *schemes)
{
        json_t *names, *name;
        size_t i, j;

        t->security = json_object_get(t->spec, "security");
        json_array_foreach (t->security, i, names) {
                if (!json_is_array(names))
                        return fail(at, "security", "must be an array of arrays of names");
                json_array_foreach (names, j, name)
                        if (!json_is_string(name) ||
                            json_object_get(schemes, json_string_value(name)) == NULL)
                                return fail(at, "security",
                                            "names what is not among the \"security_schemes\"");
        }
        return 0;
}

static int read_paging(const struct place *at, struct rest_tool *t, const json_t *input)
{
        struct place below = {.faults = at->faults};
        const char *argument;
        json_int_t n;
        int r;

        t->paging = json_object_get(t->spec, "paging");
        if (t->paging == NULL)
                return 0;
        snprintf(below.key, sizeof(below.key), "%.100s.paging", at->key);
        if ((r = check_keys(&below, t->paging, paging_keys)) != 0 ||
            (r = check_pointer(&below, "token",
                               json_string_value(json_object_get(t->paging, "token")))) != 0 ||
            (r = check_pointer(&below, "items",
                               json_string_value(json_object_get(t->paging, "items")))) != 0)
                return r;
        argument = json_string_value(json_object_get(t->paging, "argument"));
        if (!rest_template_knows(input, str_from(argument)))
                return fail(&below, "argument", "inputSchema.properties has no \"%s\"", argument);
        n = json_integer_value(json_object_get(t->paging, "pages_max"));
        if (n < 1 || n > PAGES_MAX)
                return fail(&below, "pages_max", "must be a whole number from 1 to %d", PAGES_MAX);
        t->pages_max = (unsigned)n;
        return 0;
}

static int read_errors(const struct place *at, struct rest_tool *t)
{
        const char *status;
        json_t *words;

        t->errors = json_object_get(t->spec, "errors");
        json_object_foreach (t->errors, status, words)
                if (strlen(status) != 3 || strspn(status, "0123456789") != 3 || status[0] < '4' ||
                    !json_is_string(words))
                        return fail(at, "errors", "\"%s\": takes statuses from 400 on, and words",
                                    status);
        return 0;
}

static int read_tool(const struct place *at, const struct rest *rest, struct rest_tool *t)
{
        const json_t *input, *result, *url;
        int r = check_keys(at, t->spec, tool_keys);

        if (r != 0)
                return r;
        r = read_schemas(at, t);
        input = json_object_get(t->spec, "inputSchema");
        result = json_object_get(t->spec, "result");
        t->pointer = result != NULL ? json_string_value(result) : "";
        t->query = json_object_get(t->spec, "query");
        t->headers = json_object_get(t->spec, "headers");
        r = both(r, read_method(at, t));
        r = both(r, read_path(at, t, input));
        r = both(r, check_template(at, "query", t->query, input));
        r = both(r, check_headers(at, t->headers, input));
        r = both(r, read_body(at, t, input));
        r = both(r, read_parameters(at, t, input));
        r = both(r, read_security(at, t, rest_security_schemes(rest)));
        url = json_object_get(t->spec, "base_url");
        if (url != NULL)
                r = both(r, copy_url(at, json_string_value(url), &t->base_url));
        r = both(r, check_pointer(at, "result", t->pointer));
        r = both(r, read_paging(at, t, input));
        return both(r, read_errors(at, t));
}

static bool is_tool_name(const char *name)
{
        size_t n = 0;

        while (isalnum((unsigned char)name[n]) || name[n] == '_' || name[n] == '-')
                n++;
        return n > 0 && n <= 64 && name[n] == '\0';
}

static int show_tool(struct rest *rest, const struct rest_tool *t)
{
        json_t *shown = json_pack("{s:s}", "name", t->name);

        for (size_t i = 0; i < sizeof(shown_keys) / sizeof(shown_keys[0]); i++) {
                json_t *value = json_object_get(t->spec, shown_keys[i]);

                if (value != NULL)
                        json_object_set(shown, shown_keys[i], value);
        }
        return json_array_append_new(rest->shown, shown) < 0 ? -ENOMEM : 0;
}

/* ---- the whole ---- */

static int read_base_url(const struct place *at, struct rest *rest, const char *given)
{
        const char *url =
                given != NULL ? given
                              : json_string_value(json_object_get(rest->description, "base_url"));

        if (url == NULL)
                return fail(at, "", "needs \"base_url\", here or in the server's entry");
        return copy_url(at, url, &rest->base_url);
}

static void tool_finish(struct rest_tool *t)
{
        free(t->name);
        free(t->base_url);
        free(t->parameters);
        json_decref(t->spec);
        *t = (struct rest_tool){.name = NULL};
}

static int add_tool(const struct place *root, struct rest *rest, const char *name, json_t *spec)
{
        struct rest_tool *t = &rest->tools[rest->n_tools];
        struct place at = {.faults = root->faults};
        int r;

        if (!is_tool_name(name))
                return fail(root, "tools",
                            "\"%s\": a tool's name is 1 to 64 letters, digits, '_', '-'", name);
        snprintf(at.key, sizeof(at.key), "tools.%s", name);
        if (!json_is_object(spec))
                return fail(&at, "", "must be an object");
        t->name = alloc_text(name);
        t->spec = json_incref(spec);
        rest->n_tools++;
        r = read_tool(&at, rest, t);
        if (r == REST_E_FAULT && root->faults->leaves_out) {
                tool_finish(t);
                rest->n_tools--;
                return 0;
        }
        return r == 0 ? show_tool(rest, t) : r;
}

static int rest_read(struct rest *rest, const char *base_url, const struct rest_faults *faults)
{
        struct place at = {.faults = faults};
        const char *name, *defaults;
        char why[300];
        json_t *spec;
        int r;

        if (!json_is_object(rest->description))
                return fail(&at, "", "must be a JSON object");
        r = check_keys(&at, rest->description, root_keys);
        if (r == 0)
                r = both(check_headers(&at, json_object_get(rest->description, "headers"), NULL),
                         read_base_url(&at, rest, base_url));
        if (rest_security_check(rest_security_schemes(rest), why, sizeof(why)) != 0)
                r = both(r, fail(&at, "security_schemes", "%s", why));
        defaults = json_string_value(json_object_get(rest->description, "defaults"));
        rest->fills_all = defaults == NULL || strcmp(defaults, "required") != 0;
        if (defaults != NULL && rest->fills_all && strcmp(defaults, "all") != 0)
                r = both(r, fail(&at, "defaults", "must be \"all\" or \"required\""));
        json_object_foreach (json_object_get(rest->description, "tools"), name, spec)
                r = both(r, add_tool(&at, rest, name, spec));
        return r;
}

int rest_create(const json_t *description, const char *base_url, struct rest **restp,
                const struct rest_faults *faults)
{
        size_t n = json_object_size(json_object_get(description, "tools"));
        struct rest *rest = calloc(1, sizeof(*rest) + n * sizeof(rest->tools[0]));
        int r;

        if (rest == NULL)
                return -ENOMEM;
        rest->description = json_incref((json_t *)description);
        rest->shown = json_array();
        r = rest_read(rest, base_url, faults);
        if (r == 0)
                *restp = rest;
        else
                rest_destroy(rest);
        return r;
}

void rest_destroy(struct rest *rest)
{
        if (rest == NULL)
                return;
        for (size_t i = 0; i < rest->n_tools; i++)
                tool_finish(&rest->tools[i]);
        json_decref(rest->description);
        json_decref(rest->shown);
        free(rest->base_url);
        free(rest);
}

json_t *rest_tools(const struct rest *rest)
{
        return rest->shown;
}

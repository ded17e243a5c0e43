/* The document is walked once: all operations get their names, and those that are wanted are made
 * tools. References are followed within the document alone, and so many of them. */
#include "openapi_inside.h"

#include "mgw/wire/json_pointer.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REF_HOPS_MAX 16
#define REF_SIZE 1024
#define WALK_DEPTH_MAX 8

/* ---- the document ---- */

/* The pointer in a reference, without what is percent-encoded (RFC 6901 6). False: it leads out of
 * the document, or is longer than any. */
static bool read_ref(const char *ref, char pointer[REF_SIZE])
{
        size_t n = 0;

        if (ref == NULL || *ref++ != '#')
                return false;
        for (; *ref != '\0'; ref++) {
                int high = *ref == '%' ? str_hex_digit(ref[1]) : -1;
                int low = high >= 0 ? str_hex_digit(ref[2]) : -1;

                if (n + 1 >= REF_SIZE)
                        return false;
                pointer[n++] = (char)(low < 0 ? *ref : high << 4 | low);
                ref += low < 0 ? 0 : 2;
        }
        pointer[n] = '\0';
        return strlen(pointer) == n;
}

json_t *openapi_at(struct openapi *o, const char *ref)
{
        char pointer[REF_SIZE];
        const char *rest;
        struct json_node *node;

        if (!read_ref(ref, pointer) || (node = json_lazy_at(o->lazy, pointer, &rest)) == NULL)
                return NULL;
        return json_pointer(json_lazy_value(o->lazy, node), rest);
}

json_t *openapi_resolve(struct openapi *o, json_t *value)
{
        for (unsigned hops = 0; hops < REF_HOPS_MAX; hops++) {
                const char *ref = json_string_value(json_object_get(value, "$ref"));

                if (ref == NULL)
                        return value;
                value = openapi_at(o, ref);
        }
        return NULL;
}

json_t *openapi_member(struct openapi *o, struct json_node *node, const char *key)
{
        return json_lazy_value(o->lazy, json_lazy_get(o->lazy, node, key));
}

const char *openapi_text(struct openapi *o, struct json_node *node, const char *key)
{
        return json_string_value(openapi_member(o, node, key));
}

struct json_node *openapi_node_resolve(struct openapi *o, struct json_node *node)
{
        char pointer[REF_SIZE];
        const char *rest;

        for (unsigned hops = 0; node != NULL && hops < REF_HOPS_MAX; hops++) {
                const char *ref = openapi_text(o, node, "$ref");

                if (ref == NULL)
                        return node;
                node = read_ref(ref, pointer) ? json_lazy_at(o->lazy, pointer, &rest) : NULL;
                if (node != NULL && rest[0] != '\0')
                        return NULL;
        }
        return NULL;
}

json_t *openapi_object_in(json_t *object, const char *key)
{
        if (json_object_get(object, key) == NULL)
                json_object_set_new(object, key, json_object());
        return json_object_get(object, key);
}

bool openapi_may_step(struct openapi *o, unsigned depth)
{
        if (depth == 0)
                o->n_walk = 0;
        return depth <= WALK_DEPTH_MAX && o->n_walk++ < OPENAPI_WALK_MAX &&
               o->n_steps++ < OPENAPI_STEPS_MAX;
}

/* ---- names ---- */

void openapi_name(char out[OPENAPI_NAME_MAX + 1], const char *text)
{
        size_t n = 0;

        for (; *text != '\0' && n < OPENAPI_NAME_MAX; text++)
                if (isalnum((unsigned char)*text) || *text == '_')
                        out[n++] = *text;
                else if (n > 0 && out[n - 1] != '_')
                        out[n++] = '_';
        while (n > 1 && out[n - 1] == '_')
                n--;
        out[n] = '\0';
}

/* FNV-1a: the same in every process, which the hash of our tables is not. */
static uint32_t hash_text(const char *text)
{
        uint32_t hash = 2166136261u;

        for (; *text != '\0'; text++)
                hash = (hash ^ (unsigned char)*text) * 16777619u;
        return hash;
}

/* A name that is taken gets a suffix that follows from method and path, and so stays when the
 * document grows. */
static void make_unique(struct openapi *o, const char *where, char name[OPENAPI_NAME_MAX + 1])
{
        uint32_t hash = hash_text(where);
        size_t n = strlen(name);
        char suffix[12];

        /* where thousands are called the same, four digits are soon all taken */
        for (unsigned tries = 0; json_object_get(o->names, name) != NULL; tries++, hash++) {
                size_t n_suffix = (size_t)snprintf(suffix, sizeof(suffix), "_%04x",
                                                   tries < 8 ? hash & 0xffff : hash);
                size_t at = n + n_suffix > OPENAPI_NAME_MAX ? OPENAPI_NAME_MAX - n_suffix : n;

                snprintf(name + at, OPENAPI_NAME_MAX + 1 - at, "%s", suffix);
        }
        json_object_set_new(o->names, name, json_true());
}

/* ---- operations ---- */

static void tell(struct openapi *o, const char *where, const char *why, bool is_left_out)
{
        o->caller->on_note(o->caller->owner, where, why, is_left_out);
}

void openapi_note(struct operation *op, const char *fmt, ...)
{
        char why[300];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(why, sizeof(why), fmt, ap);
        va_end(ap);
        tell(op->o, op->name, why, false);
}

static void add_operation(struct openapi *o, struct json_node *item, struct json_node *spec,
                          const char *path, const char *method, const char *name, const char *where)
{
        struct operation op = {
                .o = o,
                .path = path,
                .method = method,
                .name = name,
                .item = item,
                .spec = spec,
                .tool = json_object(),
                .properties = json_object(),
                .required = json_object(),
                .arguments = json_object(),
        };
        const char *why = "all tools together are too many, or too big: \"include\" names those "
                          "that are wanted";

        if (o->n_values < OPENAPI_VALUES_MAX && json_object_size(o->tools) < OPENAPI_TOOLS_MAX)
                why = openapi_operation_read(&op);
        if (why != NULL)
                tell(o, where, why, true);
        else
                json_object_set(o->tools, name, op.tool);
        json_decref(op.tool);
        json_decref(op.properties);
        json_decref(op.required);
        json_decref(op.arguments);
}

static const struct {
        const char *key, *method;
        bool is_offered;
} methods[] = {
        {"get", "GET", true},          {"post", "POST", true},     {"put", "PUT", true},
        {"patch", "PATCH", true},      {"delete", "DELETE", true}, {"head", "HEAD", false},
        {"options", "OPTIONS", false}, {"trace", "TRACE", false},  {"query", "QUERY", false},
};

/* The name is given before it is known whether it is wanted: it does not depend on "include". */
static void read_operation(struct openapi *o, struct json_node *item, const char *path, size_t i)
{
        struct json_node *spec = json_lazy_get(o->lazy, item, methods[i].key);
        const char *id = openapi_text(o, spec, "operationId");
        char text[300], where[300], plain[OPENAPI_NAME_MAX + 1], name[OPENAPI_NAME_MAX + 1];

        snprintf(where, sizeof(where), "%s %s", methods[i].method, path);
        snprintf(text, sizeof(text), "%s %s", methods[i].key, path);
        openapi_name(plain, id != NULL ? id : text);
        if (plain[0] == '\0')
                openapi_name(plain, text);
        memcpy(name, plain, sizeof(name));
        make_unique(o, where, name);
        if (o->caller->wants != NULL && !o->caller->wants(o->caller->owner, name))
                return;
        if (strcmp(name, plain) != 0) {
                char why[160];

                snprintf(why, sizeof(why), "is called %s, as %s is another's", name, plain);
                tell(o, where, why, false);
        }
        if (methods[i].is_offered)
                add_operation(o, item, spec, path, methods[i].method, name, where);
        else
                tell(o, where, "no tool is made of this method", true);
}

static void read_paths(struct openapi *o)
{
        struct json_node *paths = json_lazy_get(o->lazy, json_lazy_root(o->lazy), "paths"), *path;

        for (path = json_lazy_first(o->lazy, paths); path != NULL; path = json_lazy_next(path)) {
                if (json_object_size(o->names) > OPENAPI_OPERATIONS_MAX) {
                        tell(o, json_lazy_key(path),
                             "is left out with all behind it: they are too many", false);
                        return;
                }
                struct json_node *item = openapi_node_resolve(o, path);

                if (strncmp(json_lazy_key(path), "x-", 2) == 0)
                        continue;
                if (item == NULL) {
                        tell(o, json_lazy_key(path), "its $ref leads to nothing in the document",
                             true);
                        continue;
                }
                for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
                        if (json_lazy_get(o->lazy, item, methods[i].key) != NULL)
                                read_operation(o, item, json_lazy_key(path), i);
        }
}

/* ---- the whole ---- */

static int read_version(struct openapi *o, char *why, size_t why_size)
{
        struct json_node *root = json_lazy_root(o->lazy);
        const char *version = openapi_text(o, root, "openapi");
        const char *swagger = openapi_text(o, root, "swagger");

        o->is_v2 = version == NULL && swagger != NULL && strncmp(swagger, "2.", 2) == 0;
        o->is_v30 = version != NULL && strncmp(version, "3.0", 3) == 0;
        if (o->is_v2 || (version != NULL && strncmp(version, "3.", 2) == 0))
                return 0;
        snprintf(why, why_size,
                 "is no description that is known: \"openapi\" must be \"3...\", or \"swagger\" "
                 "\"2.0\"");
        return REST_E_FAULT;
}

static void tell_cut(struct openapi *o)
{
        char why[120];

        if (o->n_cut > 0) {
                snprintf(why, sizeof(why),
                         "schemas of %zu tools are too big: their far parts take any value",
                         o->n_cut);
                tell(o, "the document", why, false);
        }
        if (o->n_lost > 0) {
                snprintf(
                        why, sizeof(why),
                        "%zu references of schemas lead to nothing in it: any value is taken there",
                        o->n_lost);
                tell(o, "the document", why, false);
        }
        if (json_lazy_was_short(o->lazy))
                tell(o, "the document",
                     "is too big: not all of it was looked at (\"include\" names what is wanted)",
                     false);
}

static void read_servers(struct openapi *o)
{
        struct json_node *root = json_lazy_root(o->lazy);

        if (o->caller->base_url != NULL)
                o->base_url = strdup(o->caller->base_url);
        else if (o->is_v2)
                o->base_url = openapi_v2_server(o);
        else
                o->base_url = openapi_server(o, openapi_member(o, root, "servers"));
}

int openapi_describe(struct json_lazy *document, const struct openapi_caller *caller,
                     json_t **descriptionp, char *why, size_t why_size)
{
        struct openapi o = {.lazy = document, .caller = caller};
        int r = read_version(&o, why, why_size);

        if (r != 0)
                return r;
        o.names = json_object();
        o.defs = json_object();
        o.def_names = json_object();
        o.servers = json_object();
        o.tools = json_object();
        read_servers(&o);
        o.schemes = openapi_security_schemes(&o);
        *descriptionp = json_pack("{s:O, s:O, s:s}", "security_schemes", o.schemes, "tools",
                                  o.tools, "defaults", "required");
        read_paths(&o);
        tell_cut(&o);
        if (o.base_url != NULL && *descriptionp != NULL)
                json_object_set_new(*descriptionp, "base_url", json_string(o.base_url));
        json_decref(o.names);
        json_decref(o.defs);
        json_decref(o.def_names);
        json_decref(o.servers);
        json_decref(o.tools);
        json_decref(o.schemes);
        free(o.base_url);
        return *descriptionp != NULL ? 0 : -ENOMEM;
}

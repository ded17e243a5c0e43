/* A document, path by path: which operations it has, and what each is called. Names do not depend
 * on which of them are wanted, and stay when the document grows. */
#include "openapi_inside.h"

#include "mgw/base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

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
                openapi_tell(o, where, why, true);
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
                openapi_tell(o, where, why, false);
        }
        if (methods[i].is_offered)
                add_operation(o, item, spec, path, methods[i].method, name, where);
        else
                openapi_tell(o, where, "no tool is made of this method", true);
}

static void read_paths(struct openapi *o)
{
        struct json_node *paths = json_lazy_get(o->lazy, json_lazy_root(o->lazy), "paths"), *path;

        for (path = json_lazy_first(o->lazy, paths); path != NULL; path = json_lazy_next(path)) {
                if (json_object_size(o->names) > OPENAPI_OPERATIONS_MAX) {
                        openapi_tell(o, json_lazy_key(path),
                                     "is left out with all behind it: they are too many", false);
                        return;
                }
                struct json_node *item = openapi_node_resolve(o, path);

                if (strncmp(json_lazy_key(path), "x-", 2) == 0)
                        continue;
                if (item == NULL) {
                        openapi_tell(o, json_lazy_key(path),
                                     "its $ref leads to nothing in the document", true);
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
                openapi_tell(o, "the document", why, false);
        }
        if (o->n_lost > 0) {
                snprintf(
                        why, sizeof(why),
                        "%zu references of schemas lead to nothing in it: any value is taken there",
                        o->n_lost);
                openapi_tell(o, "the document", why, false);
        }
        if (json_lazy_was_short(o->lazy))
                openapi_tell(o, "the document",
                             "is too big: not all of it was looked at (\"include\" names what is "
                             "wanted)",
                             false);
}

static void read_servers(struct openapi *o)
{
        struct json_node *root = json_lazy_root(o->lazy);

        if (o->caller->base_url != NULL)
                o->base_url = alloc_text(o->caller->base_url);
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
        if (o.base_url != NULL)
                json_object_set_new(*descriptionp, "base_url", json_string(o.base_url));
        json_decref(o.names);
        json_decref(o.defs);
        json_decref(o.def_names);
        json_decref(o.servers);
        json_decref(o.tools);
        json_decref(o.schemes);
        free(o.base_url);
        return 0;
}

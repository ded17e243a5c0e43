/* Schemas of OpenAPI, of requests: without what is only read, and without what is no schema, which
 * published documents are full of: a keyword less takes more, and the API has the last word. */
#include "openapi_inside.h"

#include "mgw/schema/pattern.h"
#include "mgw/wire/json_str.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define REF_HOPS_MAX 16
#define PATTERNS_MAX 20000 /* that are compiled to see whether they can be */

static void copy_schema(struct openapi *o, json_t *schema, const json_t *unasked);

/* ---- references ---- */

/* The last part of the pointer, in what JSON pointers take as it is. */
static void plain_name(char out[OPENAPI_NAME_MAX + 1], const char *ref)
{
        const char *slash = strrchr(ref, '/');
        size_t n = 0;

        for (ref = slash != NULL ? slash + 1 : ref; *ref != '\0' && n < OPENAPI_NAME_MAX; ref++)
                out[n++] = isalnum((unsigned char)*ref) || strchr("._-", *ref) != NULL ? *ref : '_';
        out[n] = '\0';
}

/* Its name among the definitions: the same for all who refer to it. */
static const char *name_of(struct openapi *o, const char *ref)
{
        const char *known = json_string_value(json_object_get(o->def_names, ref));
        char plain[OPENAPI_NAME_MAX + 1], name[OPENAPI_NAME_MAX + 24];

        if (known != NULL)
                return known;
        plain_name(plain, ref);
        snprintf(name, sizeof(name), "%s", plain);
        if (json_object_get(o->defs, name) != NULL)
                snprintf(name, sizeof(name), "%s_%zu", plain, json_object_size(o->defs));
        json_object_set_new(o->def_names, ref, json_string(name));
        json_object_set_new(o->defs, name, json_pack("{s:s}", "ref", ref));
        return json_string_value(json_object_get(o->def_names, ref));
}

/* One that leads nowhere, out of the document, or to all of it, takes everything. */
static void copy_ref(struct openapi *o, json_t *schema)
{
        const char *ref = json_string_value(json_object_get(schema, "$ref")), *name;

        if (ref == NULL || strcmp(ref, "#") == 0 || !json_is_object(openapi_at(o, ref))) {
                o->n_lost += json_object_get(schema, "$ref") != NULL;
                json_object_del(schema, "$ref");
                return;
        }
        name = name_of(o, ref);
        json_object_set_new(schema, "$ref", json_sprintf("#/$defs/%s", name));
}

/* ---- what is only read ---- */

/* Follows "$ref", but a flag beside it counts too. */
static bool is_read_only(struct openapi *o, json_t *schema)
{
        json_t *part;
        size_t i;

        for (unsigned hops = 0; json_is_object(schema) && hops < REF_HOPS_MAX; hops++) {
                if (json_is_true(json_object_get(schema, "readOnly")))
                        return true;
                json_array_foreach (json_object_get(schema, "allOf"), i, part)
                        if (json_is_true(json_object_get(part, "readOnly")))
                                return true;
                if (json_object_get(schema, "$ref") == NULL)
                        return false;
                schema = openapi_at(o, json_string_value(json_object_get(schema, "$ref")));
        }
        return false;
}

/* The names of properties that are only read, of the schema and of all that is said of the same
 * object beside it. */
static void add_unasked(struct openapi *o, json_t *schema, unsigned depth, json_t *unasked)
{
        json_t *property, *part;
        const char *name;
        size_t i;

        if (!openapi_may_step(o, depth))
                return;
        schema = openapi_resolve(o, schema);
        json_object_foreach (json_object_get(schema, "properties"), name, property)
                if (is_read_only(o, property))
                        json_object_set_new(unasked, name, json_true());
        json_array_foreach (json_object_get(schema, "allOf"), i, part)
                add_unasked(o, part, depth + 1, unasked);
}

/* schema is ours, its parts still the document's. */
static void drop_unasked(json_t *schema, const json_t *unasked)
{
        json_t *properties = json_object_get(schema, "properties"), *property;
        json_t *required = json_object_get(schema, "required"), *name;
        const char *key;
        void *next;
        size_t i;

        if (json_object_size(unasked) == 0)
                return;
        json_object_foreach_safe(properties, next, key,
                                 property) if (json_object_get(unasked, key) != NULL)
                json_object_del(properties, key);
        for (i = json_array_size(required); i > 0; i--) {
                name = json_array_get(required, i - 1);
                if (json_is_string(name) &&
                    json_object_get(unasked, json_string_value(name)) != NULL)
                        json_array_remove(required, i - 1);
        }
}

/* ---- what OpenAPI 3.0 and Swagger 2.0 say otherwise ---- */

/* Some validators want the words of an enum to differ. */
static bool has_null(const json_t *words)
{
        const json_t *word;
        size_t i;

        json_array_foreach ((json_t *)words, i, word)
                if (json_is_null(word))
                        return true;
        return false;
}

/* "nullable" (OpenAPI 3.0), "x-nullable" (Swagger 2.0). */
static void copy_nullable(json_t *schema)
{
        json_t *type = json_object_get(schema, "type"), *words = json_object_get(schema, "enum");

        if (json_is_true(json_object_get(schema, "nullable")) ||
            json_is_true(json_object_get(schema, "x-nullable"))) {
                if (json_is_string(type))
                        json_object_set_new(schema, "type", json_pack("[O, s]", type, "null"));
                if (json_is_array(words) && !has_null(words))
                        json_array_append_new(words, json_null());
        }
        json_object_del(schema, "nullable");
}

/* "exclusiveMinimum": true beside "minimum" (OpenAPI 3.0). */
static void copy_exclusive(json_t *schema, const char *key, const char *exclusive)
{
        json_t *flag = json_object_get(schema, exclusive), *bound = json_object_get(schema, key);

        if (!json_is_boolean(flag))
                return;
        if (json_is_true(flag) && bound != NULL) {
                json_object_set(schema, exclusive, bound);
                json_object_del(schema, key);
        } else {
                json_object_del(schema, exclusive);
        }
}

/* ---- what is no schema ---- */

static bool is_count(const json_t *value)
{
        return json_is_number(value) && json_number_value(value) >= 0;
}

static bool is_type(const json_t *value)
{
        static const char *const types[] = {"null",   "boolean", "object", "array",
                                            "number", "integer", "string"};
        json_t *one;
        size_t i;

        json_array_foreach ((json_t *)value, i, one)
                if (!json_is_string(one) || !is_type(one))
                        return false;
        if (json_is_array(value))
                return json_array_size(value) > 0;
        for (i = 0; json_is_string(value) && i < sizeof(types) / sizeof(types[0]); i++)
                if (strcmp(types[i], json_string_value(value)) == 0)
                        return true;
        return false;
}

static bool is_schema(const json_t *value)
{
        return json_is_object(value) || json_is_boolean(value);
}

static bool is_list(const json_t *value)
{
        return json_array_size(value) > 0;
}

static bool is_names(const json_t *value)
{
        json_t *name;
        size_t i;

        json_array_foreach ((json_t *)value, i, name)
                if (!json_is_string(name))
                        return false;
        return json_is_array(value);
}

static bool is_pattern(const json_t *value)
{
        struct pattern *pattern;
        char why[200];

        if (!json_is_string(value) ||
            pattern_create(json_str(value), &pattern, why, sizeof(why)) != 0)
                return false;
        pattern_destroy(pattern);
        return true;
}

static bool is_object(const json_t *value)
{
        return json_is_object(value);
}

static bool is_array(const json_t *value)
{
        return json_is_array(value);
}

static bool is_number(const json_t *value)
{
        return json_is_number(value);
}

static bool is_positive(const json_t *value)
{
        return json_is_number(value) && json_number_value(value) > 0;
}

static bool is_flag(const json_t *value)
{
        return json_is_boolean(value);
}

static bool is_never(const json_t *value)
{
        (void)value;
        return false;
}

/* Keywords, and what their values must be to be kept. */
static const struct {
        const char *name;
        bool (*is_kept)(const json_t *value);
} keywords[] = {
        {"type", is_type},
        {"enum", is_array},
        {"properties", is_object},
        {"patternProperties", is_object},
        {"additionalProperties", is_schema},
        {"propertyNames", is_schema},
        {"required", is_names},
        {"items", is_schema},
        {"prefixItems", is_list},
        {"contains", is_schema},
        {"allOf", is_list},
        {"anyOf", is_list},
        {"oneOf", is_list},
        {"not", is_schema},
        {"if", is_schema},
        {"then", is_schema},
        {"else", is_schema},
        {"pattern", is_pattern},
        {"minLength", is_count},
        {"maxLength", is_count},
        {"minItems", is_count},
        {"maxItems", is_count},
        {"minProperties", is_count},
        {"maxProperties", is_count},
        {"uniqueItems", is_flag},
        {"minimum", is_number},
        {"maximum", is_number},
        {"exclusiveMinimum", is_number},
        {"exclusiveMaximum", is_number},
        {"multipleOf", is_positive},
        {"$dynamicRef", is_never},
        {"$dynamicAnchor", is_never},
        {"$anchor", is_never},
        {"$id", is_never},
        {"$schema", is_never},
        {"$comment", is_never},
        {"$defs", is_never}, /* what refers to them takes them from the document */
        {"definitions", is_never},
        {"example", is_never},
        {"examples", is_never},
        {"xml", is_never},
        {"discriminator", is_never},
        {"externalDocs", is_never},
        {"readOnly", is_never},
        {"writeOnly", is_never},
};

static void drop_unsound(struct openapi *o, json_t *schema)
{
        const char *name;
        json_t *value;
        void *next;

        if (json_object_get(schema, "pattern") != NULL && o->n_patterns++ >= PATTERNS_MAX)
                json_object_del(schema, "pattern");
        for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
                value = json_object_get(schema, keywords[i].name);
                if (value != NULL && !keywords[i].is_kept(value))
                        json_object_del(schema, keywords[i].name);
        }
        json_object_foreach_safe(schema, next, name, value) if (strncmp(name, "x-", 2) == 0)
                json_object_del(schema, name);
}

/* ---- a schema ---- */

/* Where schemas stand in a schema: itself, or as members or elements. Those of the same object know
 * what is not asked of it. */
static void copy_below(struct openapi *o, json_t *schema, const json_t *unasked)
{
        static const char *const single[] = {"items", "additionalProperties", "contains",
                                             "propertyNames"};
        static const char *const same[] = {"not", "if", "then", "else"};
        static const char *const many[] = {"properties", "patternProperties", "prefixItems"};
        static const char *const same_many[] = {"allOf", "anyOf", "oneOf"};
        json_t *below;
        const char *key;
        size_t i, k;

        for (i = 0; i < sizeof(single) / sizeof(single[0]); i++)
                copy_schema(o, json_object_get(schema, single[i]), NULL);
        for (i = 0; i < sizeof(same) / sizeof(same[0]); i++)
                copy_schema(o, json_object_get(schema, same[i]), unasked);
        for (i = 0; i < sizeof(many) / sizeof(many[0]); i++) {
                json_object_foreach (json_object_get(schema, many[i]), key, below)
                        copy_schema(o, below, NULL);
                json_array_foreach (json_object_get(schema, many[i]), k, below)
                        copy_schema(o, below, NULL);
        }
        for (i = 0; i < sizeof(same_many) / sizeof(same_many[0]); i++)
                json_array_foreach (json_object_get(schema, same_many[i]), k, below)
                        copy_schema(o, below, unasked);
}

/* Rewrites a schema, which is ours, in place. unasked: what the object, of which more is said
 * elsewhere, is not asked for; NULL: this is where it begins. */
static void copy_schema(struct openapi *o, json_t *schema, const json_t *unasked)
{
        json_t *own;

        if (!json_is_object(schema))
                return;
        own = unasked != NULL ? json_copy((json_t *)unasked) : json_object();
        add_unasked(o, schema, 0, own);
        copy_nullable(schema);
        copy_exclusive(schema, "minimum", "exclusiveMinimum");
        copy_exclusive(schema, "maximum", "exclusiveMaximum");
        drop_unsound(o, schema);
        drop_unasked(schema, own);
        copy_ref(o, schema);
        copy_below(o, schema, own);
        json_decref(own);
}

json_t *openapi_schema(struct openapi *o, json_t *schema)
{
        json_t *own = json_is_object(schema) ? json_deep_copy(schema) : json_object();

        copy_schema(o, own, NULL);
        return own;
}

/* ---- definitions ---- */

size_t openapi_count(const json_t *value)
{
        const char *key;
        json_t *below;
        size_t n = json_is_object(value) || json_is_array(value), i;

        json_object_foreach ((json_t *)value, key, below)
                n += openapi_count(below);
        json_array_foreach ((json_t *)value, i, below)
                n += openapi_count(below);
        return n;
}

void openapi_refs(const json_t *schema, json_t *refs)
{
        static const char defs[] = "#/$defs/";
        const char *ref = json_string_value(json_object_get(schema, "$ref")), *key;
        json_t *below;
        size_t i;

        if (ref != NULL && strncmp(ref, defs, sizeof(defs) - 1) == 0)
                json_object_set_new(refs, ref + sizeof(defs) - 1, json_true());
        json_object_foreach ((json_t *)schema, key, below)
                openapi_refs(below, refs);
        json_array_foreach ((json_t *)schema, i, below)
                openapi_refs(below, refs);
}

/* References within a schema that has an "$id" begin at that schema, which stands at base. */
static void rebase_refs(json_t *schema, const char *base)
{
        const char *ref = json_string_value(json_object_get(schema, "$ref")), *key;
        json_t *below;
        size_t i;

        if (ref != NULL && ref[0] == '#')
                json_object_set_new(schema, "$ref", json_sprintf("%s%s", base, ref + 1));
        json_object_foreach (schema, key, below)
                rebase_refs(below, base);
        json_array_foreach (schema, i, below)
                rebase_refs(below, base);
}

static json_t *schema_at(struct openapi *o, const char *ref)
{
        json_t *found = openapi_at(o, ref), *own, *schema;

        if (!json_is_string(json_object_get(found, "$id")))
                return openapi_schema(o, found);
        own = json_deep_copy(found);
        rebase_refs(own, ref);
        schema = openapi_schema(o, own);
        json_decref(own);
        return schema;
}

/* Made when the first tool asks for it; all have the same one. */
static json_t *make_def(struct openapi *o, const char *name)
{
        json_t *def = json_object_get(o->defs, name), *refs, *schema;

        if (json_object_get(def, "schema") != NULL)
                return def;
        refs = json_object();
        schema = schema_at(o, json_string_value(json_object_get(def, "ref")));
        openapi_refs(schema, refs);
        json_object_set_new(def, "size", json_integer((json_int_t)openapi_count(schema)));
        json_object_set_new(def, "schema", schema);
        json_object_set_new(def, "refs", refs);
        return def;
}

/* Adds the names that are not among them yet. */
static void add_names(json_t *queue, json_t *defs, json_t *refs)
{
        const char *name;
        json_t *flag;

        json_object_foreach (refs, name, flag)
                if (json_object_get(defs, name) == NULL) {
                        json_object_set_new(defs, name, json_object());
                        json_array_append_new(queue, json_string(name));
                }
}

/* The nearest first: what no longer fits lies furthest away. */
json_t *openapi_defs(struct openapi *o, json_t *refs, size_t n_max, size_t *np)
{
        json_t *defs = json_object(), *queue = json_array();
        size_t n = 0;
        bool is_cut = false;

        add_names(queue, defs, refs);
        for (size_t i = 0; i < json_array_size(queue); i++) {
                const char *name = json_string_value(json_array_get(queue, i));
                json_t *def = make_def(o, name);
                size_t size = (size_t)json_integer_value(json_object_get(def, "size"));

                n++;
                if (n + size > n_max) {
                        is_cut = true;
                        continue;
                }
                n += size;
                json_object_set(defs, name, json_object_get(def, "schema"));
                add_names(queue, defs, json_object_get(def, "refs"));
        }
        o->n_cut += is_cut;
        *np += n;
        json_decref(queue);
        return defs;
}

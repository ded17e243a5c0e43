#include "openapi_schema.h"

#include "mgw/mcp/rest.h"

#include <stdio.h>
#include <string.h>

static const char components[] = "#/components/schemas/";

struct copying {
        json_t *document, *defs;
};

static void copy_schema(struct copying *c, json_t *schema);

/* The name stands in defs before its schema is copied: it may refer to itself. */
static void copy_def(struct copying *c, const char *ref, const char *name)
{
        json_t *schema;

        if (json_object_get(c->defs, name) != NULL)
                return;
        schema = json_deep_copy(rest_pointer(c->document, ref + 1));
        if (!json_is_object(schema)) {
                json_decref(schema);
                schema = json_object();
        }
        json_object_set_new(c->defs, name, schema);
        copy_schema(c, schema);
}

/* A reference to anything but a plainly named component takes everything. */
static void copy_ref(struct copying *c, json_t *schema)
{
        const char *ref = json_string_value(json_object_get(schema, "$ref"));
        size_t n = sizeof(components) - 1;
        json_t *own;

        if (ref == NULL)
                return;
        if (strncmp(ref, components, n) != 0 || strpbrk(ref + n, "/~%") != NULL) {
                json_object_del(schema, "$ref");
                return;
        }
        copy_def(c, ref, ref + n);
        own = json_sprintf("#/$defs/%s", ref + n);
        json_object_set_new(schema, "$ref", own);
}

/* "nullable" (OpenAPI 3.0). */
static void copy_nullable(json_t *schema)
{
        json_t *type = json_object_get(schema, "type"), *words = json_object_get(schema, "enum");

        if (json_is_true(json_object_get(schema, "nullable"))) {
                if (json_is_string(type))
                        json_object_set_new(schema, "type", json_pack("[O, s]", type, "null"));
                if (words != NULL)
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

/* Where schemas stand in a schema: itself, or as members or elements. */
static void copy_below(struct copying *c, json_t *schema)
{
        static const char *const single[] = {
                "items", "additionalProperties", "not", "contains", "propertyNames", "if", "then",
                "else"};
        static const char *const many[] = {"properties", "patternProperties", "allOf", "anyOf",
                                           "oneOf",      "prefixItems"};
        json_t *below;
        const char *key;
        size_t k;

        for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++)
                copy_schema(c, json_object_get(schema, single[i]));
        for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++) {
                json_object_foreach (json_object_get(schema, many[i]), key, below)
                        copy_schema(c, below);
                json_array_foreach (json_object_get(schema, many[i]), k, below)
                        copy_schema(c, below);
        }
}

/* Rewrites a schema, which is ours, in place. */
static void copy_schema(struct copying *c, json_t *schema)
{
        static const char *const dropped[] = {"example", "xml", "discriminator", "externalDocs"};

        if (!json_is_object(schema))
                return;
        for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++)
                json_object_del(schema, dropped[i]);
        copy_nullable(schema);
        copy_exclusive(schema, "minimum", "exclusiveMinimum");
        copy_exclusive(schema, "maximum", "exclusiveMaximum");
        copy_ref(c, schema);
        copy_below(c, schema);
}

json_t *openapi_schema(json_t *document, json_t *schema, json_t *defs)
{
        struct copying c = {document, defs};
        json_t *own = json_is_object(schema) ? json_deep_copy(schema) : json_object();

        copy_schema(&c, own);
        return own;
}

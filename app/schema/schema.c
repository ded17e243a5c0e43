/* Compiles a schema: every schema in the document becomes a node, which holds its keywords in the
 * order of the table, their values of the right shape; patterns are compiled once. Then each $ref
 * is led to its target, which becomes a node too if no keyword leads there. At last no schema may
 * lead back to itself without going down into the value: with the bounds on depth, a check ends. */
#include "schema_inside.h"

#include "mgw/base/alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NODES_MAX 10000

struct compiler {
        struct schema *schema;
        struct reason reason;
        json_t *resource; /* that is being walked */
        size_t n_nodes;
};

static void add_node(struct schema *schema, struct node *node)
{
        HASH_ADD_PTR(schema->nodes, json, node);
}

static void add_pattern(struct schema *schema, struct named_pattern *pattern, struct str text)
{
        HASH_ADD_KEYPTR(hh, schema->patterns, text.p, text.n, pattern);
}

static int unsound(struct compiler *c, const struct place *place, const char *what, ...)
        __attribute__((format(printf, 3, 4)));

static int unsound(struct compiler *c, const struct place *place, const char *what, ...)
{
        va_list ap;

        va_start(ap, what);
        schema_reason_write(&c->reason, place, what, ap);
        va_end(ap);
        return SCHEMA_E_UNSOUND;
}

static int walk(struct compiler *c, json_t *json, const struct place *place);

static int walk_list(struct compiler *c, json_t *list, const struct place *place)
{
        json_t *schema;
        size_t i;

        if (json_array_size(list) == 0)
                return unsound(c, place, "must be an array of schemas, and not empty");
        json_array_foreach (list, i, schema) {
                struct place item = {place, NULL, i};
                int r = walk(c, schema, &item);

                if (r != 0)
                        return r;
        }
        return 0;
}

static int walk_map(struct compiler *c, json_t *map, const struct place *place)
{
        const char *key;
        json_t *schema;

        if (!json_is_object(map))
                return unsound(c, place, "must be an object of schemas");
        json_object_foreach (map, key, schema) {
                struct place member = {place, key, 0};
                int r = walk(c, schema, &member);

                if (r != 0)
                        return r;
        }
        return 0;
}

static int take_pattern(struct compiler *c, struct str text, const struct place *place)
{
        struct named_pattern *named;
        char why[SCHEMA_QUOTE_SIZE];
        int r;

        if (schema_pattern(c->schema, text) != NULL)
                return 0;
        named = alloc_zeroed(sizeof(*named));
        r = pattern_create(text, &named->pattern, why, sizeof(why));
        if (r == 0) {
                add_pattern(c->schema, named, text);
                return 0;
        }
        free(named);
        return r == PATTERN_E_BAD ? unsound(c, place, "is no regular expression: %s", why) : r;
}

static int take_pattern_map(struct compiler *c, json_t *map, const struct place *place)
{
        const char *key;
        json_t *schema;

        json_object_foreach (map, key, schema) {
                struct place member = {place, key, 0};
                int r = take_pattern(c, str_from(key), &member);

                if (r != 0)
                        return r;
        }
        return walk_map(c, map, place);
}

static bool is_type_name(const json_t *json)
{
        static const char *const names[] = {"null",   "boolean", "object", "array",
                                            "number", "string",  "integer"};

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (str_eq(json_str(json), str_from(names[i])))
                        return true;
        return false;
}

static bool are_all(json_t *array, bool (*is_fine)(const json_t *))
{
        json_t *item;
        size_t i;

        json_array_foreach (array, i, item)
                if (!is_fine(item))
                        return false;
        return json_is_array(array);
}

static bool is_string(const json_t *json)
{
        return rpc_is_string(json);
}

static bool is_map_of_strings(json_t *map)
{
        const char *key;
        json_t *names;

        json_object_foreach (map, key, names)
                if (!are_all(names, is_string))
                        return false;
        return json_is_object(map);
}

/* What a value of that shape must be, or NULL when it is. */
static const char *shape_fault(enum shape shape, json_t *json)
{
        uint64_t count;

        switch (shape) {
        case SHAPE_TYPE:
                return is_type_name(json) ||
                                       (json_array_size(json) > 0 && are_all(json, is_type_name))
                               ? NULL
                               : "must be the name of a type or an array of such names";
        case SHAPE_ARRAY:
                return json_is_array(json) ? NULL : "must be an array";
        case SHAPE_STRINGS:
                return are_all(json, is_string) ? NULL : "must be an array of strings";
        case SHAPE_STRINGS_MAP:
                return is_map_of_strings(json) ? NULL : "must be an object of arrays of strings";
        case SHAPE_COUNT:
                return schema_count(json, &count) ? NULL : "must be an integer of 0 or more";
        case SHAPE_NUMBER:
                return rpc_is_number(json) ? NULL : "must be a number";
        case SHAPE_POSITIVE:
                return rpc_number_value(json) > 0 ? NULL : "must be a number above 0";
        case SHAPE_BOOLEAN:
                return json_is_boolean(json) ? NULL : "must be true or false";
        case SHAPE_STRING:
        case SHAPE_PATTERN:
                return rpc_is_string(json) ? NULL : "must be a string";
        case SHAPE_ID:
                return rpc_is_string(json) && strchr(json_string_value(json), '#') == NULL
                               ? NULL
                               : "must be a string without '#'";
        case SHAPE_REFUSED:
                return "is not supported";
        default:
                return NULL;
        }
}

static int take_keyword(struct compiler *c, const struct keyword *keyword, json_t *json,
                        const struct place *place)
{
        const char *fault = shape_fault(keyword->shape, json);

        if (fault != NULL)
                return unsound(c, place, "%s", fault);
        switch (keyword->shape) {
        case SHAPE_SCHEMA:
                return walk(c, json, place);
        case SHAPE_SCHEMA_LIST:
                return walk_list(c, json, place);
        case SHAPE_SCHEMA_MAP:
                return walk_map(c, json, place);
        case SHAPE_PATTERN_MAP:
                return take_pattern_map(c, json, place);
        case SHAPE_PATTERN:
                return take_pattern(c, json_str(json), place);
        default:
                return 0;
        }
}

static struct node *node_create(struct compiler *c, json_t *json)
{
        size_t n = json_object_size(json);
        struct node *node = calloc(1, sizeof(*node) + n * sizeof(struct rule));

        if (node == NULL)
                return NULL;
        node->json = json;
        node->resource = c->resource;
        add_node(c->schema, node);
        c->n_nodes++;
        return node;
}

static void node_add_rule(struct node *node, const struct keyword *keyword, json_t *json)
{
        const struct rule *last = node->n_rules > 0 ? &node->rules[node->n_rules - 1] : NULL;

        if (keyword->check == NULL || (last != NULL && last->keyword->check == keyword->check))
                return;
        node->rules[node->n_rules++] = (struct rule){keyword, json};
}

static int walk_keywords(struct compiler *c, struct node *node, const struct place *place)
{
        for (const struct keyword *keyword = schema_keywords; keyword->name != NULL; keyword++) {
                json_t *json = json_object_get(node->json, keyword->name);
                struct place member = {place, keyword->name, 0};
                int r = json == NULL ? 0 : take_keyword(c, keyword, json, &member);

                if (r != 0)
                        return r;
                if (json != NULL)
                        node_add_rule(node, keyword, json);
        }
        if (json_object_get(node->json, "unevaluatedProperties") != NULL ||
            json_object_get(node->json, "unevaluatedItems") != NULL)
                c->schema->has_unevaluated = true;
        return 0;
}

static int walk(struct compiler *c, json_t *json, const struct place *place)
{
        json_t *outer = c->resource;
        struct node *node;
        int r;

        if (json_is_boolean(json))
                return 0;
        if (!json_is_object(json))
                return unsound(c, place, "must be a schema: an object, true or false");
        if (schema_node(c->schema, json) != NULL)
                return 0;
        if (c->n_nodes == NODES_MAX)
                return unsound(c, place, "is one schema too many (more than %d)", NODES_MAX);
        if (json_object_get(json, "$id") != NULL)
                c->resource = json;
        node = node_create(c, json);
        r = node == NULL ? -ENOMEM : walk_keywords(c, node, place);
        c->resource = outer;
        return r;
}

static int resolve(struct compiler *c, struct node *node)
{
        const json_t *ref = json_object_get(node->json, "$ref");
        struct place place = {.key = json_string_value(ref)};
        int r;

        if (ref == NULL)
                return 0;
        r = schema_find_target(c->schema, node, &c->resource);
        if (r != 0)
                return r;
        if (c->resource == NULL)
                return unsound(
                        c, &place,
                        "a $ref must stay in the document: \"#...\", or an absolute $id that "
                        "stands in it");
        if (node->target == NULL)
                return unsound(c, &place, "this $ref leads to nothing in the document");
        return walk(c, node->target, &place);
}

/* New nodes come at the end of the list: targets are resolved in their turn. */
static int resolve_all(struct compiler *c)
{
        int r = 0;

        for (struct node *node = c->schema->nodes; node != NULL && r == 0; node = node->hh.next)
                r = resolve(c, node);
        return r;
}

static int find_loops(struct compiler *c)
{
        for (struct node *node = c->schema->nodes; node != NULL; node = node->hh.next) {
                char quote[SCHEMA_QUOTE_SIZE];
                static const struct place top = {.key = ""};

                if (schema_is_bounded(c->schema, node))
                        continue;
                schema_reason_quote(node->json, quote);
                return unsound(c, &top,
                               "leads by $ref back to itself, or through more than %d schemas for "
                               "one value, from %s",
                               SCHEMA_DEPTH_MAX, quote);
        }
        return 0;
}

static int compile(struct compiler *c, const json_t *json)
{
        static const struct place top = {.key = ""};
        int r;

        if (!schema_is_shallow(json))
                return unsound(c, &top, "is nested deeper than %d levels", SCHEMA_DEPTH_MAX);
        c->schema->json = json_incref((json_t *)json);
        c->resource = c->schema->json;
        r = walk(c, c->schema->json, &top);
        if (r == 0)
                r = resolve_all(c);
        return r == 0 ? find_loops(c) : r;
}

int schema_create(const json_t *json, struct schema **schemap, char *why, size_t why_size)
{
        struct schema *schema = alloc_zeroed(sizeof(*schema));
        struct compiler c = {
                .schema = schema,
                .reason = {.text = why, .size = why_size, .root = "the schema "},
        };
        int r = compile(&c, json);

        if (r != 0) {
                schema_destroy(schema);
                return r;
        }
        *schemap = schema;
        return 0;
}

void schema_destroy(struct schema *schema)
{
        if (schema == NULL)
                return;
        for (struct node *node = schema->nodes, *next; node != NULL; node = next) {
                next = node->hh.next;
                HASH_DELETE(hh, schema->nodes, node);
                free(node);
        }
        for (struct named_pattern *named = schema->patterns, *next; named != NULL; named = next) {
                next = named->hh.next;
                HASH_DELETE(hh, schema->patterns, named);
                pattern_destroy(named->pattern);
                free(named);
        }
        json_decref(schema->json);
        free(schema);
}

/* The keywords. Each looks at values of its own type only and lets others pass. */
#include "schema_inside.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static bool is_type(const json_t *value, const char *type)
{
        static const char *const names[] = {
                [JSON_OBJECT] = "object",  [JSON_ARRAY] = "array", [JSON_STRING] = "string",
                [JSON_INTEGER] = "number", [JSON_REAL] = "number", [JSON_TRUE] = "boolean",
                [JSON_FALSE] = "boolean",  [JSON_NULL] = "null",
        };

        if (strcmp(type, "integer") == 0)
                return rpc_is_integral(value);
        return strcmp(names[rpc_is_number(value) ? JSON_REAL : json_typeof(value)], type) == 0;
}

static const char *with_article(const char *type)
{
        static const char *const names[][2] = {
                {"object", "an object"}, {"array", "an array"},     {"string", "a string"},
                {"number", "a number"},  {"integer", "an integer"}, {"boolean", "a boolean"},
        };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (strcmp(names[i][0], type) == 0)
                        return names[i][1];
        return type;
}

static int check_type(struct spot *at, json_t *json)
{
        char types[128] = "";
        size_t i, n = 0;
        json_t *type;

        if (json_is_string(json)) {
                const char *name = json_string_value(json);

                return is_type(at->value, name)
                               ? 0
                               : schema_run_refuse(at->run, at->place, "must be %s",
                                                   with_article(name));
        }
        json_array_foreach (json, i, type) {
                const char *name = json_string_value(type);

                if (is_type(at->value, name))
                        return 0;
                if (n < sizeof(types))
                        n += (size_t)snprintf(types + n, sizeof(types) - n, "%s%s",
                                              i > 0 ? " or " : "", with_article(name));
        }
        return schema_run_refuse(at->run, at->place, "must be %s", types);
}

static int check_const(struct spot *at, json_t *json)
{

        if (schema_run_same(at->run, at->value, json))
                return 0;
        if (at->run->steps == 0)
                return SCHEMA_E_LIMIT;
        return schema_spot_refuse_quoting(at, "must be", json);
}

static int check_enum(struct spot *at, json_t *json)
{
        json_t *wanted;
        size_t i;

        json_array_foreach (json, i, wanted)
                if (schema_run_same(at->run, at->value, wanted))
                        return 0;
        if (at->run->steps == 0)
                return SCHEMA_E_LIMIT;
        return schema_spot_refuse_quoting(at, "must be one of", json);
}

/* Numbers. */

/* order < 0: the value may not be less than the bound, > 0: not more. */
static int check_bound(struct spot *at, json_t *bound, int order, bool may_equal, const char *words)
{
        int r;

        if (!rpc_is_number(at->value))
                return 0;
        r = schema_number_compare(at->value, bound);
        if (r == 0 ? may_equal : (r < 0) != (order < 0))
                return 0;
        return schema_spot_refuse_quoting(at, words, bound);
}

static int check_minimum(struct spot *at, json_t *json)
{
        return check_bound(at, json, -1, true, "must be at least");
}

static int check_maximum(struct spot *at, json_t *json)
{
        return check_bound(at, json, 1, true, "must be at most");
}

static int check_exclusive_minimum(struct spot *at, json_t *json)
{
        return check_bound(at, json, -1, false, "must be more than");
}

static int check_exclusive_maximum(struct spot *at, json_t *json)
{
        return check_bound(at, json, 1, false, "must be less than");
}

/* Decimal fractions are not exact in binary: 0.0075 is a multiple of 0.0001, as far as a double can
 * tell. */
static bool is_multiple(const json_t *value, const json_t *of)
{
        double quotient = rpc_number_value(value) / rpc_number_value(of);

        if (json_is_integer(value) && json_is_integer(of))
                return json_integer_value(value) % json_integer_value(of) == 0;
        if (isinf(quotient))
                return fmod(rpc_number_value(value), rpc_number_value(of)) == 0;
        return fabs(quotient - round(quotient)) <= 4e-16 * fabs(quotient);
}

static int check_multiple_of(struct spot *at, json_t *json)
{

        if (!rpc_is_number(at->value) || is_multiple(at->value, json))
                return 0;
        return schema_spot_refuse_quoting(at, "must be a multiple of", json);
}

/* Counts. */

/* 0 with the characters of a string, SCHEMA_E_LIMIT. */
static int count_characters(struct spot *at, uint64_t *np)
{
        const char *s = json_string_value(at->value);
        size_t n = json_string_length(at->value);

        if (!schema_run_spend(at->run, n / 64))
                return SCHEMA_E_LIMIT;
        *np = 0;
        for (size_t i = 0; i < n; i++)
                *np += ((unsigned char)s[i] & 0xc0) != 0x80;
        return 0;
}

static int check_min_length(struct spot *at, json_t *json)
{
        uint64_t n;
        int r;

        if (!rpc_is_string(at->value))
                return 0;
        r = count_characters(at, &n);
        return r != 0 ? r
                      : schema_check_least(at, schema_count_or(json, 0), n,
                                           &schema_noun_characters);
}

static int check_max_length(struct spot *at, json_t *json)
{
        uint64_t n;
        int r;

        if (!rpc_is_string(at->value))
                return 0;
        r = count_characters(at, &n);
        return r != 0 ? r
                      : schema_check_most(at, schema_count_or(json, 0), n, &schema_noun_characters);
}

static int check_min_items(struct spot *at, json_t *json)
{
        if (!json_is_array(at->value))
                return 0;
        return schema_check_least(at, schema_count_or(json, 0), json_array_size(at->value),
                                  &schema_noun_items);
}

static int check_max_items(struct spot *at, json_t *json)
{
        if (!json_is_array(at->value))
                return 0;
        return schema_check_most(at, schema_count_or(json, 0), json_array_size(at->value),
                                 &schema_noun_items);
}

static int check_min_properties(struct spot *at, json_t *json)
{
        if (!json_is_object(at->value))
                return 0;
        return schema_check_least(at, schema_count_or(json, 0), json_object_size(at->value),
                                  &schema_noun_properties);
}

static int check_max_properties(struct spot *at, json_t *json)
{
        if (!json_is_object(at->value))
                return 0;
        return schema_check_most(at, schema_count_or(json, 0), json_object_size(at->value),
                                 &schema_noun_properties);
}

static int check_pattern(struct spot *at, json_t *json)
{
        int r;

        if (!rpc_is_string(at->value))
                return 0;
        r = schema_run_match(at->run, json_str(json), json_str(at->value));
        if (r != PATTERN_E_NONE)
                return r;
        return schema_spot_refuse_quoting(at, "must match the pattern", json);
}

/* Cheap ones first; unevaluated ones last, since they look at what all others have marked. */
const struct keyword schema_keywords[] = {
        {"$id", SHAPE_ID, NULL, false},
        {"$anchor", SHAPE_STRING, NULL, false},
        {"$dynamicAnchor", SHAPE_STRING, NULL, false},
        {"$dynamicRef", SHAPE_REFUSED, NULL, false},
        {"$defs", SHAPE_SCHEMA_MAP, NULL, false},
        {"type", SHAPE_TYPE, check_type, false},
        {"const", SHAPE_ANY, check_const, false},
        {"enum", SHAPE_ARRAY, check_enum, false},
        {"minimum", SHAPE_NUMBER, check_minimum, false},
        {"maximum", SHAPE_NUMBER, check_maximum, false},
        {"exclusiveMinimum", SHAPE_NUMBER, check_exclusive_minimum, false},
        {"exclusiveMaximum", SHAPE_NUMBER, check_exclusive_maximum, false},
        {"multipleOf", SHAPE_POSITIVE, check_multiple_of, false},
        {"minLength", SHAPE_COUNT, check_min_length, false},
        {"maxLength", SHAPE_COUNT, check_max_length, false},
        {"minItems", SHAPE_COUNT, check_min_items, false},
        {"maxItems", SHAPE_COUNT, check_max_items, false},
        {"minProperties", SHAPE_COUNT, check_min_properties, false},
        {"maxProperties", SHAPE_COUNT, check_max_properties, false},
        {"required", SHAPE_STRINGS, schema_check_required, false},
        {"dependentRequired", SHAPE_STRINGS_MAP, schema_check_dependent_required, false},
        {"pattern", SHAPE_PATTERN, check_pattern, false},
        {"propertyNames", SHAPE_SCHEMA, schema_check_property_names, false},
        {"properties", SHAPE_SCHEMA_MAP, schema_check_members, false},
        {"patternProperties", SHAPE_PATTERN_MAP, schema_check_members, false},
        {"additionalProperties", SHAPE_SCHEMA, schema_check_members, false},
        {"prefixItems", SHAPE_SCHEMA_LIST, schema_check_items, false},
        {"items", SHAPE_SCHEMA, schema_check_items, false},
        {"contains", SHAPE_SCHEMA, schema_check_contains, false},
        {"minContains", SHAPE_COUNT, NULL, false},
        {"maxContains", SHAPE_COUNT, NULL, false},
        {"uniqueItems", SHAPE_BOOLEAN, schema_check_unique_items, false},
        {"$ref", SHAPE_STRING, schema_check_ref, true},
        {"allOf", SHAPE_SCHEMA_LIST, schema_check_all_of, true},
        {"anyOf", SHAPE_SCHEMA_LIST, schema_check_any_of, true},
        {"oneOf", SHAPE_SCHEMA_LIST, schema_check_one_of, true},
        {"not", SHAPE_SCHEMA, schema_check_not, true},
        {"if", SHAPE_SCHEMA, schema_check_if, true},
        {"then", SHAPE_SCHEMA, NULL, true},
        {"else", SHAPE_SCHEMA, NULL, true},
        {"dependentSchemas", SHAPE_SCHEMA_MAP, schema_check_dependent_schemas, true},
        {"unevaluatedProperties", SHAPE_SCHEMA, schema_check_unevaluated_properties, false},
        {"unevaluatedItems", SHAPE_SCHEMA, schema_check_unevaluated_items, false},
        {.name = NULL},
};

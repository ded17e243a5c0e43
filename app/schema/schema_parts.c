/* Keywords for the members of objects and the items of arrays. */
#include "schema_inside.h"

#include <errno.h>

static void mark(struct spot *at, size_t i)
{
        if (at->marks != NULL)
                at->marks[i] = true;
}

static int check_member(struct spot *at, json_t *schema, const char *key, json_t *member)
{
        struct place place = {at->place, key, 0};

        return schema_run_check(at->run, schema, member, &place, NULL);
}

static int check_item(struct spot *at, json_t *schema, size_t i)
{
        struct place place = {at->place, NULL, i};

        return schema_run_check(at->run, schema, json_array_get(at->value, i), &place, NULL);
}

static int check_required_of(struct spot *at, const json_t *names, const char *words)
{
        json_t *name;
        size_t i;

        json_array_foreach (names, i, name) {
                if (!schema_run_spend(at->run, 1))
                        return SCHEMA_E_LIMIT;
                if (json_object_getn(at->value, json_string_value(name),
                                     json_string_length(name)) == NULL)
                        return schema_spot_refuse_quoting(at, words, name);
        }
        return 0;
}

int schema_check_required(struct spot *at, json_t *json)
{
        if (!json_is_object(at->value))
                return 0;
        return check_required_of(at, json, "must have the property");
}

int schema_check_dependent_required(struct spot *at, json_t *json)
{
        const char *key;
        json_t *names;
        int r = 0;

        json_object_foreach (json, key, names) {
                if (json_object_get(at->value, key) != NULL)
                        r = check_required_of(at, names,
                                              "must, with the properties it has, also have");
                if (r != 0)
                        break;
        }
        return r;
}

/* By every pattern that the name matches; *knownp: there was one. */
static int check_by_patterns(struct spot *at, const char *key, json_t *member, bool *knownp)
{
        const char *pattern;
        json_t *schema;

        json_object_foreach (schema_spot_sibling(at, "patternProperties"), pattern, schema) {
                int r = schema_run_match(at->run, str_from(pattern), str_from(key));

                if (r == PATTERN_E_NONE)
                        continue;
                if (r == 0)
                        r = check_member(at, schema, key, member);
                if (r != 0)
                        return r;
                *knownp = true;
        }
        return 0;
}

/* By properties, patternProperties and, when neither knows it, additionalProperties. */
static int check_one_member(struct spot *at, const char *key, json_t *member, bool *knownp)
{
        json_t *schema = json_object_get(schema_spot_sibling(at, "properties"), key);
        int r;

        *knownp = schema != NULL;
        r = schema == NULL ? 0 : check_member(at, schema, key, member);
        if (r == 0)
                r = check_by_patterns(at, key, member, knownp);
        schema = schema_spot_sibling(at, "additionalProperties");
        if (r != 0 || *knownp || schema == NULL)
                return r;
        *knownp = true;
        return check_member(at, schema, key, member);
}

int schema_check_members(struct spot *at, json_t *json)
{
        const char *key;
        json_t *member;
        size_t i = 0;
        bool is_known;

        (void)json;
        json_object_foreach (at->value, key, member) {
                int r = schema_run_spend(at->run, 1) ? check_one_member(at, key, member, &is_known)
                                                     : SCHEMA_E_LIMIT;

                if (r != 0)
                        return r;
                if (is_known)
                        mark(at, i);
                i++;
        }
        return 0;
}

int schema_check_property_names(struct spot *at, json_t *json)
{
        const char *key;
        json_t *member;

        json_object_foreach (at->value, key, member) {
                struct place place = {at->place, key, 0};
                json_t *name = json_string_nocheck(key);
                int r = name == NULL ? -ENOMEM
                                     : schema_run_check(at->run, json, name, &place, NULL);

                json_decref(name);
                if (r != 0)
                        return r;
        }
        return 0;
}

int schema_check_unevaluated_properties(struct spot *at, json_t *json)
{
        const char *key;
        json_t *member;
        size_t i = 0;

        json_object_foreach (at->value, key, member) {
                int r = at->marks[i] ? 0 : check_member(at, json, key, member);

                if (r != 0)
                        return r;
                mark(at, i++);
        }
        return 0;
}

/* Arrays. */

int schema_check_items(struct spot *at, json_t *json)
{
        json_t *prefix = schema_spot_sibling(at, "prefixItems");
        json_t *rest = schema_spot_sibling(at, "items");

        (void)json;
        for (size_t i = 0; i < json_array_size(at->value); i++) {
                json_t *schema = json_array_get(prefix, i);
                int r;

                if (schema == NULL)
                        schema = rest;
                if (schema == NULL)
                        break;
                r = check_item(at, schema, i);
                if (r != 0)
                        return r;
                mark(at, i);
        }
        return 0;
}

static int count_contained(struct spot *at, json_t *schema, uint64_t *np)
{
        *np = 0;
        for (size_t i = 0; i < json_array_size(at->value); i++) {
                int r;

                at->run->quiet++;
                r = check_item(at, schema, i);
                at->run->quiet--;
                if (r == 0) {
                        ++*np;
                        mark(at, i);
                } else if (r != SCHEMA_E_INVALID) {
                        return r;
                }
        }
        return 0;
}

int schema_check_contains(struct spot *at, json_t *json)
{
        static const struct noun what = {"item that fits the schema of contains",
                                         "items that fit the schema of contains"};
        uint64_t least = schema_count_or(schema_spot_sibling(at, "minContains"), 1);
        uint64_t most = schema_count_or(schema_spot_sibling(at, "maxContains"), UINT64_MAX);
        uint64_t n;
        int r;

        if (!json_is_array(at->value))
                return 0;
        r = count_contained(at, json, &n);
        if (r == 0)
                r = schema_check_least(at, least, n, &what);
        return r != 0 ? r : schema_check_most(at, most, n, &what);
}

int schema_check_unique_items(struct spot *at, json_t *json)
{
        size_t i, k;
        int r;

        if (!json_is_true(json) || !json_is_array(at->value))
                return 0;
        r = schema_run_find_twins(at->run, at->value, &i, &k);
        if (r != SCHEMA_E_INVALID)
                return r;
        return schema_run_refuse(at->run, at->place,
                                 "must not have an item twice (%zu and %zu are equal)",
                                 i < k ? i : k, i < k ? k : i);
}

int schema_check_unevaluated_items(struct spot *at, json_t *json)
{
        for (size_t i = 0; i < json_array_size(at->value); i++) {
                int r = at->marks[i] ? 0 : check_item(at, json, i);

                if (r != 0)
                        return r;
                mark(at, i);
        }
        return 0;
}

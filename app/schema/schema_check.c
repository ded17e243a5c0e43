/* Checks a value by a compiled schema. A check takes steps, of which it has so many (what a pattern
 * or a comparison costs counts too), and goes so deep: it ends, whatever the schema and the value.
 */
#include "schema_inside.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* Schemas within each other while one value is checked: bounds our stack. */
#define RUN_DEPTH_MAX 256

bool schema_run_spend(struct run *run, size_t n)
{
        run->steps = n < run->steps ? run->steps - (uint32_t)n : 0;
        return run->steps > 0;
}

int schema_run_refuse(struct run *run, const struct place *place, const char *what, ...)
{
        va_list ap;

        va_start(ap, what);
        if (run->quiet == 0)
                schema_reason_write(&run->reason, place, what, ap);
        va_end(ap);
        return SCHEMA_E_INVALID;
}

int schema_spot_refuse_quoting(struct spot *at, const char *words, const json_t *json)
{
        char quote[SCHEMA_QUOTE_SIZE];

        if (at->run->quiet > 0)
                return SCHEMA_E_INVALID;
        schema_reason_quote(json, quote);
        return schema_run_refuse(at->run, at->place, "%s %s", words, quote);
}

int schema_run_match(struct run *run, struct str pattern, struct str text)
{
        const struct pattern *compiled = schema_pattern(run->schema, pattern);
        int r;

        assert(compiled != NULL);
        r = pattern_match(compiled, text, &run->steps);
        return r == PATTERN_E_LIMIT ? SCHEMA_E_LIMIT : r;
}

json_t *schema_spot_sibling(const struct spot *at, const char *keyword)
{
        return json_object_get(at->node->json, keyword);
}

static size_t n_parts(const json_t *value)
{
        return json_is_array(value) ? json_array_size(value) : json_object_size(value);
}

static int check_rules(struct spot *at)
{
        int r = 0;

        for (unsigned i = 0; i < at->node->n_rules && r == 0; i++)
                r = at->node->rules[i].keyword->check(at, at->node->rules[i].json);
        return r;
}

static int check_node(struct spot *at, bool *marks)
{
        size_t n = n_parts(at->value);
        int r;

        if (!at->run->schema->has_unevaluated || n == 0)
                return check_rules(at);
        at->marks = calloc(n, sizeof(*at->marks));
        if (at->marks == NULL || !schema_run_spend(at->run, n / 64)) {
                free(at->marks);
                return at->run->steps == 0 ? SCHEMA_E_LIMIT : -ENOMEM;
        }
        r = check_rules(at);
        for (size_t i = 0; i < n && r == 0 && marks != NULL; i++)
                marks[i] |= at->marks[i];
        free(at->marks);
        return r;
}

int schema_run_check(struct run *run, json_t *schema, json_t *value, const struct place *place,
                     bool *marks)
{
        struct spot at = {.run = run, .value = value, .place = place};
        int r;

        if (!schema_run_spend(run, 1) || run->depth == RUN_DEPTH_MAX)
                return SCHEMA_E_LIMIT;
        if (json_is_boolean(schema))
                return json_is_true(schema) ? 0 : schema_run_refuse(run, place, "is not allowed");
        at.node = schema_node(run->schema, schema);
        run->depth++;
        r = check_node(&at, marks);
        run->depth--;
        return r;
}

static bool is_shallow(const json_t *json, unsigned levels)
{
        const char *key;
        json_t *part;
        size_t i;

        if (levels == 0)
                return !json_is_array(json) && !json_is_object(json);
        json_array_foreach (json, i, part)
                if (!is_shallow(part, levels - 1))
                        return false;
        json_object_foreach ((json_t *)json, key, part)
                if (!is_shallow(part, levels - 1))
                        return false;
        return true;
}

bool schema_is_shallow(const json_t *json)
{
        return is_shallow(json, SCHEMA_DEPTH_MAX);
}

int schema_check(const struct schema *schema, const json_t *value, char *why, size_t why_size)
{
        static const struct place top = {.key = ""};
        struct run run = {
                .schema = schema,
                .reason = {.text = why, .size = why_size, .root = "the value "},
                .steps = SCHEMA_STEPS_MAX,
        };
        int r;

        if (!schema_is_shallow(value)) {
                schema_run_refuse(&run, &top, "is nested deeper than %d levels", SCHEMA_DEPTH_MAX);
                return SCHEMA_E_LIMIT;
        }
        r = schema_run_check(&run, schema->json, (json_t *)value, &top, NULL);
        if (r == SCHEMA_E_LIMIT)
                schema_run_refuse(&run, &top, "takes too much work to check by its schema");
        return r;
}

/* Keywords that put schemas together: each is for the value itself. */
#include "schema_inside.h"

#include <string.h>

/* A schema for the value itself. */
static int check_in_place(struct spot *at, json_t *schema)
{
        return run_check(at->run, schema, at->value, at->place, at->marks);
}

/* The same, when only the outcome is of interest. */
static int try_in_place(struct spot *at, json_t *schema)
{
        int r;

        at->run->quiet++;
        r = check_in_place(at, schema);
        at->run->quiet--;
        return r;
}

int schema_check_ref(struct spot *at, json_t *json)
{
        (void)json;
        return check_in_place(at, at->node->target);
}

int schema_check_all_of(struct spot *at, json_t *json)
{
        json_t *schema;
        size_t i;
        int r = 0;

        json_array_foreach (json, i, schema) {
                r = check_in_place(at, schema);
                if (r != 0)
                        break;
        }
        return r;
}

/* How many of the schemas the value fits, and the first two of them. Of those that it does not fit,
 * nearest is why the one that went deepest refuses it: the one that was most likely meant. */
struct alternatives {
        size_t n_fit;
        size_t first, second;
        size_t depth;
        char nearest[200];
};

static int try_alternative(struct spot *at, json_t *schema, struct alternatives *found)
{
        struct reason *reason = &at->run->reason, outer = *reason;
        char text[sizeof(found->nearest)];
        int r;

        reason->text = text;
        reason->size = sizeof(text);
        r = check_in_place(at, schema);
        if (r == SCHEMA_E_INVALID && at->run->quiet == 0 &&
            (found->nearest[0] == '\0' || reason->depth > found->depth)) {
                memcpy(found->nearest, text, sizeof(text));
                found->depth = reason->depth;
        }
        *reason = outer;
        return r;
}

/* Until enough fit, unless there are marks to gather. */
static int try_alternatives(struct spot *at, json_t *json, size_t enough,
                            struct alternatives *found)
{
        json_t *schema;
        size_t i;

        *found = (struct alternatives){0};
        json_array_foreach (json, i, schema) {
                int r = try_alternative(at, schema, found);

                if (r != 0 && r != SCHEMA_E_INVALID)
                        return r;
                if (r == 0 && found->n_fit++ == 0)
                        found->first = i;
                else if (r == 0 && found->n_fit == 2)
                        found->second = i;
                if (found->n_fit == enough && at->marks == NULL)
                        break;
        }
        return 0;
}

static int refuse_all(struct spot *at, const json_t *json, const struct alternatives *found)
{
        return run_refuse(at->run, at->place,
                          "must fit one of %zu alternatives; of the nearest: %s",
                          json_array_size(json), found->nearest);
}

int schema_check_any_of(struct spot *at, json_t *json)
{
        struct alternatives found;
        int r = try_alternatives(at, json, 1, &found);

        if (r != 0 || found.n_fit > 0)
                return r;
        return refuse_all(at, json, &found);
}

int schema_check_one_of(struct spot *at, json_t *json)
{
        struct alternatives found;
        int r = try_alternatives(at, json, 2, &found);

        if (r != 0 || found.n_fit == 1)
                return r;
        if (found.n_fit == 0)
                return refuse_all(at, json, &found);
        return run_refuse(at->run, at->place,
                          "must fit only one of %zu alternatives, and fits numbers %zu and %zu",
                          json_array_size(json), found.first + 1, found.second + 1);
}

int schema_check_not(struct spot *at, json_t *json)
{
        bool *marks = at->marks;
        char quote[SCHEMA_QUOTE_SIZE];
        int r;

        at->marks = NULL;
        r = try_in_place(at, json);
        at->marks = marks;
        if (r != 0)
                return r == SCHEMA_E_INVALID ? 0 : r;
        reason_quote(json, quote, sizeof(quote));
        return run_refuse(at->run, at->place, "must not fit the schema %s", quote);
}

int schema_check_if(struct spot *at, json_t *json)
{
        int r = try_in_place(at, json);
        json_t *schema = spot_sibling(at, r == 0 ? "then" : "else");

        if (r != 0 && r != SCHEMA_E_INVALID)
                return r;
        return schema == NULL ? 0 : check_in_place(at, schema);
}

int schema_check_dependent_schemas(struct spot *at, json_t *json)
{
        const char *key;
        json_t *schema;
        int r = 0;

        json_object_foreach (json, key, schema) {
                if (json_object_get(at->value, key) != NULL)
                        r = check_in_place(at, schema);
                if (r != 0)
                        break;
        }
        return r;
}

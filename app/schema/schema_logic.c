/* Keywords that put schemas together: each is for the value itself. */
#include "schema_inside.h"

#include <string.h>

/* A schema for the value itself. */
static int check_in_place(struct spot *at, json_t *schema)
{
        return schema_run_check(at->run, schema, at->value, at->place, at->marks);
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

/* How many of the schemas the value fits, and the first two of them. */
struct fits {
        size_t n, first, second;
};

/* Until enough fit, unless there are marks to gather. In silence: most values fit one in the end.
 */
static int find_fits(struct spot *at, json_t *schemas, size_t enough, struct fits *fits)
{
        json_t *schema;
        size_t i;

        *fits = (struct fits){0};
        json_array_foreach (schemas, i, schema) {
                int r = try_in_place(at, schema);

                if (r != 0 && r != SCHEMA_E_INVALID)
                        return r;
                if (r == 0 && fits->n++ == 0)
                        fits->first = i;
                else if (r == 0 && fits->n == 2)
                        fits->second = i;
                if (fits->n == enough && at->marks == NULL)
                        break;
        }
        return 0;
}

/* With the reason of the schema that went deepest into the value before it refused: the one that
 * was most likely meant. */
static int refuse_all(struct spot *at, json_t *schemas)
{
        struct reason *reason = &at->run->reason, outer = *reason;
        char text[200], nearest[sizeof(text)] = "";
        size_t depth = 0;
        json_t *schema;
        size_t i;
        int r = SCHEMA_E_INVALID;

        if (at->run->quiet > 0)
                return r;
        reason->text = text;
        reason->size = sizeof(text);
        json_array_foreach (schemas, i, schema) {
                r = check_in_place(at, schema);
                if (r != SCHEMA_E_INVALID)
                        break;
                if (nearest[0] == '\0' || reason->depth > depth) {
                        memcpy(nearest, text, sizeof(text));
                        depth = reason->depth;
                }
        }
        *reason = outer;
        return r != SCHEMA_E_INVALID
                       ? r
                       : schema_run_refuse(at->run, at->place,
                                           "must fit one of %zu alternatives; of the nearest: %s",
                                           json_array_size(schemas), nearest);
}

int schema_check_any_of(struct spot *at, json_t *json)
{
        struct fits fits;
        int r = find_fits(at, json, 1, &fits);

        if (r != 0 || fits.n > 0)
                return r;
        return refuse_all(at, json);
}

int schema_check_one_of(struct spot *at, json_t *json)
{
        struct fits fits;
        int r = find_fits(at, json, 2, &fits);

        if (r != 0 || fits.n == 1)
                return r;
        if (fits.n == 0)
                return refuse_all(at, json);
        return schema_run_refuse(
                at->run, at->place,
                "must fit only one of %zu alternatives, and fits numbers %zu and %zu",
                json_array_size(json), fits.first + 1, fits.second + 1);
}

int schema_check_not(struct spot *at, json_t *json)
{
        bool *marks = at->marks;
        int r;

        at->marks = NULL;
        r = try_in_place(at, json);
        at->marks = marks;
        if (r != 0)
                return r == SCHEMA_E_INVALID ? 0 : r;
        return schema_spot_refuse_quoting(at, "must not fit the schema", json);
}

int schema_check_if(struct spot *at, json_t *json)
{
        int r = try_in_place(at, json);
        json_t *schema = schema_spot_sibling(at, r == 0 ? "then" : "else");

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

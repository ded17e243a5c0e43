/* Schemas of tools are compiled for the call that they check: of many tools few are called, and
 * each would hold as much again as its schema. */
#include "rest_inside.h"

int rest_schema_check(const json_t *json, const json_t *value, char *why, size_t why_size)
{
        struct schema *schema;
        int r = schema_create(json, &schema, why, why_size);

        if (r != 0)
                return r;
        r = schema_check(schema, value, why, why_size);
        schema_destroy(schema);
        return r;
}

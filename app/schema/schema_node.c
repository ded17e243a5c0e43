/* A compiled schema, looked into: its nodes by their JSON, its patterns by their texts. */
#include "schema_inside.h"

const struct node *schema_node(const struct schema *schema, const json_t *json)
{
        struct node *node;

        HASH_FIND_PTR(schema->nodes, &json, node);
        return node;
}

const struct pattern *schema_pattern(const struct schema *schema, struct str text)
{
        const struct named_pattern *found;

        HASH_FIND(hh, schema->patterns, text.p, text.n, found);
        return found != NULL ? found->pattern : NULL;
}

/* Where each $ref leads, and that no chain of schemas for one value is endless. */
#include "mgw/base/str.h"
#include "schema_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Decodes %XX in place; what is none, or would be NUL, stays as it is. */
static void decode_percent(char *text)
{
        char *to = text;

        for (const char *from = text; *from != '\0'; from++) {
                int high = *from == '%' ? str_hex_digit(from[1]) : -1;
                int low = high < 0 ? -1 : str_hex_digit(from[2]);
                bool is_triplet = low >= 0 && (high | low) != 0;

                *to++ = (char)(is_triplet ? high << 4 | low : *from);
                from += is_triplet ? 2 : 0;
        }
        *to = '\0';
}

/* Decodes ~0 and ~1 in place (RFC 6901 4). */
static void decode_token(char *token)
{
        char *to = token;

        for (const char *from = token; *from != '\0'; from++) {
                bool is_escape = *from == '~' && (from[1] == '0' || from[1] == '1');

                *to = *from;
                if (is_escape)
                        *to = from[1] == '0' ? '~' : '/';
                to++;
                from += is_escape;
        }
        *to = '\0';
}

static json_t *array_at(const json_t *array, const char *token)
{
        uint64_t i;

        if (str_to_u64(str_from(token), &i) != 0 || (token[0] == '0' && token[1] != '\0'))
                return NULL;
        return json_array_get(array, i);
}

/* Where the pointer leads, or NULL; it is taken apart. */
static json_t *follow_pointer(json_t *json, char *pointer)
{
        char *token;

        while (json != NULL && (token = strsep(&pointer, "/")) != NULL) {
                decode_token(token);
                json = json_is_array(json) ? array_at(json, token) : json_object_get(json, token);
        }
        return json;
}

static json_t *find_anchor(const struct schema *schema, const json_t *resource, const char *name)
{
        static const char *const keywords[] = {"$anchor", "$dynamicAnchor"};
        struct str wanted = str_from(name);

        for (const struct node *node = schema->nodes; node != NULL; node = node->hh.next)
                for (size_t i = 0; i < 2 && node->resource == resource; i++) {
                        const json_t *anchor = json_object_get(node->json, keywords[i]);

                        if (anchor != NULL && str_eq(json_str(anchor), wanted))
                                return node->json;
                }
        return NULL;
}

/* The schema that has the $id. Only absolute ones are taken: what a relative one means depends on
 * where it stands. */
static json_t *find_resource(const struct schema *schema, const char *id)
{
        if (strchr(id, ':') == NULL)
                return NULL;
        for (const struct node *node = schema->nodes; node != NULL; node = node->hh.next) {
                const json_t *own = json_object_get(node->json, "$id");

                if (own != NULL && str_eq(json_str(own), str_from(id)))
                        return node->json;
        }
        return NULL;
}

static json_t *find_target(const struct schema *schema, const struct node *node, char *ref,
                           json_t **resourcep)
{
        char *fragment = ref, *base = strsep(&fragment, "#");

        *resourcep = base[0] == '\0' ? node->resource : find_resource(schema, base);
        if (fragment == NULL || fragment[0] == '\0' || *resourcep == NULL)
                return *resourcep;
        decode_percent(fragment);
        return fragment[0] == '/' ? follow_pointer(*resourcep, fragment + 1)
                                  : find_anchor(schema, *resourcep, fragment);
}

int schema_find_target(const struct schema *schema, struct node *node, json_t **resourcep)
{
        char *ref = str_dup(json_str(json_object_get(node->json, "$ref")));

        if (ref == NULL)
                return -ENOMEM;
        node->target = find_target(schema, node, ref, resourcep);
        free(ref);
        return 0;
}

/* Chains of schemas in place */

static bool is_bounded(const struct schema *schema, struct node *node, unsigned depth);

static bool is_bounded_at(const struct schema *schema, struct node *node, const json_t *json,
                          unsigned depth)
{
        struct node *below = (struct node *)schema_node(schema, json);

        if (below == NULL)
                return true;
        if (!is_bounded(schema, below, depth + 1))
                return false;
        if (node->height < below->height + 1)
                node->height = below->height + 1;
        return true;
}

static bool is_bounded_below(const struct schema *schema, struct node *node,
                             const struct keyword *keyword, json_t *json, unsigned depth)
{
        const char *key;
        json_t *part;
        size_t i;

        if (keyword->shape == SHAPE_STRING)
                return is_bounded_at(schema, node, node->target, depth);
        if (keyword->shape == SHAPE_SCHEMA)
                return is_bounded_at(schema, node, json, depth);
        json_array_foreach (json, i, part)
                if (!is_bounded_at(schema, node, part, depth))
                        return false;
        json_object_foreach (json, key, part)
                if (!is_bounded_at(schema, node, part, depth))
                        return false;
        return true;
}

/* Is every chain that begins here, depth schemas down in one, short enough and without a loop? */
static bool is_bounded(const struct schema *schema, struct node *node, unsigned depth)
{
        if (node->is_on_path || depth + node->height > SCHEMA_DEPTH_MAX)
                return false;
        if (node->height > 0)
                return true;
        node->is_on_path = true;
        for (const struct keyword *keyword = schema_keywords; keyword->name != NULL; keyword++) {
                json_t *json = json_object_get(node->json, keyword->name);

                if (keyword->is_in_place && json != NULL &&
                    !is_bounded_below(schema, node, keyword, json, depth))
                        return false;
        }
        node->is_on_path = false;
        if (node->height == 0)
                node->height = 1;
        return true;
}

bool schema_is_bounded(const struct schema *schema, struct node *node)
{
        return is_bounded(schema, node, 0);
}

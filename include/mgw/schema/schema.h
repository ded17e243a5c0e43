/* JSON Schema 2020-12 for the arguments and results of tools (inputSchema, outputSchema).
 *
 * Keywords: type, enum, const; properties, patternProperties, additionalProperties, propertyNames,
 * required, minProperties, maxProperties, dependentRequired, dependentSchemas,
 * unevaluatedProperties; prefixItems, items, contains, minContains, maxContains, minItems,
 * maxItems, uniqueItems, unevaluatedItems; minLength, maxLength (in characters), pattern; minimum,
 * maximum, exclusiveMinimum, exclusiveMaximum, multipleOf; allOf, anyOf, oneOf, not, if, then,
 * else; $ref, $anchor, $id, $defs; boolean schemas. Others, also format and $schema, are ignored;
 * $dynamicRef is refused. A $ref stays in the document: "#", "#/pointer", "#anchor", or these after
 * an absolute $id that stands in it. Patterns are those of mgw/schema/pattern.h. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#define SCHEMA_E_UNSOUND 1 /* it is no schema, or one that we cannot check by */
#define SCHEMA_E_INVALID 2 /* the value does not fit the schema */
#define SCHEMA_E_LIMIT 3   /* too deep or too much work to tell */

/* Levels of a schema, and of a value. */
#define SCHEMA_DEPTH_MAX 64
/* Bounds the work of one check, whatever the schema and the value: some 30 ms. */
#define SCHEMA_STEPS_MAX 1000000

struct schema;

/* Compiles a schema, which is held, and not to be changed from then on. 0: *schemap owned by the
 * caller. SCHEMA_E_UNSOUND with a sentence in why (400 bytes will do) that begins with the JSON
 * pointer of the place in the schema; -ENOMEM. */
int schema_create(const json_t *json, struct schema **schemap, char *why, size_t why_size);
void schema_destroy(struct schema *schema);

/* Does the value fit? 0. SCHEMA_E_INVALID with a sentence for the caller in why, "/start/dateTime:
 * must be a string" or, of the value itself, "the value must be an object"; it quotes the schema
 * and names of properties, never other text of the value. SCHEMA_E_LIMIT with a sentence too.
 * -ENOMEM. */
int schema_check(const struct schema *schema, const json_t *value, char *why, size_t why_size);

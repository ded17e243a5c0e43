/* Schemas of OpenAPI as JSON Schema 2020-12. */
#pragma once

#include <jansson.h>

/* A copy that stands alone, but for what it refers to, which is put into defs ("#/$defs/..."). NULL
 * gives the schema that takes everything. */
json_t *openapi_schema(json_t *document, json_t *schema, json_t *defs);

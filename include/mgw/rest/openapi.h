/* A published description of an API, OpenAPI 3.x or Swagger 2.0, as a description for
 * rest_create(): one tool an operation, named by its operationId. What nobody wants is not looked
 * at: the rest of a document costs a walk over its bytes. */
#pragma once

#include "mgw/wire/json_lazy.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Operations that are looked at, and that are offered; objects and lists in the schemas of all of
 * these together, each as often as a tool refers to it. Past it operations are left out. */
#define OPENAPI_OPERATIONS_MAX 100000
#define OPENAPI_TOOLS_MAX 10000
#define OPENAPI_VALUES_MAX 1000000
#define OPENAPI_ARGUMENTS_MAX 500
/* The same in what one tool's arguments refer to: what lies further away takes any value. */
#define OPENAPI_TOOL_VALUES_MAX 3000

struct openapi_caller {
        /* Is the operation of this name wanted? NULL: all are. */
        bool (*wants)(void *owner, const char *name);
        /* What of the document is not as it stands there: where ("GET /pets", or the tool's name),
         * and why. is_left_out: the operation is no tool. */
        void (*on_note)(void *owner, const char *where, const char *why, bool is_left_out);
        void *owner;
        const char *base_url; /* stands for the document's first server; NULL: none */
};

/* The document is borrowed. 0: *descriptionp owned by the caller. REST_E_FAULT with a sentence in
 * why (200 bytes will do): no such document. */
int openapi_describe(struct json_lazy *document, const struct openapi_caller *caller,
                     json_t **descriptionp, char *why, size_t why_size);

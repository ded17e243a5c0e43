/* An OpenAPI 3.x document as a description for rest_create(): one tool an operation, named by its
 * operationId. */
#pragma once

#include <jansson.h>
#include <stddef.h>

/* The document is borrowed. Left out are operations whose body is neither JSON nor a form, cookies,
 * what is said of security, and the schemas of answers. 0: *descriptionp owned by the caller, and
 * *placesp, where each tool stands in the document: its name -> ["/pets", "get"]. REST_E_FAULT with
 * a sentence in why (200 bytes will do). */
int openapi_describe(json_t *document, json_t **descriptionp, json_t **placesp, char *why,
                     size_t why_size);

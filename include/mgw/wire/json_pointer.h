/* JSON pointers (RFC 6901). A key of 256 bytes or more is not found. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* What stands there, borrowed; NULL: nothing. */
json_t *json_pointer(json_t *json, const char *pointer);
/* The parent of what stands there, borrowed, and the last token; NULL: nothing. */
json_t *json_pointer_parent(json_t *json, const char *pointer, char *token, size_t size);
/* Takes the first token off the pointer, "~1" and "~0" decoded. False: it has none, or one that is
 * longer than size. */
bool json_pointer_token(const char **pointerp, char *out, size_t size);

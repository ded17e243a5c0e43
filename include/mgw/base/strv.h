/* Texts in an array that ends with NULL; a NULL array has none. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

size_t strv_count(const char *const *v);
/* Is it one of them? */
bool strv_has(const char *const *v, const char *text);
/* Is one of those texts one of them? */
bool strv_has_any(const char *const *v, const char *const *texts);
/* The same texts in the same order? */
bool strv_is_same(const char *const *a, const char *const *b);
/* Appends to an array that is owned with its texts (*vp may be NULL). 0; -ENOMEM: the text is NULL.
 */
int strv_add_take(char ***vp, char *text);
/* Frees the texts and the array. */
void strv_free(char **v);

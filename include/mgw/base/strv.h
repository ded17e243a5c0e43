/* Texts in an array that ends with NULL; a NULL array has none. */
#pragma once

#include <stddef.h>

size_t strv_count(const char *const *v);
/* Appends to an array that is owned with its texts (*vp may be NULL). 0; -ENOMEM: the text is NULL.
 */
int strv_add_take(char ***vp, char *text);
/* Frees the texts and the array. */
void strv_free(char **v);

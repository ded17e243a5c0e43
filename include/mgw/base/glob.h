/* Patterns of names and URIs in which `*` stands for any bytes, none too, and all else for itself.
 */
#pragma once

#include <stdbool.h>

/* Linear in both lengths. */
bool glob_match(const char *pattern, const char *text);
/* Does it match whatever the other matches? */
bool glob_covers(const char *pattern, const char *other);
/* Is there a text that both match? */
bool glob_meets(const char *a, const char *b);

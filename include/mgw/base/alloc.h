/* One policy for memory that runs out. New work is refused long before (memory_max_bytes,
 * base/ledger). Where the system gives none all the same, to go on with half of an object would be
 * worse than an end: a small allocation that fails ends the process with one line. A big one, whose
 * size a peer or a file chose, fails for who asked (malloc(), -ENOMEM). */
#pragma once

#include "mgw/base/str.h"

#include <stddef.h>

/* From here on a size is what somebody else chose. */
#define ALLOC_SMALL_BYTES 65536
#define ALLOC_EXIT_CODE 71

/* free() gives back what these return; none returns NULL. */

/* Zeroed. */
void *alloc_zeroed(size_t n);
/* n of size bytes each, zeroed. */
void *alloc_array(size_t n, size_t size);
/* realloc() to n of size bytes each; what is new is not zeroed. */
void *alloc_again(void *p, size_t n, size_t size);
char *alloc_text(const char *text);
char *alloc_str(struct str s);
char *alloc_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* For libraries that take a malloc(): NULL for big sizes alone. */
void *alloc_for_library(size_t n);

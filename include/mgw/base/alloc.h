/* One policy for memory that runs out. New work is refused long before (memory_max_bytes,
 * base/ledger). Where the system gives none all the same, going on with half of an object would be
 * worse than an end: a small allocation that fails ends the process, with one line in the log. What
 * is big, and whose size a peer or a file chose (a buf, a body, a whole text), comes from malloc()
 * and fails for who asked: NULL, -ENOMEM.
 *
 * jansson's memory comes from alloc_for_library() (main), as uthash's comes from here (base/hash).
 * So NULL of a call that makes a value, and -1 of one that sets one, mean: what was given was NULL
 * or no UTF-8, or the value is as big as somebody else chose. With small values of our own a
 * result needs no look. */
#pragma once

#include "mgw/base/str.h"

#include <stddef.h>

/* From here on a size is what somebody else chose. */
#define ALLOC_SMALL_BYTES 65536
/* sysexits(3) EX_OSERR. */
#define ALLOC_EXIT_CODE 71

/* free() gives back what these return; none returns NULL. */

/* One object, zeroed. */
__attribute__((returns_nonnull)) void *alloc_zeroed(size_t n);
/* n of size bytes each, zeroed; n may be 0. */
__attribute__((returns_nonnull)) void *alloc_array(size_t n, size_t size);
/* realloc() to n > 0 of size bytes each; what is new is not zeroed. */
__attribute__((returns_nonnull)) void *alloc_again(void *p, size_t n, size_t size);
__attribute__((returns_nonnull)) char *alloc_text(const char *text);
__attribute__((returns_nonnull)) char *alloc_str(struct str s);
__attribute__((returns_nonnull, format(printf, 1, 2))) char *alloc_format(const char *fmt, ...);

/* For who has a heap of its own, or a size that may be big: p, which is to be n bytes. NULL of a
 * small size ends the process, of a big one it is told. */
void *alloc_judge(void *p, size_t n);
/* malloc() for libraries, judged so. */
void *alloc_for_library(size_t n);

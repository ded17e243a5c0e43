/* Memory for requests over HTTP, apart from all other. A transfer of curl's is some twenty pieces,
 * of up to 16 kB; a request on a connection of our own is two. Where thousands of them come and go
 * among what sessions keep, they leave holes that no session fills, and that malloc() searches at
 * every call: both grow with the number of sessions. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* curl_global_init(), with this memory. False: curl cannot be used. */
bool http_memory_init(void);

/* As malloc() and its like, from any thread. */
void *http_memory_get(size_t n);
void *http_memory_get_zeroed(size_t n, size_t size);
void *http_memory_resize(void *p, size_t n);
void http_memory_free(void *p);
/* For objects of ours, of n bytes that are zeroed and some more; malloc()'s in builds with a
 * sanitizer, which sees more of it. NULL: a big one that could not be had. */
void *http_object_create(size_t n, size_t n_more);
void http_object_free(void *object);
/* Bytes that are mapped for it now. */
size_t http_memory_mapped(void);

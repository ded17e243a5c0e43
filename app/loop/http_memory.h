/* Memory for libcurl, apart from all other. A transfer of curl's is some twenty pieces, of up to
 * 16 kB. Where thousands of them come and go among what sessions keep, they leave holes that no
 * session fills, and that malloc() searches at every call: both grow with the number of sessions.
 */
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
/* Bytes that are mapped for it now. */
size_t http_memory_mapped(void);

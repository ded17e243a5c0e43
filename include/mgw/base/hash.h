/* uthash with a secret: what anybody may name keys with (URIs that are subscribed to) must not be
 * made to meet in one chain. Include this, not uthash.h. Adding to one never fails (base/alloc). */
#pragma once

#include "mgw/base/alloc.h"

#include <stddef.h>
#include <stdint.h>

/* SipHash-1-3 under a key that each process draws. */
uint32_t hash_keyed(const void *p, size_t n);

#define HASH_FUNCTION(keyptr, keylen, hashv) ((hashv) = hash_keyed((keyptr), (size_t)(keylen)))

#define uthash_malloc(n) alloc_zeroed(n)

#include <uthash.h>

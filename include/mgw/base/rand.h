/* Random bytes from the system's source (getrandom(2)), and ids made of them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Fills p; ends the process when the system has no random source, since no id would be safe. */
void rand_bytes(void *p, size_t n);
/* Even over 0..below-1; below > 0. */
uint32_t rand_below(uint32_t below);

/* Text of n random bytes in base64url (RFC 4648 5) without padding, NUL-terminated. */
#define RAND_TEXT_SIZE(n_bytes) (((n_bytes)*4 + 2) / 3 + 1)
void rand_text(char *out, size_t n_bytes);

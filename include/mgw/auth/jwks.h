/* A set of public keys (RFC 7517 5), and whether one of them has signed a token. Unknown kinds of
 * key, and those that are for other uses, are passed over. */
#pragma once

#include "mgw/auth/jwt.h"

struct jwks;

#define JWKS_KEYS_MAX 64
#define JWKS_CLIENT_KEYS_MAX 16 /* of one that anybody may have made */
#define JWKS_TRIES_MAX 8        /* keys that are tried for one token */

/* The first keys of it, JWKS_KEYS_MAX at most. NULL: it is no set, *whyp is a constant sentence. A
 * set may have no key that is of use. */
struct jwks *jwks_read(struct str text, size_t max, const char **whyp);
/* The same of one that has been read. */
struct jwks *jwks_take(const json_t *set, size_t max, const char **whyp);
/* NULL is fine. */
void jwks_destroy(struct jwks *jwks);
size_t jwks_n_keys(const struct jwks *jwks);
#define JWKS_E_NO_KEY 1 /* none has its kid and fits its algorithm */
#define JWKS_E_BAD 2    /* none that does has signed it */
/* jwks may be NULL: an empty one. 0, JWKS_E_NO_KEY, JWKS_E_BAD. */
int jwks_verify(const struct jwks *jwks, const struct jwt *jwt);

/* An issuer's own hand: keys, the set that they are told in, and tokens. */
#pragma once

#include "mgw/auth/jwt.h"

#include <openssl/evp.h>

/* A key that can sign by this algorithm, made once a process; borrowed. */
EVP_PKEY *signer_key(enum jwt_algorithm algorithm);
/* One that nobody is told of. */
EVP_PKEY *signer_other_key(enum jwt_algorithm algorithm);
/* RSA of so many bits; the caller frees it. */
EVP_PKEY *signer_rsa(unsigned bits);
/* Its public part as a JWK; kid NULL: none. A new object. */
json_t *signer_jwk(EVP_PKEY *key, const char *kid);
/* {"keys": [...]} of the key of each algorithm, its name as kid, as text; the caller frees it. */
char *signer_jwks(void);
/* Of parts as they are, signed by the algorithm's rule; the caller frees it. */
char *signer_sign(EVP_PKEY *key, enum jwt_algorithm algorithm, const char *header,
                  const char *claims);
/* The header that this algorithm's token has: its name as alg and kid. */
const char *signer_header(enum jwt_algorithm algorithm);
/* base64url of text; the caller frees it. */
char *signer_base64(const void *p, size_t n);

/* A JSON Web Token: a compact JWS (RFC 7515 3.1) whose payload is claims (RFC 7519). To read one
 * believes nothing of it; a key must fit (auth/jwks), and the claims must be what is demanded.
 *
 * Nothing is fetched that a header names (jku, x5u), and no key in one is a key (jwk, x5c): RFC
 * 8725 3.10. "none" and HMAC are no algorithms here, so that a public key is never taken for a
 * secret (RFC 8725 2.1). */
#pragma once

#include "mgw/base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define JWT_MAX_BYTES 16384
#define JWT_SIGNATURE_MAX_BYTES 1024

enum jwt_algorithm {
        JWT_RS256,
        JWT_RS384,
        JWT_RS512,
        JWT_PS256,
        JWT_PS384,
        JWT_PS512,
        JWT_ES256,
        JWT_ES384,
        JWT_EDDSA, /* with Ed25519 (RFC 8037) */
        JWT_N_ALGORITHMS,
};

/* NULL: it is none that we take. */
const char *jwt_algorithm_name(enum jwt_algorithm algorithm);
/* false: it is none. */
bool jwt_algorithm_find(const char *name, enum jwt_algorithm *algorithm);

struct jwt {
        enum jwt_algorithm algorithm;
        json_t *header, *claims;
        const char *kid;        /* of the header; NULL: none */
        const char *typ;        /* likewise */
        struct str signed_part; /* borrowed from the text */
        uint8_t signature[JWT_SIGNATURE_MAX_BYTES];
        size_t n_signature;
};

#define JWT_E_BAD 1
#define JWT_E_EXPIRED 2

/* Does it look like one: three parts, the first of them a JSON object? */
bool jwt_is_like(struct str text);
/* 0; JWT_E_BAD, *whyp a constant sentence. The text must outlive it. To be finished in any case. */
int jwt_read(struct jwt *jwt, struct str text, const char **whyp);
void jwt_finish(struct jwt *jwt);

/* What a token must say. */
struct jwt_demand {
        const char *issuer;
        const char *const *audiences; /* one of them must be among its own */
        const char *typ;              /* NULL: "JWT", "at+jwt" (RFC 9068 2.1), or none */
        const char *client_id; /* NULL, or it is an ID token for that client: no at+jwt, and azp
                                  must be that where it is there (OpenID Connect Core 3.1.3.7) */
        const char *nonce;     /* of an ID token; NULL: none is demanded */
        int64_t skew_s;
};

/* 0; JWT_E_BAD, JWT_E_EXPIRED with *whyp a constant sentence. */
int jwt_check(const struct jwt *jwt, const struct jwt_demand *demand, int64_t wall_ms,
              const char **whyp);
/* Its exp, in milliseconds of the wall clock: jwt_check() has found it sound. */
int64_t jwt_expires_ms(const struct jwt *jwt);

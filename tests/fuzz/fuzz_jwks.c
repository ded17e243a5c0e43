/* Sets of keys as an issuer may write them: no more than so many are taken, and none of them has
 * signed what nobody has signed. */
#include "fuzz.h"
#include "mgw/auth/jwks.h"

/* {"alg":"ES256"}.{}, RS256 and EdDSA likewise, each with a signature of the right length. */
static const char *const heads[] = {"eyJhbGciOiJFUzI1NiJ9.e30.", "eyJhbGciOiJSUzI1NiJ9.e30.",
                                    "eyJhbGciOiJFZERTQSJ9.e30.", "eyJhbGciOiJQUzI1NiJ9.e30.",
                                    "eyJhbGciOiJFUzM4NCJ9.e30."};
static const unsigned lengths[] = {86, 342, 86, 342, 128};

static void verify(const struct jwks *jwks, size_t i)
{
        char text[512];
        const char *why = NULL;
        size_t n = strlen(heads[i]);
        struct jwt jwt;

        memcpy(text, heads[i], n);
        memset(text + n, 'Q', lengths[i]);
        REQUIRE(jwt_read(&jwt, (struct str){text, n + lengths[i]}, &why) == 0);
        REQUIRE(jwks_verify(jwks, &jwt) != 0);
        jwt_finish(&jwt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *copy = exact_copy(data, size);
        const char *why = NULL;
        struct jwks *jwks = jwks_read((struct str){copy, size}, JWKS_KEYS_MAX, &why);

        REQUIRE(jwks != NULL || why != NULL);
        if (jwks != NULL) {
                REQUIRE(jwks_n_keys(jwks) <= JWKS_KEYS_MAX);
                for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
                        verify(jwks, i);
        }
        jwks_destroy(jwks);
        free(copy);
        return 0;
}

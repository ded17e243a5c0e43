/* Texts that claim to be tokens: whatever they say, no key that nobody has has signed them, and
 * what is read stays within its bounds. */
#include "fuzz.h"
#include "mgw/auth/jwks.h"

#include <openssl/evp.h>

static const char *const audiences[] = {"https://mcp.example.com/mcp", NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char set[] = "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                                  "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},"
                                  "{\"kty\":\"EC\",\"crv\":\"P-256\","
                                  "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                                  "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";
        static struct jwks *jwks;
        const struct jwt_demand demand = {.issuer = "https://id.example.com",
                                          .audiences = audiences,
                                          .client_id = size % 2 == 0 ? "mgw" : NULL,
                                          .skew_s = 60};
        char *copy = exact_copy(data, size);
        const char *why = NULL;
        struct jwt jwt;

        if (jwks == NULL)
                jwks = jwks_read((struct str){set, sizeof(set) - 1}, JWKS_KEYS_MAX, &why);
        REQUIRE(jwks != NULL && jwks_n_keys(jwks) == 2);
        if (jwt_read(&jwt, (struct str){copy, size}, &why) == 0) {
                REQUIRE(jwt_is_like((struct str){copy, size}) && size <= JWT_MAX_BYTES);
                REQUIRE(jwt.n_signature > 0 && jwt.n_signature <= JWT_SIGNATURE_MAX_BYTES);
                REQUIRE(jwt.signed_part.n < size && jwt.algorithm < JWT_N_ALGORITHMS);
                if (jwt_check(&jwt, &demand, 1000000000, &why) == 0)
                        REQUIRE(jwt_expires_ms(&jwt) + 60000 > 1000000000);
                REQUIRE(jwks_verify(jwks, &jwt) != 0);
        } else {
                REQUIRE(why != NULL);
        }
        jwt_finish(&jwt);
        free(copy);
        return 0;
}

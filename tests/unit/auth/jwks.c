/* Sets of keys, and those that would confuse. */
#include "mgw/auth/jwks.h"
#include "signer.h"

#include "../check.h"
#include "mgw/base/alloc.h"

#include <stdlib.h>
#include <string.h>

TestSuite(jwks, .timeout = 120);

/* Takes the keys. */
static struct jwks *set_of(json_t *keys_take)
{
        json_t *set = json_pack("{s:o}", "keys", keys_take);
        const char *why = NULL;
        struct jwks *jwks = jwks_take(set, JWKS_KEYS_MAX, &why);

        cr_assert_not_null(jwks, "%s", why);
        json_decref(set);
        return jwks;
}

static int verify(const struct jwks *jwks, EVP_PKEY *key, enum jwt_algorithm algorithm,
                  const char *header)
{
        char *token = signer_sign(key, algorithm, header, "{}");
        const char *why = NULL;
        struct jwt jwt;
        int r;

        cr_assert_eq(jwt_read(&jwt, str_from(token), &why), 0, "%s", why);
        r = jwks_verify(jwks, &jwt);
        jwt_finish(&jwt);
        free(token);
        return r;
}

static json_t *with(json_t *jwk, const char *name, json_t *value)
{
        json_object_set_new(jwk, name, value);
        return jwk;
}

/* The number of keys of a set of that one. */
static size_t n_of(json_t *jwk_take)
{
        struct jwks *jwks = set_of(json_pack("[o]", jwk_take));
        size_t n = jwks_n_keys(jwks);

        jwks_destroy(jwks);
        return n;
}

static json_t *rsa(void)
{
        return signer_jwk(signer_key(JWT_RS256), "k");
}

static json_t *ec(void)
{
        return signer_jwk(signer_key(JWT_ES256), "k");
}

Test(jwks, that_is_none_is_told)
{
        static const char *const texts[] = {"",
                                            "{}",
                                            "[]",
                                            "7",
                                            "{\"keys\":{}}",
                                            "{\"keys\":7}",
                                            "{\"keys\":[]",
                                            "{\"keys\":[],\"keys\":[]}"};
        struct jwks *jwks;
        const char *why;

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                why = NULL;
                cr_expect_null(jwks_read(str_from(texts[i]), JWKS_KEYS_MAX, &why), "%s", texts[i]);
                cr_expect_not_null(why);
        }
        jwks = jwks_read(STR("{\"keys\":[7,null,\"x\",[],{}]}"), JWKS_KEYS_MAX, &why);
        cr_assert_not_null(jwks);
        check_int(jwks_n_keys(jwks), 0);
        jwks_destroy(jwks);
        jwks_destroy(NULL);
}

Test(jwks, passes_over_what_is_no_key_for_us)
{
        EVP_PKEY *small = signer_rsa(1024);

        check_int(n_of(rsa()), 1);
        check_int(n_of(ec()), 1);
        check_int(n_of(signer_jwk(signer_key(JWT_EDDSA), NULL)), 1);
        check_int(n_of(signer_jwk(small, "k")), 0);
        check_int(n_of(json_pack("{s:s, s:s}", "kty", "oct", "k", "c2VjcmV0")), 0);
        check_int(n_of(with(rsa(), "kty", json_string("rsa"))), 0);
        check_int(n_of(with(rsa(), "kty", json_string("oct"))), 0);
        check_int(n_of(with(rsa(), "kty", json_integer(1))), 0);
        check_int(n_of(with(rsa(), "e", json_string("AQ"))), 0);
        check_int(n_of(with(rsa(), "e", json_string("AA"))), 0);
        check_int(n_of(with(rsa(), "e", json_string("Ag"))), 0);
        check_int(n_of(with(rsa(), "e", json_string("AQABAQABAQAB"))), 0);
        check_int(n_of(with(rsa(), "e", json_integer(65537))), 0);
        check_int(n_of(with(rsa(), "n", json_string(""))), 0);
        check_int(n_of(with(rsa(), "n", json_string("!!!!"))), 0);
        check_int(n_of(with(ec(), "crv", json_string("P-384"))), 0);
        check_int(n_of(with(ec(), "crv", json_string("secp256k1"))), 0);
        check_int(n_of(with(ec(), "x", json_string("AAAA"))), 0);
        check_int(n_of(with(ec(), "kty", json_string("RSA"))), 0);
        check_int(n_of(json_pack("{s:s, s:s, s:s}", "kty", "OKP", "crv", "Ed25519", "x", "AAAA")),
                  0);
        check_int(n_of(json_pack("{s:s, s:s, s:s}", "kty", "OKP", "crv", "X25519", "x",
                                 "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08")),
                  0);
        EVP_PKEY_free(small);
}

/* A point that is on no curve, and a number past all bounds. */
Test(jwks, takes_no_numbers_that_are_none)
{
        char *long_text = alloc_zeroed(100001);

        memset(long_text, 'A', 100000);
        check_int(n_of(with(rsa(), "n", json_string(long_text))), 0);
        memset(long_text, '_', 2048);
        long_text[2048] = '\0';
        check_int(n_of(with(rsa(), "n", json_string(long_text))), 0);
        check_int(n_of(with(ec(), "y", json_string("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"))),
                  0);
        free(long_text);
}

Test(jwks, respects_what_a_key_is_for)
{
        check_int(n_of(with(rsa(), "use", json_string("sig"))), 1);
        check_int(n_of(with(rsa(), "use", json_string("enc"))), 0);
        check_int(n_of(with(rsa(), "use", json_integer(1))), 0);
        check_int(n_of(with(rsa(), "key_ops", json_pack("[s]", "verify"))), 1);
        check_int(n_of(with(rsa(), "key_ops", json_pack("[s]", "encrypt"))), 0);
        check_int(n_of(with(rsa(), "alg", json_string("RS256"))), 1);
        check_int(n_of(with(rsa(), "alg", json_string("HS256"))), 0);
        check_int(n_of(with(rsa(), "alg", json_string("ES256"))), 0);
        check_int(n_of(with(rsa(), "alg", json_string("RSA-OAEP"))), 0);
        check_int(n_of(with(rsa(), "kid", json_integer(1))), 0);
}

Test(jwks, of_a_key_for_one_algorithm_takes_no_other)
{
        struct jwks *jwks = set_of(json_pack("[o]", with(rsa(), "alg", json_string("PS256"))));

        check_int(verify(jwks, signer_key(JWT_PS256), JWT_PS256, "{\"alg\":\"PS256\"}"), 0);
        check_int(verify(jwks, signer_key(JWT_RS256), JWT_RS256, "{\"alg\":\"RS256\"}"),
                  JWKS_E_NO_KEY);
        jwks_destroy(jwks);
}

/* Where an issuer repeats a kid, each of them is tried. */
Test(jwks, that_repeat_a_kid_are_all_tried_within_bounds)
{
        json_t *keys = json_array();
        struct jwks *jwks;

        for (int i = 1; i < JWKS_TRIES_MAX; i++)
                json_array_append_new(keys, signer_jwk(signer_other_key(JWT_ES256), "k"));
        json_array_append_new(keys, ec());
        jwks = set_of(json_copy(keys));
        check_int(
                verify(jwks, signer_key(JWT_ES256), JWT_ES256, "{\"alg\":\"ES256\",\"kid\":\"k\"}"),
                0);
        check_int(verify(jwks, signer_key(JWT_ES256), JWT_ES256,
                         "{\"alg\":\"ES256\",\"kid\":\"other\"}"),
                  JWKS_E_NO_KEY);
        check_int(verify(jwks, signer_key(JWT_ES256), JWT_ES256, "{\"alg\":\"ES256\"}"), 0);
        jwks_destroy(jwks);
        json_array_insert_new(keys, 0, signer_jwk(signer_other_key(JWT_ES256), "k"));
        jwks = set_of(keys);
        check_int(
                verify(jwks, signer_key(JWT_ES256), JWT_ES256, "{\"alg\":\"ES256\",\"kid\":\"k\"}"),
                JWKS_E_BAD);
        jwks_destroy(jwks);
}

Test(jwks, past_so_many_keys_takes_no_more)
{
        json_t *keys = json_array();
        struct jwks *jwks;

        for (int i = 0; i < 1000; i++)
                json_array_append_new(keys, ec());
        jwks = set_of(keys);
        check_int(jwks_n_keys(jwks), JWKS_KEYS_MAX);
        jwks_destroy(jwks);
}

Test(jwks, without_a_key_knows_none)
{
        check_int(verify(NULL, signer_key(JWT_ES256), JWT_ES256, "{\"alg\":\"ES256\"}"),
                  JWKS_E_NO_KEY);
}

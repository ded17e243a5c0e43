#include "signer.h"

#include "mgw/base/alloc.h"
#include "mgw/base/base64.h"

#include <criterion/criterion.h>
#include <jose/openssl.h>
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

char *signer_base64(const void *p, size_t n)
{
        struct buf out;
        char *text;

        buf_init(&out, 1u << 20);
        cr_assert_eq(base64_encode(&out, BASE64_URL, (struct str){p, n}), 0);
        text = alloc_str(buf_bytes(&out));
        buf_finish(&out);
        return text;
}

EVP_PKEY *signer_rsa(unsigned bits)
{
        return EVP_RSA_gen(bits);
}

static EVP_PKEY *make(enum jwt_algorithm algorithm)
{
        switch (algorithm) {
        case JWT_ES256:
                return EVP_EC_gen("P-256");
        case JWT_ES384:
                return EVP_EC_gen("P-384");
        case JWT_EDDSA:
                return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        default:
                return signer_rsa(2048);
        }
}

static EVP_PKEY *key_of(EVP_PKEY **keys, enum jwt_algorithm algorithm)
{
        enum jwt_algorithm kind = algorithm < JWT_ES256 ? JWT_RS256 : algorithm;

        if (keys[kind] == NULL)
                keys[kind] = make(kind);
        cr_assert_not_null(keys[kind]);
        return keys[kind];
}

EVP_PKEY *signer_key(enum jwt_algorithm algorithm)
{
        static EVP_PKEY *keys[JWT_N_ALGORITHMS];

        return key_of(keys, algorithm);
}

EVP_PKEY *signer_other_key(enum jwt_algorithm algorithm)
{
        static EVP_PKEY *keys[JWT_N_ALGORITHMS];

        return key_of(keys, algorithm);
}

static json_t *jwk_of_ed25519(EVP_PKEY *key)
{
        uint8_t raw[32];
        size_t n = sizeof(raw);
        char *x;
        json_t *jwk;

        cr_assert_eq(EVP_PKEY_get_raw_public_key(key, raw, &n), 1);
        x = signer_base64(raw, n);
        jwk = json_pack("{s:s, s:s, s:s}", "kty", "OKP", "crv", "Ed25519", "x", x);
        free(x);
        return jwk;
}

json_t *signer_jwk(EVP_PKEY *key, const char *kid)
{
        json_t *jwk = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519
                              ? jwk_of_ed25519(key)
                              : jose_openssl_jwk_from_EVP_PKEY(NULL, key);

        cr_assert_not_null(jwk);
        json_object_del(jwk, "d");
        for (const char *const *name =
                     (const char *const[]){"p", "q", "dp", "dq", "qi", "oth", NULL};
             *name != NULL; name++)
                json_object_del(jwk, *name);
        if (kid != NULL)
                json_object_set_new(jwk, "kid", json_string(kid));
        return jwk;
}

char *signer_jwks(void)
{
        json_t *keys = json_array(), *set = json_pack("{s:o}", "keys", keys);
        char *text;

        for (int i = 0; i < JWT_N_ALGORITHMS; i++)
                json_array_append_new(keys, signer_jwk(signer_key((enum jwt_algorithm)i),
                                                       jwt_algorithm_name((enum jwt_algorithm)i)));
        text = json_dumps(set, JSON_COMPACT);
        json_decref(set);
        return text;
}

const char *signer_header(enum jwt_algorithm algorithm)
{
        static char header[128];
        const char *name = jwt_algorithm_name(algorithm);

        snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}", name, name);
        return header;
}

static const char *digest_of(enum jwt_algorithm algorithm)
{
        const char *name = jwt_algorithm_name(algorithm);

        if (algorithm == JWT_EDDSA)
                return NULL;
        return strstr(name, "256") != NULL   ? "SHA256"
               : strstr(name, "384") != NULL ? "SHA384"
                                             : "SHA512";
}

/* The DER that libcrypto makes, as a JWS has it. */
static size_t flatten(uint8_t *signature, size_t n, size_t n_part)
{
        const uint8_t *p = signature;
        ECDSA_SIG *both = d2i_ECDSA_SIG(NULL, &p, (long)n);

        cr_assert_not_null(both);
        cr_assert_eq(BN_bn2binpad(ECDSA_SIG_get0_r(both), signature, (int)n_part), (int)n_part);
        cr_assert_eq(BN_bn2binpad(ECDSA_SIG_get0_s(both), signature + n_part, (int)n_part),
                     (int)n_part);
        ECDSA_SIG_free(both);
        return 2 * n_part;
}

static size_t sign(EVP_PKEY *key, enum jwt_algorithm algorithm, const char *text,
                   uint8_t signature[JWT_SIGNATURE_MAX_BYTES])
{
        EVP_MD_CTX *md = EVP_MD_CTX_new();
        EVP_PKEY_CTX *context = NULL;
        size_t n = JWT_SIGNATURE_MAX_BYTES;

        cr_assert_eq(
                EVP_DigestSignInit_ex(md, &context, digest_of(algorithm), NULL, NULL, key, NULL),
                1);
        if (algorithm >= JWT_PS256 && algorithm <= JWT_PS512) {
                EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING);
                EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST);
        }
        cr_assert_eq(EVP_DigestSign(md, signature, &n, (const uint8_t *)text, strlen(text)), 1);
        EVP_MD_CTX_free(md);
        if (algorithm == JWT_ES256 || algorithm == JWT_ES384)
                n = flatten(signature, n, algorithm == JWT_ES256 ? 32 : 48);
        return n;
}

char *signer_sign(EVP_PKEY *key, enum jwt_algorithm algorithm, const char *header,
                  const char *claims)
{
        char *one = signer_base64(header, strlen(header));
        char *two = signer_base64(claims, strlen(claims));
        char *text = alloc_format("%s.%s", one, two), *three, *token;
        uint8_t signature[JWT_SIGNATURE_MAX_BYTES];

        three = signer_base64(signature, sign(key, algorithm, text, signature));
        token = alloc_format("%s.%s", text, three);
        free(one);
        free(two);
        free(three);
        free(text);
        return token;
}

/* Keys of RSA and of elliptic curves are made by libjose, of a copy that has their public members
 * alone: it would make an HMAC key of kty "oct", and take private members. What it gives is then
 * held to its size and curve. It has no Ed25519: that key, and all signatures, are libcrypto's. */
#include "mgw/auth/jwks.h"

#include "mgw/base/alloc.h"
#include "mgw/base/base64.h"

#include <jose/openssl.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192
#define RSA_E_BITS_MAX 32
#define ED25519_BYTES 32
#define MEMBER_MAX_BYTES 2048 /* of a number: RSA_BITS_MAX in base64 is less */
#define EC_PART_MAX_BYTES 48  /* a half of a signature */

enum kind { KIND_RSA, KIND_P256, KIND_P384, KIND_ED25519 };

struct jwk {
        EVP_PKEY *key;
        char *kid; /* NULL: none */
        enum kind kind;
        bool is_for_one; /* algorithm: */
        enum jwt_algorithm algorithm;
};

struct jwks {
        size_t n;
        struct jwk keys[JWKS_KEYS_MAX];
};

static const struct {
        enum kind kind;
        const char *digest; /* NULL: it has its own */
        bool is_pss;
} rules[JWT_N_ALGORITHMS] = {
        [JWT_RS256] = {KIND_RSA, "SHA256", false},  [JWT_RS384] = {KIND_RSA, "SHA384", false},
        [JWT_RS512] = {KIND_RSA, "SHA512", false},  [JWT_PS256] = {KIND_RSA, "SHA256", true},
        [JWT_PS384] = {KIND_RSA, "SHA384", true},   [JWT_PS512] = {KIND_RSA, "SHA512", true},
        [JWT_ES256] = {KIND_P256, "SHA256", false}, [JWT_ES384] = {KIND_P384, "SHA384", false},
        [JWT_EDDSA] = {KIND_ED25519, NULL, false},
};

/* ---- keys ---- */

/* NULL: it is no text, or too long for a number. */
static const char *get_number(const json_t *jwk, const char *name)
{
        const json_t *value = json_object_get(jwk, name);

        return json_string_length(value) <= MEMBER_MAX_BYTES ? json_string_value(value) : NULL;
}

static bool rsa_is_sound(EVP_PKEY *key)
{
        BIGNUM *e = NULL;
        bool is_sound = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA &&
                        EVP_PKEY_get_bits(key) >= RSA_BITS_MIN &&
                        EVP_PKEY_get_bits(key) <= RSA_BITS_MAX &&
                        EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 &&
                        BN_num_bits(e) <= RSA_E_BITS_MAX && BN_is_odd(e) && !BN_is_one(e);

        BN_free(e);
        return is_sound;
}

static EVP_PKEY *make_key(json_t *public_take)
{
        EVP_PKEY *key =
                public_take != NULL ? jose_openssl_jwk_to_EVP_PKEY(NULL, public_take) : NULL;

        json_decref(public_take);
        return key;
}

static EVP_PKEY *make_rsa(const json_t *jwk)
{
        const char *n = get_number(jwk, "n"), *e = get_number(jwk, "e");
        EVP_PKEY *key =
                n == NULL || e == NULL
                        ? NULL
                        : make_key(json_pack("{s:s, s:s, s:s}", "kty", "RSA", "n", n, "e", e));

        if (key != NULL && rsa_is_sound(key))
                return key;
        EVP_PKEY_free(key);
        return NULL;
}

static EVP_PKEY *make_ec(const json_t *jwk, const char *crv, int bits)
{
        const char *x = get_number(jwk, "x"), *y = get_number(jwk, "y");
        EVP_PKEY *key = x == NULL || y == NULL
                                ? NULL
                                : make_key(json_pack("{s:s, s:s, s:s, s:s}", "kty", "EC", "crv",
                                                     crv, "x", x, "y", y));

        if (key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
            EVP_PKEY_get_bits(key) == bits)
                return key;
        EVP_PKEY_free(key);
        return NULL;
}

static EVP_PKEY *make_ed25519(const json_t *jwk)
{
        const char *x = get_number(jwk, "x");
        EVP_PKEY *key = NULL;
        struct buf bytes;

        buf_init(&bytes, ED25519_BYTES);
        if (x != NULL && base64_decode(&bytes, BASE64_URL, str_from(x)) == 0 &&
            bytes.len == ED25519_BYTES)
                key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
                                                  (const uint8_t *)buf_bytes(&bytes).p, bytes.len);
        buf_finish(&bytes);
        return key;
}

static bool is(const char *text, const char *wanted)
{
        return text != NULL && strcmp(text, wanted) == 0;
}

/* NULL: none of a kind that is used here. */
static EVP_PKEY *make(const json_t *jwk, enum kind *kind)
{
        const char *kty = json_string_value(json_object_get(jwk, "kty"));
        const char *crv = json_string_value(json_object_get(jwk, "crv"));

        *kind = KIND_RSA;
        if (is(kty, "RSA"))
                return make_rsa(jwk);
        *kind = KIND_P256;
        if (is(kty, "EC") && is(crv, "P-256"))
                return make_ec(jwk, crv, 256);
        *kind = KIND_P384;
        if (is(kty, "EC") && is(crv, "P-384"))
                return make_ec(jwk, crv, 384);
        *kind = KIND_ED25519;
        return is(kty, "OKP") && is(crv, "Ed25519") ? make_ed25519(jwk) : NULL;
}

/* Of what is said of its use all must fit (RFC 7517 4.2, 4.3). */
static bool is_for_signatures(const json_t *jwk)
{
        const json_t *use = json_object_get(jwk, "use"), *ops = json_object_get(jwk, "key_ops");
        const json_t *op;
        size_t i;

        if (use != NULL && !is(json_string_value(use), "sig"))
                return false;
        json_array_foreach ((json_t *)ops, i, op)
                if (is(json_string_value(op), "verify"))
                        return true;
        return ops == NULL;
}

/* false: it is for an algorithm that is not taken here, or not for its kind. */
static bool take_algorithm(struct jwk *key, const json_t *alg)
{
        if (alg == NULL)
                return true;
        key->is_for_one = true;
        return jwt_algorithm_find(json_string_value(alg), &key->algorithm) &&
               rules[key->algorithm].kind == key->kind;
}

static void take_key(struct jwks *jwks, const json_t *jwk)
{
        const json_t *kid = json_object_get(jwk, "kid");
        struct jwk key = {0};

        if (jwks->n == JWKS_KEYS_MAX || !is_for_signatures(jwk) ||
            (kid != NULL && !json_is_string(kid)))
                return;
        key.key = make(jwk, &key.kind);
        ERR_clear_error();
        if (key.key == NULL)
                return;
        if (!take_algorithm(&key, json_object_get(jwk, "alg"))) {
                EVP_PKEY_free(key.key);
                return;
        }
        key.kid = kid != NULL ? alloc_text(json_string_value(kid)) : NULL;
        jwks->keys[jwks->n++] = key;
}

/* ---- the set ---- */

struct jwks *jwks_take(const json_t *set, size_t max, const char **whyp)
{
        const json_t *keys = json_object_get(set, "keys"), *jwk;
        struct jwks *jwks;
        size_t i;

        if (!json_is_array(keys)) {
                *whyp = "it has no \"keys\" in an array";
                return NULL;
        }
        jwks = alloc_zeroed(sizeof(*jwks));
        json_array_foreach ((json_t *)keys, i, jwk) {
                if (i == max)
                        break;
                take_key(jwks, jwk);
        }
        return jwks;
}

struct jwks *jwks_read(struct str text, size_t max, const char **whyp)
{
        json_t *set = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
        struct jwks *jwks = NULL;

        *whyp = "it is no JSON";
        if (set != NULL)
                jwks = jwks_take(set, max, whyp);
        json_decref(set);
        return jwks;
}

void jwks_destroy(struct jwks *jwks)
{
        if (jwks == NULL)
                return;
        for (size_t i = 0; i < jwks->n; i++) {
                EVP_PKEY_free(jwks->keys[i].key);
                free(jwks->keys[i].kid);
        }
        free(jwks);
}

size_t jwks_n_keys(const struct jwks *jwks)
{
        return jwks->n;
}

/* ---- signatures ---- */

/* The two numbers side by side (RFC 7518 3.4), as libcrypto wants them; the caller frees it. */
static uint8_t *ecdsa_der(const struct jwt *jwt, size_t n_part, int *n)
{
        ECDSA_SIG *signature = ECDSA_SIG_new();
        BIGNUM *r = BN_bin2bn(jwt->signature, (int)n_part, NULL);
        BIGNUM *s = BN_bin2bn(jwt->signature + n_part, (int)n_part, NULL);
        uint8_t *der = NULL;

        if (signature != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(signature, r, s) == 1) {
                r = s = NULL;
                *n = i2d_ECDSA_SIG(signature, &der);
        }
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(signature);
        return *n > 0 ? der : NULL;
}

static bool set_padding(EVP_PKEY_CTX *context, enum jwt_algorithm algorithm)
{
        if (rules[algorithm].kind != KIND_RSA)
                return true;
        if (!rules[algorithm].is_pss)
                return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
        return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static bool verify(EVP_PKEY *key, const struct jwt *jwt, const uint8_t *signature, size_t n)
{
        EVP_MD_CTX *md = EVP_MD_CTX_new();
        EVP_PKEY_CTX *context = NULL;
        bool is_good = md != NULL &&
                       EVP_DigestVerifyInit_ex(md, &context, rules[jwt->algorithm].digest, NULL,
                                               NULL, key, NULL) == 1 &&
                       set_padding(context, jwt->algorithm) &&
                       EVP_DigestVerify(md, signature, n, (const uint8_t *)jwt->signed_part.p,
                                        jwt->signed_part.n) == 1;

        EVP_MD_CTX_free(md);
        return is_good;
}

static bool has_signed(const struct jwk *key, const struct jwt *jwt)
{
        size_t n_part = key->kind == KIND_P256 ? 32 : EC_PART_MAX_BYTES;
        bool is_good = false;
        uint8_t *der;
        int n = 0;

        if (key->kind != KIND_P256 && key->kind != KIND_P384)
                return verify(key->key, jwt, jwt->signature, jwt->n_signature);
        if (jwt->n_signature != 2 * n_part)
                return false;
        der = ecdsa_der(jwt, n_part, &n);
        if (der != NULL)
                is_good = verify(key->key, jwt, der, (size_t)n);
        OPENSSL_free(der);
        return is_good;
}

static bool may_have_signed(const struct jwk *key, const struct jwt *jwt)
{
        return rules[jwt->algorithm].kind == key->kind &&
               (!key->is_for_one || key->algorithm == jwt->algorithm) &&
               (jwt->kid == NULL || key->kid == NULL || strcmp(key->kid, jwt->kid) == 0);
}

int jwks_verify(const struct jwks *jwks, const struct jwt *jwt)
{
        size_t n_tried = 0;
        bool is_good = false;

        for (size_t i = 0; jwks != NULL && i < jwks->n && n_tried < JWKS_TRIES_MAX && !is_good;
             i++) {
                if (!may_have_signed(&jwks->keys[i], jwt))
                        continue;
                n_tried++;
                is_good = has_signed(&jwks->keys[i], jwt);
        }
        ERR_clear_error(); /* else the next TLS connection would find what failed here */
        if (is_good)
                return 0;
        return n_tried > 0 ? JWKS_E_BAD : JWKS_E_NO_KEY;
}

/* The secret of the store, and the keys that are made of it: HKDF-SHA256 (RFC 5869), of whose
 * output one block is all that is needed. No purpose is another's beginning, since a zero ends it.
 */
#include "mgw/base/alloc.h"
#include "mgw/base/rand.h"
#include "store_inside.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#define SECRET_BYTES 32

static void hmac(struct str key, struct str text, uint8_t out[STORE_SECRET_KEY_BYTES])
{
        (void)alloc_judge(
                HMAC(EVP_sha256(), key.p, (int)key.n, (const uint8_t *)text.p, text.n, out, NULL),
                STORE_SECRET_KEY_BYTES);
}

static void extract(struct str secret, uint8_t out[STORE_SECRET_KEY_BYTES])
{
        hmac(STR("mgw state 1"), secret, out);
}

void store_secret_expand(const uint8_t secret[STORE_SECRET_KEY_BYTES], const char *purpose,
                         const char *label, uint8_t key[STORE_SECRET_KEY_BYTES])
{
        /* "purpose", zero, "label", 1: the first block */
        char *info = alloc_format("%s%c%s\x01", purpose, 0, label);

        hmac((struct str){(const char *)secret, STORE_SECRET_KEY_BYTES},
             (struct str){info, strlen(purpose) + strlen(label) + 2}, key);
        free(info);
}

int store_secrets_open(struct store_secrets *secrets, const struct store_options *options,
                       FILE *err)
{
        char random[RAND_TEXT_SIZE(SECRET_BYTES)];

        (void)err;
        rand_text(random, SECRET_BYTES);
        extract(str_from(options->key != NULL ? options->key : random), secrets->own);
        OPENSSL_cleanse(random, sizeof(random));
        secrets->has_old = options->old_key != NULL;
        if (secrets->has_old)
                extract(str_from(options->old_key), secrets->old);
        return 0;
}

void store_secret_key(const struct store *store, const char *label,
                      uint8_t key[STORE_SECRET_KEY_BYTES])
{
        store_secret_expand(store->secrets.own, "other", label, key);
}

bool store_old_secret_key(const struct store *store, const char *label,
                          uint8_t key[STORE_SECRET_KEY_BYTES])
{
        if (store->secrets.has_old)
                store_secret_expand(store->secrets.old, "other", label, key);
        return store->secrets.has_old;
}

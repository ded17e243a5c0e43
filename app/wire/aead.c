/* The tag stands behind what it is of. */
#include "mgw/wire/aead.h"

#include <errno.h>
#include <openssl/evp.h>

/* A key, a nonce and additional data in a new context. NULL: no memory. */
static EVP_CIPHER_CTX *begin(bool is_sealing, const uint8_t *key, const uint8_t *nonce,
                             struct str additional)
{
        EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
        int n;

        if (ctx != NULL &&
            EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce, is_sealing) == 1 &&
            EVP_CipherUpdate(ctx, NULL, &n, (const uint8_t *)additional.p, (int)additional.n) == 1)
                return ctx;
        EVP_CIPHER_CTX_free(ctx);
        return NULL;
}

int aead_seal(const uint8_t key[AEAD_KEY_BYTES], const uint8_t nonce[AEAD_NONCE_BYTES],
              struct str additional, struct str plain, uint8_t *out)
{
        EVP_CIPHER_CTX *ctx = begin(true, key, nonce, additional);
        int n, r = -ENOMEM;

        if (ctx != NULL &&
            EVP_CipherUpdate(ctx, out, &n, (const uint8_t *)plain.p, (int)plain.n) == 1 &&
            EVP_CipherFinal_ex(ctx, out + n, &n) == 1 &&
            EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, AEAD_TAG_BYTES, out + plain.n) == 1)
                r = 0;
        EVP_CIPHER_CTX_free(ctx);
        return r;
}

int aead_open(const uint8_t key[AEAD_KEY_BYTES], const uint8_t nonce[AEAD_NONCE_BYTES],
              struct str additional, struct str sealed, uint8_t *out)
{
        EVP_CIPHER_CTX *ctx;
        int size, n, r = -ENOMEM;

        if (sealed.n < AEAD_TAG_BYTES)
                return AEAD_E_BAD;
        size = (int)(sealed.n - AEAD_TAG_BYTES);
        ctx = begin(false, key, nonce, additional);
        if (ctx != NULL && EVP_CipherUpdate(ctx, out, &n, (const uint8_t *)sealed.p, size) == 1 &&
            EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, AEAD_TAG_BYTES,
                                (void *)(sealed.p + size)) == 1)
                r = EVP_CipherFinal_ex(ctx, out + n, &n) == 1 ? 0 : AEAD_E_BAD;
        EVP_CIPHER_CTX_free(ctx);
        return r;
}

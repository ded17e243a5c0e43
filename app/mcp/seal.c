/* Inside the Base64: nonce, ciphertext, tag. Inside the ciphertext: the expiry, 8 bytes, big end
 * first, and the payload. The prefix and the binding are additional data, each with its length
 * before it, so that no two bindings make the same bytes. */
#include "mgw/mcp/seal.h"

#include "mgw/base/base64.h"
#include "mgw/base/rand.h"
#include "mgw/wire/aead.h"
#include "mgw/wire/rpc.h"

#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#define NONCE_BYTES AEAD_NONCE_BYTES
#define TAG_BYTES AEAD_TAG_BYTES
#define EXPIRY_BYTES 8
#define TEXT_MAX_BYTES (2 * SEAL_PAYLOAD_MAX_BYTES)

static_assert(SEAL_KEY_BYTES == AEAD_KEY_BYTES && SEAL_E_BAD == AEAD_E_BAD,
              "a key and an outcome of ours are its own");

static const struct str prefix = {"mgw1.", 5};

int seal_key_from_secret(uint8_t key[SEAL_KEY_BYTES], struct str secret)
{
        static const char label[] = "mgw requestState 1";

        return HMAC(EVP_sha256(), secret.p, (int)secret.n, (const uint8_t *)label,
                    sizeof(label) - 1, key, NULL) != NULL
                       ? 0
                       : -ENOMEM;
}

int seal_digest(uint8_t digest[SEAL_DIGEST_BYTES], const char *method, const json_t *params)
{
        static const char *const changing[] = {"_meta", "inputResponses", "requestState"};
        json_t *same = params == NULL ? json_object() : json_copy((json_t *)params);
        json_t *both;
        struct str text = {NULL, 0};
        int r;

        for (size_t i = 0; i < sizeof(changing) / sizeof(changing[0]); i++)
                json_object_del(same, changing[i]);
        both = json_pack("[s, o]", method, same);
        r = rpc_dump_sorted(both, &text);
        r = r == 0 && EVP_Digest(text.p, text.n, digest, NULL, EVP_sha256(), NULL) == 1 ? 0
                                                                                        : -ENOMEM;
        free((void *)text.p);
        json_decref(both);
        return r;
}

static int add_u64(struct buf *out, uint64_t n)
{
        uint8_t bytes[8];

        for (int i = 0; i < 8; i++)
                bytes[i] = (uint8_t)(n >> (56 - 8 * i));
        return buf_add(out, bytes, sizeof(bytes));
}

static int add_additional(struct buf *out, const struct seal_binding *binding)
{
        const struct str parts[] = {prefix, binding->user, binding->request};
        int r = 0;

        for (size_t i = 0; r == 0 && i < sizeof(parts) / sizeof(parts[0]); i++) {
                r = add_u64(out, parts[i].n);
                if (r == 0)
                        r = buf_add_str(out, parts[i]);
        }
        return r;
}

int seal_close(struct buf *out, const uint8_t key[SEAL_KEY_BYTES],
               const struct seal_binding *binding, int64_t expires_ms, struct str payload)
{
        size_t n = EXPIRY_BYTES + payload.n;
        struct buf plain, additional, sealed;
        uint8_t *at;
        int r;

        if (payload.n > SEAL_PAYLOAD_MAX_BYTES)
                return BUF_E_FULL;
        buf_init(&plain, TEXT_MAX_BYTES);
        buf_init(&additional, TEXT_MAX_BYTES);
        buf_init(&sealed, TEXT_MAX_BYTES);
        r = add_u64(&plain, (uint64_t)expires_ms);
        if (r == 0)
                r = buf_add_str(&plain, payload);
        if (r == 0)
                r = add_additional(&additional, binding);
        if (r == 0)
                r = buf_reserve(&sealed, NONCE_BYTES + n + TAG_BYTES, &at);
        if (r == 0) {
                rand_bytes(at, NONCE_BYTES);
                r = aead_seal(key, at, buf_bytes(&additional), buf_bytes(&plain), at + NONCE_BYTES);
                buf_commit(&sealed, NONCE_BYTES + n + TAG_BYTES);
        }
        if (r == 0)
                r = buf_add_str(out, prefix);
        if (r == 0)
                r = base64_encode(out, BASE64_URL, buf_bytes(&sealed));
        buf_finish(&sealed);
        buf_finish(&additional);
        buf_finish(&plain);
        return r;
}

/* Opens sealed bytes and appends the payload to out. */
static int open_bytes(struct buf *out, const uint8_t *key, struct str additional, int64_t now_ms,
                      struct str sealed)
{
        const uint8_t *nonce = (const uint8_t *)sealed.p;
        uint8_t plain[EXPIRY_BYTES + SEAL_PAYLOAD_MAX_BYTES];
        uint64_t expires = 0;
        size_t n;
        int r;

        if (sealed.n < NONCE_BYTES + EXPIRY_BYTES + TAG_BYTES)
                return SEAL_E_BAD;
        n = sealed.n - NONCE_BYTES - TAG_BYTES;
        if (n > sizeof(plain))
                return SEAL_E_BAD;
        r = aead_open(key, nonce, additional,
                      (struct str){sealed.p + NONCE_BYTES, sealed.n - NONCE_BYTES}, plain);
        for (int i = 0; r == 0 && i < EXPIRY_BYTES; i++)
                expires = expires << 8 | plain[i];
        if (r == 0 && (int64_t)expires <= now_ms)
                r = SEAL_E_EXPIRED;
        if (r == 0)
                r = buf_add(out, plain + EXPIRY_BYTES, n - EXPIRY_BYTES);
        OPENSSL_cleanse(plain, n);
        return r;
}

int seal_open(struct buf *out, const uint8_t key[SEAL_KEY_BYTES],
              const struct seal_binding *binding, int64_t now_ms, struct str text)
{
        struct buf additional, sealed;
        int r;

        if (!str_has_prefix(text, prefix))
                return SEAL_E_BAD;
        text = (struct str){text.p + prefix.n, text.n - prefix.n};
        buf_init(&additional, TEXT_MAX_BYTES);
        buf_init(&sealed, TEXT_MAX_BYTES);
        r = base64_decode(&sealed, BASE64_URL, text);
        if (r == BASE64_E_BAD || r == BUF_E_FULL)
                r = SEAL_E_BAD;
        if (r == 0)
                r = add_additional(&additional, binding);
        if (r == 0)
                r = open_bytes(out, key, buf_bytes(&additional), now_ms, buf_bytes(&sealed));
        buf_finish(&sealed);
        buf_finish(&additional);
        return r;
}

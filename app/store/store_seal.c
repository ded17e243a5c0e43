/* A value as it stands on the disk: the form (1), which key (4), a nonce (12), the ciphertext and
 * the tag (16). Bound to the record that it is of: its key, version and expiry, so that none can be
 * put in another's place, or made to last. */
#include "store_seal.h"

#include "mgw/base/rand.h"

#include <openssl/crypto.h>
#include <string.h>

#define FORM 1
#define HEAD_BYTES (1 + STORE_SEAL_ID_BYTES)
#define ADDITIONAL_MAX_BYTES (HEAD_BYTES + 16 + STORE_KEY_MAX_BYTES)

static void key_init(struct store_seal_key *key, const uint8_t secret[STORE_SECRET_KEY_BYTES])
{
        uint8_t id[STORE_SECRET_KEY_BYTES];

        store_secret_expand(secret, "records", "", key->key);
        store_secret_expand(secret, "records' key", "", id);
        memcpy(key->id, id, STORE_SEAL_ID_BYTES);
}

void store_seal_init(struct store_seal *seal, const struct store_secrets *secrets)
{
        *seal = (struct store_seal){.has_old = secrets->has_old};
        key_init(&seal->own, secrets->own);
        if (seal->has_old)
                key_init(&seal->old, secrets->old);
}

void store_seal_finish(struct store_seal *seal)
{
        OPENSSL_cleanse(seal, sizeof(*seal));
}

static void put_u64(uint8_t *to, uint64_t n)
{
        for (int i = 0; i < 8; i++)
                to[i] = (uint8_t)(n >> (56 - 8 * i));
}

/* All but the key of the record has a length of its own, and that stands last. */
static struct str additional(uint8_t bytes[ADDITIONAL_MAX_BYTES], const uint8_t head[HEAD_BYTES],
                             const struct store_record *record)
{
        memcpy(bytes, head, HEAD_BYTES);
        put_u64(bytes + HEAD_BYTES, record->version);
        put_u64(bytes + HEAD_BYTES + 8, (uint64_t)record->expires_ms);
        memcpy(bytes + HEAD_BYTES + 16, record->key.p, record->key.n);
        return (struct str){(const char *)bytes, HEAD_BYTES + 16 + record->key.n};
}

int store_seal_close(const struct store_seal *seal, const struct store_record *record, uint8_t *out)
{
        uint8_t bytes[ADDITIONAL_MAX_BYTES];
        uint8_t *nonce = out + HEAD_BYTES;

        out[0] = FORM;
        memcpy(out + 1, seal->own.id, STORE_SEAL_ID_BYTES);
        rand_bytes(nonce, AEAD_NONCE_BYTES);
        return aead_seal(seal->own.key, nonce, additional(bytes, out, record), record->value,
                         nonce + AEAD_NONCE_BYTES);
}

static bool is_by(const struct store_seal_key *key, struct str sealed)
{
        return sealed.n >= STORE_SEAL_EXTRA_BYTES && sealed.p[0] == FORM &&
               memcmp(sealed.p + 1, key->id, STORE_SEAL_ID_BYTES) == 0;
}

enum store_seal_by store_seal_by(const struct store_seal *seal, struct str sealed)
{
        if (is_by(&seal->own, sealed))
                return STORE_SEAL_BY_OWN;
        return seal->has_old && is_by(&seal->old, sealed) ? STORE_SEAL_BY_OLD
                                                          : STORE_SEAL_BY_NOBODY;
}

int store_seal_open(const struct store_seal *seal, const struct store_record *record, uint8_t *out,
                    size_t *np)
{
        const uint8_t *head = (const uint8_t *)record->value.p, *nonce = head + HEAD_BYTES;
        enum store_seal_by by = store_seal_by(seal, record->value);
        const struct store_seal_key *key = by == STORE_SEAL_BY_OWN ? &seal->own : &seal->old;
        size_t before = HEAD_BYTES + AEAD_NONCE_BYTES;
        uint8_t bytes[ADDITIONAL_MAX_BYTES];
        int r;

        if (by == STORE_SEAL_BY_NOBODY || record->key.n > STORE_KEY_MAX_BYTES ||
            record->value.n > STORE_VALUE_MAX_BYTES + STORE_SEAL_EXTRA_BYTES)
                return STORE_E_SEALED;
        r = aead_open(key->key, nonce, additional(bytes, head, record),
                      (struct str){record->value.p + before, record->value.n - before}, out);
        *np = record->value.n - STORE_SEAL_EXTRA_BYTES;
        return r == AEAD_E_BAD ? STORE_E_SEALED : r;
}

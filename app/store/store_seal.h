/* Values on the disk. */
#pragma once

#include "mgw/wire/aead.h"
#include "store_inside.h"

#define STORE_SEAL_ID_BYTES 4
/* What a sealed value has more than the value. */
#define STORE_SEAL_EXTRA_BYTES (1 + STORE_SEAL_ID_BYTES + AEAD_NONCE_BYTES + AEAD_TAG_BYTES)

struct store_seal_key {
        uint8_t key[AEAD_KEY_BYTES];
        uint8_t id[STORE_SEAL_ID_BYTES]; /* tells keys apart, and says nothing of them */
};

struct store_seal {
        struct store_seal_key own;
        struct store_seal_key old;
        bool has_old;
};

enum store_seal_by { STORE_SEAL_BY_OWN, STORE_SEAL_BY_OLD, STORE_SEAL_BY_NOBODY };

void store_seal_init(struct store_seal *seal, const struct store_secrets *secrets);
void store_seal_finish(struct store_seal *seal);
/* Writes record->value.n + STORE_SEAL_EXTRA_BYTES bytes. 0, -ENOMEM. */
int store_seal_close(const struct store_seal *seal, const struct store_record *record,
                     uint8_t *out);
/* By whose key does it say that it is sealed? */
enum store_seal_by store_seal_by(const struct store_seal *seal, struct str sealed);
/* record->value: the sealed one; out has room for STORE_VALUE_MAX_BYTES. 0, STORE_E_SEALED,
 * -ENOMEM. */
int store_seal_open(const struct store_seal *seal, const struct store_record *record, uint8_t *out,
                    size_t *np);

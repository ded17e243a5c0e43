/* AES-256-GCM (NIST SP 800-38D). One key is good for 2^32 texts, where each takes a random nonce.
 */
#pragma once

#include "mgw/base/str.h"

#define AEAD_E_BAD 2 /* not sealed by this key, or with other additional data */

#define AEAD_KEY_BYTES 32
#define AEAD_NONCE_BYTES 12
#define AEAD_TAG_BYTES 16

/* Writes plain.n + AEAD_TAG_BYTES bytes to out. 0, -ENOMEM. */
int aead_seal(const uint8_t key[AEAD_KEY_BYTES], const uint8_t nonce[AEAD_NONCE_BYTES],
              struct str additional, struct str plain, uint8_t *out);
/* Writes sealed.n - AEAD_TAG_BYTES bytes to out, which are of no use but at 0. 0, AEAD_E_BAD,
 * -ENOMEM. */
int aead_open(const uint8_t key[AEAD_KEY_BYTES], const uint8_t nonce[AEAD_NONCE_BYTES],
              struct str additional, struct str sealed, uint8_t *out);

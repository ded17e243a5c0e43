/* State that a client keeps for us and cannot read or change (requestState; MCP 2026-07-28, Multi
 * Round-Trip Requests, "Server Requirements"): AES-256-GCM over the payload and its expiry, bound
 * to who may bring it back and with what. The text is for JSON: "mgw1." and base64url. */
#pragma once

#include "mgw/base/buf.h"

#include <jansson.h>
#include <stdint.h>

#define SEAL_E_BAD 2     /* not sealed by this key, or for another binding */
#define SEAL_E_EXPIRED 3 /* ours, but too old */

#define SEAL_KEY_BYTES 32
#define SEAL_DIGEST_BYTES 32
#define SEAL_PAYLOAD_MAX_BYTES (64u << 10)

/* What a sealed text is good for; none of it is in the text. */
struct seal_binding {
        struct str user;
        struct str request; /* seal_digest() of the request */
};

/* A key from a secret that nodes share, 16 random bytes or more. 0, -ENOMEM. */
int seal_key_from_secret(uint8_t key[SEAL_KEY_BYTES], struct str secret);

/* Tells requests apart by method and params, but for what a retry changes (_meta, inputResponses,
 * requestState). params may be NULL. 0, -ENOMEM. */
int seal_digest(uint8_t digest[SEAL_DIGEST_BYTES], const char *method, const json_t *params);

/* Appends the sealed text. One key is good for 2^32 texts, since each takes a random nonce of 96
 * bits. 0; BUF_E_FULL (also a payload over SEAL_PAYLOAD_MAX_BYTES); -ENOMEM; at a failure a part
 * may be there. */
int seal_close(struct buf *out, const uint8_t key[SEAL_KEY_BYTES],
               const struct seal_binding *binding, int64_t expires_ms, struct str payload);
/* Appends the payload. Times are of the wall clock. 0, SEAL_E_BAD, SEAL_E_EXPIRED, BUF_E_FULL,
 * -ENOMEM; at a failure nothing is appended. */
int seal_open(struct buf *out, const uint8_t key[SEAL_KEY_BYTES],
              const struct seal_binding *binding, int64_t now_ms, struct str text);

/* Texts that mgw gives out and later reads again: ids of clients, codes, tokens, states. Nothing is
 * stored for them: they hold what they mean, sealed (mcp/seal). Each kind has a binding of its own,
 * so that none is good as another. */
#pragma once

#include "mgw/mcp/seal.h"

#include <stdbool.h>

/* What is closed is closed by the first, what is opened may be closed by either. */
struct sealed_keys {
        uint8_t key[SEAL_KEY_BYTES];
        uint8_t old_key[SEAL_KEY_BYTES];
        bool has_old_key;
};

/* Kinds. The numbers change when what stands in them does. */
#define SEALED_CLIENT "client 1"
#define SEALED_CODE "code 1"
#define SEALED_CONSENT "consent 1"
#define SEALED_ACCESS "access token 1"
#define SEALED_REFRESH "refresh token 1"

/* Does it look like one? */
bool sealed_is(struct str text);
/* A new text; the caller frees it. Times are of the wall clock. NULL: the content is over max_bytes
 * as JSON. */
char *sealed_close(const struct sealed_keys *keys, const char *kind, int64_t expires_ms,
                   const json_t *content, size_t max_bytes);
/* 0 with *contentp a new object; SEAL_E_BAD, SEAL_E_EXPIRED. */
int sealed_open(const struct sealed_keys *keys, const char *kind, int64_t now_ms, struct str text,
                json_t **contentp);

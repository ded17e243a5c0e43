/* Authorization codes (RFC 6749 4.1.2), sealed: good for a minute, once (auth/family), for the
 * client, redirect address and challenge that they were given for. */
#pragma once

#include "mgw/auth/authorization.h"
#include "mgw/auth/sealed.h"

#define CODE_LIFE_MS 60000

struct code {
        struct authorization authorization;
        char *redirect;
        char *challenge; /* PKCE, S256 */
};

void code_finish(struct code *code);
/* The text; the caller frees it. NULL: it would be too long. */
char *code_make(const struct sealed_keys *keys, const struct code *code, int64_t now_ms);
/* 0, SEAL_E_BAD, SEAL_E_EXPIRED. code may be finished in any case. */
int code_read(const struct sealed_keys *keys, struct code *code, struct str text, int64_t now_ms);

/* Whom the claims of a token, which has been verified, are about. */
#pragma once

#include "mgw/core/identity.h"

#include <jansson.h>

struct config_jwt;
struct user_table;

/* USER_OK: *identityp is held for the caller. USER_BAD_TOKEN, USER_NOT_ALLOWED, USER_TOO_MANY:
 * *whyp is a constant sentence. expires_ms: of the wall clock. */
enum user_verdict claims_identity(struct user_table *users, const struct config_jwt *rules,
                                  const json_t *claims, int64_t expires_ms,
                                  struct identity **identityp, const char **whyp);

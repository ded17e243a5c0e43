/* Tokens of our own authorization server: sealed, so that to check one asks nobody. */
#pragma once

#include "mgw/auth/authority.h"
#include "mgw/auth/authorization.h"
#include "mgw/core/identity.h"

/* Texts; the caller frees them. NULL: they would be too long. */
char *token_make_access(const struct authority *authority, const struct authorization *of,
                        int64_t expires_ms);
char *token_make_refresh(const struct authority *authority, const struct authorization *of,
                         unsigned generation);

#define TOKEN_E_BAD 1     /* none of ours */
#define TOKEN_E_EXPIRED 2 /* it was one */
#define TOKEN_E_OVER 3    /* its login has been ended */
#define TOKEN_E_UNSURE 4  /* the store has not yet said whether it has */

/* Of an access token; *of may be finished in any case, times are of the wall clock. */
int token_read_access(const struct authority *authority, struct str text, int64_t now_ms,
                      struct authorization *of, int64_t *expires_msp);
/* Of a refresh token, likewise. Whether it was used before is auth/family's to say. */
int token_read_refresh(const struct authority *authority, struct str text, int64_t now_ms,
                       struct authorization *of, unsigned *generationp);
/* Has the login (auth/family) that this has come by been ended, or, where its user had shown a
 * token of the file, have they none there any more? Of what has come by none (NULL, too): no. */
bool token_login_is_over(const struct authority *authority, const struct identity *identity,
                         int64_t now_ms);

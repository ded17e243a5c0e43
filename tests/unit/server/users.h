/* Users of the gateway in a file of tokens. */
#pragma once

#include <stddef.h>

/* "Bearer ..." */
extern char users_ada[200], users_bob[200];

/* Another one, or another token, in the file; header: "Bearer ...", of 200 bytes. */
void users_add(char *header, const char *email, unsigned days);
/* All lose their tokens, once the gateway looks. */
void users_forget(void);
/* gateway_reload(), with the file of tokens as it is now; more: as below. */
void users_reload(const char *servers, const char *more);
/* gateway_start() with ada@example.com and bob@example.com; more: of settings, with a comma before
 * it, or "". */
void users_start(const char *servers, const char *more);
/* Likewise, gateway_start_over(). */
void users_start_over(const char *servers, const char *more);

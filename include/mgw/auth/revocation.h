/* Families of tokens that were ended, while access tokens of theirs may be out: kept in the store
 * ("revoked/<family>"), read at start, and looked up in memory with each request. That its refresh
 * tokens have ended is the family's own record to say (auth/family). */
#pragma once

#include "mgw/auth/authority.h"

/* More: the oldest gives way, and the log tells. */
#define REVOCATIONS_MAX 65536

/* Begins to read what the store has. */
void revocations_load(struct authority *authority);
void revocations_forget(struct authority *authority);
/* In memory, from now on. */
void revocation_add(struct authority *authority, const char *family, int64_t until_ms);
bool revocation_has(const struct authority *authority, const char *family);

/* Who makes a request, by its Authorization header (RFC 6750 2.1): a token of the file, one that
 * mgw has given out, or one of an issuer. Where none of these is set up everybody is anonymous. */
#pragma once

#include "mgw/core/context.h"
#include "mgw/core/identity.h"

/* Is there nobody to tell apart? */
bool caller_is_anybody(const struct config *config);
/* Where there is not: is who comes from that address let in? Without users the door is open to this
 * machine alone, unless it is said that it is to all (auth.anonymous). */
bool caller_may_be_anybody(const struct config *config, struct str address);
/* authorization is the header's value. USER_OK: *identityp is held for the caller. */
enum user_verdict caller_find(struct context *context, struct str authorization, int64_t wall_ms,
                              struct identity **identityp);

/* ---- caller_token.c ---- */

/* The same of a token that mgw has given out (auth.login); USER_BAD_TOKEN: it is none. */
enum user_verdict caller_read_token(struct context *context, struct str text, int64_t wall_ms,
                                    struct identity **identityp);

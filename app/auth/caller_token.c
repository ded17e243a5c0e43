/* Tokens that mgw has given out. */
#include "mgw/auth/caller.h"

enum user_verdict caller_read_token(struct context *context, struct str text, int64_t wall_ms,
                                    struct identity **identityp)
{
        (void)context, (void)text, (void)wall_ms, (void)identityp;
        return USER_BAD_TOKEN;
}

/* What a resource server says of the token that it wants: WWW-Authenticate of a 401 or 403 (RFC
 * 6750 3, RFC 9728 5.1). */
#pragma once

#include "mgw/base/str.h"

#include <stdbool.h>

/* Texts are owned; NULL: not said. */
struct oauth_challenge {
        char *resource_metadata;
        char *scope;
        bool is_insufficient; /* error="insufficient_scope" */
};

/* Of one field, whose first challenge of the scheme Bearer counts; what is malformed says nothing.
 */
void oauth_challenge_read(struct oauth_challenge *challenge, struct str field);
void oauth_challenge_finish(struct oauth_challenge *challenge);

/* Families of tokens: all that comes of one code. The code is the generation 0 of its family, and
 * each refresh token is of one more than what it was given for. Of each family that was begun the
 * store remembers which generation was used last ("family/<family>"), until the login's end: so a
 * code or a refresh token that is used again is seen, and ends its family (RFC 6749 4.1.2, RFC 9700
 * 4.14.2).
 *
 * Whose answer was lost may ask again: within ten seconds of its use, the refresh token that was
 * used last gives another of the same generation as before. Of those that are so given, the first
 * that goes on leaves the others old. */
#pragma once

#include "mgw/auth/authority.h"
#include "mgw/auth/authorization.h"

#define FAMILY_GRACE_MS 10000

/* Outcomes, beside 0 and -errno of the store. */
#define FAMILY_E_USED 1 /* it was used before: the family has been ended now */
#define FAMILY_E_OVER 2 /* the family was ended before */

struct family_use;

/* What it says is written. */
typedef void family_fn(void *owner, int outcome);

/* Uses what is of that generation. on_done is called once, from the loop, never from within. */
struct family_use *family_use(struct authority *authority, const struct authorization *of,
                              unsigned generation, family_fn *on_done, void *owner);
/* Ends the family: its access tokens at once, its refresh tokens when on_done is called. */
struct family_use *family_end(struct authority *authority, const struct authorization *of,
                              family_fn *on_done, void *owner);
/* on_done is not called any more; what was begun goes on. NULL is fine. */
void family_use_leave(struct family_use *use);
/* With the authority. */
void family_uses_forget(struct authority *authority);

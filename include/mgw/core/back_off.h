/* Who wants to be left alone by the requests of one user (Retry-After, RFC 9110 10.2.3), and for
 * how long. */
#pragma once

#include "mgw/core/share.h"

/* of: whoever asked, at any address that is its own. It wants no request of this share's for so
 * long, from now. */
void back_off_set(struct share *share, const void *of, int64_t ms);
/* How long still; 0: not. */
int64_t back_off_left_ms(struct share *share, const void *of);
/* The share is gone. */
void back_off_forget_all(struct share *share);

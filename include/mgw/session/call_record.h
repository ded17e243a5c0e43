/* What the floors that watch are told of a call (observe/call_record.h), made of the call. */
#pragma once

#include "mgw/session/call.h"

/* What is known at its beginning. */
struct call_record call_record_begun(const struct call *call);
/* At its end, with that answer; NULL: it went out before, or why (not NULL) there is none. Borrows
 * from all three. */
struct call_record call_record_of(const struct call *call, const char *why, const json_t *answer);

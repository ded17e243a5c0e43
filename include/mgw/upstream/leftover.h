/* A program whose session ended while it was being started. What it fetches first (npx and uvx with
 * a cold cache, docker run) is of use to the next session, so it is not killed for that: it goes on
 * until it has answered, for start_timeout_s at most. It counts among its share's
 * children, and makes room for any that is wanted; one of each upstream a share. */
#pragma once

#include "mgw/loop/child.h"
#include "mgw/upstream/upstream_session.h"

/* Takes over a child of that upstream session which may go on for left_ms still: true when it is
 * the upstream session's no more. */
bool leftover_take(struct upstream_session *us, struct child *child, int64_t left_ms);
/* The oldest of the share ends. false: there is none. */
bool leftover_make_room(struct share *share);
/* Ends those of that upstream. */
void leftovers_end_of(const struct upstream *upstream);
/* Ends those of users who have no token any more, or all. */
void leftovers_end(struct context *context, bool all);

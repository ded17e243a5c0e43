/* A program whose session ended while it was being started. What it fetches first (npx and uvx with
 * a cold cache, docker run) is of use to the next session, so it is not killed for that: it goes on
 * until it has answered, for start_timeout_s at most. It counts among its share's
 * children, and makes room for any that is wanted; one of each upstream a share. */
#pragma once

#include "link_inside.h"
#include "mgw/loop/child.h"

/* Takes over a child of that link which may go on for left_ms still: true when it is the link's no
 * more. */
bool leftover_take(struct link *link, struct child *child, int64_t left_ms);
/* The oldest of the share ends. false: there is none. */
bool leftover_make_room(struct share *share);
/* Ends those of users who have no token any more, or all. */
void leftovers_end(struct gate *gate, bool all);

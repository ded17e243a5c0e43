/* Work that a user causes, in fair turns: a share that has had its part of a turn waits for the
 * next one, and those that wait take turns, a piece of work each. So nobody waits longer than for
 * one piece of each other user's, however much of it there is. */
#pragma once

#include "mgw/core/context.h"

/* Embedded by who has something to do, zeroed. */
struct work {
        struct list node; /* share->work while it waits */
        void (*on_run)(struct work *work);
};

void work_context_init(struct context *context);
/* Runs it now, or in a turn to come. share: whose it is, held by the caller until then; NULL: of
 * nobody's, at once. */
void work_start(struct work *work, struct share *share);
/* It is not run any more; harmless when it does not wait, or is zeroed. */
void work_cancel(struct work *work);

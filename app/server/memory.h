/* How much memory there is, and what is done when the process as a whole holds too much of it. */
#pragma once

#include "mgw/core/context.h"

/* Caps of the ledger from the configuration, or from what the cgroup or the machine has. */
void memory_set_caps(struct context *context);
/* Looks at the process from now on. */
void memory_watch(struct context *context);
void memory_unwatch(struct context *context);
/* Resident bytes. */
uint64_t memory_held(void);

/* From options to a running process. */
#pragma once

#include "mgw/loop/child.h"

/* *pidp leads its own session and group, is known to the keeper behind keeper_fd, and dies with
 * this thread. fds: our ends of its descriptors 0, 1, 2: non-blocking, close-on-exec, the caller's.
 * Returns when the command runs. 0, -errno with a sentence in why. */
int child_spawn(const struct child_options *options, int keeper_fd, pid_t *pidp, int fds[3],
                char *why, size_t why_size);

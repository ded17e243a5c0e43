/* Owns all of it: start, reload, drain, stop. */
#pragma once

#include "mgw/config/config.h"

/* Runs until a signal ends it. Returns the exit code of the process: 0 after a drain, 1 when it
 * could not start (said in the log) or was ended at once by a second signal. */
int server_run(const struct config *config);

/* Owns all of it: start, reload, drain, stop. */
#pragma once

#include "mgw/config/config.h"

/* Runs until a signal ends it. Returns the exit code of the process: 0 after a drain, 1 when it
 * could not start (said in the log) or was ended at once by a second signal. SIGHUP has config read
 * again: then it is the newest, and for the caller to finish all the same. */
int server_run(struct config *config);

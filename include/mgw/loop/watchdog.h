/* A thread that watches how long the loop's turns take. A turn that lasts for slow_ms (found at
 * twice that, at the latest) is logged with where it is, as addresses for addr2line(1); one that
 * lasts for limit_ms ends the process: what hangs serves nobody, and whoever started it starts it
 * again.
 *
 * Times are counted in ticks of that thread, so that a process which was stopped (SIGSTOP, a
 * debugger) has not hung. */
#pragma once

#include "mgw/loop/loop.h"

struct watchdog;

#define WATCHDOG_EXIT_CODE 70

/* One a process; for the loop of the calling thread. limit_ms 0: never. 0, -errno. */
int watchdog_start(struct loop *loop, int64_t slow_ms, int64_t limit_ms,
                   struct watchdog **watchdogp);
/* Before the loop is destroyed. NULL is fine. */
void watchdog_stop(struct watchdog *watchdog);

/* The line that a call leaves in the log: what was called, by whom, how long it took, how it ended;
 * nothing of what was said. */
#pragma once

#include "mgw/session/call.h"

/* Level info where an operator may want to know of it (it failed, took long, or its caller traces
 * it), else debug. */
void call_log(const struct call *call, const struct call_record *record);

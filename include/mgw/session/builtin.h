/* The tools that mgw itself offers: gateway_status, echo, wait. */
#pragma once

#include "mgw/session/call.h"

/* Runs the tool when its name is one of ours (then the call is or will be answered), else false. */
bool builtin_call(struct call *call);

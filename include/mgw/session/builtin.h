/* The tools that mgw itself offers: gateway_status, echo, wait. */
#pragma once

#include "mgw/session/call.h"

bool builtin_is_one(const char *name);
/* Runs the tool of call->name, which is one: it is or will be answered. */
void builtin_call(struct call *call);

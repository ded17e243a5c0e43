/* A call on its way to the upstream that has what it asks for, and the answer on its way back. */
#pragma once

#include "mgw/gate/call.h"

/* Sends it with these params, once; call->errand.may_repeat is set. */
void call_upstream_take(struct call *call, struct link *link, json_t *params);

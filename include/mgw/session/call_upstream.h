/* A call on its way to the upstream that has what it asks for, and the answer on its way back. */
#pragma once

#include "mgw/session/call.h"

/* What upstreams tell a call. */
extern const struct upstream_call_events call_upstream_events;

/* Sends it with these params, once; call->request.may_repeat is set. */
void call_upstream_take(struct call *call, struct upstream_session *us, json_t *params);

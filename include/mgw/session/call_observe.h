/* What is to be known of a call, from its beginning on: its line of the audit, its span. */
#pragma once

#include "mgw/session/call.h"

/* 0, or why there can be no line for it, as audit_begin() has it: it is to be refused. */
int call_observe_begin(struct call *call);
/* It listens, for as long as its client stays: its line says that it was let in. */
void call_observe_listening(struct call *call);
/* A request to its upstream begins, with these params, which may get a trace context. */
json_t *call_observe_upstream_take(struct call *call, json_t *params);
/* That has an answer, or has failed (failure: a word for how). */
void call_observe_answer(const struct call *call, const json_t *answer, const char *failure);

/* What is to be known of a call, from its beginning on: its line of the audit, its span. */
#pragma once

#include "mgw/session/call.h"

/* False: it is to be refused, since there can be no line for it. */
bool call_observe_begin(struct call *call);
/* It listens, for as long as its client stays: its line says that it was let in. */
void call_observe_listening(struct call *call);

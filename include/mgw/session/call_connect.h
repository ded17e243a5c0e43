/* The answer to a call whose user has not connected an account at its server: the way to it. A
 * client that opens addresses for its user is asked to (elicitation in mode "url"), and the call
 * goes on after consent; of a client of the stateless era it is asked by input_required. All others
 * get the link in a text. */
#pragma once

#include "mgw/session/call.h"

struct call_connect;

/* The call has come back for want of a grant. It is asked for, or the call is answered. */
void call_connect_start(struct call *call);
/* The call is over. NULL is fine. */
void call_connect_drop(struct call_connect *connect);

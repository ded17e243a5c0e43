/* The server of a request needs input first (basic patterns, "Multi Round-Trip Requests"): the
 * client of the call is asked for it, and the request sent again with what it says. The exchange
 * waits meanwhile on its link's parked. */
#pragma once

#include "link_inside.h"

struct rounds;

/* Why a question does not reach the client. */
extern const char rounds_lack_input[];

/* result: what the server wants to know. */
void rounds_go_on(struct exchange *x, json_t *result);
/* NULL is fine. */
void rounds_drop(struct rounds *rounds);

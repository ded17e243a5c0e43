/* The server of a request needs input first (basic patterns, "Multi Round-Trip Requests"): the
 * client of the call is asked for it, and the request sent again with what it says. The pending
 * request is parked meanwhile. */
#pragma once

#include "upstream_inside.h"

struct mrtr;

/* Why a question does not reach the client. */
extern const char mrtr_lack_input[];

/* result: what the server wants to know. */
void mrtr_go_on(struct pending_request *pending, json_t *result);
/* NULL is fine. */
void mrtr_drop(struct mrtr *mrtr);

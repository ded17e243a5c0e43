/* A call is let in to what it asks for, or answered with why not: a scope that its token lacks by
 * 403 (RFC 6750 3.1, insufficient_scope), too many calls of a tool by 429. */
#pragma once

#include "mgw/auth/policy.h"
#include "mgw/session/call.h"

/* By the verdict on what it asks for, which is not POLICY_DENIED: that is answered as what is not
 * there. false: it is over. */
bool call_admit(struct call *call, struct policy_verdict verdict);

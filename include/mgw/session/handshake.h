/* What the gateway says of itself and of all upstreams together: the answers to initialize (the
 * eras with sessions) and server/discover (the stateless era), which wait until each upstream is
 * ready or known to be down, for upstream_grace_ms at most, and not for one that has left others
 * waiting. */
#pragma once

#include "mgw/session/call.h"

/* Opens the session. */
void handshake_initialize(struct call *call);
/* Answers, or leaves it to wait. */
void handshake_discover(struct call *call);
/* An upstream of the session is ready, or is known to be down. */
void handshake_on_upstreams_settled(struct session *session);
/* Are all of its upstream sessions READY or DOWN, or not to be waited for? */
bool handshake_is_settled(const struct session *session);

/* subscriptions/listen (the stateless era): a call whose stream carries the changes that its client
 * wants to know of, until it leaves or the gateway ends it. */
#pragma once

#include "mgw/session/call.h"
#include "mgw/session/stream.h"
#include "mgw/upstream/upstream_session.h"

struct subscription;

/* Subscribes upstream, acknowledges, and stays. The call may be over when this returns. */
void subscription_start(struct call *call);
/* The call is over: what no other subscription wants is unsubscribed upstream. NULL is fine. */
void subscription_drop(struct subscription *subscription);
/* Who listens, borrowed. */
struct stream_client subscription_client(const struct subscription *subscription);
/* A change at that server (NULL: of no server's): goes to all of the session that want to know of
 * it, and may. */
void subscriptions_deliver(struct session *session, const struct upstream_session *us,
                           const json_t *msg);
/* Ends the call in order, however far it is: its client learns that it is over (schema,
 * SubscriptionsListenResult). */
void subscription_complete(struct call *call);
/* Those that watch something of that upstream session, which is about to end: their clients are to
 * ask anew. Walks the session's calls. */
void subscriptions_leave(struct session *session, const struct upstream_session *us);

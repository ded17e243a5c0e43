/* subscriptions/listen (the stateless era): a call whose stream carries the changes that its client
 * wants to know of, until it leaves or the gateway ends it. */
#pragma once

#include "mgw/session/call.h"

struct subscription;

/* Subscribes upstream, acknowledges, and stays. The call may be over when this returns. */
void subscription_start(struct call *call);
/* The call is over: what no other subscription wants is unsubscribed upstream. NULL is fine. */
void subscription_drop(struct subscription *subscription);
/* A change: goes to all of the session that want to know of it. */
void subscriptions_deliver(struct session *session, const json_t *msg);
/* Ends the call in order, however far it is: its client learns that it is over (schema,
 * SubscriptionsListenResult). */
void subscription_complete(struct call *call);

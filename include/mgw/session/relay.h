/* A big result goes on to the client while it comes, in bounded memory, its bytes as the upstream
 * sent them: as one event of the POST's stream, as the POST's JSON body, or as one event of the
 * stream of a session of the sse era. What cannot go so is gathered whole. */
#pragma once

#include "mgw/session/call.h"

struct relay;

/* head: what has come of the answer so far, id: what it was asked under, of_stateless: by a server
 * without sessions. True: it has been taken, call->relay takes the rest. */
bool relay_begin(struct call *call, int64_t id, bool of_stateless, bool as_event, struct str head);
/* Must its source wait? As request_must_wait(). */
bool relay_must_wait(struct relay *relay, struct waiter *waiter);
/* More of the answer. With its end, or when it turns out to be none, the call is over. is_last:
 * nothing more will come. */
void relay_feed(struct relay *relay, struct str bytes, bool is_last);
/* The call is over; a client in the middle of the event gets its end. NULL is fine. */
void relay_drop(struct relay *relay);

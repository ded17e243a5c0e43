/* What upstreams ask clients for (sampling, elicitation, roots), and where the replies go. */
#pragma once

#include "mgw/session/session.h"

/* Who asks clients something, embedded by it. */
struct requester {
        struct session *session;     /* of what no call has caused */
        struct list server_requests; /* that wait for a reply */
        /* What the client says to that, under the requester's own id or progress token: a reply (a
         * result or an error), or progress. From the loop, or from within server_request_send(). */
        void (*on_message_take)(struct requester *requester, json_t *msg);
};

/* Sends a request to the client under an id of ours: to the session of via, the call that caused it
 * (NULL: to that of the requester). When the client cannot be reached, the requester gets an error
 * at once.
 */
void server_request_send(struct requester *from, struct call *via, json_t *request);
/* The requester's notifications/cancelled of such a request: the client learns it under our id. */
void server_request_cancel(struct requester *from, json_t *notification);
/* The client's progress with such a request: goes to whoever asked; unknown ones are dropped. */
void server_request_on_progress(struct session *session, json_t *notification);
/* The client of this call will not reply: who asked learns why. */
void server_request_refuse_all(struct session *session, const struct call *via, const char *why);
/* The call is over, and what it caused to be asked with it: who asked gets an error. */
void server_request_forget_call(struct session *session, const struct call *call);
/* It waits for no reply any more. */
void server_request_forget(struct requester *from);
/* The client's reply (a result or an error): goes to whoever asked; unknown ones are dropped. */
void server_request_on_reply(struct session *session, json_t *reply);
/* The session ends. */
void server_request_forget_session(struct session *session);

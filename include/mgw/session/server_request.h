/* What upstreams ask clients for (sampling, elicitation, roots), and where the replies go. */
#pragma once

#include "mgw/session/session.h"
#include "mgw/upstream/upstream_request.h"

/* Sends a request to the client under an id of ours: to the session of via, the call that caused it
 * (NULL: to that of the requester). When the client cannot be reached, the requester gets an error
 * at once.
 */
void server_request_send(struct requester *from, struct upstream_call *via, json_t *request);
/* The requester's notifications/cancelled of such a request: the client learns it under our id. */
void server_request_cancel(struct requester *from, json_t *notification);
/* The client's progress with such a request: goes to whoever asked. false: it is not
 * known. */
bool server_request_on_progress(struct session *session, json_t *notification);
/* The client of this call will not reply: who asked learns why. */
void server_request_refuse_all(struct session *session, const struct call *via, const char *why);
/* The call is over, and what it caused to be asked with it: who asked gets an error. */
void server_request_forget_call(struct session *session, const struct call *call);
/* It waits for no reply any more. */
void server_request_forget(struct requester *from);
/* The client's reply (a result or an error): goes to whoever asked. false: it is
 * not known. */
bool server_request_on_reply(struct session *session, json_t *reply);
/* The session ends. */
void server_request_forget_session(struct session *session);

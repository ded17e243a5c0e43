/* What upstreams ask clients for (sampling, elicitation, roots), and where the replies go. */
#pragma once

#include "mgw/gate/session.h"

/* Who asks clients something, embedded by it. */
struct asker {
        struct session *session; /* of what no call has caused */
        struct list asks;        /* that wait for a reply */
        /* What the client says to that, under the asker's own id or progress token: a reply (a
         * result or an error), or progress. From the loop, or from within ask_client(). */
        void (*on_message_take)(struct asker *asker, json_t *msg);
};

/* Sends a request to the client under an id of ours: to the session of via, the call that caused it
 * (NULL: to that of the asker). When the client cannot be reached, the asker gets an error at once.
 */
void ask_client(struct asker *from, struct call *via, json_t *request);
/* The asker's notifications/cancelled of such a request: the client learns it under our id. */
void ask_cancel(struct asker *from, json_t *notification);
/* The client's progress with such a request: goes to whoever asked; unknown ones are dropped. */
void ask_on_progress(struct session *session, json_t *notification);
/* The client of this call will not reply: who asked learns why. */
void ask_refuse_all(struct session *session, const struct call *via, const char *why);
/* The call is over, and what it caused to be asked with it: who asked gets an error. */
void ask_forget_call(struct session *session, const struct call *call);
/* It waits for no reply any more. */
void ask_forget(struct asker *from);
/* The client's reply (a result or an error): goes to whoever asked; unknown ones are dropped. */
void ask_on_reply(struct session *session, json_t *reply);
/* The session ends. */
void ask_forget_session(struct session *session);

/* The changes that a server without sessions tells of: one subscriptions/listen is held open, which
 * names the lists, resources and tasks to be told of. It is replaced when these change: the old one
 * ends when the new one is acknowledged, so that no change is lost. */
#pragma once

#include "link_inside.h"

struct listen;

/* The link is READY. */
void listen_start(struct link *link);
/* Brings what is listened to into line with what is wanted. */
void listen_check(struct link *link);
/* A request to tell of that is answered when the server has acknowledged. */
void listen_subscribe(struct exchange *x, const struct watched *kind, const char *name);
/* Nobody wants to be told of that any more; who still waits for it is refused. */
void listen_unsubscribe(struct link *link, const struct watched *kind, const char *name);
/* Is it a subscriptions/listen that names tasks? */
bool listen_has_tasks(const struct exchange *x);
/* Everything of it ends now; the link may listen again. */
void listen_stop(struct link *link);
void listen_free(struct listen *listen);

/* A notification: by the exchange whose answer carries it (NULL: a pipe) and by its tag. True: it
 * was about the listening itself, or of one that is over. */
bool listen_takes(struct link *link, struct exchange *via, const struct rpc_msg *m);
/* The exchange is being ended, whatever the cause. */
void listen_forget(struct exchange *x);
/* Its end came from the server: an answer (NULL: none). */
void listen_on_end(struct exchange *x, const struct rpc_msg *answer);

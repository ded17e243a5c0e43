/* The changes that a server without sessions tells of: one subscriptions/listen is held open, which
 * names the lists, resources and tasks to be told of. It is replaced when these change: the old one
 * ends when the new one is acknowledged, so that no change is lost. */
#pragma once

#include "upstream_inside.h"

struct upstream_listen;

/* The upstream session is READY. */
void upstream_listen_start(struct upstream_session *us);
/* Brings what is listened to into line with what is wanted. */
void upstream_listen_check(struct upstream_session *us);
/* A request to tell of that is answered when the server has acknowledged. */
void upstream_listen_subscribe(struct pending_request *pending,
                               const struct subscription_kind *kind, const char *name);
/* Nobody wants to be told of that any more; who still waits for it is refused. */
void upstream_listen_unsubscribe(struct upstream_session *us, const struct subscription_kind *kind,
                                 const char *name);
/* Is it a subscriptions/listen that names tasks? */
bool upstream_listen_has_tasks(const struct pending_request *pending);
/* Everything of it ends now; the upstream session may listen again. */
void upstream_listen_stop(struct upstream_session *us);
void upstream_listen_free(struct upstream_listen *listen);

/* A notification: by the pending request whose answer carries it (NULL: a pipe) and by its tag.
 * True: it was about the listening itself, or of one that is over. */
bool upstream_listen_takes(struct upstream_session *us, struct pending_request *via,
                           const struct rpc_msg *m);
/* The pending request is being ended, whatever the cause. */
void upstream_listen_forget(struct pending_request *pending);
/* Its end came from the server: an answer (NULL: none). */
void upstream_listen_on_end(struct pending_request *pending, const struct rpc_msg *answer);

/* A session in two processes, while one takes over from the other. The one that goes gives its
 * record away, its events and its streams; what stays there is the session's calls, which end where
 * they began (is_given). What these have for the client goes to the other process, and what the
 * client says of them comes back. */
#pragma once

#include "mgw/fastcgi/request_handover.h"
#include "mgw/session/session.h"

/* What the other process is to be told; set by server/handover. */
struct session_handover_events {
        /* A session that was given away: its client is to be told that. */
        void (*on_message)(struct session *session, const json_t *msg);
        /* Likewise: an event of a POST, kept for replay. */
        void (*on_kept)(struct session *session, struct replay_id id, struct str text,
                        bool was_sent);
        /* A task of a standing session has begun, by that tool. */
        void (*on_task)(struct session *session, const char *id, const char *tool);
        /* A client has said that of a call or a question that is not here. */
        void (*on_stray)(struct session *session, const json_t *msg);
        /* Its upstream sessions are open, or known to be down. */
        void (*on_settled)(struct session *session);
        /* What that request asks for is not here: it goes to the other process, with that body.
         * false: there is none that may have it. */
        bool (*on_request)(struct request *req, struct str body);
        /* Its client has ended it. */
        void (*on_end)(struct session *session);
};

/* NULL: there is no other process. */
static inline const struct session_handover_events *session_handover(const struct session *session)
{
        return session_context(session)->handover;
}

/* May it be given away now? Not while it initializes, nor an sse session whose stream is busy. */
bool session_may_be_given(const struct session *session);
/* All that is known of it but its events and streams: a new object. From now on it is given.
 * Streams that are busy end. */
json_t *session_give(struct session *session);
/* Its events for replay, one after the other. */
void session_give_events(const struct session *session,
                         void (*give)(void *arg, const struct replay_entry *entry), void *arg);
/* One of its streams: its descriptor, and a new object that tells of it. One that cannot be given
 * ends. -EAGAIN: none is left. */
int session_give_stream(struct session *session, json_t **recordp);

/* Of a standing session, which is not given: id of a task -> tool. A new object; NULL: nothing. */
json_t *session_give_tasks(const struct session *session, const json_t *tools);
void session_take_tasks(struct context *context, const json_t *record);

/* The session of a record, or NULL: *whyp says what is wrong with it. */
struct session *session_take(struct context *context, const json_t *record, const char **whyp);
/* Does what its upstreams say unasked come to this process? */
bool session_hears(const struct session *session);
void session_take_event(struct session *session, struct replay_id id, struct str text,
                        bool was_sent);
/* Takes fd over. 0, -EINVAL: the record is none. */
int session_take_stream(struct session *session, struct fcgi_server *server, int fd,
                        const json_t *record);
/* A client has said that to the other process. */
void session_take_stray(struct session *session, json_t *msg);

/* A session: its streams, its calls, its links to the upstreams, its events to replay, its end. */
#pragma once

#include "mgw/base/hash.h"
#include "mgw/gate/share.h"
#include "mgw/gate/stream.h"
#include "mgw/mcp/era.h"

#include <jansson.h>

struct call;
struct link;
struct upstream;

enum session_kind {
        SESSION_SSE,      /* era A: lives as long as its one stream */
        SESSION_HTTP,     /* era B: found by its id */
        SESSION_STANDING, /* a user's own, without a client: era C's requests run in it */
        SESSION_HOST,     /* without a client: its links are what others of the user's, or of all,
                             lodge with */
};

struct session {
        UT_hash_handle hh;
        struct list idle_link; /* on its share's idle_sessions while nothing is open */
        struct list streams;   /* live GET streams (era A: its only one), newest last */
        struct list calls;
        struct list asks; /* requests of upstreams that wait for the client's reply */
        struct user *user;
        struct share *share; /* held; pays for it */
        struct link **links; /* one an upstream, from initialize on; NULL: none */
        struct replay *replay;
        int64_t used_ms;
        uint32_t charged;    /* to the share */
        struct channel lost; /* the newest GET channel without a stream */
        uint32_t last_channel;
        uint32_t last_ask;
        uint16_t n_calls; /* without those that listen: they count as streams */
        uint16_t n_asks;
        era_revision revision;
        uint8_t kind; /* enum session_kind */
        bool is_initialized;
        bool is_ending;
        int16_t log_level; /* lowest that the client wants; -1: it has not said */
        char id[];
};

static inline struct gate *session_gate(const struct session *session)
{
        return session->share->gate;
}

void session_gate_init(struct gate *gate);
/* Where the share or the table is full, the longest idle session of the share makes room; in a full
 * table, if it has none, that of the one that has many. 0, -EAGAIN (full of live ones, or no
 * memory for it), -ENOMEM. */
int session_create(struct gate *gate, struct user *user, struct share *share,
                   enum session_kind kind, struct session **sessionp);
/* Ends those of the share that have been idle for too long. */
void sessions_expire(struct share *share);
/* Ends an idle session, of who has many: memory is short. false: there is none. */
bool sessions_give_up_one(struct gate *gate);
/* The user's standing session, with its links opening or open: made when first needed, ended when
 * it has been idle for as long as others. Outcomes as session_create(). */
int session_standing(struct gate *gate, struct user *user, struct session **sessionp);
/* Links to all upstreams, with what initialize says to them. 0, -ENOMEM. */
int session_open_links(struct session *session, const json_t *init_params);
/* So many calls may run in it at once, and as many questions wait. */
unsigned session_calls_max(const struct session *session);
/* The link with which this session's link to the upstream is to lodge: one for the user, or for
 * all (scope). It is made when first needed; its session stays while anything lodges there, and
 * then as long as others that are idle. 0, -ENOMEM. */
int session_host_link(const struct session *session, struct upstream *upstream,
                      struct link **linkp);
/* The session with that id if it is this user's, else NULL. */
struct session *session_find(struct gate *gate, struct str id, const struct user *user);
/* To be called when a stream or call of it begins or ends, or a message came. */
void session_touch(struct session *session);
/* Its links are told whether anybody listens: when it becomes idle, or is so no more, and when it
 * has said hello. */
void session_tell_use(struct session *session);
/* Ends streams and calls, tells the upstream, frees it at the end of the turn. */
void session_end(struct session *session);
void session_end_all(struct gate *gate);

/* A number for a new channel. */
uint32_t session_new_channel(struct session *session, bool is_post);
/* Sends one message on a channel: keeps it for replay (era B), pushes it when there is a stream
 * (may be NULL). */
void session_push(struct session *session, struct channel *channel, struct stream *stream,
                  struct str text);
/* Sends a message that no call asked for: to the newest live stream, or keeps it for the next one;
 * in a standing session to the subscriptions that want it. */
void session_deliver(struct session *session, const json_t *msg);
/* Opens a GET stream of era B; last_event_id may be empty. Replays what was missed. */
void session_open_get(struct session *session, struct request *req, struct str last_event_id);
/* Opens the one stream of an era A session; its end is the session's. 0, -errno. */
int session_open_sse(struct session *session, struct request *req);

/* A session: its streams, its calls, its upstream sessions, its events to replay, its end. */
#pragma once

#include "mgw/base/hash.h"
#include "mgw/core/identity.h"
#include "mgw/core/share.h"
#include "mgw/mcp/era.h"
#include "mgw/session/stream.h"
#include "mgw/upstream/upstream_client.h"

#include <jansson.h>

struct call;
struct upstream_session;
struct upstream;

struct session {
        UT_hash_handle hh;
        struct list idle_node; /* on its share's idle_sessions while nothing is open */
        struct list streams;   /* live GET streams (the sse era: its only one), newest last */
        struct list calls;
        struct list server_requests;   /* requests of upstreams that wait for the client's reply */
        struct upstream_client client; /* what its upstream sessions know of it */
        struct identity *identity;     /* held; of its newest request. NULL: shared, it has none */
        struct replay *replay;         /* NULL: nothing has been kept */
        json_t *task_tools; /* kept by session/task: id as the client knows it -> tool. NULL: none
                             */
        struct ledger_hold task_tools_hold;
        json_t *init_params; /* what servers are opened with; NULL: not so far */
        int64_t used_ms;
        uint32_t charged;      /* to the share */
        struct channel lost;   /* the newest GET channel without a stream; no 0: there is none */
        uint32_t last_channel; /* of a GET stream; a POST's is one more */
        uint32_t last_server_request;
        uint16_t n_calls; /* without those that listen: they count as streams */
        uint16_t n_server_requests;
        bool is_given;     /* to another process: its calls alone are here (session_handover) */
        bool is_settled;   /* likewise: and the upstream sessions that it has there are open */
        bool is_told_over; /* likewise: and has been told that nothing of it is here any more */
        bool is_elsewhere; /* from another process: calls of it may be there still */
        bool is_arriving;  /* likewise: its upstream sessions are not settled yet */
        bool is_untold;    /* likewise: the other process listens upstream for it still */
        bool is_opening;   /* its upstream sessions: they are not all there yet */
        char id[];
};

static inline struct context *session_context(const struct session *session)
{
        return session->client.share->context;
}

/* How many places its table of upstream sessions has; 0: there is none so far. A place may be
 * empty.
 */
static inline size_t session_n_slots(const struct session *session)
{
        return session->client.upstream_sessions != NULL ? session_context(session)->n_slots : 0;
}

static inline struct session *session_of(struct upstream_client *client)
{
        return container_of(client, struct session, client);
}

/* What upstream sessions tell sessions (session/session_client): before the first is made. */
void session_client_context_init(struct context *context);

/* NULL: none is open. */
static inline struct stream *session_newest_stream(const struct session *session)
{
        struct list *newest = list_last(&session->streams);

        return newest != NULL ? container_of(newest, struct stream, node) : NULL;
}

void session_context_init(struct context *context);
/* Where the share or the table is full, the longest idle session of the share makes room; in a full
 * table, if it has none, that of the one that has many. 0, -EAGAIN (full of live ones, or no
 * memory for it). */
int session_create(struct context *context, struct identity *identity, struct share *share,
                   enum upstream_client_kind kind, struct session **sessionp);
#define SESSION_ID_MAX_BYTES 255

/* Ends an idle session, of who has many: memory is short. false: there is none. */
bool sessions_give_up_one(struct context *context);
/* The user's standing session, with its upstream sessions opening or open: made when first needed,
 * ended when it has been idle for as long as others. Outcomes as session_create(). */
int session_standing(struct context *context, struct identity *identity, struct session **sessionp);
/* Opens an upstream session with each upstream that its user may use, with what initialize says to
 * them. */
void session_open_upstreams(struct session *session, json_t *init_params);
/* The configuration has been read again, and upstreams_follow() has been called: slots: how many
 * there were before. What is new is there for all sessions, what is no more ends when no call goes
 * by it, and clients are told, where tells is true. A walk over all sessions. */
void sessions_follow_upstreams(struct context *context, size_t slots, bool tells);
/* What the client says of itself, clientInfo; NULL: it has not. In the stateless era each request
 * says it anew: NULL. */
static inline const json_t *session_client_info(const struct session *session)
{
        return session->client.kind == UPSTREAM_CLIENT_STANDING
                       ? NULL
                       : json_object_get(session->init_params, "clientInfo");
}
/* The revision that its client speaks; in the stateless era a request may name another. */
static inline const char *session_revision(const struct session *session)
{
        return era_revision_name(session->client.kind == UPSTREAM_CLIENT_STANDING
                                         ? era_newest_stateless()
                                         : session->client.revision);
}
/* So many calls may run in it at once, and as many questions wait. */
unsigned session_calls_max(const struct session *session);
/* The upstream session that this session's requests to the upstream go by: shared by all sessions
 * of the user, or of all users (scope). It is made when first needed; its own session stays while
 * others use it, and then as long as others that are idle. */
struct upstream_session *session_shared_upstream(const struct session *session,
                                                 struct upstream *upstream);
/* The session with that id if it is this user's, else NULL. */
struct session *session_find(struct context *context, struct str id, struct identity *identity);
/* A request has come for it: calls that are made now are made by this identity, of its user. */
void session_identify(struct session *session, struct identity *identity);
/* To be called when a stream or call of it begins or ends, or a message came. */
void session_touch(struct session *session);
/* Its upstream sessions are told whether anybody listens: when it becomes idle, or is so no more,
 * and when it has initialized. */
void session_tell_use(struct session *session);
/* Ends streams and calls, tells the upstream, frees it at the end of the turn. */
void session_end(struct session *session);
/* The same: its streams have ended for that. */
void session_end_for(struct session *session, enum stream_cause cause);
void session_end_all(struct context *context);

/* Sends a message that no call asked for: to the newest live stream, or keeps it for the next one;
 * in a standing session to the subscriptions that want it. */
void session_deliver(struct session *session, const json_t *msg);
/* A GET that goes on with the stream of a POST which runs in another process: is it passed there?
 */
bool session_goes_on_elsewhere(const struct session *session, struct request *req);
/* Opens a GET stream of the session era; last_event_id may be empty. Replays what was missed. */
void session_open_get(struct session *session, struct request *req, struct str last_event_id);
/* Opens the one stream of a session of the sse era; its end is the session's. 0, -errno. */
int session_open_sse(struct session *session, struct request *req);

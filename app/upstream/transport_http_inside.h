/* What the files of Streamable HTTP say to each other: transport_http.c (the peer: its session, its
 * GET stream), http_transfer.c (one request), http_delete.c (the end of a session). */
#pragma once

#include "mgw/upstream/account.h"
#include "mgw/upstream/credential.h"
#include "mgw/wire/sse.h"
#include "upstream_inside.h"

#define GET_RETRY_MS 1000
#define GET_RETRY_MAX_MS 30000
/* An idle session keeps its GET stream for so long: clients come and go. */
#define GET_LEAVE_MS 2000
#define DELETE_TIMEOUT_MS 5000
#define SESSION_ID_MAX 256

/* A session at the server: the peer's newest, or one in which requests run still. */
struct http_session {
        struct account *account;
        char *id;
        char *version; /* NULL: its server has not been greeted */
        unsigned n_users;
        bool is_forgotten; /* the server does not know it any more */
};

/* One HTTP request to the upstream; pending is NULL for the GET stream. A stream that ends before
 * the answer goes on with a GET, where its events have ids. */
struct http_transfer {
        struct upstream_session *us;
        struct pending_request *pending;
        struct http_session *session; /* that it is sent in; NULL: none */
        struct credential_use use;
        struct http_request *http;
        struct sse_reader sse;
        struct buf body;
        struct ledger_hold hold; /* of sse and body */
        struct ledger_hold sent; /* of the text of its request, by its share: */
        struct share *share;     /* held; NULL: it is a GET stream */
        struct timer resume;
        struct waiter room; /* a client that does not read holds it back */
        char *last_event_id;
        int64_t resume_ms;
        unsigned n_resumes; /* since the last event */
        unsigned status;
        int64_t retry_after_s; /* up to 0: it did not say */
        bool is_stream;
        bool is_json;
        bool is_whole; /* what comes is gathered, however big */
        bool is_resumed;
        bool is_challenged; /* its user can change that: account_is_challenged() */
};

struct http_peer {
        struct http_session *session; /* NULL: none */
        char *last_event_id;
        struct http_transfer *get;
        struct timer get_retry;
        struct timer leave; /* the session is idle: the GET stream is closed soon */
        struct upstream_session *us;
        int64_t get_delay_ms;
        bool has_get;    /* a GET stream has been open in this session */
        bool was_left;   /* what it would have told since is not known */
        bool has_no_get; /* the server offers none */
};

struct http_transfer_lines {
        char text[3][SESSION_ID_MAX + 64];
        const char **lines;
};

/* ---- one request ---- */

/* pending is NULL for the GET stream. */
struct http_transfer *http_transfer_create(struct upstream_session *us,
                                           struct pending_request *pending);
/* Sends it, once there is a token for it; failures come as those of send(). */
void http_transfer_ask(struct http_transfer *w);
void http_transfer_drop(struct http_transfer *w);
/* Headers for http_options; h->lines is the caller's to free. All but the first two may be NULL.
 * more: lines, ended by NULL. */
void http_transfer_lines_init(struct http_transfer_lines *h, const struct account *account,
                              const char *authorization, const char *session_id,
                              const char *version, const char *last_event_id, char *const *more);

/* ---- the peer ---- */

/* An event of the GET stream. */
void transport_http_get_on_event(struct http_peer *peer, const struct sse_event *ev);
/* The GET stream is over: is there to be another? */
void transport_http_get_on_done(struct http_transfer *w);
void transport_http_get_later(struct http_peer *peer);
/* Of this id is the peer's from now on, the one before is left. */
void transport_http_session_take(struct http_peer *peer, struct str id);
/* The peer's, for a request of that version (NULL: not agreed on); NULL: it has none. */
struct http_session *transport_http_session_use(const struct http_peer *peer, const char *version);
/* The last who leaves it ends it at the server. NULL is fine. */
void transport_http_session_leave(struct http_session *session);

/* ---- the end of a session ---- */

/* Tells the server, by DELETE. version: NULL, it is not known. */
void http_delete_start(struct account *account, const char *session_id, const char *version);
/* Nobody waits for the answer to this initialize any more: the session that it may open is ended.
 */
void http_delete_of_handshake(struct http_transfer *w);

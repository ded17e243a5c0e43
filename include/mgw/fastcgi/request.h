/* FastCGI connections to requests, and answers back. One connection normally carries one request; a
 * peer that keeps or multiplexes connections is served too. */
#pragma once

#include "mgw/base/waiter.h"
#include "mgw/core/work.h"
#include "mgw/wire/cgi.h"

struct fcgi_conn;
struct request;
struct route;
struct identity;
struct share;

/* What an owner of a request hears. Set with request_own(). */
struct request_events {
        /* The client has left: drop the request, it is freed at the end of this turn. */
        void (*on_gone)(struct request *req);
        /* ABORT_REQUEST: the proxy wants it to end, now or in a while (HAProxy being reloaded sends
         * this for clients that are still there). NULL: treated as gone. */
        void (*on_abort)(struct request *req);
};

/* What came in. A stream, which lives for hours, does without it. */
struct request_input {
        struct cgi_params params;
        struct cgi_head head;
        const struct route *route; /* server/route's verdict: where it goes, and who calls */
        struct identity *identity; /* held; NULL: where anybody may */
        char browser_id[23];       /* login/browser: "": it is not asked for */
        struct buf raw_params;
        struct buf body;
        struct ledger_hold hold; /* of the body */
        struct work work;        /* to hand it over to on_request */
        struct request *req;
};

struct request {
        struct request *next; /* on its connection */
        struct fcgi_conn *conn;
        uint16_t id;
        struct request_input *in; /* NULL once request_begin() has made it a stream */
        struct share *share;      /* held; who pays for it. From on_head on */
        struct list waiters;      /* for its peer to read */
        const struct request_events *events;
        void *owner;
        bool keep_conn;
        bool has_params; /* the empty PARAMS record came */
        bool has_stdin;  /* the empty STDIN record came */
        bool is_coming;  /* on_request has not been called, and it is not over */
        bool is_running; /* all of it is there, or no more of it is wanted */
        bool is_held;    /* what becomes of it is not known yet */
        bool was_held;
        bool takes_body;      /* else what comes of one is thrown away */
        bool is_aborted;      /* ABORT_REQUEST came before it had an owner who heard of it */
        bool is_cross_origin; /* an allowed Origin: answers carry CORS headers */
};

struct context *request_context(const struct request *req);
/* In on_head: who pays for it; takes the share over. */
void request_set_share(struct request *req, struct share *share);
/* In on_head: its body is wanted, up to so many bytes. */
void request_take_body(struct request *req, uint32_t max_bytes);
/* In on_head, which then returns false: its head is judged when more is known, by the time in which
 * a request must be complete. Until then its connection is not read further; who owns it hears that
 * its client has left. */
void request_hold(struct request *req);
/* Its head is judged again (on_head); it has no owner any more. */
void request_release(struct request *req);
void request_own(struct request *req, const struct request_events *events, void *owner);
/* A whole answer with Content-Length; the request is over. headers end with a NULL name; may be
 * NULL. */
void request_reply(struct request *req, unsigned status, const struct cgi_header *headers,
                   struct str body);
/* As request_reply() with a JSON text. */
void request_reply_json(struct request *req, unsigned status, const struct cgi_header *headers,
                        struct str body);
/* The head of a stream and its first bytes, in one write; frees what came in. 0, -errno. */
int request_begin(struct request *req, const struct cgi_header *headers, struct str first);
/* More bytes of the stream. 0, BUF_E_FULL (nothing taken: bytes wait already and these pass the
 * cap, or what its share may hold; never with a cap of UINT32_MAX), -errno. */
int request_write(struct request *req, struct str bytes, uint32_t cap_bytes);
/* Bytes that the peer has not taken yet. */
uint32_t request_n_unsent(const struct request *req);
/* Does so much wait for the peer that a source must? Then on_drained is called once, when all of it
 * has been taken or the request is over; unlink the waiter to be spared that. */
bool request_must_wait(struct request *req, struct waiter *waiter);
/* Ends a stream in order. The request must not be used afterwards. */
void request_end(struct request *req);
/* The same for one that breaks off, which its client can see: the connection ends without
 * END_REQUEST. */
void request_cut(struct request *req);

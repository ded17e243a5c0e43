/* A FastCGI connection as the files of the front share it: front.c (its bytes), front_records.c
 * (records to requests), request.c (answers). */
#pragma once

#include "mgw/gate/front.h"
#include "mgw/loop/sock.h"
#include "mgw/wire/http1.h"

#include <sys/uio.h>
#include <utlist.h>

/* Hard bound of a connection's queue; answers and streams have their own, lower caps. */
#define OUT_MAX_BYTES (128u << 20)

struct front {
        struct gate *gate;
        struct sock_listener listener;
        struct sock_peers peers;
        struct list conns;
        struct list ending; /* of them those that close, or linger, at the end of this turn */
        struct loop_task end;
        const struct front_events *events;
};

struct conn {
        struct loop_io io;
        struct buf out;
        uint32_t charged; /* to the share, for out */
        /* Bytes of bodies that nobody wants, since the last BEGIN_REQUEST. */
        uint32_t n_thrown_away;
        uint16_t n_requests;
        uint16_t lingering_id; /* of the request whose rest that is */
        bool has_begun;        /* its first byte has told what it speaks */
        bool is_http;          /* HTTP/1.1, by which HAProxy sends bodies of no told length */
        bool is_dead;
        bool has_taken; /* some of what waits, since the deadline was set */
        bool closes_when_flushed;
        bool is_lingering;   /* answered before all had come: the rest is read and thrown away */
        struct share *share; /* held; pays for what waits in out. NULL: no request has one yet */
        struct front *front;
        struct list link;
        struct request *requests;
        struct timer deadline; /* runs while a request is coming in */
        union {
                struct fcgi_reader reader;
                struct http1 *http; /* is_http */
        };
};

/* ---- front.c ---- */

/* Closes at the end of the turn: safe from anywhere. */
void conn_kill(struct conn *c);
/* The same, for a peer that does not speak FastCGI. */
void conn_fault(struct conn *c, const char *what);
void conn_flush(struct conn *c);
/* That request's rest is to be read and thrown away before the connection closes. */
void conn_linger(struct conn *c, uint16_t id);
/* Sends what the socket takes now and queues the rest. The pieces are whole records. 0, -errno: the
 * connection is dying. */
int conn_send(struct conn *c, const struct iovec *iov, int n_iov, size_t total);
int conn_send_bytes(struct conn *c, const void *p, size_t n);
/* The same of what is in records, which is empty afterwards: the rest is not copied, mostly. */
int conn_send_take(struct conn *c, struct buf *records);
/* Who pays for what waits, from now on; the share is borrowed. */
void conn_set_share(struct conn *c, struct share *share);
/* May n bytes more wait? 0, LEDGER_E_PAYER, LEDGER_E_WHOLE. */
int conn_check_room(const struct conn *c, size_t n);
/* The deadline runs while a request is coming in, or an answer waits to be taken. */
void conn_watch_deadline(struct conn *c);

/* ---- front_records.c ---- */

void conn_on_record(struct conn *c, const struct fcgi_record *rec);
/* The head of its one request, which has begun, is over the limit. */
void conn_on_long_head(struct conn *c);
void conn_on_deadline(struct timer *timer);

/* ---- request.c ---- */

/* Its peer has taken all, or it is over: who waits for that may go on. */
void request_tell_room(struct request *req);
/* Its client has left. */
void request_lose(struct request *req);
/* All of it is there, or no more of it is wanted. */
void request_has_come(struct request *req);

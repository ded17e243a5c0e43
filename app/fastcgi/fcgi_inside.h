/* A FastCGI connection as the files of this floor share it: fcgi_conn.c (its bytes),
 * fcgi_conn_records.c (records to requests), request.c (answers). */
#pragma once

#include "mgw/fastcgi/fcgi_server.h"
#include "mgw/loop/sock.h"
#include "mgw/wire/http1.h"

#include <sys/uio.h>
#include <utlist.h>

/* Hard bound of a connection's queue; answers and streams have their own, lower caps. */
#define OUT_MAX_BYTES (128u << 20)

/* What one read brings. */
#define FCGI_READ_BYTES 65536

struct fcgi_server {
        struct context *context;
        struct sock_listener listener;
        struct sock_peers peers;
        unsigned n_coming; /* requests that have is_coming */
        struct list conns;
        struct list ending; /* of them those that close, or linger, at the end of this turn */
        struct loop_task end;
        const struct fcgi_server_events *events;
};

struct fcgi_conn {
        /* What each write looks at comes first, in one line of the processor's cache. */
        struct loop_io io;
        struct fcgi_server *server;
        bool is_dead;
        bool is_http;   /* HTTP/1.1, by which HAProxy sends bodies of no told length */
        bool has_begun; /* its first byte has told what it speaks */
        bool has_taken; /* some of what waits, since the deadline was set */
        bool closes_when_flushed;
        bool is_lingering;     /* answered before all had come: the rest is read and thrown away */
        uint16_t lingering_id; /* of the request whose rest that is */
        struct buf out;
        uint32_t charged; /* to the share, for out */
        /* Bytes of bodies that nobody wants, since the last BEGIN_REQUEST. */
        uint32_t n_thrown_away;
        uint16_t n_requests;
        uint16_t n_held;     /* requests of it that are held: it is not read */
        struct share *share; /* held; pays for what waits in out. NULL: no request has one yet */
        struct list node;
        struct request *requests;
        struct timer deadline; /* runs while a request is coming in */
        union {
                struct fcgi_reader reader;
                struct http1 *http; /* is_http */
        };
};

/* ---- fcgi_conn.c ---- */

/* Takes fd over: it is served, or closed (NULL). */
struct fcgi_conn *fcgi_conn_create(struct fcgi_server *server, int fd);
/* At once; whoever has a request of it hears that its client has left. */
void fcgi_conn_close(struct fcgi_conn *c);
/* The same, and its descriptor is the caller's. */
int fcgi_conn_leave(struct fcgi_conn *c);
/* At the end of the turn: what is to die is closed, what lingers sends nothing more. */
void fcgi_conn_end(struct fcgi_conn *c);

/* Closes at the end of the turn: safe from anywhere. */
void fcgi_conn_kill(struct fcgi_conn *c);
/* The same, for a peer that does not speak FastCGI. */
void fcgi_conn_fault(struct fcgi_conn *c, const char *what);
void fcgi_conn_flush(struct fcgi_conn *c);
/* That request's rest is to be read and thrown away before the connection closes. */
void fcgi_conn_linger(struct fcgi_conn *c, uint16_t id);
/* Sends what the socket takes now and queues the rest. The pieces are whole records. 0, -errno: the
 * connection is dying. */
int fcgi_conn_send(struct fcgi_conn *c, const struct iovec *iov, int n_iov, size_t total);
int fcgi_conn_send_bytes(struct fcgi_conn *c, const void *p, size_t n);
/* The same of what is in records, which is empty afterwards: the rest is not copied, mostly. */
int fcgi_conn_send_take(struct fcgi_conn *c, struct buf *records);
/* Who pays for what waits, from now on; the share is borrowed. */
void fcgi_conn_set_share(struct fcgi_conn *c, struct share *share);
/* May n bytes more wait? 0, LEDGER_E_PAYER, LEDGER_E_WHOLE. */
int fcgi_conn_check_room(const struct fcgi_conn *c, size_t n);
/* What its peer has said. */
void fcgi_conn_feed(struct fcgi_conn *c, const uint8_t *p, size_t n);
/* What is waited for has changed. */
void fcgi_conn_watch(struct fcgi_conn *c);
/* The deadline runs while a request is coming in, or an answer waits to be taken. */
void fcgi_conn_watch_deadline(struct fcgi_conn *c);

/* ---- fcgi_conn_records.c ---- */

void fcgi_conn_on_record(struct fcgi_conn *c, const struct fcgi_record *rec);
/* The head of its one request, which has begun, is over the limit. */
void fcgi_conn_on_long_head(struct fcgi_conn *c);
void fcgi_conn_on_deadline(struct timer *timer);

/* Its head has come, or what it waited for. */
void fcgi_conn_judge(struct request *req);

/* ---- request.c ---- */

/* Its peer has taken all, or it is over: who waits for that may go on. */
void request_tell_drained(struct request *req);
/* Its client has left. */
void request_lose(struct request *req);
/* All of it is there, or no more of it is wanted. */
void request_has_come(struct request *req);
/* It is to be handed to on_request, or has been, or never will be. */
void request_set_coming(struct request *req, bool is_coming);

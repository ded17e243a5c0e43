/* Clients of the gateway, of each era. Texts of JSON have single quotes. */
#pragma once

#include "mgw/base/buf.h"

#include <jansson.h>
#include <stdbool.h>

/* What has come for one request. Lives until clients_end(). */
struct answer {
        struct answer *next;
        int fd; /* -1: closed, by whomever */
        bool does_not_read;
        bool is_raw;  /* what comes is no records */
        bool is_over; /* said so: END_REQUEST */
        struct buf unsent;
        struct buf records;
        struct buf bytes; /* head and body */
        size_t n_events;  /* bytes of the body read as events so far */
        /* Of the event read last, "" where it has none; -1. */
        char event_id[64];
        char event_name[64];
        int event_retry_ms;
        unsigned n_comments;
        json_t *json; /* what was read last */
};

struct client_request {
        const char *method; /* NULL: POST */
        const char *uri;    /* NULL: /mcp */
        const char *session;
        const char *version; /* MCP-Protocol-Version */
        const char *accept;  /* NULL: as MCP has it */
        const char *last_event_id;
        const char *authorization;
        const char *origin;
        const char *fetch_site; /* Sec-Fetch-Site */
        const char *cookie;
        const char *content_type; /* NULL: application/json */
        const char *rpc_method, *rpc_name;
        const char *address; /* NULL: this machine's */
        bool is_inside;      /* by the port that is for operators */
        bool is_http2;
        const char *body; /* as it is */
        size_t n_body;    /* 0: to its NUL */
};

/* Sends it, and lets the gateway move. */
struct answer *client_send(const struct client_request *request);

struct client_expect {
        struct client_request r;
        unsigned status;
};

/* Sends each, and looks at the status that it is answered with. */
void client_check_each(const struct client_expect *expected, size_t n);
/* A connection on which the test speaks itself: what it sends, and what of it comes back as records
 * (bytes) or as it is (raw). */
struct answer *client_connect(void);
struct answer *client_connect_raw(void);
void answer_send(struct answer *a, const void *p, size_t n);
/* 0: no head has come. */
unsigned answer_status(struct answer *a);
/* "": there is none. Valid until the next call. */
const char *answer_header(struct answer *a, const char *name);
struct str answer_body(struct answer *a);
/* The whole body, borrowed until the next call. NULL: it is no JSON (yet). */
const json_t *answer_json(struct answer *a);
/* The JSON of the next event, likewise; NULL: no more has come. Events without JSON are passed
 * over. */
const json_t *answer_event(struct answer *a);
bool answer_is_closed(const struct answer *a);
/* The client leaves. */
void answer_cut(struct answer *a);
/* It reads again. */
void answer_read(struct answer *a);

/* For gateway.c: true where anything came or went. */
bool clients_move(void);
void clients_end(void);

/* ---- clients that know MCP ---- */

#define STATELESS "2026-07-28"
#define SSE "2024-11-05"

struct client {
        const char *version;
        const char *capabilities;
        const char *authorization;
        const char *address; /* NULL: this machine's */
        char session[128];
        struct answer *stream; /* of the sse era; or the GET stream, where one is open */
        const char *meta;      /* of the stateless era: what more stands in each _meta, or NULL */
};

/* Says initialize and initialized, over /sse for SSE; a client of STATELESS just notes what it can.
 */
void client_open(struct client *c, const char *version, const char *capabilities);
/* Opens its GET stream. */
void client_listen(struct client *c, const char *last_event_id);
/* One message, as it is. */
struct answer *client_say(struct client *c, const char *json);
/* params: an object, or "" for none. */
struct answer *client_ask(struct client *c, int id, const char *method, const char *params);
/* The answer to the request of that id, by a's body, a's events or the client's stream; what comes
 * before it is passed over. NULL: it has not come. Borrowed until the next call. */
const json_t *client_answer(struct client *c, struct answer *a, int id);
/* The next message with that method by a's events, or the client's stream where a is NULL. */
const json_t *client_hears(struct client *c, struct answer *a, const char *method);

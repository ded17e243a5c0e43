/* HTTP servers, in place of loop/http_client: a request waits until it is said what becomes of it.
 * As mgw/loop/http.h has it, no handler is called from within http_start(), nor after
 * http_cancel(). */
#pragma once

#include "mgw/loop/http.h"

#include <jansson.h>

struct http_request {
        struct list node; /* on world_http_requests, until it is over */
        struct http_client *client;
        const struct http_handlers *handlers;
        void *owner;
        char *method;
        char *url;
        char *headers; /* "Name: value", a line each */
        char *body;
        json_t *msg;     /* NULL: the body is none */
        struct buf held; /* what came while it was paused */
        struct loop_task resume;
        const struct http_failure *failure;
        bool has_head;
        bool is_paused;
        bool is_ending; /* when what is held has been taken */
        bool is_over;   /* told to the end, or cancelled */
};

/* Those that are not over, the oldest first. */
extern struct list world_http_requests;
size_t world_http_n(void);
/* The newest for 0. NULL: there are not so many. */
struct http_request *world_http_ago(size_t n);

/* Each may end the request: is_over then. session_id: NULL, none. */
void world_http_head(struct http_request *r, unsigned status, const char *content_type,
                     const char *session_id, int64_t retry_after_s);
/* A piece; it waits while one before it is held back. */
void world_http_body(struct http_request *r, struct str piece);
/* NULL: it comes to its end. Behind what is held; failure stays valid until then. */
void world_http_end(struct http_request *r, const struct http_failure *failure);
void world_http_forget(void);

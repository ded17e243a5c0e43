/* Connections of our own: http_pool.c keeps them, http_plain.c has requests go by them. */
#pragma once

#include "http_inside.h"
#include "mgw/base/hash.h"
#include "mgw/wire/http1_response.h"

#include <netinet/in.h>

/* Where connections lead: one origin, by which addresses may be reached. Its address
 * is in its name, or is curl's to find out: then it is known for a while from what curl has done.
 */
struct http_server {
        UT_hash_handle hh;
        struct list idle; /* connections, that which was used last at the end */
        unsigned n_idle;
        unsigned n_users; /* requests and connections */
        union http_address {
                struct sockaddr any;
                struct sockaddr_in v4;
                struct sockaddr_in6 v6;
        } address;
        int64_t known_until_ms; /* INT64_MAX: its name is its address */
        int64_t curls_until_ms; /* its HTTP is read by curl alone */
        uint16_t port;
        uint16_t n_key;
        char key[]; /* the reach as a digit, and the host in lower case, ":", the port */
};

/* One connection; what its exchange needs is http_plain.c's. */
struct http_connection {
        struct loop_io io;
        int fd;
        struct list by_server, by_age; /* while it is idle */
        int64_t idle_until_ms;
        struct http_client *client;
        struct http_server *server;
        struct http_request *request; /* NULL: it is idle */
        struct timer deadline;
        int64_t late_at_ms; /* of the exchange; 0: never */
        struct http1_response answer;
        struct buf head;          /* of the request, until all is sent */
        size_t n_sent, n_to_send; /* of head and body */
        struct buf held; /* came, and was not taken: a piece of the body, and what follows it */
        size_t n_piece;
        bool is_connecting;
        bool is_used;     /* has carried a request before this */
        bool is_answered; /* a byte of the answer has come */
        bool is_sent;     /* all of the request, or all that the server takes */
        bool is_paused;
        bool is_gone; /* the server's end; what came before it is still to be read */
        bool is_over; /* its answer has come whole, and it may carry another request */
};

/* What goes before the body; target: path and query. 0, -ENOMEM. */
int http_head_write(const struct http_request *request, struct str target, struct buf *head);

void http_pool_init(struct http_client *client);
/* Closes what is idle; nothing is used by then. */
void http_pool_finish(struct http_client *client);
/* The server that the URL leads to, held; *target: path and query in the URL. NULL: it is curl's.
 */
struct http_server *http_pool_server(struct http_request *request, struct str *target);
/* The next sweep looks whether it is wanted. */
static inline void http_server_release(struct http_server *server)
{
        server->n_users--;
}
static inline bool http_server_is_known(const struct http_server *server, int64_t now_ms)
{
        return now_ms < server->known_until_ms;
}
/* Is its address in its name? */
bool http_server_is_number(const struct http_server *server);
/* Curl has connected to there. */
void http_server_learn(struct http_client *client, struct http_server *server, const char *ip);
/* Where nobody answers. */
void http_server_forget(struct http_server *server);
/* What it has answered is no HTTP to our reader: curl is more lenient. */
void http_server_leave_to_curl(struct http_server *server, int64_t now_ms);
static inline bool http_server_is_curls(const struct http_server *server, int64_t now_ms)
{
        return now_ms < server->curls_until_ms;
}
/* A connection that is kept and whose server has not left; NULL: none. */
struct http_connection *http_pool_take(struct http_client *client, struct http_server *server);
/* A new one, which takes fd over. */
struct http_connection *http_connection_create(struct http_client *client,
                                               struct http_server *server, int fd);
/* It is kept for the next request. */
void http_pool_put(struct http_connection *connection);
/* Closed, and to the morgue. */
void http_connection_close(struct http_connection *connection);

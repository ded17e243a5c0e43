/* A FastCGI application reduced to what HAProxy sends: one request a connection, its parameters in
 * one record, its body in at most one. And the bytes that all baselines answer with, so that the
 * client reads the same from each of them as from mgw. */
#pragma once

#include "mgw/base/list.h"
#include "mgw/base/str.h"
#include "tool.h"

struct conn {
        struct source source;
        struct list node; /* the application's */
        uint8_t *in;      /* of a request that has not come whole */
        uint32_t n_in;
};

struct app_request {
        struct str uri;
        struct str body;
};

struct app {
        struct source listener;
        void (*on_request)(struct conn *conn, const struct app_request *request);
};

void app_open(struct app *app, const char *socket_path);
/* Whole records. A peer that does not take them at once loses its connection. */
void app_send(struct conn *conn, const void *records, size_t n);
/* A whole answer: head and body in one record, and the end of the request. */
void app_answer(struct conn *conn, struct str head_and_body);
/* One STDOUT record around text; returns its length. size >= text.n + 8. */
size_t app_record(uint8_t *out, size_t size, struct str text);

#define APP_KEEP_ALIVE ": keep-alive\n\n"
#define APP_STREAM_HEAD                                                                            \
        "Status: 200 OK\r\nContent-Type: text/event-stream\r\n"                                    \
        "Cache-Control: no-cache, no-transform\r\nX-Accel-Buffering: no\r\n\r\n"
#define APP_STREAM_OPEN ": stream open\n\n"
#define APP_READY                                                                                  \
        "Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\n"                  \
        "ready\n"
#define APP_ANNOUNCED                                                                              \
        "Status: 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n"           \
        "{\"streams\":0}  "
#define APP_ECHO                                                                                   \
        "Status: 200 OK\r\nContent-Type: application/json\r\nMcp-Session-Id: none\r\n"             \
        "Content-Length: 78\r\n\r\n"                                                               \
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":"                                   \
        "[{\"type\":\"text\",\"text\":\"hello\"}]}}"

/* What a request is about. */
enum app_route { APP_ROUTE_READY, APP_ROUTE_STREAM, APP_ROUTE_ANNOUNCE, APP_ROUTE_CALL };
enum app_route app_route(struct str uri, bool has_body);
/* The event that mgw makes of this announcement; returns its length. */
size_t app_event(char *out, size_t size, struct str announcement);
/* Does the announcement name a user (the first stream), or is it for all? */
bool app_is_for_one(struct str announcement);

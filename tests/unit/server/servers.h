/* Servers behind the gateway, whatever carries their messages. What a test has not kept for itself
 * is answered honestly (world/honest.h) when the gateway settles. Texts of JSON have single
 * quotes. Whoever answers lets the gateway move. */
#pragma once

#include "../../world/world.h"

/* Something that the gateway has sent to a server. Lives until servers_end(). */
struct sent {
        struct sent *next;
        const char
                *method; /* JSON-RPC's; "reply"; of what is no message: "GET", "DELETE", "POST" */
        json_t *msg;     /* NULL: it has none */
        struct http_request *http;
        struct child *child;
        bool is_answered;
        bool is_stream;    /* an answer by events has begun */
        char endpoint[40]; /* of the sse era: where messages for this GET are sent */
};

/* What has this method is kept for the test. */
void servers_keep(const char *method);
void servers_keep_no_more(const char *method);
/* What an honest server would answer otherwise: the fields of its result; NULL: as it is. NULL
 * itself: none is asked. */
void servers_ask(const char *(*fields)(const struct sent *sent));
/* Of which eras they are: those of the others are refused. All: both. */
enum servers_era { SERVERS_ALL, SERVERS_SESSION, SERVERS_STATELESS };
void servers_are(enum servers_era era);
/* Kept, not answered, and whose request is not over; the oldest. Fails the test where there is
 * none.
 */
struct sent *servers_await(const char *method);
/* NULL: there is none. */
struct sent *servers_find(const char *method);
/* So often it has been sent so far. */
unsigned servers_count(const char *method);
struct sent *servers_last(const char *method);

/* A response to it, by JSON or by a line; fields: those of its result. */
void sent_result(struct sent *sent, const char *fields);
void sent_error(struct sent *sent, int code, const char *message);
void sent_honestly(struct sent *sent);
/* Over HTTP: a whole answer that is no response to it. */
void sent_status(struct sent *sent, unsigned status, const char *body);
void sent_status_later(struct sent *sent, unsigned status, int64_t retry_after_s);
/* A message about it: by events where it was sent by HTTP, else by a line. id: NULL, none. */
void sent_event(struct sent *sent, const char *id, const char *json);
/* As sent_event, a response. */
void sent_event_result(struct sent *sent, const char *id, const char *fields);
/* Bytes of an answer; content_type for its head, where there has been none. */
void sent_bytes(struct sent *sent, const char *content_type, const char *p, size_t n);
void sent_text(struct sent *sent, const char *content_type, const char *text);
void sent_end(struct sent *sent);
void sent_fail(struct sent *sent, enum http_fault fault, bool was_sent);
/* What comes of itself: by the newest GET stream, or by the newest child. */
void servers_say(const char *json);

/* A notification by the newest subscriptions/listen, with its mark. */
void servers_listen_say(const char *json);
/* Bytes of the newest GET stream. */
void servers_say_bytes(struct str bytes);

/* For gateway.c. */
void servers_begin(void);
void servers_end(void);
void servers_on_sent(const json_t *msg, struct http_request *request, struct child *child);
/* True where anything was answered. */
bool servers_answer(void);

/* One SSE response: its head, its events, its keep-alives, its end, and its life in the log. */
#pragma once

#include "mgw/base/rand.h"
#include "mgw/fastcgi/request_handover.h"
#include "mgw/observe/stream_record.h"
#include "mgw/session/channel.h"
#include "mgw/wire/sse.h"

struct session;
struct stream;

#define STREAM_ID_BYTES 6
#define STREAM_E_FULL 1 /* the client does not read: the stream has been ended */

/* Who writes an event in parts: other events wait until its end. */
struct stream_writer {
        void (*on_silence)(struct stream_writer *writer); /* an interval without a byte */
        void (*on_gone)(struct stream_writer *writer);    /* the stream is over */
        struct buf held; /* kept by session/stream: events that wait for its end */
};

/* As its client calls itself. NULL: it has not said. */
struct stream_client {
        const char *name;
        const char *version;
};

/* What the owner of a stream hears. */
struct stream_events {
        /* The stream is over, whoever ended it; it is freed at the end of this turn. */
        void (*on_end)(struct stream *stream);
        /* The proxy wants it to end, and is to be given what its owner ends it with. NULL: a stream
         * without an owner is ended, another ends with its owner's work. */
        void (*on_farewell)(struct stream *stream);
        /* Of a client without a session, which says it in each request. NULL: none has such. */
        struct stream_client (*client)(const struct stream *stream);
};

/* What a stream still takes. Its moves:
 *
 *   OPEN -> FULL, OVER
 *   FULL -> OVER */
enum stream_state {
        STREAM_STATE_OPEN,
        STREAM_STATE_FULL, /* an event found no room: none may follow it, since a resuming client
                              asks for what came after the last that it has */
        STREAM_STATE_OVER  /* until the end of the turn */
};

struct stream {
        struct list due_node; /* context->streams */
        struct request *req;
        struct session *session;
        struct stream_writer *writer; /* NULL: no event is being written in parts */
        uint32_t written_ms;          /* modulo 2^32 */
        bool has_retry;               /* its client reconnects: a deliberate end tells it when */
        uint8_t state;                /* enum stream_state */
        uint8_t kind;                 /* enum stream_kind */
        uint8_t cause;                /* enum stream_cause: of its end, should it end now */
        char id[RAND_TEXT_SIZE(STREAM_ID_BYTES)]; /* in the log */
        uint32_t n_keepalives;
        uint64_t n_bytes;                   /* of its events and comments */
        struct channel channel;             /* of a GET; a POST's counts in its post_response */
        const struct stream_events *events; /* NULL: nobody listens */
        void *owner;                        /* ends it when its work is done; NULL: nobody does */
        int64_t opened_ms;
        struct timer farewell; /* armed when the proxy asked for an end, or when it is full */
        struct list node;      /* of the session */
};

struct stream_options {
        struct session *session;
        enum stream_kind kind;
        const char *session_id; /* becomes a Mcp-Session-Id header; NULL: none */
        struct channel channel;
        bool has_retry;
        struct str first; /* the first bytes; empty: the opening comment */
        const struct stream_events *events;
        void *owner;
};

/* Why the request may not become a stream now: 0, or the status to refuse with (429, 503). */
unsigned stream_refusal(const struct request *req);
/* Turns the request into a stream. 0; -errno: the request is lost, and ends by itself. */
int stream_open(struct request *req, const struct stream_options *options, struct stream **streamp);
/* One event, of a channel. 0; STREAM_E_FULL and -errno: the stream is ending by itself. */
int stream_push(struct stream *stream, const struct sse_event *event);
/* May an event be written in parts now? */
bool stream_takes_parts(const struct stream *stream);
/* From now on the writer writes an event in parts; it is borrowed until the last of them, or
 * on_gone. */
void stream_begin_parts(struct stream *stream, struct stream_writer *writer);
/* A part of an event in the wire's form; other events are held until the last part, with which
 * stream->writer is done. Its caller looks to it that not too much waits.
 * Outcomes as stream_push(). */
int stream_write_part(struct stream *stream, struct str bytes, bool is_last);
/* Gives it up to another process (fastcgi/request_handover), between two events; its owner hears of
 * no end. The descriptor, which is the caller's; -EAGAIN: not now. */
int stream_give(struct stream *stream, struct request_handover *handover);
/* Goes on with it, on a request that has been taken over; its head is out. */
struct stream *stream_take_over(struct request *req, const struct stream_options *options,
                                int64_t age_ms);
/* Ends it in order, with `retry:` where the client reconnects. */
void stream_end(struct stream *stream, enum stream_cause cause);
/* What will have ended it, whoever does: the first that is told holds. NULL is fine. */
void stream_blame(struct stream *stream, enum stream_cause cause);

/* Borrowed. */
struct stream_client stream_client(const struct stream *stream);

void stream_context_init(struct context *context);
/* The configuration is another: keepalive_s may be. */
void stream_context_follow(struct context *context);

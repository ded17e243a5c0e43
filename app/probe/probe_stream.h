/* A stream that is opened and watched. */
#pragma once

#include "probe_peer.h"
#include "probe_record.h"

#include "mgw/wire/sse.h"

struct probe_stream {
        struct probe_peer *peer;
        struct probe_record record;
        struct http_request *request; /* NULL: none (any more) */
        struct sse_reader reader;
        struct buf body; /* of an answer that is no stream */
        uint64_t id;     /* of the request whose answer ends it; 0: none */
        int64_t started_ms;
        bool is_stream;
        bool is_in_line; /* the next byte begins no line */
};

/* One that the server does not offer, or of which that is not known. */
void probe_stream_init(struct probe_stream *s, struct probe_peer *peer, enum probe_kind kind,
                       const char *why_not);
/* By GET. */
void probe_stream_get(struct probe_stream *s, const char *url, bool has_session);
/* HTTP+SSE: and waits for where its messages go. false: that has not come. */
bool probe_stream_get_endpoint(struct probe_stream *s);
/* By POST of a request, whose answer ends it. */
void probe_stream_post(struct probe_stream *s, enum probe_way way, const char *method,
                       json_t *params_take, const json_t *schema);
/* Is it open, or may it become so? */
bool probe_stream_is_open(const struct probe_stream *s);
/* The end of the watch. */
void probe_stream_stop(struct probe_stream *s);
void probe_stream_finish(struct probe_stream *s);

/* What is known of a stream when it ends: made by session/stream, read by metrics and the page of
 * recent ends (observe). Borrowed for the while of observe_stream(). */
#pragma once

#include "mgw/core/user.h"

#include <stdint.h>

enum stream_kind {
        STREAM_KIND_SSE,    /* GET /sse */
        STREAM_KIND_GET,    /* GET /mcp */
        STREAM_KIND_POST,   /* an answer that took long */
        STREAM_KIND_LISTEN, /* subscriptions/listen */
        STREAM_KIND_N
};

enum stream_cause {
        STREAM_CAUSE_CLIENT,   /* it left, or something between cut it */
        STREAM_CAUSE_ANSWERED, /* its work was done */
        STREAM_CAUSE_FULL,     /* it did not read */
        STREAM_CAUSE_REPLACED, /* by a newer one of the same client */
        STREAM_CAUSE_SESSION,  /* its session ended: expired, deleted, out of a share */
        STREAM_CAUSE_LOGIN,    /* its user may not stay */
        STREAM_CAUSE_DRAIN,    /* mgw goes down */
        STREAM_CAUSE_PROXY,    /* so does the proxy, or it is reloaded */
        STREAM_CAUSE_N
};

struct stream_record {
        const char *id;     /* as the log has it */
        const char *email;  /* of its user */
        const char *client; /* as it calls itself; NULL: it has not said */
        const char *revision;
        enum stream_kind kind;
        enum stream_cause cause;
        int64_t lasted_ms;
        uint64_t bytes;
        uint32_t keepalives;
};

const char *stream_record_kind_name(enum stream_kind kind);
const char *stream_record_cause_name(enum stream_cause cause);

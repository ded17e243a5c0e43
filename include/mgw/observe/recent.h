/* The last streams that have ended, and the last calls that have failed, for people who look. What
 * is too long is cut. */
#pragma once

#include "mgw/core/context.h"
#include "mgw/observe/call_record.h"
#include "mgw/observe/stream_record.h"

#define RECENT_MAX 200 /* of each */

#define RECENT_EMAIL_SIZE 64
#define RECENT_CLIENT_SIZE 48
#define RECENT_REVISION_SIZE 16

struct recent_stream {
        int64_t ended_ms; /* wall clock */
        int64_t lasted_ms;
        uint64_t bytes;
        uint32_t keepalives;
        uint8_t kind;  /* enum stream_kind */
        uint8_t cause; /* enum stream_cause */
        char id[16];   /* in the log */
        char email[RECENT_EMAIL_SIZE];
        char client[RECENT_CLIENT_SIZE]; /* "": it has not said */
        char revision[RECENT_REVISION_SIZE];
};

/* One that was cancelled has not failed. */
struct recent_call {
        int64_t ended_ms; /* wall clock */
        int64_t took_us;
        int code;        /* of a JSON-RPC error; 0: it was none */
        uint8_t outcome; /* enum call_outcome */
        char email[RECENT_EMAIL_SIZE];
        char client[RECENT_CLIENT_SIZE]; /* "": it has not said */
        char revision[RECENT_REVISION_SIZE];
        char method[40];
        char name[64];   /* of the tool or prompt; "": none */
        char server[48]; /* "": none was asked */
};

/* Sets context->recent. */
void recent_create(struct context *context);
/* NULL is fine. */
void recent_destroy(struct recent *recent);

void recent_add_stream(struct recent *recent, const struct stream_record *record);
/* Those that have not failed are left out. */
void recent_add_call(struct recent *recent, const struct call_record *record);

/* The newest for 0; borrowed for this turn. NULL: there are not so many. */
const struct recent_stream *recent_stream_ago(const struct recent *recent, size_t n);
const struct recent_call *recent_call_ago(const struct recent *recent, size_t n);

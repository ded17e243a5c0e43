/* The words for streams and how they end. */
#include "mgw/observe/stream_record.h"

const char *stream_record_kind_name(enum stream_kind kind)
{
        static const char *const names[STREAM_KIND_N] = {
                [STREAM_KIND_SSE] = "sse",
                [STREAM_KIND_GET] = "get",
                [STREAM_KIND_POST] = "post",
                [STREAM_KIND_LISTEN] = "listen",
        };

        return names[kind];
}

const char *stream_record_cause_name(enum stream_cause cause)
{
        static const char *const names[STREAM_CAUSE_N] = {
                [STREAM_CAUSE_CLIENT] = "client",   [STREAM_CAUSE_ANSWERED] = "answered",
                [STREAM_CAUSE_FULL] = "full",       [STREAM_CAUSE_REPLACED] = "replaced",
                [STREAM_CAUSE_SESSION] = "session", [STREAM_CAUSE_LOGIN] = "login",
                [STREAM_CAUSE_DRAIN] = "drain",     [STREAM_CAUSE_PROXY] = "proxy",
        };

        return names[cause];
}

/* Two rings of a fixed size: what ends makes no memory grow. */
#include "mgw/observe/recent.h"

#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"

#include <stdlib.h>

struct recent {
        size_t n_streams, n_calls; /* ever */
        struct recent_stream streams[RECENT_MAX];
        struct recent_call calls[RECENT_MAX];
};

void recent_create(struct context *context)
{
        context->recent = alloc_array(1, sizeof(struct recent));
}

void recent_destroy(struct recent *recent)
{
        free(recent);
}

static void copy(char *out, size_t size, const char *text)
{
        str_to_text(text != NULL ? str_from(text) : STR(""), out, size);
}

#define COPY(out, text) copy((out), sizeof(out), (text))

void recent_add_stream(struct recent *recent, const struct stream_record *record)
{
        struct recent_stream *stream = &recent->streams[recent->n_streams++ % RECENT_MAX];

        *stream = (struct recent_stream){
                .ended_ms = clock_wall_ms(),
                .lasted_ms = record->lasted_ms,
                .bytes = record->bytes,
                .keepalives = record->keepalives,
                .kind = (uint8_t)record->kind,
                .cause = (uint8_t)record->cause,
        };
        COPY(stream->id, record->id);
        COPY(stream->email, record->email);
        COPY(stream->client, record->client);
        COPY(stream->revision, record->revision);
}

void recent_add_call(struct recent *recent, const struct call_record *record)
{
        struct recent_call *call;

        if (!call_record_has_failed(record->outcome))
                return;
        call = &recent->calls[recent->n_calls++ % RECENT_MAX];
        *call = (struct recent_call){
                .ended_ms = (record->began_us + record->took_us) / 1000,
                .took_us = record->took_us,
                .code = record->code,
                .outcome = (uint8_t)record->outcome,
        };
        COPY(call->email, record->identity->user->email);
        COPY(call->client, record->client_name);
        COPY(call->revision, record->revision);
        COPY(call->method, record->method);
        COPY(call->name, record->name);
        COPY(call->server, record->server);
}

const struct recent_stream *recent_stream_ago(const struct recent *recent, size_t n)
{
        return n < RECENT_MAX && n < recent->n_streams
                       ? &recent->streams[(recent->n_streams - 1 - n) % RECENT_MAX]
                       : NULL;
}

const struct recent_call *recent_call_ago(const struct recent *recent, size_t n)
{
        return n < RECENT_MAX && n < recent->n_calls
                       ? &recent->calls[(recent->n_calls - 1 - n) % RECENT_MAX]
                       : NULL;
}

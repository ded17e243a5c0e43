/* A span is made of its call's record when it ends. Ids are random; a trace that a client has begun
 * goes on in ours, and ours in the upstream's. */
#include "mgw/observe/span.h"

#include "json_text.h"
#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/config/config.h"
#include "mgw/mcp/trace.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/json_raw.h"
#include "mgw/wire/rpc.h"
#include "traces.h"

#include <stdlib.h>
#include <string.h>

#define TRACE_HEX 32
#define SPAN_HEX 16
#define TEXT_MAX 128
#define NAME_MAX_BYTES 256
#define URI_MAX_BYTES 1024
#define SPAN_TEXT_MAX 8192

/* Ids as text: hexadecimal digits. */
struct span {
        char trace[TRACE_HEX + 1];
        char id[SPAN_HEX + 1];
        char parent[SPAN_HEX + 1]; /* of the client's; "": it begins here */
        struct {
                char id[SPAN_HEX + 1];
                char server[64];
                char address[128]; /* "": not known */
                bool is_pipe;
                int port;
                bool is_open;
                int64_t began_us; /* wall clock */
        } upstream;               /* the request that is on its way, or was last */
};

/* OTLP's SpanKind and StatusCode. */
enum { KIND_SERVER = 2, KIND_CLIENT = 3, STATUS_ERROR = 2 };

/* ---- ids ---- */

static void put_hex(char *out, uint64_t value)
{
        for (int i = 0; i < SPAN_HEX; i++)
                out[i] = "0123456789abcdef"[value >> (60 - 4 * i) & 15];
}

/* No id is zero (W3C Trace Context 3.2.2). */
static void draw(struct traces *traces, char *out)
{
        put_hex(out, traces_random(traces) | 1);
}

/* What a client has not decided is decided here. */
static bool is_sampled(struct traces *traces, const struct config *config, const char *parent)
{
        if (parent != NULL)
                return trace_is_sampled(parent);
        return (double)(traces_random(traces) >> 11) < config->traces_sample * 0x1p53;
}

struct span *span_begin(struct context *context, const struct call_record *record)
{
        struct traces *traces = context->traces;
        const char *parent = traces != NULL ? trace_parent(record->params) : NULL;
        struct span *span;

        if (traces == NULL || !is_sampled(traces, context->config, parent))
                return NULL;
        span = alloc_zeroed(sizeof(*span));
        if (parent != NULL) { /* "00-TRACE-SPAN-01", judged by trace_adopt() */
                memcpy(span->trace, parent + 3, TRACE_HEX);
                memcpy(span->parent, parent + 4 + TRACE_HEX, SPAN_HEX);
        } else {
                draw(traces, span->trace);
                draw(traces, span->trace + SPAN_HEX);
        }
        draw(traces, span->id);
        return span;
}

/* ---- attributes ---- */

static void attribute_begin(struct json_text *t, const char *key)
{
        json_text_key(t, NULL);
        json_text_open(t, '{');
        json_text_string(t, "key", key, SIZE_MAX);
        json_text_key(t, "value");
        json_text_open(t, '{');
}

static void attribute_end(struct json_text *t)
{
        json_text_close(t, '}');
        json_text_close(t, '}');
}

static void add_str(struct json_text *t, const char *key, struct str value, size_t max)
{
        if (value.n == 0)
                return;
        attribute_begin(t, key);
        json_text_str(t, "stringValue", value, max);
        attribute_end(t);
}

static void add_text(struct json_text *t, const char *key, const char *value, size_t max)
{
        add_str(t, key, str_from(value), max);
}

/* 64-bit numbers are strings (Protocol Buffers, ProtoJSON). */
static void add_number(struct json_text *t, const char *key, int64_t value)
{
        attribute_begin(t, key);
        json_text_key(t, "intValue");
        json_text_raw(t, STR("\""));
        if (value < 0)
                json_text_raw(t, STR("-"));
        json_text_digits(t, value < 0 ? -(uint64_t)value : (uint64_t)value, 1);
        json_text_raw(t, STR("\""));
        attribute_end(t);
}

static void add_code(struct json_text *t, const char *key, int code)
{
        char text[16];

        snprintf(text, sizeof(text), "%d", code);
        add_text(t, key, text, TEXT_MAX);
}

static void add_id(struct json_text *t, const json_t *id)
{
        struct str text = {NULL, 0};

        if (json_is_string(id))
                add_text(t, "jsonrpc.request.id", json_string_value(id), TEXT_MAX);
        else if (id != NULL && rpc_dump(id, &text) == 0)
                add_str(t, "jsonrpc.request.id", text, TEXT_MAX);
        free((void *)text.p);
}

/* What all spans of a call have. */
static void add_common(struct json_text *t, const struct call_record *record)
{
        bool is_tool = strcmp(record->method, "tools/call") == 0;

        add_text(t, "mcp.method.name", record->method, TEXT_MAX);
        add_text(t, is_tool ? "gen_ai.tool.name" : "gen_ai.prompt.name", record->name,
                 NAME_MAX_BYTES);
        add_text(t, "gen_ai.operation.name", is_tool ? "execute_tool" : NULL, TEXT_MAX);
        add_text(t, "mcp.resource.uri", rpc_text(record->params, "uri"), URI_MAX_BYTES);
}

/* ---- spans as OTLP has them (JSON) ---- */

static void add_nanoseconds(struct json_text *t, const char *key, int64_t us)
{
        json_text_key(t, key);
        json_text_raw(t, STR("\""));
        json_text_digits(t, (uint64_t)us, 1);
        json_text_raw(t, STR("000\""));
}

struct span_times {
        int64_t began_us, ended_us;
};

/* A name is in it only if lists have shown it: else anybody could make as many as they like. */
static void begin_span(struct json_text *t, const struct span *span, const char *id,
                       const char *parent, const struct call_record *record,
                       const struct span_times *times, int kind)
{
        char name[TEXT_MAX * 2];

        snprintf(name, sizeof(name), "%s%s%.127s", record->method,
                 record->name != NULL && record->is_known ? " " : "",
                 record->name != NULL && record->is_known ? record->name : "");
        json_text_open(t, '{');
        json_text_string(t, "traceId", span->trace, SIZE_MAX);
        json_text_string(t, "spanId", id, SIZE_MAX);
        if (parent[0] != '\0')
                json_text_string(t, "parentSpanId", parent, SIZE_MAX);
        json_text_int(t, "flags", 1);
        json_text_string(t, "name", name, SIZE_MAX);
        json_text_int(t, "kind", kind);
        add_nanoseconds(t, "startTimeUnixNano", times->began_us);
        add_nanoseconds(t, "endTimeUnixNano", times->ended_us);
        json_text_key(t, "attributes");
        json_text_open(t, '[');
}

/* error: its type; NULL: there was none. */
static void end_span(struct traces *traces, struct json_text *t, const char *error)
{
        add_text(t, "error.type", error, TEXT_MAX);
        json_text_close(t, ']');
        if (error != NULL) {
                json_text_key(t, "status");
                json_text_open(t, '{');
                json_text_int(t, "code", STATUS_ERROR);
                json_text_close(t, '}');
        }
        json_text_close(t, '}');
        json_text_raw(t, STR(","));
        if (!t->is_full)
                traces_add(traces, (struct str){t->p, t->n});
}

/* Of a server, what its client did wrong is no error; nor is it that a client wants it no more. */
static const char *error_of(const struct call_record *record, char code[16])
{
        switch (record->outcome) {
        case CALL_OUTCOME_TOOL_ERROR:
        case CALL_OUTCOME_TIMEOUT:
                return call_record_outcome_name(record->outcome);
        case CALL_OUTCOME_ERROR:
                snprintf(code, 16, "%d", record->code);
                return record->code == RPC_INTERNAL_ERROR ||
                                       (record->code <= -32000 && record->code >= -32099)
                               ? code
                               : NULL;
        default:
                return NULL;
        }
}

static void end_call(struct traces *traces, const struct call_record *record)
{
        const struct span *span = record->span;
        struct span_times times = {record->began_us, record->began_us + record->took_us};
        char text[SPAN_TEXT_MAX], code[16];
        struct json_text t;

        json_text_init(&t, text, sizeof(text));
        begin_span(&t, span, span->id, span->parent, record, &times, KIND_SERVER);
        add_common(&t, record);
        add_text(&t, "mcp.protocol.version", record->revision, TEXT_MAX);
        add_text(&t, "mcp.session.id", record->session_id, TEXT_MAX);
        add_id(&t, record->id);
        add_text(&t, "network.transport", "tcp", TEXT_MAX);
        add_text(&t, "network.protocol.name", "http", TEXT_MAX);
        add_text(&t, "mgw.server", record->server, TEXT_MAX);
        add_text(&t, "mgw.outcome", call_record_outcome_name(record->outcome), TEXT_MAX);
        add_text(&t, "mgw.request_id", record->request_id, TEXT_MAX);
        if (record->code != 0)
                add_code(&t, "rpc.response.status_code", record->code);
        end_span(traces, &t, error_of(record, code));
}

void span_end(struct context *context, const struct call_record *record)
{
        const char *why = record->outcome == CALL_OUTCOME_TIMEOUT ? "timeout"
                          : record->outcome == CALL_OUTCOME_OK    ? NULL
                                                                  : "cancelled";

        if (record->span == NULL)
                return;
        span_upstream_end(context, record, 0, why);
        if (context->traces != NULL)
                end_call(context->traces, record);
        free(record->span);
}

/* ---- upstream ---- */

static void note_peer(struct span *span, const struct span_peer *peer)
{
        struct str url = str_from(peer->url), host = hdr_url_host(url);
        const char *port = host.p + host.n;

        span->upstream.is_pipe = peer->is_pipe;
        snprintf(span->upstream.server, sizeof(span->upstream.server), "%s", peer->server);
        snprintf(span->upstream.address, sizeof(span->upstream.address), "%.*s", STR_ARG(host));
        if (host.n > 0 && *port == ':')
                span->upstream.port = (int)strtol(port + 1, NULL, 10);
        else
                span->upstream.port = str_has_prefix(url, STR("https:")) ? 443 : 80;
}

json_t *span_upstream_begin_take(struct context *context, struct span *span,
                                 const struct span_peer *peer, json_t *params)
{
        char parent[64];
        json_t *meta;

        if (span == NULL || context->traces == NULL)
                return params;
        params = json_raw_open_take(params);
        if (params == NULL)
                return NULL;
        draw(context->traces, span->upstream.id);
        span->upstream.is_open = true;
        span->upstream.began_us = clock_wall_us();
        note_peer(span, peer);
        snprintf(parent, sizeof(parent), "00-%s-%s-01", span->trace, span->upstream.id);
        meta = json_copy(json_object_get(params, "_meta"));
        if (meta == NULL)
                meta = json_object();
        json_object_set_new(meta, "traceparent", json_string(parent));
        json_object_set_new(params, "_meta", meta);
        return params;
}

void span_upstream_end(struct context *context, const struct call_record *record, int code,
                       const char *error)
{
        struct span *span = record->span;
        char text[SPAN_TEXT_MAX];
        struct span_times times;
        struct json_text t;

        if (span == NULL || !span->upstream.is_open || context->traces == NULL)
                return;
        span->upstream.is_open = false;
        times = (struct span_times){span->upstream.began_us, clock_wall_us()};
        json_text_init(&t, text, sizeof(text));
        begin_span(&t, span, span->upstream.id, span->id, record, &times, KIND_CLIENT);
        add_common(&t, record);
        add_text(&t, "network.transport", span->upstream.is_pipe ? "pipe" : "tcp", TEXT_MAX);
        add_text(&t, "network.protocol.name", span->upstream.is_pipe ? NULL : "http", TEXT_MAX);
        add_text(&t, "server.address", span->upstream.address, TEXT_MAX);
        if (span->upstream.address[0] != '\0')
                add_number(&t, "server.port", span->upstream.port);
        add_text(&t, "mgw.server", span->upstream.server, TEXT_MAX);
        if (code != 0)
                add_code(&t, "rpc.response.status_code", code);
        end_span(context->traces, &t, error);
}

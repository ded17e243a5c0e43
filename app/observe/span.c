/* A span is made of its call's record when it ends. Ids are random; a trace that a client has begun
 * goes on in ours, and ours in the upstream's. */
#include "mgw/observe/span.h"

#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/config/config.h"
#include "mgw/mcp/trace.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/json_raw.h"
#include "mgw/wire/rpc.h"
#include "otlp.h"
#include "traces.h"

#include <stdlib.h>
#include <string.h>

#define TRACE_HEX 32
#define SPAN_HEX 16
#define TEXT_MAX 128
#define NAME_MAX_BYTES 256
#define URI_MAX_BYTES 1024
/* Holds all of these, were each byte to become six. */
#define SPAN_TEXT_MAX 16384
#define SPAN_NAME_SIZE 256

/* Ids as text: hexadecimal digits. */
struct span {
        char trace[TRACE_HEX + 1];
        char id[SPAN_HEX + 1];
        char parent[SPAN_HEX + 1]; /* of the client's, or of the POST; "": it begins here */
        char link_trace[TRACE_HEX + 1];
        char link_id[SPAN_HEX + 1]; /* ""; none */
        struct {
                char id[SPAN_HEX + 1];
                char server[64];
                char address[128]; /* "": not known */
                bool is_pipe;
                int port;
                bool is_open;
                int64_t began_us; /* wall clock */
        } upstream;               /* the request that is on its way, or was last */
        struct {
                char path[64];
                char address[64];
                char id[64];
                int64_t began_us;
        } post; /* of a POST's own span */
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

/* The trace goes on that has begun by parent ("00-TRACE-SPAN-01", judged by mcp/trace), or here. */
static struct span *new_span(struct traces *traces, const char *parent)
{
        struct span *span = alloc_zeroed(sizeof(*span));

        if (parent != NULL) {
                memcpy(span->trace, parent + 3, TRACE_HEX);
                memcpy(span->parent, parent + 4 + TRACE_HEX, SPAN_HEX);
        } else {
                draw(traces, span->trace);
                draw(traces, span->trace + SPAN_HEX);
        }
        draw(traces, span->id);
        return span;
}

/* A trace that the message names is its own; one that came by the headers of its POST goes on by
 * the POST's span. */
static bool is_of_post(const struct span *post, const char *parent)
{
        return parent == NULL || (strncmp(parent + 3, post->trace, TRACE_HEX) == 0 &&
                                  strncmp(parent + 4 + TRACE_HEX, post->parent, SPAN_HEX) == 0);
}

/* Within the POST's, or of a trace of the message's own, which is then linked with the POST's. */
static struct span *span_in_post(struct traces *traces, const struct span *post, const char *parent)
{
        bool is_of_it = is_of_post(post, parent);
        struct span *span;

        if (!is_of_it && !trace_is_sampled(parent))
                return NULL;
        span = new_span(traces, is_of_it ? NULL : parent);
        if (is_of_it) {
                memcpy(span->trace, post->trace, TRACE_HEX);
                memcpy(span->parent, post->id, SPAN_HEX);
        } else {
                memcpy(span->link_trace, post->trace, TRACE_HEX);
                memcpy(span->link_id, post->id, SPAN_HEX);
        }
        return span;
}

struct span *span_begin(struct context *context, const struct call_record *record,
                        const struct span *post, bool is_decided)
{
        struct traces *traces = context->traces;
        const char *parent = traces != NULL ? trace_parent(record->params) : NULL;

        if (traces == NULL || (parent == NULL && post == NULL && is_decided))
                return NULL;
        if (post != NULL)
                return span_in_post(traces, post, parent);
        return is_sampled(traces, context->config, parent) ? new_span(traces, parent) : NULL;
}

/* ---- attributes ---- */

static void add_code(struct json_text *t, int code)
{
        char text[16];

        if (code == 0)
                return;
        snprintf(text, sizeof(text), "%d", code);
        otlp_text(t, "rpc.response.status_code", text, TEXT_MAX);
}

static void add_id(struct json_text *t, const json_t *id)
{
        struct str text = {NULL, 0};

        if (json_is_string(id))
                otlp_text(t, "jsonrpc.request.id", json_string_value(id), TEXT_MAX);
        else if (id != NULL && rpc_dump(id, &text) == 0)
                otlp_str(t, "jsonrpc.request.id", text, TEXT_MAX);
        free((void *)text.p);
}

/* What all spans of a call have. */
static void add_common(struct json_text *t, const struct call_record *record)
{
        bool is_tool = strcmp(record->method, "tools/call") == 0;

        otlp_text(t, "mcp.method.name", record->method, TEXT_MAX);
        otlp_text(t, is_tool ? "gen_ai.tool.name" : "gen_ai.prompt.name", record->name,
                  NAME_MAX_BYTES);
        otlp_text(t, "gen_ai.operation.name", is_tool ? "execute_tool" : NULL, TEXT_MAX);
        otlp_text(t, "mcp.resource.uri", rpc_text(record->params, "uri"), URI_MAX_BYTES);
}

/* ---- spans as OTLP has them (JSON) ---- */

struct span_times {
        int64_t began_us, ended_us;
};

/* A name is in it only if lists have shown it: else anybody could make as many as they like. */
static void name_call(const struct call_record *record, char name[SPAN_NAME_SIZE])
{
        bool has_name = record->name != NULL && record->is_known;

        snprintf(name, SPAN_NAME_SIZE, "%s%s%.127s", record->method, has_name ? " " : "",
                 has_name ? record->name : "");
}

static void begin_span(struct json_text *t, const struct span *span, const char *id,
                       const char *parent, const char *name, const struct span_times *times,
                       int kind)
{
        json_text_open(t, '{');
        json_text_string(t, "traceId", span->trace, SIZE_MAX);
        json_text_string(t, "spanId", id, SIZE_MAX);
        if (parent[0] != '\0')
                json_text_string(t, "parentSpanId", parent, SIZE_MAX);
        json_text_int(t, "flags", 1);
        json_text_string(t, "name", name, SIZE_MAX);
        json_text_int(t, "kind", kind);
        otlp_time(t, "startTimeUnixNano", times->began_us);
        otlp_time(t, "endTimeUnixNano", times->ended_us);
        json_text_key(t, "attributes");
        json_text_open(t, '[');
}

static void add_link(struct json_text *t, const struct span *span)
{
        json_text_key(t, "links");
        json_text_open(t, '[');
        json_text_open(t, '{');
        json_text_string(t, "traceId", span->link_trace, SIZE_MAX);
        json_text_string(t, "spanId", span->link_id, SIZE_MAX);
        json_text_close(t, '}');
        json_text_close(t, ']');
}

/* error: its type; NULL: there was none. linked: NULL, or what has a link. */
static void end_span(struct traces *traces, struct json_text *t, const char *error,
                     const struct span *linked)
{
        otlp_text(t, "error.type", error, TEXT_MAX);
        json_text_close(t, ']');
        if (linked != NULL && linked->link_id[0] != '\0')
                add_link(t, linked);
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
        char text[SPAN_TEXT_MAX], name[SPAN_NAME_SIZE], code[16];
        struct json_text t;

        name_call(record, name);
        json_text_init(&t, text, sizeof(text));
        begin_span(&t, span, span->id, span->parent, name, &times, KIND_SERVER);
        add_common(&t, record);
        otlp_text(&t, "mcp.protocol.version", record->revision, TEXT_MAX);
        otlp_text(&t, "mcp.session.id", record->session_id, TEXT_MAX);
        add_id(&t, record->id);
        otlp_text(&t, "network.transport", "tcp", TEXT_MAX);
        otlp_text(&t, "network.protocol.name", "http", TEXT_MAX);
        otlp_text(&t, "mgw.server", record->server, TEXT_MAX);
        otlp_text(&t, "mgw.outcome", call_record_outcome_name(record->outcome), TEXT_MAX);
        otlp_text(&t, "mgw.request_id", record->request_id, TEXT_MAX);
        add_code(&t, record->code);
        end_span(traces, &t, error_of(record, code), span);
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

/* ---- POSTs ---- */

struct span *span_request_begin(struct context *context, const struct span_request *request)
{
        struct traces *traces = context->traces;
        struct span *span;

        if (traces == NULL || !is_sampled(traces, context->config, request->parent))
                return NULL;
        span = new_span(traces, request->parent);
        span->post.began_us = clock_wall_us();
        str_to_text(request->path, span->post.path, sizeof(span->post.path));
        str_to_text(request->address, span->post.address, sizeof(span->post.address));
        str_to_text(request->id, span->post.id, sizeof(span->post.id));
        return span;
}

static void end_post(struct context *context, const struct span *span, unsigned status)
{
        bool is_https = str_has_prefix(str_from(context->config->public_url), STR("https:"));
        struct span_times times = {span->post.began_us, clock_wall_us()};
        char text[SPAN_TEXT_MAX], name[SPAN_NAME_SIZE], code[16];
        struct json_text t;

        snprintf(name, sizeof(name), "POST %s", span->post.path);
        snprintf(code, sizeof(code), "%u", status);
        json_text_init(&t, text, sizeof(text));
        begin_span(&t, span, span->id, span->parent, name, &times, KIND_SERVER);
        otlp_text(&t, "http.request.method", "POST", TEXT_MAX);
        otlp_text(&t, "http.route", span->post.path, TEXT_MAX);
        otlp_text(&t, "url.path", span->post.path, TEXT_MAX);
        otlp_text(&t, "url.scheme", is_https ? "https" : "http", TEXT_MAX);
        otlp_number(&t, "http.response.status_code", status);
        otlp_text(&t, "client.address", span->post.address, TEXT_MAX);
        otlp_text(&t, "mgw.request_id", span->post.id, TEXT_MAX);
        end_span(context->traces, &t, status >= 500 ? code : NULL, NULL);
}

void span_request_end_take(struct context *context, struct span *span, unsigned status)
{
        if (span != NULL && context->traces != NULL)
                end_post(context, span, status);
        free(span);
}

/* ---- upstream ---- */

static void note_peer(struct span *span, const struct span_peer *peer)
{
        struct str url = str_from(peer->url), host = hdr_url_host(url);
        const char *port = host.p + host.n;
        bool is_in_brackets = host.n > 2 && host.p[0] == '[';

        span->upstream.is_pipe = peer->is_pipe;
        snprintf(span->upstream.server, sizeof(span->upstream.server), "%s", peer->server);
        if (is_in_brackets) /* an IPv6 address */
                host = (struct str){host.p + 1, host.n - 2};
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
        char text[SPAN_TEXT_MAX], name[SPAN_NAME_SIZE];
        struct span_times times;
        struct json_text t;

        if (span == NULL || !span->upstream.is_open || context->traces == NULL)
                return;
        span->upstream.is_open = false;
        times = (struct span_times){span->upstream.began_us, clock_wall_us()};
        name_call(record, name);
        json_text_init(&t, text, sizeof(text));
        begin_span(&t, span, span->upstream.id, span->id, name, &times, KIND_CLIENT);
        add_common(&t, record);
        otlp_text(&t, "network.transport", span->upstream.is_pipe ? "pipe" : "tcp", TEXT_MAX);
        otlp_text(&t, "network.protocol.name", span->upstream.is_pipe ? NULL : "http", TEXT_MAX);
        otlp_text(&t, "server.address", span->upstream.address, TEXT_MAX);
        if (span->upstream.address[0] != '\0')
                otlp_number(&t, "server.port", (unsigned)span->upstream.port);
        otlp_text(&t, "mgw.server", span->upstream.server, TEXT_MAX);
        add_code(&t, code);
        end_span(context->traces, &t, error, NULL);
}

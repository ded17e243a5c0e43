/* What is traced (docs/traces.md): a span for a POST, one for each call in it, and one for each
 * request that an upstream gets for that. Names and attributes are those of OpenTelemetry's
 * conventions for MCP (semantic-conventions-genai, docs/gen-ai/mcp.md), trace context is W3C's. */
#pragma once

#include "mgw/core/context.h"
#include "mgw/observe/call_record.h"

struct span;

/* Whom an upstream request goes to. Texts are borrowed for the call. */
struct span_peer {
        const char *server; /* as configured */
        const char *url;    /* NULL: not known */
        bool is_pipe;       /* of a program */
};

/* A POST, as its head tells. Texts are borrowed for the call. */
struct span_request {
        struct str path;
        struct str address; /* of its client */
        struct str id;      /* the proxy's */
        const char *parent; /* its traceparent; NULL: it has none */
};

/* For a POST that begins. NULL: it is not traced. */
struct span *span_request_begin(struct context *context, const struct span_request *request);
/* It has its answer; consumed, NULL is fine. */
void span_request_end_take(struct context *context, struct span *span, unsigned status);
/* For a call that begins; post: of the POST that has brought it, or NULL; is_decided: with the POST
 * it has been decided whether what its client has not decided is traced. NULL: it is not; what its
 * client has sent goes on as it is. */
struct span *span_begin(struct context *context, const struct call_record *record,
                        const struct span *post, bool is_decided);
/* The call has ended: its spans are sent, and record->span is freed; NULL is fine. */
void span_end(struct context *context, const struct call_record *record);
/* An upstream request begins; its params with our trace context in _meta. params may be raw, and
 * are consumed. span: NULL gives them back. */
json_t *span_upstream_begin_take(struct context *context, struct span *span,
                                 const struct span_peer *peer, json_t *params);
/* It has an answer (an error: with that code), or has failed: error, a word, else NULL. Harmless
 * where none has begun. */
void span_upstream_end(struct context *context, const struct call_record *record, int code,
                       const char *error);

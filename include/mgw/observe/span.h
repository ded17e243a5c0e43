/* What is traced of a call (docs/traces.md): a span for the call, and one for each request that an
 * upstream gets for it. Names and attributes are those of OpenTelemetry's conventions for MCP
 * (semantic-conventions-genai, docs/gen-ai/mcp.md), trace context is W3C's. */
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

/* For a call that begins. NULL: it is not traced; what its client has sent goes on as it is. */
struct span *span_begin(struct context *context, const struct call_record *record);
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

/* Trace context that passes through: traceparent and tracestate (W3C Trace Context), baggage (W3C
 * Baggage). A request carries it in params._meta, in HTTP headers of the same names, or in both. It
 * is handed on as it is, but where observe/span puts a span of ours between. */
#pragma once

#include "mgw/mcp/mirror.h"

#include <jansson.h>
#include <stdbool.h>

/* Do they say anything that a request would carry? */
bool trace_has_headers(const struct mirror_headers *headers);
/* Leaves in params._meta of a request what of its trace context is valid, and adds what its HTTP
 * headers say where it says nothing itself; tracestate goes with its traceparent. A message of
 * another kind, or without params, is left alone. 0, -ENOMEM. */
int trace_adopt(json_t *message, const struct mirror_headers *headers);
/* The traceparent that params carry, borrowed; NULL: none. */
const char *trace_parent(const json_t *params);
/* The traceparent of its HTTP headers, as a span needs it: its first 55 bytes. False: there is
 * none, or it is none. */
#define TRACE_PARENT_SIZE 56
bool trace_header_parent(const struct mirror_headers *headers, char text[TRACE_PARENT_SIZE]);
/* Does its caller record what happens? ("sampled") */
bool trace_is_sampled(const char *traceparent);
/* Adds "Name: value" lines for what params carry to lines for strv_free() (*linesp
 * may be NULL). 0, -ENOMEM. */
int trace_lines_add(char ***linesp, const json_t *params);

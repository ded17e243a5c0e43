/* What is known of a call when it ends: made by session/call_record, read by metrics, audit and
 * traces (observe). All of it is borrowed for the while of observe_call(). */
#pragma once

#include "mgw/base/str.h"
#include "mgw/core/identity.h"

#include <jansson.h>
#include <stdint.h>

struct audit_entry;
struct share;
struct span;

enum call_outcome {
        CALL_OUTCOME_OK,
        CALL_OUTCOME_TOOL_ERROR, /* isError */
        CALL_OUTCOME_ERROR,      /* a JSON-RPC error: code */
        CALL_OUTCOME_DENIED,     /* by policy or scope: likewise */
        CALL_OUTCOME_TIMEOUT,    /* its upstream was silent for too long: likewise */
        CALL_OUTCOME_CANCELLED,  /* its client wants it no more, or has left */
        CALL_OUTCOME_N
};

struct call_record {
        const struct identity *identity;
        struct share *share;        /* who pays for what is kept of it; NULL: nobody */
        const char *client_name;    /* as the client calls itself; NULL: it has not said */
        const char *client_version; /* likewise */
        const char *revision;       /* of MCP, that it speaks */
        const char *session_id;     /* NULL: it keeps none */
        const json_t *id;           /* of its request */
        const char *method;         /* "tools/call" */
        const char *name;           /* of the tool or prompt, as the client knows it; or NULL */
        const char *server;         /* as configured; NULL: none was asked */
        const json_t *params;       /* or NULL */
        const char *request_id;     /* of the POST (HAProxy's); NULL: it is gone */
        struct audit_entry *audit;  /* from audit_begin(); NULL: none is kept */
        struct span *span;          /* NULL: it is not traced */
        enum call_outcome outcome;
        int code;         /* of a JSON-RPC error */
        bool is_known;    /* name is one that lists have shown: fit for a label */
        int64_t began_us; /* wall clock, since 1970 */
        int64_t took_us;
        uint64_t bytes_in;  /* of params, about */
        uint64_t bytes_out; /* of the answer, about */
};

/* As metrics and audit have it: "tool_error". */
const char *call_record_outcome_name(enum call_outcome outcome);
/* Is it a tool's own error (isError)? NULL is none. */
bool call_record_is_tool_error(const json_t *answer);
/* OK, ERROR or TOOL_ERROR, by itself; of NULL OK. */
enum call_outcome call_record_outcome_of(const json_t *answer);
/* All outcomes but ok and cancelled. */
bool call_record_has_failed(enum call_outcome outcome);

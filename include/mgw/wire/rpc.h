/* JSON-RPC 2.0 envelopes as MCP uses them, on jansson. */
#pragma once

#include "mgw/base/ledger.h"
#include "mgw/base/str.h"

#include <jansson.h>

#define RPC_E_JSON 1    /* not JSON (or nested too deep): code RPC_PARSE_ERROR */
#define RPC_E_INVALID 2 /* JSON, but no message: code RPC_INVALID_REQUEST */
#define RPC_E_BIG 3     /* more values than allowed */
#define RPC_E_PAYER 4   /* whoever it is charged to has no room for it */
#define RPC_E_WHOLE 5   /* the gateway has none */

/* Deeper input is refused before it is parsed. */
#define RPC_DEPTH_MAX 64

/* What stands for bytes that are no text. */
#define RPC_REPLACEMENT 0xfffd

/* Ids are copied into each message about their request. */
#define RPC_ID_MAX_BYTES 1024

enum rpc_code {
        RPC_PARSE_ERROR = -32700,
        RPC_INVALID_REQUEST = -32600,
        RPC_METHOD_NOT_FOUND = -32601,
        RPC_INVALID_PARAMS = -32602,
        RPC_INTERNAL_ERROR = -32603,
        RPC_RESOURCE_NOT_FOUND = -32002,       /* MCP up to 2025-11-25 */
        RPC_URL_ELICITATION_REQUIRED = -32042, /* MCP 2025-11-25 */
        RPC_HEADER_MISMATCH = -32020,          /* these three: MCP 2026-07-28 */
        RPC_MISSING_CAPABILITY = -32021,
        RPC_UNSUPPORTED_VERSION = -32022,
};

enum rpc_kind { RPC_REQUEST, RPC_NOTIFICATION, RPC_RESULT, RPC_ERROR };

/* A view of one message; everything is borrowed from the json_t it was read from. */
struct rpc_msg {
        enum rpc_kind kind;
        json_t *root;
        json_t *id; /* string or integer, also 1.0; NULL: a notification, or an answer without id */
        const char *method; /* requests and notifications */
        json_t *params;     /* object or NULL (arrays are refused) */
        json_t *result;
        json_t *error;
        bool is_bare; /* it did not say that it is JSON-RPC: rpc_msg_mend() */
};

/* What a text may cost. */
struct rpc_bounds {
        size_t values_max;        /* names of members are counted with them */
        struct ledger_hold *hold; /* is charged with what they take, about; NULL: nobody is */
};

/* Parses text with the depth bounded, and otherwise as leniently as docs/quirks.md says: what JSON
 * does not know, and yet can mean but one thing, is read. bounds are kept before the first value is
 * made (NULL: there are none).
 * 0: *rootp owned by the caller (an object or an array), and what the hold holds is the caller's to
 * release. Else a reason in why (160 bytes will do): what and where, never the text itself;
 * RPC_E_JSON, RPC_E_BIG, RPC_E_PAYER, RPC_E_WHOLE. */
int rpc_parse(struct str text, const struct rpc_bounds *bounds, json_t **rootp, char *why,
              size_t why_size);
/* The same for a value of any kind, without bounds but that of depth. 0, RPC_E_JSON. */
int rpc_parse_any(struct str text, json_t **valuep, char *why, size_t why_size);
/* The bytes that jansson takes for a value, about: many times its text where that is of small
 * values. At most RPC_DEPTH_MAX levels of it are looked at. NULL takes none. */
size_t rpc_cost(const json_t *value);
/* The bytes of its text, about: what rpc_dump() escapes is not counted, numbers as of eight digits.
 * At most RPC_DEPTH_MAX levels are looked at. NULL has none. */
size_t rpc_length(const json_t *value);
/* A member that is null counts as none, and is taken out of params and its _meta (but for "data",
 * "ttl" and "ttlMs"). 0, RPC_E_INVALID with *whyp a constant sentence. */
int rpc_msg_read(json_t *root, struct rpc_msg *msg, const char **whyp);
/* The id under which a message is refused, borrowed; NULL: it has none, or answers something. */
json_t *rpc_id_of(const json_t *message);
/* The same of a server, whose message is mended so that a call ends by it: "jsonrpc" may be missing
 * (msg->is_bare), an answer may have no id, or one that is none (NULL), beside a result an error
 * that says nothing is none, else it is made a sound one; a result of null or [] is {}. */
int rpc_msg_mend(json_t *root, struct rpc_msg *msg, const char **whyp);

/* Builders return a new message, or NULL where a value is NULL. `id` is borrowed (NULL gives null);
 * _take parameters are consumed, also on failure. */
json_t *rpc_result_take(json_t *id, json_t *result);
json_t *rpc_error_take(json_t *id, int code, const char *message, json_t *data);
json_t *rpc_notification_take(const char *method, json_t *params);
json_t *rpc_request_take(json_t *id_take, const char *method, json_t *params);

/* Any value as compact text, one line, a NUL behind it; the caller frees out->p. Numbers that were
 * kept as written (rpc_number.h) are so again, doubles the shortest that is read back the same,
 * with
 * ".0" where it would be an integer. 0, -ENOMEM. */
int rpc_dump(const json_t *value, struct str *out);
/* The same, the members of objects in the order of their names. */
int rpc_dump_sorted(const json_t *value, struct str *out);
/* The same for a terminal, to which other characters may mean something. With an indent each member
 * and entry is on a line of its own. */
int rpc_dump_ascii(const json_t *value, unsigned indent, struct str *out);

/* A string member. NULL: there is none, or it is a number, or a NUL is in it, where C would cut it
 * into another text.
 */
const char *rpc_text(const json_t *object, const char *key);

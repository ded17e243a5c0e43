/* The messages that most of the work is of, looked at without making their values: calls of tools,
 * and their results that are texts. Most of them go on as they came, and so their params and their
 * result are kept as text (json_raw.h).
 *
 * A text is *plain* where what rpc_parse() would read, and rpc_dump() print, is the same but for
 * spaces and the digits behind a point: UTF-8, on one line, nested RPC_DEPTH_MAX deep at most, no
 * name twice in an object, no number that would have to be mended, no half a pair of surrogates.
 * What is not plain, or has members that are not named here, is for rpc_parse(): NULL, always. */
#pragma once

#include "mgw/base/str.h"

#include <jansson.h>

/* A request for tools/call with the params name and, mostly, arguments: {jsonrpc, id, method,
 * params}, params raw. values_max: as in struct rpc_bounds. */
json_t *rpc_glance_call(struct str text, size_t values_max);
/* The name in params, raw or not; the caller frees it. NULL: it is no string, or has a NUL; or out
 * of memory. */
char *rpc_call_name(const json_t *params);
/* Such raw params with another name, which is UTF-8, a new reference. NULL: out of memory. */
json_t *rpc_call_renamed(json_t *params, const char *name);

/* The answer to a tools/call whose content is text and which is no error: {jsonrpc, id, result},
 * the result raw, and sound as it is for clients of all revisions with sessions. */
json_t *rpc_glance_result(struct str text, size_t values_max);

/* What a request's body says once more in its HTTP headers (MCP 2026-07-28, Streamable HTTP,
 * "Request Metadata"): MCP-Protocol-Version, Mcp-Method, Mcp-Name, and Mcp-Param-* for arguments
 * that the tool's inputSchema marks with x-mcp-header. */
#pragma once

#include "mgw/wire/cgi.h"

#include <jansson.h>
#include <stddef.h>

#define MIRROR_E_MISMATCH 1 /* code RPC_HEADER_MISMATCH, status 400 */
#define MIRROR_E_TOOL 2     /* the tool's annotations break the rules: clients must not see it */

/* The headers of a request, by their names as CGI has them ("HTTP_MCP_NAME"); get() gives the empty
 * string for what was not sent. */
struct mirror_headers {
        struct str (*get)(const void *from, const char *name);
        const void *from;
};

/* Those of a CGI request; borrows params. */
struct mirror_headers mirror_headers_of(const struct cgi_params *params);

/* Do the standard headers say what the body says? message is one JSON-RPC request or notification;
 * of a notification no header is required but the version. A member that the body lacks or that is
 * no string is not compared: that is another error. 0; MIRROR_E_MISMATCH with a sentence in why
 * (200 bytes will do), which names the header and quotes no value; -ENOMEM. */
int mirror_check(const struct mirror_headers *headers, const json_t *message, char *why,
                 size_t why_size);
/* The same of the Mcp-Param-* headers of a tools/call; arguments may be NULL. A schema that
 * mirror_check_tool() refuses asks for none. */
int mirror_check_params(const struct mirror_headers *headers, const json_t *arguments,
                        const json_t *input_schema, char *why, size_t why_size);

/* Are the x-mcp-header annotations of a tool such that its definition may be used over HTTP? 0;
 * MIRROR_E_TOOL with a sentence in why (200 bytes will do); -ENOMEM. */
int mirror_check_tool(const json_t *tool, char *why, size_t why_size);

/* "Name: value" lines, ended by NULL: Mcp-Method and, where they belong, Mcp-Name and Mcp-Param-*
 * (the version is a matter of the connection). input_schema: of the tool that is called, or NULL.
 * 0: *linesp for strv_free(). -E2BIG (a value over a mebibyte), -ENOMEM. */
int mirror_lines_make(const json_t *message, const json_t *input_schema, char ***linesp);

/* CGI on top of FastCGI (RFC 3875): parameters to a request head, a response head to bytes. */
#pragma once

#include "mgw/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CGI_E_BAD 2 /* the parameters or the head cannot be what a correct peer sends */

/* The parameters as libfcgi keeps them: "NAME=VALUE" strings in a FCGX_ParamArray, so that
 * FCGX_GetParam() reads them. Headers that came twice are one, joined with ", " (RFC 3875 4.1.18).
 * Owns its memory. */
struct cgi_params {
        char **envp;
        char *text;
};

/* pairs is the whole PARAMS stream. 0, CGI_E_BAD (broken lengths, NUL bytes, an empty name, '=' in
 * a name), -ENOMEM. */
int cgi_params_decode(struct cgi_params *params, struct str pairs);
void cgi_params_finish(struct cgi_params *params);
/* The value, or the empty string. */
struct str cgi_param(const struct cgi_params *params, const char *name);

enum cgi_method { CGI_GET, CGI_HEAD, CGI_POST, CGI_DELETE, CGI_OPTIONS, CGI_OTHER };

/* What routing needs of a request; strings are borrowed from the parameters, empty if not sent. */
struct cgi_head {
        enum cgi_method method;
        struct str path;  /* of REQUEST_URI, as sent, without authority and query */
        struct str query; /* without the '?' */
        bool is_inside;   /* MGW_INSIDE: it came by the proxy's inside port */
        bool has_length;
        uint64_t content_length;
        struct str content_type;
        struct str remote_addr;
        struct str request_id;   /* MGW_REQUEST_ID, the proxy's name for it */
        struct str http_version; /* SERVER_PROTOCOL: "HTTP/1.1", "HTTP/2.0" */
        struct str accept;
        struct str authorization;
        struct str origin;
        struct str session_id;       /* Mcp-Session-Id */
        struct str protocol_version; /* MCP-Protocol-Version */
        struct str last_event_id;    /* Last-Event-ID */
};

/* 0, CGI_E_BAD (no method or URI, a length that is no number). */
int cgi_head_read(struct cgi_head *head, const struct cgi_params *params);

/* The first value of name in a query string, decoded into out (NUL-terminated): percent escapes,
 * and '+' for a space. 0, -ENOENT, CGI_E_BAD (a broken escape, a NUL, longer than size - 1). */
int cgi_query_get(struct str query, struct str name, char *out, size_t size);

struct cgi_header {
        const char *name;
        const char *value; /* NULL: left out */
};

/* The reason phrase (RFC 9110 15), "Unknown" for codes that we do not use. */
const char *cgi_reason(unsigned status);
/* "Status: 200 OK\r\n" and the headers (ended by a NULL name; may be NULL), and the empty line.
 * 0, CGI_E_BAD (a name that is no token, a control character in a value), BUF_E_FULL, -ENOMEM; all
 * or nothing. */
int cgi_add_response_head(struct buf *out, unsigned status, const struct cgi_header *headers);

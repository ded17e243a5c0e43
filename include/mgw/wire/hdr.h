/* Values of HTTP header fields. */
#pragma once

#include "mgw/base/buf.h"

#include <stdbool.h>

#define HDR_E_BAD 2 /* what no header value may hold */

enum hdr_accept { HDR_ACCEPT_NO, HDR_ACCEPT_WILDCARD, HDR_ACCEPT_EXPLICIT };

/* Does an Accept field take the media type (lower case, "text/event-stream")? The most specific
 * range decides; q=0 refuses (RFC 9110 12.5.1). An empty field counts as a wildcard. */
enum hdr_accept hdr_accepts(struct str accept, struct str type);
/* Is a Content-Type the media type, whatever its parameters and case? */
bool hdr_media_is(struct str content_type, struct str type);
/* Does a Content-Encoding say that the body is compressed? Others than those of IANA's registry
 * stand there of what is plain ("utf-8"). */
bool hdr_is_compressed(struct str content_encoding);
/* How long an answer may be kept, in seconds (Cache-Control, RFC 9111 5.2.2): of max-age; 0: not at
 * all (no-store, no-cache); -1: it does not say. */
int64_t hdr_max_age_s(struct str cache_control);
/* The token of "Bearer <token>" (RFC 6750 2.1), empty when it is something else. */
struct str hdr_bearer(struct str authorization);
/* The value of the first cookie of that name (RFC 6265 4.2), empty when there is none. */
struct str hdr_cookie(struct str cookie, const char *name);
/* The host of an Origin or URL ("http://[::1]:80/x" -> "[::1]"), empty when malformed. */
struct str hdr_url_host(struct str url);
/* Only visible ASCII (0x21 to 0x7e), 1 to max bytes: what a session id may hold. */
bool hdr_is_visible(struct str s, size_t max);
/* What a user may be called, in headers and in the log: 1 to 254 of such (an email address). */
bool hdr_is_user(struct str s);
/* A token (RFC 9110 5.6.2), which names of headers are. */
bool hdr_is_token(struct str s);

/* Has one of the lines "Name: value" (a strv) this name, or that of this line? */
bool hdr_lines_have(const char *const *lines, const char *name);

/* How MCP writes any text as a header value (2026-07-28, Streamable HTTP, "Value Encoding"): as it
 * is, or, when it is empty, not ASCII, has control characters or spaces at an end, or looks like
 * this already, as "=?base64?...?=". Appends it. 0, BUF_E_FULL, -ENOMEM; at a failure a part may be
 * there. */
int hdr_value_encode(struct buf *out, struct str text);
/* Appends the text that a header value stands for. 0; HDR_E_BAD: a character that no header may
 * hold, or broken Base64; BUF_E_FULL, -ENOMEM. */
int hdr_value_decode(struct buf *out, struct str value);

/* The answer to an HTTP/1.1 request (RFC 9112), read as its client reads it. Bytes go in, and out
 * of them come, one at a time, the end of the head, pieces of the body as they were sent (chunks
 * are undone, content codings are not), and the end. Informational answers (1xx) before it are
 * skipped.
 *
 *      while (n > 0) {
 *              r = http1_response_feed(&response, p, n, &used, &piece);
 *              p += used;
 *              n -= used;
 *              ...
 *      }
 *
 * The byte before the end may be given back with the piece that it ends: the rest is what the
 * pointer says. */
#pragma once

#include "mgw/base/buf.h"

#include <http_parser.h>

#define HTTP1_RESPONSE_MORE 0   /* nothing to tell; what is left, if any, is to be fed */
#define HTTP1_RESPONSE_HEAD 1   /* the head is complete: status and fields */
#define HTTP1_RESPONSE_BODY 2   /* a piece of the body, borrowed from what was fed */
#define HTTP1_RESPONSE_END 3    /* it is over: what is left, if any, is no part of it */
#define HTTP1_RESPONSE_E_BAD 4  /* no such answer, or it breaks off */
#define HTTP1_RESPONSE_E_FULL 5 /* its heads and trailers are over the cap */

/* The fields of the head that are kept; of several of a name the first. */
enum http1_field {
        HTTP1_CONTENT_TYPE,
        HTTP1_LOCATION,
        HTTP1_RETRY_AFTER,
        HTTP1_SESSION_ID, /* Mcp-Session-Id */
        HTTP1_CACHE_CONTROL,
        HTTP1_WWW_AUTHENTICATE,
        HTTP1_TRANSFER_ENCODING,
        HTTP1_CONTENT_ENCODING,
        HTTP1_N_FIELDS,
};

/* Embedded; what stands in it is http1_response.c's. */
struct http1_response {
        http_parser parser;
        struct buf values; /* of the fields, each ended by a NUL */
        struct {
                uint32_t at, n; /* 0: it has not come */
        } fields[HTTP1_N_FIELDS];
        struct str piece;
        uint32_t n_head, head_max_bytes;
        int outcome; /* of the callbacks */
        uint8_t field;
        uint8_t n_name;
        char name[20];
        bool is_bodyless; /* whatever its head says: it answers HEAD */
        bool in_value;
        bool is_kept;
};

/* head_max_bytes: of names and values, with those of informational answers and of trailers. */
void http1_response_init(struct http1_response *r, uint32_t head_max_bytes, bool is_bodyless);
/* Frees the fields. What still comes, if anything, may be read nevertheless. */
void http1_response_finish(struct http1_response *r);
/* n > 0 bytes, *used of which have been taken. An outcome from above, or -ENOMEM. Not to be called
 * after HTTP1_RESPONSE_END or a failure. */
int http1_response_feed(struct http1_response *r, const char *p, size_t n, size_t *used,
                        struct str *piece);
/* The server has closed: HTTP1_RESPONSE_END where that ends the answer, else HTTP1_RESPONSE_E_BAD.
 */
int http1_response_close(struct http1_response *r);

/* Once the head is complete. */
static inline unsigned http1_response_status(const struct http1_response *r)
{
        return r->parser.status_code;
}
/* Trimmed, ended by a NUL; empty where there is none. Borrowed until the next call. */
struct str http1_response_field(const struct http1_response *r, enum http1_field field);
/* It is over: may the connection carry another request (RFC 9112 9.3)? */
static inline bool http1_response_keeps(const struct http1_response *r)
{
        return r->is_kept;
}

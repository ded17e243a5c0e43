/* HTTP/1.1 (RFC 9112) as a proxy speaks it to its server, turned into FastCGI records and back: for
 * bodies of no told length, which HAProxy cannot send by FastCGI when they are over one buffer. One
 * POST a connection. Its header fields become parameters as CGI has them (RFC 3875 4.1.18); what is
 * trusted of them are those that the proxy sets in place of the client's own:
 *
 *   Mgw-Remote-Addr, Mgw-Request-Id, Mgw-Protocol */
#pragma once

#include "mgw/wire/fcgi.h"

#define HTTP1_E_BAD 2  /* no such request, or no answer: the connection is lost */
#define HTTP1_E_FULL 3 /* its head is over the cap */

struct http1;

/* The records of the request, id 1; borrowed. Must not free the http1. */
typedef void http1_on_record(void *owner, const struct fcgi_record *rec);

/* Could this be the first byte of one? No FastCGI record begins so. */
static inline bool http1_begins(uint8_t first)
{
        return first >= 'A' && first <= 'Z';
}

struct http1 *http1_create(uint32_t head_max_bytes, http1_on_record *on_record, void *owner);
void http1_destroy(struct http1 *h); /* NULL is fine */
/* What the proxy sends. 0, HTTP1_E_BAD, HTTP1_E_FULL, -ENOMEM. */
int http1_feed(struct http1 *h, const uint8_t *p, size_t n);
/* Records of the answer, appended to out as HTTP: as chunks where the head tells no length, so that
 * one that breaks off is not taken for whole. 0, HTTP1_E_BAD, BUF_E_FULL, -ENOMEM. */
int http1_answer(struct http1 *h, struct buf *out, const void *records, size_t n);

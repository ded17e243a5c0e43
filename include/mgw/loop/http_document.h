/* A small document from another's server, whole: keys, metadata, tokens. What a stranger may cause
 * is bounded: https only, public addresses only (as resolved, on every connection), no redirects,
 * so many bytes, so much time. */
#pragma once

#include "mgw/loop/http.h"

struct http_document;

#define HTTP_DOCUMENTS_PUBLIC_MAX 64 /* at once */

/* For tests and closed networks: what strangers name may be http, and at any address that
 * HTTP_REACH_NETWORK has. */
void http_document_allow_private(struct http_client *client);

struct http_document_options {
        const char *method; /* "GET", "POST" */
        const char *url;
        const char *const *headers; /* as of http_options; NULL: none */
        struct str body;
        uint32_t max_bytes;
        long timeout_ms;
        bool is_public; /* a stranger names it: https and public addresses alone, own http_source */
        struct http_source
                *source; /* where it is not: whose TLS and egress rules hold. NULL: plain */
};

struct http_document_answer {
        unsigned status;
        struct str body;         /* borrowed, for the call only */
        struct str content_type; /* likewise */
        int64_t max_age_s; /* Cache-Control: max-age; -1: not said; 0 for no-store and no-cache */
        int64_t retry_after_s; /* Retry-After; -1: none */
        const char *fault;     /* NULL, or what failed, in words for a log; then no other is set */
};

typedef void http_document_fn(void *owner, const struct http_document_answer *answer);

/* on_done is called once, from the loop, never from within. What is wrong with the URL comes by
 * it too. The document is freed after that call. */
struct http_document *http_document_start(struct http_client *client,
                                          const struct http_document_options *options,
                                          http_document_fn *on_done, void *owner);
/* on_done is not called any more; NULL is fine. */
void http_document_cancel(struct http_document *document);

/* How an authorization server is asked: what the operator has named may be anywhere; what a server
 * names beyond that is a stranger's (http_document's is_public). */
#pragma once

#include "mgw/loop/http_document.h"

#include <jansson.h>

struct oauth_http {
        struct http_client *client;
        struct http_source *source; /* of the upstream */
        const char *homes[5];       /* addresses that the operator has named, ended by NULL */
        long timeout_ms;            /* of one request */
        bool allows_private;        /* the setting allow_private_documents */
};

/* Has the operator named its origin? */
bool oauth_http_is_home(const struct oauth_http *http, const char *url);
/* May an address be without TLS? Where the operator's own are, and in closed networks. */
bool oauth_http_takes_plain(const struct oauth_http *http);
struct http_document *oauth_http_get(const struct oauth_http *http, const char *url,
                                     http_document_fn *on_done, void *owner);
/* type: a Content-Type; authorization: a line, or NULL. */
struct http_document *oauth_http_post(const struct oauth_http *http, const char *url,
                                      const char *type, const char *authorization, struct str body,
                                      http_document_fn *on_done, void *owner);
/* The object that an answer of this status is, for the caller to release. NULL: it is none. */
json_t *oauth_http_object(const struct http_document_answer *answer, unsigned status);

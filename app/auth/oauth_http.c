#include "mgw/auth/oauth_http.h"

#include "mgw/auth/oauth_party.h"
#include "mgw/auth/oauth_url.h"

#include <strings.h>

#define ANSWER_MAX_BYTES (64u << 10)

bool oauth_http_is_home(const struct oauth_http *http, const char *url)
{
        for (const char *const *home = http->homes; *home != NULL; home++)
                if (oauth_url_same_origin(*home, url))
                        return true;
        return false;
}

bool oauth_http_takes_plain(const struct oauth_http *http)
{
        if (http->allows_private)
                return true;
        for (const char *const *home = http->homes; *home != NULL; home++)
                if (strncasecmp(*home, "http://", 7) == 0)
                        return true;
        return false;
}

static struct http_document *start(const struct oauth_http *http, const char *method,
                                   const char *url, const char *const *headers, struct str body,
                                   http_document_fn *on_done, void *owner)
{
        const struct http_document_options options = {
                .method = method,
                .url = url,
                .headers = headers,
                .body = body,
                .max_bytes = ANSWER_MAX_BYTES,
                .timeout_ms = http->timeout_ms,
                .is_public = !oauth_http_is_home(http, url),
                .source = http->source,
        };

        return http_document_start(http->client, &options, on_done, owner);
}

struct http_document *oauth_http_get(const struct oauth_http *http, const char *url,
                                     http_document_fn *on_done, void *owner)
{
        static const char *const headers[] = {"Accept: application/json", NULL};

        return start(http, "GET", url, headers, STR(""), on_done, owner);
}

struct http_document *oauth_http_post(const struct oauth_http *http, const char *url,
                                      const char *type, const char *authorization, struct str body,
                                      http_document_fn *on_done, void *owner)
{
        const char *const headers[] = {type, "Accept: application/json", authorization, NULL};

        return start(http, "POST", url, headers, body, on_done, owner);
}

json_t *oauth_http_object(const struct http_document_answer *answer, unsigned status)
{
        json_t *object =
                answer->fault == NULL && answer->status == status
                        ? json_loadb(answer->body.p, answer->body.n, JSON_REJECT_DUPLICATES, NULL)
                        : NULL;

        if (json_is_object(object))
                return object;
        json_decref(object);
        return NULL;
}

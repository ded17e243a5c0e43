/* Where an answer leads, and whether the request goes there. curl's own way would turn POST into
 * GET, and sends our headers, which may hold credentials, to any host. */
#include "http_inside.h"

#include "mgw/base/alloc.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REDIRECTS_MAX 3

static bool part_is_same(CURLU *a, CURLU *b, CURLUPart part)
{
        char *one = NULL, *other = NULL;
        bool is_same = curl_url_get(a, part, &one, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                       curl_url_get(b, part, &other, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                       strcasecmp(one, other) == 0;

        curl_free(one);
        curl_free(other);
        return is_same;
}

static bool origin_is_same(CURLU *a, CURLU *b)
{
        return part_is_same(a, b, CURLUPART_SCHEME) && part_is_same(a, b, CURLUPART_HOST) &&
               part_is_same(a, b, CURLUPART_PORT);
}

static bool has_user(CURLU *url)
{
        char *user = NULL, *password = NULL;
        bool has = curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK ||
                   curl_url_get(url, CURLUPART_PASSWORD, &password, 0) == CURLUE_OK;

        curl_free(user);
        curl_free(password);
        return has;
}

char *http_resolve(const char *base, const char *ref)
{
        CURLU *from = curl_url(), *to = curl_url();
        char *text = NULL, *url = NULL;

        if (from != NULL && to != NULL && curl_url_set(from, CURLUPART_URL, base, 0) == CURLUE_OK &&
            curl_url_set(to, CURLUPART_URL, base, 0) == CURLUE_OK &&
            curl_url_set(to, CURLUPART_USER, NULL, 0) == CURLUE_OK &&
            curl_url_set(to, CURLUPART_PASSWORD, NULL, 0) == CURLUE_OK &&
            curl_url_set(to, CURLUPART_URL, ref, CURLU_URLENCODE) == CURLUE_OK &&
            origin_is_same(from, to) && !has_user(to) &&
            curl_url_get(to, CURLUPART_URL, &text, 0) == CURLUE_OK)
                url = alloc_text(text);
        curl_free(text);
        curl_url_cleanup(from);
        curl_url_cleanup(to);
        return url;
}

/* Those of the statuses whose Location is where the same thing is to be asked. */
static bool is_redirect(unsigned status)
{
        return (status >= 301 && status <= 303) || status == 307 || status == 308;
}

/* NULL: it goes there; else why not. */
static const char *objection(const struct http_request *request, unsigned status, CURLU *from,
                             CURLU *to)
{
        if (request->is_exact)
                return "not followed";
        if (!origin_is_same(from, to))
                return "another origin: not followed";
        if (status <= 303 && !request->is_get)
                return "which is followed by GET alone";
        return request->n_redirects < REDIRECTS_MAX ? NULL : "once more: not followed";
}

/* What a server names as its host may be of any bytes. */
static void make_ascii(char *text)
{
        for (; text != NULL && *text != '\0'; text++)
                if ((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f)
                        *text = '?';
}

static void redirect_to(struct http_request *request, unsigned status, CURLU *from, CURLU *to)
{
        const char *why = objection(request, status, from, to);
        char *url = NULL, *origin;

        if (curl_url_get(to, CURLUPART_URL, &url, 0) != CURLUE_OK)
                return;
        origin = http_origin_of(to);
        if (why == NULL)
                request->next_url = alloc_text(url);
        else
                request->refusal = alloc_format("HTTP %u: redirected to %.300s, %s", status,
                                                origin != NULL ? origin : "an unreadable URL", why);
        make_ascii(request->refusal);
        free(origin);
        curl_free(url);
}

void http_redirect_read(struct http_request *request, unsigned status, const char *location)
{
        const char *here = http_request_url(request);
        CURLU *from, *to;

        if (!is_redirect(status))
                return;
        from = curl_url();
        to = curl_url();
        if (from != NULL && to != NULL && curl_url_set(from, CURLUPART_URL, here, 0) == CURLUE_OK &&
            curl_url_set(to, CURLUPART_URL, here, 0) == CURLUE_OK &&
            curl_url_set(to, CURLUPART_URL, location, CURLU_NON_SUPPORT_SCHEME | CURLU_URLENCODE) ==
                    CURLUE_OK)
                redirect_to(request, status, from, to);
        curl_url_cleanup(from);
        curl_url_cleanup(to);
}

/* What failed, twice: as a kind, which anybody may be told, and in curl's words with the server's
 * origin, for the log. Paths and queries are in neither, since they may hold secrets. */
#include "http_inside.h"

#include "mgw/base/alloc.h"

#include <stdlib.h>

const char *http_fault_text(enum http_fault fault)
{
        static const char *const texts[] = {
                [HTTP_FAULT_OURS] = "the request could not be made",
                [HTTP_FAULT_AWAY] = "cannot be reached",
                [HTTP_FAULT_BARRED] = "its address is not one to connect to",
                [HTTP_FAULT_TLS] = "no TLS connection could be made",
                [HTTP_FAULT_TRUST] = "its certificate is not trusted",
                [HTTP_FAULT_CUT] = "the connection closed before it answered",
                [HTTP_FAULT_BROKEN] = "the connection closed in the middle of its answer",
                [HTTP_FAULT_LATE] = "it did not answer in time",
                [HTTP_FAULT_STRANGE] = "its answer cannot be read as HTTP",
                [HTTP_FAULT_ELSEWHERE] = "it redirects to where we do not follow",
        };

        return texts[fault];
}

/* Has a byte of the answer come? */
static bool request_is_answered(const struct http_request *request)
{
        long n = 0;

        curl_easy_getinfo(request->transfer->easy, CURLINFO_HEADER_SIZE, &n);
        return request->is_head_told || n > 0;
}

/* The request is out. */
static enum http_fault fault_of_answer(const struct http_request *request, CURLcode result)
{
        switch (result) {
        case CURLE_GOT_NOTHING:
        case CURLE_SEND_ERROR:
        case CURLE_SEND_FAIL_REWIND:
        case CURLE_RECV_ERROR:
        case CURLE_PARTIAL_FILE:
        case CURLE_HTTP2:
        case CURLE_HTTP2_STREAM:
                return request_is_answered(request) ? HTTP_FAULT_BROKEN : HTTP_FAULT_CUT;
        case CURLE_OPERATION_TIMEDOUT:
                return HTTP_FAULT_LATE;
        default:
                return HTTP_FAULT_STRANGE;
        }
}

static enum http_fault fault_of_connection(CURLcode result)
{
        switch (result) {
        case CURLE_COULDNT_RESOLVE_PROXY:
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_CONNECT:
        case CURLE_OPERATION_TIMEDOUT:
        case CURLE_PROXY:
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR:
                return HTTP_FAULT_AWAY;
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_SSL_CIPHER:
        case CURLE_SSL_CERTPROBLEM:
                return HTTP_FAULT_TLS;
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_ISSUER_ERROR:
        case CURLE_SSL_INVALIDCERTSTATUS:
                return HTTP_FAULT_TRUST;
        default:
                return HTTP_FAULT_OURS;
        }
}

enum http_fault http_failure_fault(const struct http_request *request, CURLcode result)
{
        if (request->carrier->was_sent(request))
                return fault_of_answer(request, result);
        return request->transfer->barred[0] != '\0' ? HTTP_FAULT_BARRED
                                                    : fault_of_connection(result);
}

/* NULL: it has none. */
static char *url_part(CURLU *url, CURLUPart part)
{
        char *text = NULL;

        return curl_url_get(url, part, &text, 0) == CURLUE_OK ? text : NULL;
}

char *http_origin_of(CURLU *url)
{
        char *scheme = url_part(url, CURLUPART_SCHEME), *host = url_part(url, CURLUPART_HOST),
             *port = url_part(url, CURLUPART_PORT), *origin = NULL;

        if (scheme != NULL && host != NULL)
                origin = alloc_format("%s://%s%s%s", scheme, host, port != NULL ? ":" : "",
                                      port != NULL ? port : "");
        curl_free(scheme);
        curl_free(host);
        curl_free(port);
        return origin;
}

char *http_origin(const char *text)
{
        CURLU *url = curl_url();
        char *origin = NULL;

        if (url != NULL && text != NULL && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK)
                origin = http_origin_of(url);
        curl_url_cleanup(url);
        return origin;
}

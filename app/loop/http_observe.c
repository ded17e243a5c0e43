/* What a client that asks for answers does not want to know, and one that looks at the way does:
 * the whole head, whether something packs the body, and how the connection ended. Only curl carries
 * such requests. */
#include "http_inside.h"

#include <errno.h>

#define SET(easy, option, value) (curl_easy_setopt(easy, option, value) == CURLE_OK)

bool http_observe_set(struct http_transfer *transfer)
{
        CURL *easy = transfer->easy;

        /* "": whatever curl can unpack. */
        return SET(easy, CURLOPT_ACCEPT_ENCODING, "") &&
               SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
               SET(easy, CURLOPT_FRESH_CONNECT, 1L) && SET(easy, CURLOPT_FORBID_REUSE, 1L);
}

bool http_observe_lines(struct http_transfer *transfer, struct buf *lines)
{
        struct curl_header *header = NULL;

        while ((header = curl_easy_nextheader(transfer->easy, CURLH_HEADER, -1, header)) != NULL)
                if (buf_addf(lines, "%s: %s\n", header->name, header->value) != 0)
                        return false;
        return true;
}

bool http_observe_is_reset(const struct http_transfer *transfer, CURLcode result)
{
        long code = 0;

        if (result != CURLE_RECV_ERROR && result != CURLE_SEND_ERROR)
                return false;
        curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &code);
        return code == ECONNRESET;
}

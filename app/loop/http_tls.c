/* Whom a request trusts, and as whom it comes. curl has no option for another name than the URL's:
 * it is given a URL with that name, and the way from there to the host. */
#include "http_inside.h"

#include "mgw/base/alloc.h"

#include <stdlib.h>
#include <string.h>

#define SET(easy, option, value) (curl_easy_setopt(easy, option, value) == CURLE_OK)

static const char *variable(const char *name)
{
        const char *value = getenv(name);

        return value != NULL && value[0] != '\0' ? value : NULL;
}

void http_tls_read_environment(struct http_client *client)
{
        static const char *const proxies[] = {"http_proxy", "https_proxy", "HTTPS_PROXY",
                                              "all_proxy", "ALL_PROXY"};

        client->ca_file = variable("SSL_CERT_FILE");
        if (client->ca_file == NULL)
                client->ca_file = variable("CURL_CA_BUNDLE");
        client->ca_folder = variable("SSL_CERT_DIR");
        for (size_t i = 0; i < sizeof(proxies) / sizeof(proxies[0]); i++)
                client->has_proxy = client->has_proxy || variable(proxies[i]) != NULL;
}

/* ---- the name ---- */

/* The URL with the name in place of its host, and the way: "NAME:PORT:HOST:PORT". */
static bool rename_host(struct http_request *request, CURLU *url, char *host)
{
        struct http_transfer *transfer = request->transfer;
        /* Any name and port: there is one host. */
        char *way = alloc_format("::%s:", host), *renamed = NULL;
        bool is_done = false;

        if ((transfer->way = curl_slist_append(NULL, way)) != NULL &&
            curl_url_set(url, CURLUPART_HOST, request->server_name, 0) == CURLUE_OK &&
            curl_url_get(url, CURLUPART_URL, &renamed, 0) == CURLUE_OK)
                is_done = SET(transfer->easy, CURLOPT_URL, renamed) &&
                          SET(transfer->easy, CURLOPT_CONNECT_TO, transfer->way);
        curl_free(renamed);
        free(way);
        return is_done;
}

/* A URL that cannot be read is curl's to refuse. */
static bool set_renamed(struct http_request *request, const char *text)
{
        CURLU *url = curl_url();
        char *host = NULL;
        bool is_done = url != NULL;

        if (is_done && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
            curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK)
                is_done = rename_host(request, url, host);
        else if (is_done)
                is_done = SET(request->transfer->easy, CURLOPT_URL, text);
        curl_free(host);
        curl_url_cleanup(url);
        return is_done;
}

/* Through a proxy no socket shows where the request goes. */
static void judge(struct http_request *request, const char *url)
{
        struct http_transfer *transfer = request->transfer;
        enum http_reach reach = request->source->reach;
        struct sockaddr_storage address;

        transfer->is_barred =
                request->client->has_proxy && http_egress_refuses_url(reach, url, &address);
        if (transfer->is_barred)
                http_egress_tell(reach, (const struct sockaddr *)&address, transfer->barred);
}

bool http_tls_set_url(struct http_request *request)
{
        const char *url = http_request_url(request);

        judge(request, url);
        return request->server_name != NULL ? set_renamed(request, url)
                                            : SET(request->transfer->easy, CURLOPT_URL, url);
}

/* ---- trust ---- */

static bool set_trust(struct http_request *request)
{
        const struct http_client *client = request->client;
        const char *own = request->source->tls.ca_file;
        CURL *easy = request->transfer->easy;

        /* Those of the system's folder would be trusted beside it. */
        if (own != NULL)
                return SET(easy, CURLOPT_CAINFO, own) && SET(easy, CURLOPT_CAPATH, NULL);
        return (client->ca_file == NULL || SET(easy, CURLOPT_CAINFO, client->ca_file)) &&
               (client->ca_folder == NULL || SET(easy, CURLOPT_CAPATH, client->ca_folder));
}

static bool set_proxy_trust(struct http_request *request)
{
        const struct http_client *client = request->client;
        CURL *easy = request->transfer->easy;

        return (client->ca_file == NULL || SET(easy, CURLOPT_PROXY_CAINFO, client->ca_file)) &&
               (client->ca_folder == NULL || SET(easy, CURLOPT_PROXY_CAPATH, client->ca_folder));
}

bool http_tls_set(struct http_request *request)
{
        const struct http_tls *tls = &request->source->tls;
        CURL *easy = request->transfer->easy;

        return set_trust(request) && set_proxy_trust(request) &&
               (!tls->trusts_all ||
                (SET(easy, CURLOPT_SSL_VERIFYPEER, 0L) && SET(easy, CURLOPT_SSL_VERIFYHOST, 0L))) &&
               (tls->client_cert_file == NULL ||
                SET(easy, CURLOPT_SSLCERT, tls->client_cert_file)) &&
               (tls->client_key_file == NULL || SET(easy, CURLOPT_SSLKEY, tls->client_key_file));
}

/* A request in curl's hands: put into curl's words, and curl's callbacks put into the request's.
 *
 * curl by itself repeats a request on a new connection when a kept one closes before a byte of the
 * answer: transfer_on_prereq() refuses that for POST. */
#include "http_inside.h"

#include "mgw/base/alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Streams are held open by the thousand, and curl keeps this buffer all the while; other answers
 * are short-lived, and long ones want few reads. */
#define CURL_READ_BYTES_STREAM 1024L /* curl's least */
#define CURL_WRITE_BYTES 16384L      /* curl's least */

#define SET(easy, option, value) (curl_easy_setopt(easy, option, value) == CURLE_OK)

static bool curl_was_sent(const struct http_request *request)
{
        const struct http_transfer *transfer = request->transfer;
        long n = 0;

        if (transfer == NULL || transfer->easy == NULL)
                return false;
        curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &n);
        return transfer->is_begun && n > transfer->n_before;
}

static void transfer_free(struct http_transfer *transfer)
{
        if (transfer->easy != NULL)
                curl_easy_cleanup(transfer->easy);
        curl_slist_free_all(transfer->headers);
        curl_slist_free_all(transfer->way);
        free(transfer);
}

static void curl_leave(struct http_request *request)
{
        struct http_transfer *transfer = request->transfer;

        if (transfer == NULL)
                return;
        http_multi_remove(transfer);
        request->transfer = NULL;
        transfer_free(transfer);
}

static void curl_go_on(struct http_request *request)
{
        struct http_multi *multi = request->transfer->multi;

        http_turn_defer(request->client, &multi->due);
        /* A failure comes through the transfer's end. */
        (void)curl_easy_pause(request->transfer->easy, CURLPAUSE_CONT);
        http_multi_run(multi, CURL_SOCKET_TIMEOUT, 0);
}

/* ---- what curl tells of a transfer ---- */

static struct str transfer_header(struct http_transfer *transfer, const char *name)
{
        struct curl_header *header;

        if (curl_easy_header(transfer->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
                return (struct str){"", 0};
        return str_from(header->value);
}

/* Line by line, the empty line last; trailers come here too. */
static size_t transfer_on_header(char *p, size_t size, size_t n, void *userdata)
{
        struct http_transfer *transfer = userdata;
        struct http_request *request = transfer->request;
        bool is_end = p[0] == '\r' || p[0] == '\n';
        struct http_head head;
        struct buf lines;
        bool runs;
        long status = 0;

        (void)size;
        if (!http_request_runs(request))
                return CURL_WRITEFUNC_ERROR;
        transfer->n_head_bytes += n;
        if (transfer->n_head_bytes > HTTP_HEAD_MAX_BYTES) {
                request->failure = "The answer has too long a head";
                request->fault = HTTP_FAULT_STRANGE;
                return CURL_WRITEFUNC_ERROR;
        }
        if (!is_end)
                return n;
        curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
        if (status < 200 || request->is_head_told || request->next_url != NULL)
                return n;
        buf_init(&lines, HTTP_HEAD_MAX_BYTES);
        if (request->is_observed && !http_observe_lines(transfer, &lines)) {
                buf_finish(&lines);
                return CURL_WRITEFUNC_ERROR;
        }
        head = (struct http_head){
                .status = (unsigned)status,
                .lines = buf_bytes(&lines),
                .content_type = transfer_header(transfer, "Content-Type"),
                .location = transfer_header(transfer, "Location"),
                .retry_after = transfer_header(transfer, "Retry-After"),
                .session_id = transfer_header(transfer, "Mcp-Session-Id"),
                .cache_control = transfer_header(transfer, "Cache-Control"),
                .www_authenticate = transfer_header(transfer, "WWW-Authenticate"),
                .content_encoding = transfer_header(transfer, "Content-Encoding"),
        };
        runs = http_request_take_head(request, &head);
        buf_finish(&lines);
        return runs ? n : CURL_WRITEFUNC_ERROR;
}

static size_t transfer_on_body(char *p, size_t size, size_t n, void *userdata)
{
        struct http_request *request = ((struct http_transfer *)userdata)->request;
        enum http_flow flow;

        (void)size;
        if (!http_request_runs(request))
                return CURL_WRITEFUNC_ERROR;
        flow = http_request_take_body(request, p, n);
        if (!http_request_runs(request))
                return CURL_WRITEFUNC_ERROR;
        return flow == HTTP_PAUSE ? CURL_WRITEFUNC_PAUSE : n;
}

/* Sockets are counted, and those that may not be opened refused. */
static curl_socket_t transfer_on_open(void *userdata, curlsocktype purpose,
                                      struct curl_sockaddr *address)
{
        struct http_transfer *transfer = userdata;
        const struct http_request *request = transfer->request;
        int fd;

        (void)purpose;
        if (http_egress_refuses(request->source->reach, &address->addr)) {
                http_egress_tell(request->source->reach, &address->addr, transfer->barred);
                return CURL_SOCKET_BAD;
        }
        fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
        if (fd < 0)
                return CURL_SOCKET_BAD;
        request->client->n_sockets++;
        return fd;
}

static int transfer_on_close(void *userdata, curl_socket_t fd)
{
        struct http_client *client = userdata;

        client->n_sockets--;
        return close(fd);
}

/* Before each time that the request is sent. What has been sent by then is a proxy's CONNECT. */
static int transfer_on_prereq(void *userdata, char *peer, char *self, int peer_port, int self_port)
{
        struct http_transfer *transfer = userdata;
        struct http_request *request = transfer->request;

        (void)peer, (void)self, (void)peer_port, (void)self_port;
        if (request->is_repeatable || !curl_was_sent(request)) {
                curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &transfer->n_before);
                transfer->is_begun = true;
                return CURL_PREREQFUNC_OK;
        }
        request->failure = "The connection closed before an answer came";
        request->fault = HTTP_FAULT_CUT;
        return CURL_PREREQFUNC_ABORT;
}

/* ---- the beginning ---- */

static bool transfer_add_line(struct http_transfer *transfer, const char *line)
{
        struct curl_slist *headers = curl_slist_append(transfer->headers, line);

        if (headers == NULL)
                return false;
        transfer->headers = headers;
        return true;
}

/* The host of the URL, where curl would write the name for TLS. */
static bool transfer_add_host(struct http_transfer *transfer)
{
        char *origin = http_origin(http_request_url(transfer->request)), *line;
        bool is_done;

        if (origin == NULL)
                return true;
        line = alloc_format("Host: %s", strstr(origin, "://") + 3);
        is_done = transfer_add_line(transfer, line);
        free(line);
        free(origin);
        return is_done;
}

static bool transfer_set_headers(struct http_transfer *transfer)
{
        const struct http_request *request = transfer->request;

        for (const char *line = request->lines; *line != '\0'; line += strlen(line) + 1)
                if (!transfer_add_line(transfer, line))
                        return false;
        /* Without a value: curl leaves its own line out. */
        return transfer_add_line(transfer, "Expect:") &&
               (request->has_type || transfer_add_line(transfer, "Content-Type:")) &&
               (request->has_host || request->server_name == NULL || transfer_add_host(transfer)) &&
               SET(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers);
}

static bool transfer_set_method(CURL *easy, const char *method, struct str body)
{
        bool is_post = strcmp(method, "POST") == 0;

        if (strcmp(method, "GET") == 0 && body.n == 0)
                return true;
        if (strcmp(method, "HEAD") == 0)
                return SET(easy, CURLOPT_NOBODY, 1L);
        if (!is_post && !SET(easy, CURLOPT_CUSTOMREQUEST, method))
                return false;
        if (!is_post && body.n == 0)
                return true;
        return SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n) &&
               SET(easy, CURLOPT_POSTFIELDS, body.n > 0 ? body.p : "");
}

static bool transfer_set_connection(struct http_transfer *transfer)
{
        const struct http_request *request = transfer->request;
        CURL *easy = transfer->easy;

        return SET(easy, CURLOPT_PROTOCOLS_STR, "http,https") &&
               SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS) &&
               SET(easy, CURLOPT_NOSIGNAL, 1L) && SET(easy, CURLOPT_QUICK_EXIT, 1L) &&
               SET(easy, CURLOPT_TCP_KEEPALIVE, 1L) &&
               SET(easy, CURLOPT_MAXAGE_CONN, HTTP_IDLE_S) &&
               SET(easy, CURLOPT_FORBID_REUSE, request->is_stream ? 1L : 0L) &&
               SET(easy, CURLOPT_UPLOAD_BUFFERSIZE, CURL_WRITE_BYTES) &&
               SET(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) &&
               (request->source->reach != HTTP_REACH_PUBLIC || SET(easy, CURLOPT_NOPROXY, "*")) &&
               SET(easy, CURLOPT_OPENSOCKETFUNCTION, transfer_on_open) &&
               SET(easy, CURLOPT_OPENSOCKETDATA, transfer) &&
               SET(easy, CURLOPT_CLOSESOCKETFUNCTION, transfer_on_close) &&
               SET(easy, CURLOPT_CLOSESOCKETDATA, request->client);
}

static bool transfer_set_callbacks(struct http_transfer *transfer)
{
        CURL *easy = transfer->easy;

        return SET(easy, CURLOPT_PRIVATE, transfer->request) &&
               SET(easy, CURLOPT_ERRORBUFFER, transfer->error) &&
               SET(easy, CURLOPT_HEADERFUNCTION, transfer_on_header) &&
               SET(easy, CURLOPT_HEADERDATA, transfer) &&
               SET(easy, CURLOPT_WRITEFUNCTION, transfer_on_body) &&
               SET(easy, CURLOPT_WRITEDATA, transfer) &&
               SET(easy, CURLOPT_PREREQFUNCTION, transfer_on_prereq) &&
               SET(easy, CURLOPT_PREREQDATA, transfer);
}

static bool transfer_set_exchange(struct http_transfer *transfer)
{
        const struct http_request *request = transfer->request;
        CURL *easy = transfer->easy;

        return SET(easy, CURLOPT_BUFFERSIZE,
                   request->is_stream ? CURL_READ_BYTES_STREAM : (long)HTTP_READ_BYTES) &&
               transfer_set_method(easy, request->method, request->body) &&
               SET(easy, CURLOPT_USERAGENT, "mgw/" MGW_VERSION) &&
               SET(easy, CURLOPT_CONNECTTIMEOUT_MS, request->connect_timeout_ms) &&
               SET(easy, CURLOPT_TIMEOUT_MS, request->timeout_ms);
}

/* These fail for want of memory alone. */
static bool transfer_set_up(struct http_transfer *transfer)
{
        transfer->easy = curl_easy_init();
        return transfer->easy != NULL && http_tls_set_url(transfer->request) &&
               transfer_set_headers(transfer) && transfer_set_exchange(transfer) &&
               transfer_set_connection(transfer) && http_tls_set(transfer->request) &&
               (!transfer->request->is_observed || http_observe_set(transfer)) &&
               transfer_set_callbacks(transfer);
}

static int curl_begin(struct http_request *request)
{
        struct http_transfer *transfer = alloc_zeroed(sizeof(*transfer));

        request->transfer = transfer;
        transfer->request = request;
        if (!transfer_set_up(transfer))
                return -ENOMEM;
        if (!transfer->is_barred)
                return http_multi_add(transfer);
        http_multi_end(request, CURLE_COULDNT_CONNECT);
        return 0;
}

const struct http_carrier http_curl = {curl_begin, curl_go_on, curl_was_sent, curl_leave};

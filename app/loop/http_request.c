/* One exchange: its options put into curl's words, curl's callbacks put into the handlers' words,
 * and its end.
 *
 * POST is never sent twice. curl by itself repeats a request on a new connection when a kept one
 * closes before a byte of the answer, and a tool would run twice: request_on_prereq() refuses that
 * for POST. To make the case rare, kept connections are left after 4 s idle, before the 5 s at
 * which Node's servers close them. */
#include "http_inside.h"
#include "mgw/base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Streams are held open by the thousand, and curl keeps this buffer all the while; other answers
 * are short-lived, and long ones want few reads. */
#define HTTP_READ_BYTES_STREAM 1024L /* curl's least */
#define HTTP_READ_BYTES 16384L
#define HTTP_WRITE_BYTES 16384L /* curl's least */
/* Of the body of an error so much is read, and so long. */
#define ERROR_BODY_MAX_BYTES 65536
#define ERROR_BODY_MS 3000
/* Lines of its head, and of trailers. */
#define HEAD_MAX_BYTES (256u << 10)

void http_request_set_state(struct http_request *request, enum http_state state)
{
        struct http_client *client = request->client;

        request->state = state;
        list_unlink(&request->link);
        switch (state) {
        case HTTP_STATE_STARTING:
                list_append(&client->starting, &request->link);
                break;
        case HTTP_STATE_RUNNING:
                list_append(&client->running, &request->link);
                return;
        case HTTP_STATE_FAILING:
                list_append(&client->failing, &request->link);
                break;
        case HTTP_STATE_CANCELLED:
                list_append(&client->cancelled, &request->link);
                break;
        case HTTP_STATE_DONE:
                return;
        }
        if (!client->is_destroyed)
                loop_defer(client->loop, &client->work);
}

static bool request_is_live(const struct http_request *request)
{
        return request->state == HTTP_STATE_STARTING || request->state == HTTP_STATE_RUNNING;
}

void http_request_fail(struct http_request *request, const char *why)
{
        if (!request_is_live(request))
                return;
        request->failure = why;
        http_request_set_state(request, HTTP_STATE_FAILING);
}

static void request_leave_multi(struct http_request *request)
{
        timer_disarm(request->client->loop, &request->patience);
        http_multi_remove(request);
}

static void request_leave_curl(struct http_request *request)
{
        request_leave_multi(request);
        curl_easy_cleanup(request->easy);
        request->easy = NULL;
}

void http_request_free(void *object)
{
        struct http_request *request = object;

        if (request->easy != NULL)
                request_leave_curl(request);
        curl_slist_free_all(request->headers);
        curl_slist_free_all(request->way);
        free(request->url);
        free(request->next_url);
        free(request->refusal);
        free(request);
}

/* ---- what curl tells of a transfer ---- */

static struct str request_header(struct http_request *request, const char *name)
{
        struct curl_header *header;

        if (curl_easy_header(request->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
                return (struct str){"", 0};
        return str_from(header->value);
}

/* Seconds or a date (RFC 9110 10.2.3); one that is over says 0. */
static int64_t request_retry_after_s(struct http_request *request)
{
        struct str value = str_trim(request_header(request, "Retry-After"));
        int64_t now_s = clock_wall_ms() / 1000;
        uint64_t s;
        time_t at;

        if (str_to_u64(value, &s) == 0)
                return s < UINT32_MAX ? (int64_t)s : UINT32_MAX;
        at = value.n > 0 ? curl_getdate(value.p, NULL) : -1;
        if (at == -1)
                return -1;
        return at > now_s ? at - now_s : 0;
}

static void request_tell_head(struct http_request *request, long status)
{
        struct http_response response = {
                .status = (unsigned)status,
                .content_type = request_header(request, "Content-Type"),
                .session_id = request_header(request, "Mcp-Session-Id"),
                .retry_after_s = request_retry_after_s(request),
        };

        request->is_head_told = true;
        request->handlers.on_head(request->owner, &response);
}

/* ---- the body of an error ---- */

static void request_has_enough(struct http_request *request)
{
        if (!request_is_live(request))
                return;
        request->is_enough = true;
        http_request_set_state(request, HTTP_STATE_FAILING);
}

static void request_on_patience(struct timer *timer)
{
        request_has_enough(container_of(timer, struct http_request, patience));
}

static void request_watch_error(struct http_request *request, long status)
{
        request->n_error_bytes = 0;
        if (status >= 300)
                (void)timer_arm(request->client->loop, &request->patience, ERROR_BODY_MS);
}

static void request_count_error(struct http_request *request, size_t n)
{
        request->n_error_bytes += timer_is_armed(&request->patience) ? n : 0;
        if (request->n_error_bytes > ERROR_BODY_MAX_BYTES)
                request_has_enough(request);
}

/* Line by line, the empty line last; trailers come here too. */
static size_t request_on_header(char *p, size_t size, size_t n, void *userdata)
{
        struct http_request *request = userdata;
        bool is_end = p[0] == '\r' || p[0] == '\n';
        long status = 0;

        (void)size;
        if (request->state != HTTP_STATE_RUNNING)
                return CURL_WRITEFUNC_ERROR;
        request->n_head_bytes += n;
        if (request->n_head_bytes > HEAD_MAX_BYTES) {
                request->failure = "The answer has too long a head";
                request->fault = HTTP_FAULT_STRANGE;
                return CURL_WRITEFUNC_ERROR;
        }
        if (!is_end)
                return n;
        curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
        if (status < 200 || request->is_head_told || request->next_url != NULL)
                return n;
        http_redirect_read(request, status);
        request_watch_error(request, status);
        if (request->next_url == NULL)
                request_tell_head(request, status);
        return request->state == HTTP_STATE_RUNNING ? n : CURL_WRITEFUNC_ERROR;
}

static size_t request_on_body(char *p, size_t size, size_t n, void *userdata)
{
        struct http_request *request = userdata;
        enum http_flow flow;
        uint32_t spent;

        (void)size;
        if (request->state != HTTP_STATE_RUNNING)
                return CURL_WRITEFUNC_ERROR;
        if (request->next_url != NULL || request->refusal != NULL) {
                request_count_error(request, n);
                return n;
        }
        if (http_client_holds(request))
                return CURL_WRITEFUNC_PAUSE;
        request_count_error(request, n);
        if (request->state != HTTP_STATE_RUNNING)
                return CURL_WRITEFUNC_ERROR;
        http_client_spend(request, (uint32_t)n);
        spent = request->source->spent;
        flow = request->handlers.on_body(request->owner, p, n);
        request->spent += request->source->spent - spent;
        if (request->state != HTTP_STATE_RUNNING)
                return CURL_WRITEFUNC_ERROR;
        return flow == HTTP_PAUSE ? CURL_WRITEFUNC_PAUSE : n;
}

/* Before each time that the request is sent. What has been sent by then is a proxy's CONNECT. */
static int request_on_prereq(void *userdata, char *peer, char *self, int peer_port, int self_port)
{
        struct http_request *request = userdata;

        (void)peer, (void)self, (void)peer_port, (void)self_port;
        if (request->is_repeatable || !http_request_was_sent(request)) {
                curl_easy_getinfo(request->easy, CURLINFO_REQUEST_SIZE, &request->n_before);
                request->is_begun = true;
                return CURL_PREREQFUNC_OK;
        }
        request->failure = "The connection closed before an answer came";
        request->fault = HTTP_FAULT_CUT;
        return CURL_PREREQFUNC_ABORT;
}

void http_request_note_refusal(struct http_request *request, const struct sockaddr *address)
{
        const void *at = address->sa_family == AF_INET
                                 ? (const void *)&((const struct sockaddr_in *)address)->sin_addr
                                 : &((const struct sockaddr_in6 *)address)->sin6_addr;

        if (inet_ntop(address->sa_family, at, request->refused_address,
                      sizeof(request->refused_address)) == NULL)
                snprintf(request->refused_address, sizeof(request->refused_address), "?");
}

/* ---- the end ---- */

static const char *request_failure(struct http_request *request, CURLcode result)
{
        if (request->failure != NULL)
                return request->failure;
        if (request->refusal != NULL)
                return request->refusal;
        if (result != CURLE_OK && request->refused_address[0] != '\0')
                snprintf(request->error, sizeof(request->error),
                         "Its address %s is not to be reached (allow_link_local)",
                         request->refused_address);
        if (result == CURLE_OK || request->is_enough)
                return request->is_head_told ? NULL : "The answer has no head";
        return request->error[0] != '\0' ? request->error : curl_easy_strerror(result);
}

/* Asks where the answer leads, as it asked before. */
static bool request_follows(struct http_request *request, CURLcode result)
{
        if (result != CURLE_OK || request->failure != NULL || request->next_url == NULL)
                return false;
        request_leave_multi(request);
        request->refused_address[0] = '\0';
        if (!http_tls_set_url(request, request->next_url))
                return false;
        free(request->next_url);
        request->next_url = NULL;
        request->n_redirects++;
        request->is_begun = false;
        request->is_enough = false;
        request->n_head_bytes = 0;
        http_request_set_state(request, HTTP_STATE_STARTING);
        return true;
}

void http_request_end(struct http_request *request, CURLcode result)
{
        struct http_failure failure;
        char why[CURL_ERROR_SIZE + 1024];
        const char *what;
        char *origin;

        if (request_follows(request, result))
                return;
        what = request_failure(request, result);
        if (what != NULL) {
                http_failure_read(request, result, &failure);
                origin = http_origin(http_request_url(request));
                snprintf(why, sizeof(why), "%s (%s)", what,
                         origin == NULL ? "unreadable URL" : origin);
                free(origin);
                failure.why = why;
        }
        http_request_set_state(request, HTTP_STATE_DONE);
        request_leave_curl(request);
        request->handlers.on_done(request->owner, what != NULL ? &failure : NULL);
        loop_bury(request->client->loop, request, http_request_free);
}

/* ---- the beginning ---- */

static bool header_has_name(const char *line, const char *name)
{
        size_t n = strlen(name);

        return strncasecmp(line, name, n) == 0 && line[n] == ':';
}

static int request_add_header(struct http_request *request, const char *line)
{
        struct curl_slist *headers;

        /* A line break in a value would smuggle in another header, or a request. */
        if (strpbrk(line, "\r\n") != NULL)
                return -EINVAL;
        headers = curl_slist_append(request->headers, line);
        if (headers == NULL)
                return -ENOMEM;
        request->headers = headers;
        return 0;
}

/* The host of the URL, where curl would write the name for TLS. */
static int request_add_host(struct http_request *request)
{
        char *origin = http_origin(request->url), *line = NULL;
        int r = 0;

        if (origin != NULL)
                r = asprintf(&line, "Host: %s", strstr(origin, "://") + 3) < 0
                            ? -ENOMEM
                            : request_add_header(request, line);
        free(origin);
        free(line);
        return r;
}

static int request_set_headers(struct http_request *request, const char *const *lines)
{
        bool has_type = false, has_host = request->server_name == NULL;
        int r = 0;

        for (; r == 0 && lines != NULL && *lines != NULL; lines++) {
                has_type = has_type || header_has_name(*lines, "Content-Type");
                has_host = has_host || header_has_name(*lines, "Host");
                r = request_add_header(request, *lines);
        }
        /* Without a value: curl leaves its own line out. */
        if (r == 0)
                r = request_add_header(request, "Expect:");
        if (r == 0 && !has_type)
                r = request_add_header(request, "Content-Type:");
        if (r == 0 && !has_host)
                r = request_add_host(request);
        return r;
}

#define SET(easy, option, value) (curl_easy_setopt(easy, option, value) == CURLE_OK)

static bool request_set_method(CURL *easy, const char *method, struct str body)
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
               SET(easy, CURLOPT_COPYPOSTFIELDS, body.n > 0 ? body.p : "");
}

static bool request_set_connection(CURL *easy, struct http_request *request)
{
        return SET(easy, CURLOPT_PROTOCOLS_STR, "http,https") &&
               SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS) &&
               SET(easy, CURLOPT_NOSIGNAL, 1L) && SET(easy, CURLOPT_QUICK_EXIT, 1L) &&
               SET(easy, CURLOPT_TCP_KEEPALIVE, 1L) &&
               SET(easy, CURLOPT_MAXAGE_CONN, HTTP_IDLE_S) &&
               SET(easy, CURLOPT_FORBID_REUSE, request->is_stream ? 1L : 0L) &&
               SET(easy, CURLOPT_UPLOAD_BUFFERSIZE, HTTP_WRITE_BYTES) &&
               SET(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) &&
               SET(easy, CURLOPT_OPENSOCKETFUNCTION, http_client_open_socket) &&
               SET(easy, CURLOPT_OPENSOCKETDATA, request) &&
               SET(easy, CURLOPT_CLOSESOCKETFUNCTION, http_client_close_socket) &&
               SET(easy, CURLOPT_CLOSESOCKETDATA, request->client);
}

static bool request_set_callbacks(CURL *easy, struct http_request *request)
{
        return SET(easy, CURLOPT_PRIVATE, request) &&
               SET(easy, CURLOPT_ERRORBUFFER, request->error) &&
               SET(easy, CURLOPT_HEADERFUNCTION, request_on_header) &&
               SET(easy, CURLOPT_HEADERDATA, request) &&
               SET(easy, CURLOPT_WRITEFUNCTION, request_on_body) &&
               SET(easy, CURLOPT_WRITEDATA, request) &&
               SET(easy, CURLOPT_PREREQFUNCTION, request_on_prereq) &&
               SET(easy, CURLOPT_PREREQDATA, request);
}

static bool request_set_exchange(CURL *easy, struct http_request *request,
                                 const struct http_options *options)
{
        return SET(easy, CURLOPT_BUFFERSIZE,
                   options->is_stream ? HTTP_READ_BYTES_STREAM : HTTP_READ_BYTES) &&
               request_set_method(easy, options->method, options->body) &&
               SET(easy, CURLOPT_HTTPHEADER, request->headers) &&
               SET(easy, CURLOPT_USERAGENT, "mgw/" MGW_VERSION) &&
               SET(easy, CURLOPT_CONNECTTIMEOUT_MS, options->connect_timeout_ms) &&
               SET(easy, CURLOPT_TIMEOUT_MS, options->timeout_ms);
}

static int request_set_up(struct http_request *request, const struct http_options *options)
{
        CURL *easy = request->easy = curl_easy_init();
        int r;

        if (easy == NULL)
                return -ENOMEM;
        if (!options->is_elsewhere)
                request->server_name = request->source->tls.server_name;
        if (!http_tls_set_url(request, options->url))
                return -ENOMEM;
        r = request_set_headers(request, options->headers);
        if (r < 0)
                return r;
        request->is_repeatable = strcmp(options->method, "POST") != 0;
        request->is_get = strcmp(options->method, "GET") == 0;
        /* These fail for want of memory alone. */
        return request_set_exchange(easy, request, options) &&
                               request_set_connection(easy, request) && http_tls_set(request) &&
                               request_set_callbacks(easy, request)
                       ? 0
                       : -ENOMEM;
}

int http_start(struct http_client *client, const struct http_options *options,
               const struct http_handlers *handlers, void *owner, struct http_request **requestp)
{
        struct http_request *request = calloc(1, sizeof(*request));
        int r;

        if (request == NULL)
                return -ENOMEM;
        request->client = client;
        request->patience.on_due = request_on_patience;
        request->source = options->source != NULL ? options->source : &client->nobody;
        request->is_stream = options->is_stream;
        request->handlers = *handlers;
        request->owner = owner;
        r = request_set_up(request, options);
        if (r < 0) {
                http_request_free(request);
                return r;
        }
        http_request_set_state(request, HTTP_STATE_STARTING);
        *requestp = request;
        return 0;
}

void http_resume(struct http_request *request)
{
        if (request->state != HTTP_STATE_RUNNING)
                return;
        list_move_to_tail(&request->client->resuming, &request->link);
        loop_defer(request->client->loop, &request->client->work);
}

void http_hand_over(struct http_request *request, const struct http_handlers *handlers, void *owner)
{
        request->handlers = *handlers;
        request->owner = owner;
}

void http_cancel(struct http_request *request)
{
        if (request != NULL && (request_is_live(request) || request->state == HTTP_STATE_FAILING))
                http_request_set_state(request, HTTP_STATE_CANCELLED);
}

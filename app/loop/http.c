/* curl's multi interface on the loop.
 *
 * curl must not be called from within its own callbacks, and handlers run in those. So
 * http_start(), http_resume() and http_cancel() only move the request to another list;
 * client_work(), a deferred task, does at the end of the turn what each list stands for. A request
 * that was cancelled has left the lists that lead to its handlers, and the callbacks that curl
 * still makes for it end its transfer.
 *
 * Timers: curl asks for one timer. It is armed all the time (far off when curl wants none), so that
 * arming it again cannot fail; a wait of 0 is work for the end of this turn.
 *
 * POST is never sent twice. curl by itself repeats a request on a new connection when a kept one
 * closes before a byte of the answer, and a tool would run twice: client_on_prereq() refuses that
 * for POST. To make the case rare, kept connections are left after 4 s idle, before the 5 s at
 * which Node's servers close them.
 *
 * Proxies: as curl has it, from http_proxy, https_proxy, all_proxy and no_proxy in the environment.
 * Redirects are not followed. DNS: QUICK_EXIT lets a cancelled lookup end in its own thread; curl
 * would wait for it. */
#include "mgw/loop/http.h"

#include "mgw/loop/timer.h"
#include "turn.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define HTTP_IDLE_CONNECTIONS 64
#define HTTP_IDLE_S 4L
/* An idle stream holds this; a long answer costs a read for each. */
#define HTTP_READ_BYTES 4096L
#define HTTP_WRITE_BYTES 16384L /* curl's least */
#define HTTP_FAR_MS (INT64_C(24) * 3600 * 1000)

struct http_client {
        struct loop *loop;
        CURLM *multi;
        struct timer timer;
        struct loop_task work;
        struct list starting;
        struct list running;
        struct list resuming;
        struct list failing;
        struct list cancelled;
        struct list sockets;
        long n_running; /* in curl's hands */
        unsigned n_sockets;
        bool is_due; /* curl wants to be called at once */
        bool is_working;
        bool is_destroyed;
};

/* A socket that curl wants watched. */
struct http_socket {
        struct loop_io io;
        struct list link;
        struct http_client *client;
};

enum http_state {
        HTTP_STATE_STARTING,
        HTTP_STATE_RUNNING,
        HTTP_STATE_FAILING,   /* by a fault of ours; on_done to come */
        HTTP_STATE_CANCELLED, /* no handler is called any more */
        HTTP_STATE_DONE,
};

struct http_request {
        struct list link;
        struct http_client *client;
        enum http_state state;
        bool is_in_multi;
        bool is_repeatable;
        bool is_head_told;
        const char *failure;
        CURL *easy;
        struct curl_slist *headers;
        struct http_handlers handlers;
        void *owner;
        char error[CURL_ERROR_SIZE];
};

/* ---- states ---- */

static void request_set_state(struct http_request *request, enum http_state state)
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

static void request_fail(struct http_request *request, const char *why)
{
        if (!request_is_live(request))
                return;
        request->failure = why;
        request_set_state(request, HTTP_STATE_FAILING);
}

/* Idle connections are kept up to a fixed number; curl counts those in use with them. */
static void client_count_running(struct http_client *client, long change)
{
        client->n_running += change;
        curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS,
                          client->n_running + HTTP_IDLE_CONNECTIONS);
}

/* Out of curl's hands; never from within its callbacks. */
static void request_leave_curl(struct http_request *request)
{
        if (request->is_in_multi) {
                curl_multi_remove_handle(request->client->multi, request->easy);
                client_count_running(request->client, -1);
        }
        request->is_in_multi = false;
        curl_easy_cleanup(request->easy);
        request->easy = NULL;
}

static void request_free(void *object)
{
        struct http_request *request = object;

        if (request->easy != NULL)
                request_leave_curl(request);
        curl_slist_free_all(request->headers);
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

static void request_tell_head(struct http_request *request, long status)
{
        struct http_response response = {
                .status = (unsigned)status,
                .content_type = request_header(request, "Content-Type"),
                .session_id = request_header(request, "Mcp-Session-Id"),
                .retry_after = request_header(request, "Retry-After"),
                .www_authenticate = request_header(request, "WWW-Authenticate"),
        };

        request->is_head_told = true;
        request->handlers.on_head(request->owner, &response);
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
        if (!is_end)
                return n;
        curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
        if (status >= 200 && !request->is_head_told)
                request_tell_head(request, status);
        return request->state == HTTP_STATE_RUNNING ? n : CURL_WRITEFUNC_ERROR;
}

static size_t request_on_body(char *p, size_t size, size_t n, void *userdata)
{
        struct http_request *request = userdata;
        enum http_flow flow;

        (void)size;
        if (request->state != HTTP_STATE_RUNNING)
                return CURL_WRITEFUNC_ERROR;
        flow = request->handlers.on_body(request->owner, p, n);
        if (request->state != HTTP_STATE_RUNNING)
                return CURL_WRITEFUNC_ERROR;
        return flow == HTTP_PAUSE ? CURL_WRITEFUNC_PAUSE : n;
}

/* Before each time that the request is sent. */
static int request_on_prereq(void *userdata, char *peer, char *self, int peer_port, int self_port)
{
        struct http_request *request = userdata;
        long n_sent = 0;

        (void)peer, (void)self, (void)peer_port, (void)self_port;
        curl_easy_getinfo(request->easy, CURLINFO_REQUEST_SIZE, &n_sent);
        if (request->is_repeatable || n_sent == 0)
                return CURL_PREREQFUNC_OK;
        request->failure = "The connection closed before an answer came";
        return CURL_PREREQFUNC_ABORT;
}

/* ---- sockets and the timer ---- */

static void client_run_curl(struct http_client *client, curl_socket_t fd, int events);

static void socket_on_io(struct loop_io *io, uint32_t events)
{
        struct http_socket *socket = container_of(io, struct http_socket, io);
        int curl_events = 0;

        /* curl takes its error bit for the end, though an answer may wait to be read: it finds out
         * by reading. */
        if (events & LOOP_GONE)
                events |= io->events;
        if (events & LOOP_IN)
                curl_events |= CURL_CSELECT_IN;
        if (events & LOOP_OUT)
                curl_events |= CURL_CSELECT_OUT;
        client_run_curl(socket->client, io->fd, curl_events);
}

static struct http_socket *socket_create(struct http_client *client, curl_socket_t fd)
{
        struct http_socket *socket = calloc(1, sizeof(*socket));

        if (socket == NULL)
                return NULL;
        socket->client = client;
        socket->io.fd = fd;
        socket->io.on_io = socket_on_io;
        if (loop_io_add(client->loop, &socket->io, 0) < 0) {
                free(socket);
                return NULL;
        }
        list_append(&client->sockets, &socket->link);
        return socket;
}

static void socket_destroy(struct http_socket *socket)
{
        struct loop *loop = socket->client->loop;

        list_unlink(&socket->link);
        loop_io_remove(loop, &socket->io);
        loop_bury(loop, socket, free);
}

static int socket_watch(struct http_client *client, struct http_socket *socket, curl_socket_t fd,
                        int what)
{
        uint32_t events = 0;

        if (socket == NULL) {
                socket = socket_create(client, fd);
                if (socket == NULL)
                        return -ENOMEM;
                curl_multi_assign(client->multi, fd, socket);
        }
        if (what & CURL_POLL_IN)
                events |= LOOP_IN;
        if (what & CURL_POLL_OUT)
                events |= LOOP_OUT;
        return loop_io_set(client->loop, &socket->io, events);
}

static int client_on_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket)
{
        struct http_request *request = NULL;

        if (what == CURL_POLL_REMOVE) {
                if (socket != NULL)
                        socket_destroy(socket);
                return 0;
        }
        if (socket_watch(userdata, socket, fd, what) == 0)
                return 0;
        /* To answer -1 would end every transfer of the client, not only this one. */
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &request);
        if (request != NULL)
                request_fail(request, "Out of memory for a socket");
        return 0;
}

static curl_socket_t client_open_socket(void *userdata, curlsocktype purpose,
                                        struct curl_sockaddr *address)
{
        struct http_client *client = userdata;
        int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

        (void)purpose;
        if (fd < 0)
                return CURL_SOCKET_BAD;
        client->n_sockets++;
        return fd;
}

static int client_close_socket(void *userdata, curl_socket_t fd)
{
        struct http_client *client = userdata;

        client->n_sockets--;
        return close(fd);
}

static int client_on_timer(CURLM *multi, long timeout_ms, void *userdata)
{
        struct http_client *client = userdata;

        (void)multi;
        if (client->is_destroyed)
                return 0;
        client->is_due = timeout_ms == 0;
        if (client->is_due && !client->is_working)
                loop_defer(client->loop, &client->work);
        (void)timer_arm(client->loop, &client->timer, timeout_ms > 0 ? timeout_ms : HTTP_FAR_MS);
        return 0;
}

static void client_on_due(struct timer *timer)
{
        struct http_client *client = container_of(timer, struct http_client, timer);

        (void)timer_arm(client->loop, timer, HTTP_FAR_MS);
        client_run_curl(client, CURL_SOCKET_TIMEOUT, 0);
}

/* ---- ends ---- */

/* The URL without user, query and fragment, which may hold secrets; the caller frees it with
 * curl_free(). */
static char *request_public_url(const struct http_request *request)
{
        static const CURLUPart secrets[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS,
                                            CURLUPART_QUERY, CURLUPART_FRAGMENT};
        CURLU *url = curl_url();
        char *whole = NULL;
        char *text = NULL;

        curl_easy_getinfo(request->easy, CURLINFO_EFFECTIVE_URL, &whole);
        if (url != NULL && whole != NULL &&
            curl_url_set(url, CURLUPART_URL, whole, 0) == CURLUE_OK) {
                for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
                        curl_url_set(url, secrets[i], NULL, 0);
                curl_url_get(url, CURLUPART_URL, &text, 0);
        }
        curl_url_cleanup(url);
        return text;
}

static const char *request_failure(const struct http_request *request, CURLcode result)
{
        if (request->failure != NULL)
                return request->failure;
        if (result == CURLE_OK)
                return request->is_head_told ? NULL : "The answer has no head";
        return request->error[0] != '\0' ? request->error : curl_easy_strerror(result);
}

static void request_end(struct http_request *request, CURLcode result)
{
        const char *failure = request_failure(request, result);
        char *url = failure == NULL ? NULL : request_public_url(request);
        char why[CURL_ERROR_SIZE + 512];
        long n_sent = 0;

        if (failure != NULL)
                snprintf(why, sizeof(why), "%s (%s)", failure,
                         url == NULL ? "unreadable URL" : url);
        curl_free(url);
        curl_easy_getinfo(request->easy, CURLINFO_REQUEST_SIZE, &n_sent);
        request_set_state(request, HTTP_STATE_DONE);
        request_leave_curl(request);
        request->handlers.on_done(request->owner, failure == NULL ? NULL : why, n_sent > 0);
        loop_bury(request->client->loop, request, request_free);
}

/* Ends what curl has finished. */
static void client_reap(struct http_client *client)
{
        CURLMsg *message;
        int n_left;

        while (!client->is_destroyed &&
               (message = curl_multi_info_read(client->multi, &n_left)) != NULL) {
                struct http_request *request = NULL;

                curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request);
                if (request->state == HTTP_STATE_RUNNING)
                        request_end(request, message->data.result);
        }
}

static void client_run_curl(struct http_client *client, curl_socket_t fd, int events)
{
        int n_running;

        if (client->is_destroyed)
                return;
        curl_multi_socket_action(client->multi, fd, events, &n_running);
        client_reap(client);
}

/* ---- the work at the end of a turn ---- */

/* Runs step for each request that stands on the list now; a handler may move any of them elsewhere
 * meanwhile, or destroy the client. */
static void client_drain(struct http_client *client, struct list *list,
                         void (*step)(struct http_request *request))
{
        struct list now;
        struct list *link;

        list_take_all(&now, list);
        while ((link = list_first(&now)) != NULL) {
                struct http_request *request = container_of(link, struct http_request, link);

                list_unlink(link);
                if (client->is_destroyed)
                        request_set_state(request, HTTP_STATE_CANCELLED);
                else
                        step(request);
        }
}

static void request_bury_cancelled(struct http_request *request)
{
        request_free(request);
}

static void request_end_failed(struct http_request *request)
{
        request_end(request, CURLE_OK);
}

static void request_begin(struct http_request *request)
{
        CURLMcode r;

        request_set_state(request, HTTP_STATE_RUNNING);
        r = curl_multi_add_handle(request->client->multi, request->easy);
        if (r != CURLM_OK) {
                request_fail(request, curl_multi_strerror(r));
                return;
        }
        request->is_in_multi = true;
        client_count_running(request->client, 1);
}

static void request_unpause(struct http_request *request)
{
        request_set_state(request, HTTP_STATE_RUNNING);
        /* A failure comes through the transfer's end. */
        (void)curl_easy_pause(request->easy, CURLPAUSE_CONT);
}

static void client_on_work(struct loop_task *task)
{
        struct http_client *client = container_of(task, struct http_client, work);
        bool was_due;

        client->is_working = true;
        client_drain(client, &client->cancelled, request_bury_cancelled);
        client_drain(client, &client->failing, request_end_failed);
        client_drain(client, &client->resuming, request_unpause);
        client_drain(client, &client->starting, request_begin);
        was_due = client->is_due;
        client->is_due = false;
        if (was_due)
                client_run_curl(client, CURL_SOCKET_TIMEOUT, 0);
        else
                client_reap(client);
        client->is_working = false;
        if (client->is_due && !client->is_destroyed)
                loop_defer(client->loop, &client->work);
}

/* ---- what the header offers ---- */

static void client_set_up_multi(struct http_client *client)
{
        CURLM *multi = client->multi;

        curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, client_on_socket);
        curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client);
        curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, client_on_timer);
        curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client);
        client_count_running(client, 0);
}

int http_client_create(struct loop *loop, struct http_client **clientp)
{
        struct http_client *client = calloc(1, sizeof(*client));

        if (client == NULL)
                return -ENOMEM;
        list_init(&client->starting);
        list_init(&client->running);
        list_init(&client->resuming);
        list_init(&client->failing);
        list_init(&client->cancelled);
        list_init(&client->sockets);
        client->loop = loop;
        client->timer.on_due = client_on_due;
        client->work.on_run = client_on_work;
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
                free(client);
                return -ENOMEM;
        }
        client->multi = curl_multi_init();
        if (client->multi == NULL || timer_arm(loop, &client->timer, HTTP_FAR_MS) < 0) {
                curl_multi_cleanup(client->multi);
                curl_global_cleanup();
                free(client);
                return -ENOMEM;
        }
        client_set_up_multi(client);
        *clientp = client;
        return 0;
}

static void client_free(void *object)
{
        struct http_client *client = object;
        struct list *link;

        while ((link = list_first(&client->cancelled)) != NULL) {
                list_unlink(link);
                request_free(container_of(link, struct http_request, link));
        }
        curl_multi_cleanup(client->multi);
        while ((link = list_first(&client->sockets)) != NULL)
                socket_destroy(container_of(link, struct http_socket, link));
        curl_global_cleanup();
        free(client);
}

static void list_cancel_requests(struct list *list)
{
        struct list *link;

        while ((link = list_first(list)) != NULL)
                request_set_state(container_of(link, struct http_request, link),
                                  HTTP_STATE_CANCELLED);
}

void http_client_destroy(struct http_client *client)
{
        if (client == NULL || client->is_destroyed)
                return;
        client->is_destroyed = true;
        list_cancel_requests(&client->starting);
        list_cancel_requests(&client->running);
        list_cancel_requests(&client->resuming);
        list_cancel_requests(&client->failing);
        loop_task_cancel(&client->work);
        timer_disarm(client->loop, &client->timer);
        /* A handler may be on the stack, and curl below it. */
        loop_bury(client->loop, client, client_free);
}

unsigned http_client_n_sockets(const struct http_client *client)
{
        return client->n_sockets;
}

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

static int request_set_headers(struct http_request *request, const char *const *lines)
{
        bool has_type = false;
        int r = 0;

        for (; r == 0 && lines != NULL && *lines != NULL; lines++) {
                has_type = has_type || header_has_name(*lines, "Content-Type");
                r = request_add_header(request, *lines);
        }
        /* Without a value: curl leaves its own line out. */
        if (r == 0)
                r = request_add_header(request, "Expect:");
        if (r == 0 && !has_type)
                r = request_add_header(request, "Content-Type:");
        return r;
}

#define SET(easy, option, value) (curl_easy_setopt(easy, option, value) == CURLE_OK)

static bool request_set_method(CURL *easy, const char *method, struct str body)
{
        bool is_post = strcmp(method, "POST") == 0;

        if (strcmp(method, "GET") == 0)
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

static bool request_set_connection(CURL *easy, struct http_client *client)
{
        return SET(easy, CURLOPT_PROTOCOLS_STR, "http,https") &&
               SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS) &&
               SET(easy, CURLOPT_NOSIGNAL, 1L) && SET(easy, CURLOPT_QUICK_EXIT, 1L) &&
               SET(easy, CURLOPT_TCP_KEEPALIVE, 1L) &&
               SET(easy, CURLOPT_MAXAGE_CONN, HTTP_IDLE_S) &&
               SET(easy, CURLOPT_BUFFERSIZE, HTTP_READ_BYTES) &&
               SET(easy, CURLOPT_UPLOAD_BUFFERSIZE, HTTP_WRITE_BYTES) &&
               SET(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) &&
               SET(easy, CURLOPT_OPENSOCKETFUNCTION, client_open_socket) &&
               SET(easy, CURLOPT_OPENSOCKETDATA, client) &&
               SET(easy, CURLOPT_CLOSESOCKETFUNCTION, client_close_socket) &&
               SET(easy, CURLOPT_CLOSESOCKETDATA, client);
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
        return SET(easy, CURLOPT_URL, options->url) &&
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
        r = request_set_headers(request, options->headers);
        if (r < 0)
                return r;
        request->is_repeatable = strcmp(options->method, "POST") != 0;
        /* These fail for want of memory alone. */
        return request_set_exchange(easy, request, options) &&
                               request_set_connection(easy, request->client) &&
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
        request->handlers = *handlers;
        request->owner = owner;
        r = request_set_up(request, options);
        if (r < 0) {
                request_free(request);
                return r;
        }
        request_set_state(request, HTTP_STATE_STARTING);
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

void http_cancel(struct http_request *request)
{
        if (request != NULL && (request_is_live(request) || request->state == HTTP_STATE_FAILING))
                request_set_state(request, HTTP_STATE_CANCELLED);
}

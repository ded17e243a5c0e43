/* One exchange: a copy of what is asked for, what its carrier brings put into the handlers' words,
 * and its end.
 *
 * A POST or PATCH is never sent twice, whoever carries it: a tool would run twice. To make it rare
 * that a kept connection closes as one is sent, they are left after 4 s idle, before the 5 s at
 * which Node's servers close them. */
#include "http_inside.h"
#include "http_memory.h"
#include "http_pool.h"
#include "mgw/base/clock.h"
#include "mgw/wire/hdr.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Of the body of an error so much is read, and so long. */
#define ERROR_BODY_MAX_BYTES 65536
#define ERROR_BODY_MS 3000

void http_request_set_state(struct http_request *request, enum http_state state)
{
        struct http_client *client = request->client;

        request->state = state;
        list_unlink(&request->node);
        switch (state) {
        case HTTP_STATE_STARTING:
                list_append(&client->starting, &request->node);
                break;
        case HTTP_STATE_RUNNING:
                list_append(&client->running, &request->node);
                return;
        case HTTP_STATE_FAILING:
                list_append(&client->failing, &request->node);
                break;
        case HTTP_STATE_CANCELLED:
                list_append(&client->cancelled, &request->node);
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

static void request_leave(struct http_request *request)
{
        timer_disarm(request->client->loop, &request->patience);
        if (request->carrier != NULL)
                request->carrier->leave(request);
        request->carrier = NULL;
        if (request->server != NULL)
                http_server_release(request->server);
        request->server = NULL;
}

/* It has left its carrier: the client may be gone. */
static void request_free(void *object)
{
        struct http_request *request = object;

        free(request->moved_url);
        free(request->next_url);
        free(request->refusal);
        http_object_free(request);
}

void http_request_destroy(struct http_request *request)
{
        request_leave(request);
        request_free(request);
}

/* ---- what comes ---- */

/* Seconds or a date (RFC 9110 10.2.3); one that is over says 0. */
static int64_t retry_after_s(struct str value)
{
        int64_t now_s;
        uint64_t s;
        time_t at;

        value = str_trim(value);
        if (value.n == 0)
                return -1;
        if (str_to_u64(value, &s) == 0)
                return s < UINT32_MAX ? (int64_t)s : UINT32_MAX;
        at = curl_getdate(value.p, NULL);
        if (at == -1)
                return -1;
        now_s = clock_wall_ms() / 1000;
        return at > now_s ? at - now_s : 0;
}

static void request_tell_head(struct http_request *request, const struct http_head *head)
{
        struct http_response response = {
                .status = head->status,
                .content_type = head->content_type,
                .session_id = head->session_id,
                .www_authenticate = head->www_authenticate,
                .retry_after_s = retry_after_s(head->retry_after),
                .max_age_s = hdr_max_age_s(head->cache_control),
                .lines = head->lines,
        };

        request->is_head_told = true;
        request->handlers.on_head(request->owner, &response);
}

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

static void request_watch_error(struct http_request *request, unsigned status)
{
        request->n_error_bytes = 0;
        if (status >= 300)
                timer_arm(request->client->loop, &request->patience, ERROR_BODY_MS);
}

static void request_count_error(struct http_request *request, size_t n)
{
        request->n_error_bytes += timer_is_armed(&request->patience) ? n : 0;
        if (request->n_error_bytes > ERROR_BODY_MAX_BYTES)
                request_has_enough(request);
}

/* None but who looks at the way to the server asks for that. */
static void request_refuse_compressed(struct http_request *request)
{
        if (!request_is_live(request))
                return;
        request->fault = HTTP_FAULT_STRANGE;
        http_request_fail(request, "The answer is compressed, unasked (Content-Encoding)");
}

bool http_request_take_head(struct http_request *request, const struct http_head *head)
{
        if (head->location.n > 0)
                http_redirect_read(request, head->status, head->location.p);
        request_watch_error(request, head->status);
        if (request->next_url == NULL && !request->is_observed &&
            hdr_is_compressed(head->content_encoding))
                request_refuse_compressed(request);
        else if (request->next_url == NULL)
                request_tell_head(request, head);
        return http_request_runs(request);
}

enum http_flow http_request_take_body(struct http_request *request, const char *p, size_t n)
{
        enum http_flow flow;
        uint32_t spent;

        if (request->next_url != NULL || request->refusal != NULL) {
                request_count_error(request, n);
                return HTTP_GO_ON;
        }
        if (http_turn_holds(request))
                return HTTP_PAUSE;
        request_count_error(request, n);
        if (!http_request_runs(request))
                return HTTP_GO_ON;
        http_turn_spend(request, (uint32_t)n);
        spent = request->source->spent;
        flow = request->handlers.on_body(request->owner, p, n);
        request->spent += request->source->spent - spent;
        return flow;
}

/* ---- the end ---- */

void http_request_begin_anew(struct http_request *request)
{
        request_leave(request);
        request->is_enough = false;
        http_request_set_state(request, HTTP_STATE_STARTING);
}

/* Asks where the answer leads, as it asked before. */
static bool request_follows(struct http_request *request)
{
        if (request->failure != NULL || request->next_url == NULL)
                return false;
        free(request->moved_url);
        request->moved_url = request->next_url;
        request->next_url = NULL;
        request->n_redirects++;
        http_request_begin_anew(request);
        return true;
}

/* What is known of it before what its carrier says. */
static const char *request_failure(const struct http_request *request, enum http_fault *fault,
                                   const char *why)
{
        if (request->failure != NULL) {
                *fault = request->fault;
                return request->failure;
        }
        if (request->refusal != NULL) {
                *fault = HTTP_FAULT_ELSEWHERE;
                return request->refusal;
        }
        if (why == NULL && !request->is_head_told) {
                *fault = HTTP_FAULT_STRANGE;
                return "The answer has no head";
        }
        return why;
}

void http_request_end(struct http_request *request, enum http_fault fault, const char *why)
{
        struct loop *loop = request->client->loop;
        struct http_failure failure;
        char text[CURL_ERROR_SIZE + 1024];
        char *origin;

        if (why == NULL && request_follows(request))
                return;
        why = request_failure(request, &fault, why);
        if (why != NULL) {
                origin = http_origin(http_request_url(request));
                snprintf(text, sizeof(text), "%s (%s)", why,
                         origin == NULL ? "unreadable URL" : origin);
                free(origin);
                failure = (struct http_failure){
                        .fault = fault,
                        .was_sent = request->carrier != NULL && request->carrier->was_sent(request),
                        .is_reset = request->is_reset,
                        .why = text,
                };
        }
        http_request_set_state(request, HTTP_STATE_DONE);
        request_leave(request);
        request->handlers.on_done(request->owner, why != NULL ? &failure : NULL);
        loop_bury(loop, request, request_free);
}

/* ---- the beginning ---- */

static bool header_has_name(const char *line, const char *name)
{
        size_t n = strlen(name);

        return strncasecmp(line, name, n) == 0 && line[n] == ':';
}

/* These, and lines without a value, mean something to curl. */
static bool header_is_plain(const char *line)
{
        static const char *const others[] = {"Connection", "Content-Length",    "Expect",
                                             "TE",         "Transfer-Encoding", "Upgrade"};
        const char *value = strchr(line, ':');

        if (value == NULL)
                return false;
        do
                value++;
        while (*value == ' ' || (*value >= '\t' && *value <= '\r'));
        if (*value == '\0')
                return false;
        if (strchr("CETUcetu", line[0]) == NULL)
                return true;
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
                if (header_has_name(line, others[i]))
                        return false;
        return true;
}

/* What copies of them take. A line break in a value would smuggle in another header, or a request.
 * 0, -EINVAL. */
static int lines_size(const char *const *lines, size_t *size)
{
        *size = 1;
        for (; lines != NULL && *lines != NULL; lines++) {
                if (strchr(*lines, '\r') != NULL || strchr(*lines, '\n') != NULL)
                        return -EINVAL;
                *size += strlen(*lines) + 1;
        }
        return 0;
}

static char *put(char **at, const void *p, size_t n)
{
        char *to = *at;

        if (n > 0)
                memcpy(to, p, n);
        *at += n;
        return to;
}

static void request_copy_lines(struct http_request *request, const char *const *lines, char **at)
{
        request->lines = *at;
        request->is_plain = true;
        for (; lines != NULL && *lines != NULL; lines++) {
                request->has_type = request->has_type || header_has_name(*lines, "Content-Type");
                request->has_host = request->has_host || header_has_name(*lines, "Host");
                request->is_plain = request->is_plain && header_is_plain(*lines);
                if (**lines != '\0')
                        put(at, *lines, strlen(*lines) + 1);
        }
        put(at, "", 1);
}

static void request_copy(struct http_request *request, const struct http_options *options)
{
        char *at = request->text;

        request_copy_lines(request, options->headers, &at);
        request->url = put(&at, options->url, strlen(options->url) + 1);
        request->method = put(&at, options->method, strlen(options->method) + 1);
        request->body.n = options->body.n;
        request->body.p = put(&at, options->body.p, options->body.n);
}

static int request_create(struct http_client *client, const struct http_options *options,
                          struct http_request **requestp)
{
        struct http_request *request;
        size_t n_lines;
        int r = lines_size(options->headers, &n_lines);

        if (r < 0)
                return r;
        request = http_object_create(sizeof(*request), n_lines + strlen(options->url) + 1 +
                                                               strlen(options->method) + 1 +
                                                               options->body.n);
        if (request == NULL)
                return -ENOMEM;
        request->client = client;
        request->source = options->source != NULL ? options->source : &client->nobody;
        request->is_stream = options->is_stream;
        request->is_repeatable =
                strcmp(options->method, "POST") != 0 && strcmp(options->method, "PATCH") != 0;
        request->is_exact = options->is_exact;
        request->is_observed = options->is_observed;
        request->is_get = strcmp(options->method, "GET") == 0;
        request->connect_timeout_ms = options->connect_timeout_ms;
        request->timeout_ms = options->timeout_ms;
        request->patience.on_due = request_on_patience;
        if (!options->is_elsewhere)
                request->server_name = request->source->tls.server_name;
        request_copy(request, options);
        *requestp = request;
        return 0;
}

int http_start(struct http_client *client, const struct http_options *options,
               const struct http_handlers *handlers, void *owner, struct http_request **requestp)
{
        struct http_request *request;
        int r = request_create(client, options, &request);

        if (r < 0)
                return r;
        request->handlers = *handlers;
        request->owner = owner;
        http_request_set_state(request, HTTP_STATE_STARTING);
        *requestp = request;
        return 0;
}

void http_resume(struct http_request *request)
{
        if (request->state != HTTP_STATE_RUNNING)
                return;
        list_move_to_tail(&request->client->resuming, &request->node);
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

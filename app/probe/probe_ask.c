/* A POST and what comes of it: JSON, or a stream of events in which the answer stands. Over
 * HTTP+SSE it comes on the stream, whose watcher hands it over (probe_peer.awaited). */
#include "probe_ask.h"

#include "mgw/base/alloc.h"
#include "mgw/base/clock.h"
#include "mgw/base/strv.h"
#include "mgw/mcp/bridge.h"
#include "mgw/mcp/mirror.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/rpc.h"
#include "mgw/wire/sse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MS 20000
#define ANSWER_MAX_BYTES (16u << 20)

/* ---- the message ---- */

static void add_line(char ***lines, char *line)
{
        (void)strv_add_take(lines, line);
}

static void add_options(struct probe_peer *peer, char ***lines)
{
        for (char **line = peer->options->headers; line != NULL && *line != NULL; line++)
                add_line(lines, alloc_text(*line));
}

static void add_session(struct probe_peer *peer, char ***lines)
{
        const char *revision = rpc_text(peer->hello, "protocolVersion");

        if (peer->session_id != NULL)
                add_line(lines, alloc_format("Mcp-Session-Id: %s", peer->session_id));
        if (revision != NULL && hdr_is_visible(str_from(revision), 64))
                add_line(lines, alloc_format("MCP-Protocol-Version: %s", revision));
}

char **probe_message_get_lines(struct probe_peer *peer, bool has_session)
{
        char **lines = NULL;

        add_line(&lines, alloc_text("Accept: text/event-stream"));
        add_options(peer, &lines);
        if (has_session)
                add_session(peer, &lines);
        return lines;
}

static json_t *client_info(void)
{
        return json_pack("{s:s, s:s}", "name", "mgw probe", "version", MGW_VERSION);
}

/* In the stateless era each message says who asks, and headers repeat what it says. */
static int add_stateless(json_t *message, const json_t *schema, char ***lines)
{
        json_t *info = client_info();
        char **mirrored = NULL;
        int r = bridge_set_meta(json_object_get(message, "params"), era_newest_stateless(), info,
                                NULL, -1);

        json_decref(info);
        if (r == 0)
                r = mirror_lines_make(message, schema, &mirrored);
        for (char **line = mirrored; r == 0 && *line != NULL; line++)
                add_line(lines, alloc_text(*line));
        strv_free(mirrored);
        add_line(lines, alloc_format("MCP-Protocol-Version: %s",
                                     era_revision_name(era_newest_stateless())));
        return r;
}

static json_t *greeting_params(void)
{
        return json_pack("{s:s, s:{}, s:o}", "protocolVersion", era_revision_name(era_newest()),
                         "capabilities", "clientInfo", client_info());
}

int probe_message_make(struct probe_peer *peer, enum probe_way way, const char *method,
                       json_t *params_take, const json_t *schema, struct probe_message *m)
{
        bool is_greeting = strcmp(method, "initialize") == 0;
        json_t *params = params_take != NULL ? params_take : json_object(), *message;
        int r = 0;

        *m = (struct probe_message){.id = ++peer->last_id};
        if (is_greeting)
                json_object_update_new(params, greeting_params());
        message = strncmp(method, "notifications/", 14) == 0
                          ? rpc_notification_take(method, params)
                          : rpc_request_take(json_integer((json_int_t)m->id), method, params);
        add_line(&m->lines, alloc_text("Content-Type: application/json"));
        add_line(&m->lines, alloc_text("Accept: application/json, text/event-stream"));
        add_options(peer, &m->lines);
        if (way == PROBE_WAY_STATELESS)
                r = add_stateless(message, schema, &m->lines);
        else if (way == PROBE_WAY_SESSION && !is_greeting)
                add_session(peer, &m->lines);
        if (r == 0)
                r = rpc_dump(message, &m->body);
        json_decref(message);
        return r;
}

void probe_message_finish(struct probe_message *m)
{
        strv_free(m->lines);
        free((char *)m->body.p);
}

/* ---- the exchange ---- */

struct ask {
        struct probe_peer *peer;
        struct probe_answer *answer;
        struct http_request *request;
        struct sse_reader reader;
        struct buf body;
        int64_t started_ms;
        bool is_stream;
        bool is_done;
};

static void fail(struct probe_answer *a, const char *why)
{
        if (a->why[0] == '\0')
                str_to_text(str_from(why), a->why, sizeof(a->why));
}

static void ask_end(struct ask *ask)
{
        ask->is_done = true;
        ask->request = NULL;
        ask->answer->took_ms = clock_monotonic_ms() - ask->started_ms;
}

/* The rest is not heard. */
static void ask_leave(struct ask *ask)
{
        http_cancel(ask->request);
        ask_end(ask);
}

static void ask_on_head(void *owner, const struct http_response *response)
{
        struct ask *ask = owner;
        struct probe_answer *a = ask->answer;
        char *lines = alloc_str(response->lines);

        a->status = response->status;
        str_to_text(response->content_type, a->media_type, sizeof(a->media_type));
        ask->peer->is_answered = true;
        probe_peer_see(ask->peer, lines);
        free(lines);
        ask->is_stream = hdr_media_is(response->content_type, STR("text/event-stream"));
        if (response->session_id.n > 0 && hdr_is_visible(response->session_id, 1024)) {
                free(a->session_id);
                a->session_id = alloc_str(response->session_id);
        }
}

/* Where it has failed anyway nobody looks for JSON. */
static void say_no_json(struct probe_answer *a, const char *why)
{
        const char *type = a->media_type[0] != '\0' ? a->media_type : "of no type";

        if (a->status >= 400)
                snprintf(a->why, sizeof(a->why), "HTTP %u (%s)", a->status, type);
        else
                snprintf(a->why, sizeof(a->why), "HTTP %u, and its body (%s) is no JSON: %s",
                         a->status, type, why);
}

/* Takes what answers the request; other messages of the server are passed over. */
static bool take_message(struct ask *ask, struct str text)
{
        struct probe_answer *a = ask->answer;
        json_t *message;
        char why[160];

        if (rpc_parse_any(text, &message, why, sizeof(why)) != 0) {
                say_no_json(a, why);
                return false;
        }
        if (json_object_get(message, "method") == NULL &&
            (json_object_get(message, "result") != NULL ||
             json_object_get(message, "error") != NULL)) {
                json_decref(a->message);
                a->message = message;
                return true;
        }
        json_decref(message);
        return false;
}

static void read_events(struct ask *ask, const char *p, size_t n)
{
        struct sse_event event;
        size_t used;
        int r = 0;

        while (n > 0 && r != SSE_E_MORE && !ask->is_done) {
                r = sse_reader_feed(&ask->reader, p, n, &used, &event);
                if (r < 0 || r == SSE_E_BIG) {
                        fail(ask->answer, "an event of its answer is too big: over 16 MiB");
                        ask_leave(ask);
                        return;
                }
                p += used;
                n -= used;
                if (r == 0 && event.data.n > 0 && take_message(ask, event.data))
                        ask_leave(ask);
        }
}

static enum http_flow ask_on_body(void *owner, const char *p, size_t n)
{
        struct ask *ask = owner;

        if (ask->is_stream) {
                read_events(ask, p, n);
        } else if (buf_add(&ask->body, p, n) != 0) {
                fail(ask->answer, "its answer is too big: over 16 MiB");
                ask_leave(ask);
        }
        return HTTP_GO_ON;
}

static void ask_on_done(void *owner, const struct http_failure *failure)
{
        struct ask *ask = owner;

        if (failure != NULL) {
                fail(ask->answer, failure->why);
                ask->answer->fault = failure->fault;
        } else if (!ask->is_stream && ask->body.len > 0 && ask->answer->status != 202) {
                (void)take_message(ask, buf_bytes(&ask->body));
        }
        ask_end(ask);
}

static void ask_start(struct ask *ask, const char *url, const struct probe_message *m)
{
        static const struct http_handlers handlers = {ask_on_head, ask_on_body, ask_on_done};
        struct http_options options = {
                .method = "POST",
                .url = url,
                .headers = (const char *const *)m->lines,
                .body = m->body,
                .timeout_ms = ANSWER_MS,
                .source = &ask->peer->source,
                .is_observed = true,
        };
        int r = http_start(ask->peer->http, &options, &handlers, ask, &ask->request);

        if (r < 0) {
                fail(ask->answer, strerror(-r));
                ask_end(ask);
        }
}

/* The answer on the stream of HTTP+SSE. */
static void await_on_stream(struct ask *ask)
{
        struct probe_peer *peer = ask->peer;
        struct probe_answer *a = ask->answer;
        int64_t end_ms = ask->started_ms + ANSWER_MS;

        while (peer->awaited == NULL && !peer->is_stopped && a->why[0] == '\0' && a->status < 300 &&
               clock_monotonic_ms() < end_ms)
                probe_peer_turn(peer, 100);
        a->message = peer->awaited;
        a->took_ms = clock_monotonic_ms() - ask->started_ms;
        peer->awaited = NULL;
        peer->awaited_id = 0;
        if (a->message == NULL && a->status < 300)
                fail(a, "the request was taken, and no answer came on the stream");
}

static void say_error(struct probe_answer *a, bool has_token)
{
        const json_t *error = json_object_get(a->message, "error");
        const char *text = rpc_text(error, "message");
        char plain[300];

        if (a->status == 401) {
                snprintf(a->why, sizeof(a->why), "HTTP 401: %s",
                         has_token ? "it does not take this token"
                                   : "it wants to know who asks: give --token, or MGW_TOKEN");
        } else if (error != NULL) {
                str_to_text(str_from(text != NULL ? text : ""), plain, sizeof(plain));
                snprintf(a->why, sizeof(a->why), "error %lld: %s (HTTP %u)",
                         (long long)json_integer_value(json_object_get(error, "code")), plain,
                         a->status);
        } else if (a->message == NULL && a->why[0] == '\0') {
                snprintf(a->why, sizeof(a->why), "HTTP %u, and no JSON-RPC answer", a->status);
        }
}

static void ask_wait(struct ask *ask)
{
        while (!ask->is_done && !ask->peer->is_stopped)
                probe_peer_turn(ask->peer, 100);
        if (!ask->is_done) {
                fail(ask->answer, "stopped by a signal");
                ask_leave(ask);
        }
}

static void ask_send(struct probe_peer *peer, enum probe_way way, const struct probe_message *m,
                     struct probe_answer *a)
{
        struct ask ask = {.peer = peer, .answer = a, .started_ms = clock_monotonic_ms()};

        sse_reader_init(&ask.reader, ANSWER_MAX_BYTES);
        buf_init(&ask.body, ANSWER_MAX_BYTES);
        if (way == PROBE_WAY_SSE)
                peer->awaited_id = m->id;
        ask_start(&ask, way == PROBE_WAY_SSE ? peer->message_url : peer->url, m);
        ask_wait(&ask);
        if (way == PROBE_WAY_SSE)
                await_on_stream(&ask);
        sse_reader_finish(&ask.reader);
        buf_finish(&ask.body);
}

void probe_ask(struct probe_peer *peer, enum probe_way way, const char *method, json_t *params_take,
               const json_t *schema, struct probe_answer *a)
{
        struct probe_message m;
        int r = probe_message_make(peer, way, method, params_take, schema, &m);

        *a = (struct probe_answer){0};
        if (r < 0)
                fail(a, strerror(-r));
        else
                ask_send(peer, way, &m, a);
        probe_message_finish(&m);
        if (a->message != NULL && json_object_get(a->message, "result") != NULL)
                a->why[0] = '\0';
        else
                say_error(a, probe_options_has_token(peer->options));
        if (a->why[0] == '\0' && (peer->answer_ms < 0 || a->took_ms < peer->answer_ms))
                peer->answer_ms = a->took_ms;
}

void probe_tell(struct probe_peer *peer, enum probe_way way, const char *method)
{
        struct probe_message m;
        struct probe_answer a = {0};

        if (probe_message_make(peer, way, method, NULL, NULL, &m) == 0) {
                struct ask ask = {.peer = peer, .answer = &a, .started_ms = clock_monotonic_ms()};

                ask_start(&ask, way == PROBE_WAY_SSE ? peer->message_url : peer->url, &m);
                ask_wait(&ask);
                buf_finish(&ask.body);
        }
        probe_message_finish(&m);
        probe_answer_finish(&a);
}

json_t *probe_answer_result(const struct probe_answer *a)
{
        return json_object_get(a->message, "result");
}

void probe_answer_finish(struct probe_answer *a)
{
        free(a->session_id);
        json_decref(a->message);
}

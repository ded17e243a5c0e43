/* Streamable HTTP: each message is a POST of its own, whose answer is JSON or a stream; one GET
 * stream carries what no call asked for. A 404 means that the upstream has forgotten the session.
 */
#include "link_inside.h"
#include "mgw/base/log.h"
#include "mgw/gate/relay.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/sse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GET_RETRY_MS 1000
#define GET_RETRY_MAX_MS 30000
#define DELETE_TIMEOUT_MS 5000
#define SESSION_ID_MAX 256

/* One HTTP request to the upstream; x is NULL for the GET stream. */
struct post_wire {
        struct link *link;
        struct exchange *x;
        struct http_request *http;
        struct sse_reader sse;
        struct buf body;
        unsigned status;
        bool is_stream;
        bool is_whole; /* what comes is gathered, however big */
};

struct http_peer {
        char *session_id;
        char *last_event_id;
        struct post_wire *get;
        struct timer get_retry;
        struct link *link;
        int64_t get_delay_ms;
        bool has_get;    /* a GET stream has been open in this session */
        bool has_no_get; /* the server offers none */
};

static void get_start(struct link *link);

static struct gate *link_gate(const struct link *link)
{
        return link->upstream->gate;
}

static void wire_free(void *object)
{
        struct post_wire *w = object;

        sse_reader_finish(&w->sse);
        buf_finish(&w->body);
        free(w);
}

static void wire_drop(struct post_wire *w)
{
        struct http_peer *peer = w->link->peer;

        http_cancel(w->http);
        w->http = NULL;
        if (w->x != NULL)
                w->x->wire = NULL;
        if (peer->get == w)
                peer->get = NULL;
        loop_bury(link_gate(w->link)->loop, w, wire_free);
}

static void wire_fail(struct post_wire *w, const char *why, bool was_sent)
{
        struct exchange *x = w->x;

        wire_drop(w);
        if (x != NULL)
                exchange_fail(x, why, was_sent);
}

static void http_drop(struct exchange *x)
{
        wire_drop(x->wire);
}

/* ---- what comes ---- */

static void wire_on_head(void *owner, const struct http_response *response)
{
        struct post_wire *w = owner;
        struct http_peer *peer = w->link->peer;

        w->status = response->status;
        w->is_stream = hdr_media_is(response->content_type, STR("text/event-stream"));
        if (w->x != NULL && w->x->kind == EXCHANGE_INITIALIZE &&
            hdr_is_visible(response->session_id, SESSION_ID_MAX)) {
                free(peer->session_id);
                peer->session_id = str_dup(response->session_id);
        }
        if (w->x == NULL && w->status == 200) {
                peer->get_delay_ms = GET_RETRY_MS;
                peer->has_get = true;
        }
}

static void get_remember_event(struct http_peer *peer, const struct sse_event *ev)
{
        if (ev->id.n > 0) {
                free(peer->last_event_id);
                peer->last_event_id = str_dup(ev->id);
        }
        if (ev->retry_ms >= 0)
                peer->get_delay_ms =
                        ev->retry_ms > GET_RETRY_MAX_MS ? GET_RETRY_MAX_MS : ev->retry_ms;
}

/* ---- big results ---- */

static struct relay *wire_relay(const struct post_wire *w)
{
        struct call *call = w->x != NULL && w->x->errand != NULL ? w->x->errand->call : NULL;

        return call != NULL ? call->relay : NULL;
}

static bool wire_begin_relay(struct post_wire *w, struct str head)
{
        struct call *call = w->x != NULL && w->x->errand != NULL ? w->x->errand->call : NULL;

        w->is_whole = call == NULL || !relay_begin(call, head);
        return !w->is_whole;
}

/* An event of the stream that grows big. */
static void wire_try_relay(struct post_wire *w)
{
        struct str head;

        if (w->is_whole || sse_reader_pending(&w->sse) < RELAY_MIN_BYTES)
                return;
        if (sse_reader_peek_data(&w->sse, &head) && wire_begin_relay(w, head))
                sse_reader_give_data(&w->sse);
        else
                w->is_whole = true;
}

static void wire_on_room(void *owner)
{
        const struct post_wire *w = owner;

        if (w->http != NULL)
                http_resume(w->http);
}

static void wire_feed(struct post_wire *w, const char *p, size_t n)
{
        while (n > 0 && w->http != NULL) {
                struct sse_event ev;
                size_t used = 0;
                int r = sse_reader_feed(&w->sse, p, n, &used, &ev);

                p += used;
                n -= used;
                if (r == SSE_E_PIECE || r == SSE_E_PIECE_LAST) {
                        relay_feed(wire_relay(w), ev.data, r == SSE_E_PIECE_LAST);
                        continue;
                }
                if (r == SSE_E_MORE) {
                        wire_try_relay(w);
                        continue;
                }
                if (r != 0) {
                        wire_fail(w, "it sent an event over 64 MB", true);
                        break;
                }
                if (w->x == NULL)
                        get_remember_event(w->link->peer, &ev);
                if (ev.data.p != NULL && ev.data.n > 0)
                        link_on_text(w->link, w->x, ev.data);
        }
}

static enum http_flow wire_on_body(void *owner, const char *p, size_t n)
{
        struct post_wire *w = owner;

        if (w->status != 200 && w->status != 202)
                return HTTP_GO_ON; /* what an error page says is not for our clients */
        if (w->x != NULL)
                exchange_heard(w->x);
        if (wire_relay(w) != NULL && relay_must_wait(wire_relay(w), wire_on_room, w))
                return HTTP_PAUSE;
        if (w->is_stream)
                wire_feed(w, p, n);
        else if (wire_relay(w) != NULL)
                relay_feed(wire_relay(w), (struct str){p, n}, false);
        else if (buf_add(&w->body, p, n) != 0)
                wire_fail(w, "its answer is over 64 MB", true);
        else if (w->body.len >= RELAY_MIN_BYTES && !w->is_whole &&
                 wire_begin_relay(w, buf_bytes(&w->body)))
                buf_finish(&w->body);
        return HTTP_GO_ON;
}

static void get_later(struct http_peer *peer)
{
        timer_arm(link_gate(peer->link)->loop, &peer->get_retry, peer->get_delay_ms);
        peer->get_delay_ms = peer->get_delay_ms * 2 > GET_RETRY_MAX_MS ? GET_RETRY_MAX_MS
                                                                       : peer->get_delay_ms * 2;
}

/* A 404 before any GET stream is from a server that has none, after one it is a lost session. */
static void get_on_done(struct post_wire *w)
{
        struct link *link = w->link;
        struct http_peer *peer = link->peer;
        bool is_lost = w->status == 404 && peer->has_get && link->state == LINK_READY;

        peer->has_no_get = w->status == 405 || w->status == 501 || (w->status == 404 && !is_lost);
        wire_drop(w);
        if (is_lost)
                link_forgotten(link);
        else if (!peer->has_no_get)
                get_later(peer);
}

/* The upstream does not know the session any more (404, or 400 from servers that mix them up). */
static bool wire_lost_session(const struct post_wire *w)
{
        const struct http_peer *peer = w->link->peer;

        return (w->status == 404 || w->status == 400) && !w->x->was_retried &&
               w->x->kind != EXCHANGE_INITIALIZE &&
               (peer->session_id != NULL || w->x->generation != w->link->generation);
}

static void wire_on_done(void *owner, const char *why, bool was_sent)
{
        struct post_wire *w = owner;
        struct exchange *x = w->x;
        unsigned status = w->status;
        char text[80];

        w->http = NULL;
        if (x == NULL) {
                get_on_done(w);
                return;
        }
        if (why == NULL && wire_lost_session(w)) {
                exchange_again(x);
                return;
        }
        if (why == NULL && x->kind == EXCHANGE_INITIALIZE &&
            (status == 400 || status == 404 || status == 405)) {
                exchange_end(x);
                link_use_transport(w->link, &transport_sse);
                return;
        }
        if (why == NULL && status == 200 && !w->is_stream && w->body.len > 0)
                link_on_text(w->link, x, buf_bytes(&w->body));
        if (!exchange_is_open(x) || x->wire != w) /* answered, or on its way again */
                return;
        if (why == NULL && status / 100 == 2 && x->kind == EXCHANGE_SEND) {
                exchange_end(x);
                return;
        }
        if (why == NULL) {
                snprintf(text, sizeof(text),
                         status / 100 == 2 ? "it ended without an answer (HTTP %u)"
                                           : "it answered HTTP %u",
                         status);
                why = text;
        }
        wire_fail(w, why, was_sent);
}

static const struct http_handlers wire_handlers = {
        .on_head = wire_on_head,
        .on_body = wire_on_body,
        .on_done = wire_on_done,
};

/* ---- what goes ---- */

struct header_lines {
        char text[3][SESSION_ID_MAX + 64];
        const char **lines;
};

static int header_lines_init(struct header_lines *h, const struct link *link, bool with_session,
                             bool is_get)
{
        const struct http_peer *peer = link->peer;
        char *const *own = link->upstream->server->headers;
        size_t n = 0, n_own = 0;

        while (own != NULL && own[n_own] != NULL)
                n_own++;
        h->lines = calloc(n_own + 6, sizeof(*h->lines));
        if (h->lines == NULL)
                return -ENOMEM;
        h->lines[n++] = "Content-Type: application/json";
        h->lines[n++] = "Accept: application/json, text/event-stream";
        for (size_t i = 0; i < n_own; i++)
                h->lines[n++] = own[i];
        if (with_session && peer->session_id != NULL) {
                snprintf(h->text[0], sizeof(h->text[0]), "Mcp-Session-Id: %s", peer->session_id);
                h->lines[n++] = h->text[0];
        }
        if (with_session && link_version(link) != NULL) {
                snprintf(h->text[1], sizeof(h->text[1]), "MCP-Protocol-Version: %s",
                         link_version(link));
                h->lines[n++] = h->text[1];
        }
        if (is_get && peer->last_event_id != NULL &&
            hdr_is_visible(str_from(peer->last_event_id), SESSION_ID_MAX)) {
                snprintf(h->text[2], sizeof(h->text[2]), "Last-Event-ID: %s", peer->last_event_id);
                h->lines[n++] = h->text[2];
        }
        return 0;
}

static long connect_timeout_ms(const struct link *link)
{
        int64_t own = link->upstream->server->connect_timeout_ms;

        return (long)(own > 0 ? own : link_gate(link)->config->upstream_connect_timeout_ms);
}

static int wire_start(struct link *link, struct exchange *x, struct post_wire **wirep)
{
        struct post_wire *w = calloc(1, sizeof(*w));
        struct header_lines headers;
        struct str body = {NULL, 0};
        int r = w != NULL
                        ? header_lines_init(&headers, link,
                                            x == NULL || x->kind != EXCHANGE_INITIALIZE, x == NULL)
                        : -ENOMEM;

        if (r < 0) {
                free(w);
                return r;
        }
        w->link = link;
        w->x = x;
        sse_reader_init(&w->sse, MESSAGE_MAX_BYTES);
        buf_init(&w->body, MESSAGE_MAX_BYTES);
        if (x != NULL)
                r = rpc_dump(x->msg, &body);
        if (r == 0) {
                const struct http_options options = {
                        .method = x == NULL ? "GET" : "POST",
                        .url = link->upstream->server->url,
                        .headers = headers.lines,
                        .body = body,
                        .connect_timeout_ms = connect_timeout_ms(link),
                };
                r = http_start(link_gate(link)->http, &options, &wire_handlers, w, &w->http);
        }
        free((void *)body.p);
        free(headers.lines);
        if (r < 0)
                free(w);
        else
                *wirep = w;
        return r;
}

static void http_send(struct exchange *x)
{
        struct post_wire *w;

        if (wire_start(x->owner, x, &w) == 0)
                x->wire = w;
        else
                exchange_fail(x, "the request could not be started", false);
}

static void get_start(struct link *link)
{
        struct http_peer *peer = link->peer;

        if (peer->get != NULL || peer->has_no_get || link->state != LINK_READY)
                return;
        if (wire_start(link, NULL, &peer->get) < 0)
                get_later(peer);
}

static void get_on_retry(struct timer *timer)
{
        get_start(container_of(timer, struct http_peer, get_retry)->link);
}

/* ---- its life ---- */

static int http_create(struct link *link)
{
        struct http_peer *peer = calloc(1, sizeof(*peer));

        if (peer == NULL)
                return -ENOMEM;
        peer->link = link;
        peer->get_delay_ms = GET_RETRY_MS;
        peer->get_retry.on_due = get_on_retry;
        link->peer = peer;
        return 0;
}

static int http_open(struct link *link, char *why, size_t why_size)
{
        struct http_peer *peer = link->peer;

        (void)why;
        (void)why_size;
        free(peer->session_id);
        peer->session_id = NULL;
        free(peer->last_event_id);
        peer->last_event_id = NULL;
        peer->has_get = false;
        peer->has_no_get = false;
        timer_disarm(link_gate(link)->loop, &peer->get_retry);
        if (peer->get != NULL)
                wire_drop(peer->get);
        return 0;
}

static void http_on_ready(struct link *link)
{
        get_start(link);
}

static void delete_on_head(void *owner, const struct http_response *response)
{
        (void)owner;
        (void)response;
}

static enum http_flow delete_on_body(void *owner, const char *p, size_t n)
{
        (void)owner;
        (void)p;
        (void)n;
        return HTTP_GO_ON;
}

static void delete_on_done(void *owner, const char *why, bool was_sent)
{
        struct upstream *upstream = owner;

        (void)was_sent;
        upstream->n_ending--;
        if (why != NULL)
                log_debug(NULL, "[upstream] %s: DELETE: %s", upstream_name(upstream), why);
}

static void http_delete_session(struct link *link)
{
        static const struct http_handlers handlers = {delete_on_head, delete_on_body,
                                                      delete_on_done};
        struct upstream *upstream = link->upstream;
        struct http_request *request;
        struct header_lines headers;
        int r = header_lines_init(&headers, link, true, false);

        if (r == 0) {
                const struct http_options options = {
                        .method = "DELETE",
                        .url = upstream->server->url,
                        .headers = headers.lines,
                        .connect_timeout_ms = connect_timeout_ms(link),
                        .timeout_ms = DELETE_TIMEOUT_MS,
                };
                r = http_start(upstream->gate->http, &options, &handlers, upstream, &request);
                free(headers.lines);
        }
        if (r == 0)
                upstream->n_ending++;
        else
                log_warn(NULL, "[upstream] %s: DELETE could not be sent", upstream_name(upstream));
}

static void http_destroy(struct link *link)
{
        struct http_peer *peer = link->peer;

        timer_disarm(link_gate(link)->loop, &peer->get_retry);
        if (peer->get != NULL)
                wire_drop(peer->get);
        if (peer->session_id != NULL)
                http_delete_session(link);
        free(peer->session_id);
        free(peer->last_event_id);
        loop_bury(link_gate(link)->loop, peer, free);
}

const struct transport transport_http = {
        .create = http_create,
        .open = http_open,
        .send = http_send,
        .drop = http_drop,
        .on_ready = http_on_ready,
        .destroy = http_destroy,
};

/* HTTP+SSE (MCP 2024-11-05): one GET stream carries all that the server says. Its first event,
 * `endpoint`, tells where our messages are POSTed; they are answered on the stream. */
#include "link_inside.h"
#include "mgw/base/log.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/sse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENDPOINT_MAX 2048
#define POST_TIMEOUT_MS 30000

struct sse_peer {
        struct link *link;
        struct http_request *get;
        struct sse_reader reader;
        char *endpoint;        /* NULL: not told yet */
        struct exchange *held; /* what waits for it: initialize */
        unsigned status;
};

/* One message on its way; http is NULL once the server has accepted it. */
struct sse_post {
        struct link *link;
        struct exchange *x;
        struct http_request *http;
        unsigned status;
};

static struct gate *link_gate(const struct link *link)
{
        return link->upstream->gate;
}

static void post_drop(struct exchange *x)
{
        struct sse_peer *peer = x->owner->peer;
        struct sse_post *post = x->wire;

        x->wire = NULL;
        if (peer->held == x) {
                peer->held = NULL;
                return;
        }
        http_cancel(post->http);
        loop_bury(link_gate(x->owner)->loop, post, free);
}

/* ---- our messages ---- */

static void post_on_head(void *owner, const struct http_response *response)
{
        struct sse_post *post = owner;

        post->status = response->status;
}

/* What the server says to a POST itself ("Accepted") tells nothing. */
static enum http_flow post_on_body(void *owner, const char *p, size_t n)
{
        (void)owner;
        (void)p;
        (void)n;
        return HTTP_GO_ON;
}

static void post_on_done(void *owner, const char *why, bool was_sent)
{
        struct sse_post *post = owner;
        struct exchange *x = post->x;
        char text[48];

        post->http = NULL;
        if (why == NULL && post->status / 100 == 2) {
                if (x->kind == EXCHANGE_SEND)
                        exchange_end(x);
                return;
        }
        if (why == NULL) {
                snprintf(text, sizeof(text), "it answered HTTP %u", post->status);
                why = text;
        }
        post_drop(x);
        exchange_fail(x, why,
                      !was_sent                 ? FAULT_UNSENT
                      : post->status / 100 == 3 ? FAULT_FINAL
                                                : FAULT_CUT);
}

static const struct http_handlers post_handlers = {
        .on_head = post_on_head,
        .on_body = post_on_body,
        .on_done = post_on_done,
};

/* Lines of the entry's headers behind one of ours; the caller frees the array. */
static const char **make_headers(const struct link *link, const char *first)
{
        char *const *own = link->upstream->server->headers;
        const char **lines;
        size_t n = 0;

        while (own != NULL && own[n] != NULL)
                n++;
        lines = calloc(n + 2, sizeof(*lines));
        if (lines == NULL)
                return NULL;
        lines[0] = first;
        for (size_t i = 0; i < n; i++)
                lines[i + 1] = own[i];
        return lines;
}

static int http_begin(struct link *link, const char *method, const char *url, const char *header,
                      struct str body, const struct http_handlers *handlers, void *owner,
                      struct http_request **requestp)
{
        const struct config_server *server = link->upstream->server;
        const char **headers = make_headers(link, header);
        int64_t connect_ms = server->connect_timeout_ms > 0
                                     ? server->connect_timeout_ms
                                     : link_gate(link)->config->upstream_connect_timeout_ms;
        const struct http_options options = {
                .method = method,
                .url = url,
                .headers = headers,
                .body = body,
                .connect_timeout_ms = (long)connect_ms,
                .timeout_ms = body.n > 0 ? POST_TIMEOUT_MS : 0,
        };
        int r = headers != NULL
                        ? http_start(link_gate(link)->http, &options, handlers, owner, requestp)
                        : -ENOMEM;

        free(headers);
        return r;
}

static void sse_send(struct exchange *x)
{
        struct sse_peer *peer = x->owner->peer;
        struct sse_post *post;
        struct str body;
        int r;

        if (peer->endpoint == NULL) {
                peer->held = x;
                x->wire = peer;
                return;
        }
        post = calloc(1, sizeof(*post));
        if (post == NULL || rpc_dump(x->msg, &body) < 0) {
                free(post);
                exchange_fail(x, "out of memory", FAULT_UNSENT);
                return;
        }
        post->link = x->owner;
        post->x = x;
        r = http_begin(x->owner, "POST", peer->endpoint, "Content-Type: application/json", body,
                       &post_handlers, post, &post->http);
        free((void *)body.p);
        if (r < 0) {
                free(post);
                exchange_fail(x, "the request could not be started", FAULT_UNSENT);
        } else {
                x->wire = post;
        }
}

/* ---- the stream ---- */

/* Bytes of "http://host:port" in a URL. */
static size_t origin_size(const char *url)
{
        const char *host = strstr(url, "://");

        return host != NULL ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?#") : 0;
}

/* The endpoint as a whole URL; the caller frees it. NULL: it leads to another origin, where what
 * our headers carry does not belong. */
static char *resolve_endpoint(const char *base, struct str endpoint)
{
        size_t n_origin = origin_size(base);
        size_t n_dir = strcspn(base, "?#");
        char *url;

        if (!hdr_is_visible(endpoint, ENDPOINT_MAX))
                return NULL;
        if (str_has_prefix(endpoint, STR("http://")) || str_has_prefix(endpoint, STR("https://")))
                return endpoint.n > n_origin &&
                                       str_has_prefix(endpoint, (struct str){base, n_origin}) &&
                                       strchr("/?#", endpoint.p[n_origin]) != NULL
                               ? str_dup(endpoint)
                               : NULL;
        if (str_has_prefix(endpoint, STR("//")))
                return NULL;
        if (endpoint.p[0] == '/')
                n_dir = n_origin;
        else
                while (n_dir > n_origin && base[n_dir - 1] != '/')
                        n_dir--;
        return asprintf(&url, "%.*s%.*s", (int)n_dir, base, STR_ARG(endpoint)) < 0 ? NULL : url;
}

static void peer_close_stream(struct sse_peer *peer)
{
        http_cancel(peer->get);
        peer->get = NULL;
        sse_reader_finish(&peer->reader);
        sse_reader_init(&peer->reader, MESSAGE_MAX_BYTES);
        free(peer->endpoint);
        peer->endpoint = NULL;
}

static void peer_lose(struct sse_peer *peer, const char *why)
{
        peer_close_stream(peer);
        link_lost(peer->link, why);
}

static void peer_on_endpoint(struct sse_peer *peer, struct str endpoint)
{
        struct exchange *x = peer->held;

        free(peer->endpoint);
        peer->endpoint = resolve_endpoint(peer->link->upstream->server->url, endpoint);
        if (peer->endpoint == NULL) {
                peer_lose(peer, "its endpoint event names no address at this server");
                return;
        }
        if (x == NULL)
                return;
        peer->held = NULL;
        x->wire = NULL;
        sse_send(x);
}

static void peer_on_event(struct sse_peer *peer, const struct sse_event *ev)
{
        if (str_eq(ev->name, STR("endpoint")))
                peer_on_endpoint(peer, ev->data);
        else if (ev->data.p != NULL && ev->data.n > 0)
                link_on_text(peer->link, NULL, ev->data);
}

static void get_on_head(void *owner, const struct http_response *response)
{
        struct sse_peer *peer = owner;

        peer->status = hdr_media_is(response->content_type, STR("text/event-stream")) ||
                                       response->status != 200
                               ? response->status
                               : 0;
}

static enum http_flow get_on_body(void *owner, const char *p, size_t n)
{
        struct sse_peer *peer = owner;
        const struct http_request *get = peer->get;

        while (n > 0 && peer->status == 200 && peer->get == get) {
                struct sse_event ev;
                size_t used = 0;
                int r = sse_reader_feed(&peer->reader, p, n, &used, &ev);

                p += used;
                n -= used;
                if (r == SSE_E_MORE)
                        continue;
                if (r != 0) {
                        peer_lose(peer, "it sent an event over 64 MB");
                        break;
                }
                peer_on_event(peer, &ev);
        }
        return HTTP_GO_ON;
}

static void get_on_done(void *owner, const char *why, bool was_sent)
{
        struct sse_peer *peer = owner;
        char text[64];

        (void)was_sent;
        peer->get = NULL;
        if (why == NULL && peer->status == 0)
                why = "it offers no stream of events at this address";
        if (why == NULL) {
                snprintf(text, sizeof(text),
                         peer->status == 200 ? "its stream has ended" : "it answered HTTP %u",
                         peer->status);
                why = text;
        }
        peer_lose(peer, why);
}

static const struct http_handlers get_handlers = {
        .on_head = get_on_head,
        .on_body = get_on_body,
        .on_done = get_on_done,
};

/* ---- its life ---- */

static int sse_create(struct link *link)
{
        struct sse_peer *peer = calloc(1, sizeof(*peer));

        if (peer == NULL)
                return -ENOMEM;
        peer->link = link;
        sse_reader_init(&peer->reader, MESSAGE_MAX_BYTES);
        link->peer = peer;
        return 0;
}

static int sse_open(struct link *link, char *why, size_t why_size)
{
        struct sse_peer *peer = link->peer;
        int r;

        peer_close_stream(peer);
        peer->status = 0;
        r = http_begin(link, "GET", link->upstream->server->url, "Accept: text/event-stream",
                       STR(""), &get_handlers, peer, &peer->get);
        if (r < 0)
                snprintf(why, why_size, "the request could not be started");
        return r;
}

static void sse_on_ready(struct link *link)
{
        (void)link;
}

static void peer_free(void *object)
{
        struct sse_peer *peer = object;

        sse_reader_finish(&peer->reader);
        free(peer->endpoint);
        free(peer);
}

static void sse_destroy(struct link *link)
{
        struct sse_peer *peer = link->peer;

        peer_close_stream(peer);
        loop_bury(link_gate(link)->loop, peer, peer_free);
}

const struct transport transport_sse = {
        .create = sse_create,
        .open = sse_open,
        .send = sse_send,
        .drop = post_drop,
        .on_ready = sse_on_ready,
        .destroy = sse_destroy,
};

/* HTTP+SSE (MCP 2024-11-05): one GET stream carries all that the server says. Its first event,
 * `endpoint`, tells where our messages are POSTed; they are answered on the stream. */
#include "mgw/base/strv.h"
#include "mgw/config/config.h"
#include "mgw/mcp/trace.h"
#include "mgw/upstream/account.h"
#include "mgw/upstream/credential.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/sse.h"
#include "upstream_inside.h"

#include "mgw/base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENDPOINT_MAX 2048
#define POST_TIMEOUT_MS 30000

struct sse_peer {
        struct upstream_session *us;
        struct credential_use use; /* by the stream */
        struct http_request *get;
        struct sse_reader reader;
        struct ledger_hold hold;         /* of reader */
        char *endpoint;                  /* NULL: not told yet */
        struct pending_request *held;    /* what waits for it: initialize */
        struct pending_request *relayed; /* the event in progress is its answer */
        struct waiter room;              /* a client that does not read holds the stream back */
        int64_t retry_after_s;
        unsigned status;
        bool is_challenged; /* account_is_challenged() */
        bool was_offered;   /* the event in progress, to be relayed */
};

/* One message on its way; http is NULL once the server has accepted it. */
struct sse_post {
        struct upstream_session *us;
        struct pending_request *pending;
        struct credential_use use;
        struct http_request *http;
        int64_t retry_after_s;
        unsigned status;
        bool is_challenged; /* account_is_challenged() */
};

static void post_drop(struct pending_request *pending)
{
        struct sse_peer *peer = pending->owner->peer;
        struct sse_post *post = pending->transfer;

        pending->transfer = NULL;
        if (peer->relayed == pending)
                peer->relayed = NULL;
        if (peer->held == pending)
                peer->held = NULL;
        http_cancel(post->http);
        credential_leave(&post->use);
        loop_bury(upstream_session_loop(pending->owner), post, free);
}

/* ---- our messages ---- */

static void post_on_head(void *owner, const struct http_response *response)
{
        struct sse_post *post = owner;

        post->status = response->status;
        post->retry_after_s = response->retry_after_s;
        post->is_challenged = account_is_challenged(post->us->account, response);
        if (!failure_status_is_unwell(post->status))
                upstream_worked(post->us->upstream);
}

/* What the server says to a POST itself ("Accepted") tells nothing. */
static enum http_flow post_on_body(void *owner, const char *p, size_t n)
{
        (void)owner;
        (void)p;
        (void)n;
        return HTTP_GO_ON;
}

static void post_ask(struct sse_post *post);

static void post_fail(struct sse_post *post, const char *why, enum pending_request_fault fault)
{
        struct pending_request *pending = post->pending;

        post_drop(pending);
        pending_request_fail(pending, why, fault);
}

static void post_fail_as(struct sse_post *post, const struct failure *failure)
{
        struct pending_request *pending = post->pending;

        post_drop(pending);
        pending_request_fail_as(pending, failure);
}

static void post_on_done(void *owner, const struct http_failure *http)
{
        struct sse_post *post = owner;
        struct pending_request *pending = post->pending;
        struct failure failure;

        post->http = NULL;
        if (http != NULL) {
                failure_of_http(&failure, http);
                post_fail_as(post, &failure);
        } else if (credential_refused(&post->use, post->status)) {
                post_ask(post);
        } else if (post->status / 100 != 2) {
                failure_of_status(&failure, post->status, post->retry_after_s);
                if (post->is_challenged)
                        failure = (struct failure){.why = failure_of_grant, .fault = FAULT_GRANT};
                if (post->retry_after_s > 0)
                        pending_request_rest(pending, 1000 * post->retry_after_s);
                post_fail_as(post, &failure);
        } else if (!pending_request_is_request(pending)) {
                pending_request_end(pending);
        }
}

static const struct http_handlers post_handlers = {
        .on_head = post_on_head,
        .on_body = post_on_body,
        .on_done = post_on_done,
};

/* lines: of ours, ended by NULL. */
static int http_begin(struct upstream_session *us, const char *method, const char *url,
                      const char *const *lines, const struct credential_use *use, struct str body,
                      const struct http_handlers *handlers, void *owner,
                      struct http_request **requestp)
{
        const char **headers = account_headers(us->account, lines, use->header);
        const struct http_options options = {
                .method = method,
                .url = url,
                .headers = headers,
                .body = body,
                .connect_timeout_ms = upstream_connect_timeout_ms(us->upstream),
                .timeout_ms = body.n > 0 ? POST_TIMEOUT_MS : 0,
                .is_stream = body.n == 0,
                .source = &us->upstream->http,
        };
        int r = http_start(upstream_session_context(us)->http, &options, handlers, owner, requestp);

        free(headers);
        return r;
}

/* To be freed in any case. */
static int post_lines_make(const struct pending_request *pending, char ***linesp)
{
        (void)strv_add_take(linesp, alloc_text("Content-Type: application/json"));
        return trace_lines_add(linesp, pending_request_params(pending));
}

static void post_on_token(struct credential_use *use)
{
        struct sse_post *post = container_of(use, struct sse_post, use);
        const struct sse_peer *peer = post->us->peer;
        char **lines = NULL;
        struct str body;
        int r = post_lines_make(post->pending, &lines);

        if (r == 0)
                r = pending_request_dump(post->pending, &body);
        if (r == 0) {
                r = http_begin(post->us, "POST", peer->endpoint, (const char *const *)lines, use,
                               body, &post_handlers, post, &post->http);
                free((void *)body.p);
        }
        strv_free(lines);
        if (r < 0)
                post_fail(post, "the request could not be started", FAULT_UNSENT);
}

static void post_on_no_token(struct credential_use *use, const char *why)
{
        post_fail(container_of(use, struct sse_post, use), why, FAULT_OURS);
}

static void post_ask(struct sse_post *post)
{
        int r = credential_ask(&post->use);

        if (r == 0)
                post_on_token(&post->use);
        else if (r < 0)
                post_fail(post, "the request for a token could not be started", FAULT_OURS);
}

static void sse_send(struct pending_request *pending)
{
        struct sse_peer *peer = pending->owner->peer;
        struct sse_post *post = alloc_zeroed(sizeof(*post));

        post->us = pending->owner;
        post->pending = pending;
        post->use = (struct credential_use){.credential = pending->owner->account->credential,
                                            .on_token = post_on_token,
                                            .on_fail = post_on_no_token};
        pending->transfer = post;
        if (peer->endpoint != NULL)
                post_ask(post);
        else
                peer->held = pending;
}

/* ---- the stream ---- */

/* The endpoint as a whole URL; the caller frees it. NULL: it leads to another origin, where what
 * our headers carry does not belong. */
static char *resolve_endpoint(const char *base, struct str endpoint)
{
        char *text = hdr_is_visible(endpoint, ENDPOINT_MAX) ? str_dup(endpoint) : NULL;
        char *url = text != NULL ? http_resolve(base, text) : NULL;

        free(text);
        return url;
}

static void peer_close_stream(struct sse_peer *peer)
{
        http_cancel(peer->get);
        peer->get = NULL;
        credential_leave(&peer->use);
        peer->relayed = NULL;
        peer->was_offered = false;
        list_unlink(&peer->room.node);
        sse_reader_finish(&peer->reader);
        sse_reader_init(&peer->reader, MESSAGE_MAX_BYTES);
        ledger_hold_set_past(&peer->hold, 0);
        free(peer->endpoint);
        peer->endpoint = NULL;
}

static void peer_lose_as(struct sse_peer *peer, const struct failure *failure)
{
        peer_close_stream(peer);
        upstream_session_lost(peer->us, failure);
}

static void peer_lose(struct sse_peer *peer, const char *why)
{
        peer_lose_as(peer, &(const struct failure){.why = why, .fault = FAULT_CUT});
}

static void peer_on_endpoint(struct sse_peer *peer, struct str endpoint)
{
        struct pending_request *pending = peer->held;

        free(peer->endpoint);
        peer->endpoint = resolve_endpoint(peer->us->upstream->server->url, endpoint);
        if (peer->endpoint == NULL) {
                peer_lose(peer, "its endpoint event names no address at this server");
                return;
        }
        if (pending == NULL)
                return;
        peer->held = NULL;
        post_ask(pending->transfer);
}

/* Before the first endpoint event nothing has been said to it: it can answer nothing. */
static void peer_on_event(struct sse_peer *peer, const struct sse_event *ev)
{
        if (str_eq(ev->name, STR("endpoint")))
                peer_on_endpoint(peer, ev->data);
        else if (peer->endpoint != NULL && ev->data.p != NULL && ev->data.n > 0)
                upstream_session_on_text(peer->us, NULL, ev->data);
}

static void get_on_head(void *owner, const struct http_response *response)
{
        struct sse_peer *peer = owner;

        peer->status = hdr_media_is(response->content_type, STR("text/event-stream")) ||
                                       response->status != 200
                               ? response->status
                               : 0;
        peer->retry_after_s = response->retry_after_s;
        peer->is_challenged = account_is_challenged(peer->us->account, response);
        if (!failure_status_is_unwell(response->status))
                upstream_worked(peer->us->upstream);
}

/* An event that grows big. */
static void peer_offer_event(struct sse_peer *peer)
{
        struct str head;

        if (peer->was_offered || !upstream_session_serves_one(peer->us) ||
            sse_reader_pending(&peer->reader) < RELAY_MIN_BYTES)
                return;
        peer->was_offered = true;
        if (!sse_reader_peek_data(&peer->reader, &head))
                return;
        peer->relayed = upstream_session_begin_relay(peer->us, true, head);
        if (peer->relayed != NULL)
                sse_reader_give_data(&peer->reader);
}

/* Of an answer that nobody waits for any more, the rest is dropped. */
static void peer_on_piece(struct sse_peer *peer, struct str piece, bool is_last)
{
        peer->was_offered = !is_last;
        if (peer->relayed == NULL)
                return;
        pending_request_heard(peer->relayed);
        pending_request_feed_relay(peer->relayed, piece, is_last);
}

static void peer_on_room(struct waiter *waiter)
{
        const struct sse_peer *peer = container_of(waiter, struct sse_peer, room);

        if (peer->get != NULL)
                http_resume(peer->get);
}

static enum http_flow get_on_body(void *owner, const char *p, size_t n)
{
        struct sse_peer *peer = owner;
        const struct http_request *get = peer->get;

        if (upstream_session_serves_one(peer->us) &&
            upstream_session_must_wait(peer->us, &peer->room))
                return HTTP_PAUSE;
        while (n > 0 && peer->status == 200 && peer->get == get) {
                struct sse_event ev;
                size_t used = 0;
                int r = sse_reader_feed(&peer->reader, p, n, &used, &ev);

                p += used;
                n -= used;
                if (r == SSE_E_PIECE || r == SSE_E_PIECE_LAST) {
                        peer_on_piece(peer, ev.data, r == SSE_E_PIECE_LAST);
                        continue;
                }
                if (r == SSE_E_MORE) {
                        peer_offer_event(peer);
                        continue;
                }
                peer->was_offered = false;
                if (r != 0) {
                        peer_lose(peer, "it sent an event over 64 MB");
                        break;
                }
                peer_on_event(peer, &ev);
        }
        if (peer->get == get &&
            !upstream_session_has_room(&peer->hold, sse_reader_size(&peer->reader)))
                peer_lose(peer, UPSTREAM_SESSION_NO_MEMORY);
        return HTTP_GO_ON;
}

/* It could not be opened, by no fault of the server's. */
static void peer_refuse(struct sse_peer *peer, const char *why, enum pending_request_fault fault)
{
        struct pending_request *pending = peer->held;

        peer_close_stream(peer);
        if (pending != NULL)
                pending_request_fail(pending, why, fault);
}

static int get_ask(struct sse_peer *peer);

static void get_fail_status(struct sse_peer *peer)
{
        struct failure failure;

        failure_of_status(&failure, peer->status, peer->retry_after_s);
        if (peer->retry_after_s > 0)
                account_back_off(peer->us->account, upstream_session_share(peer->us),
                                 1000 * peer->retry_after_s);
        if (peer->is_challenged)
                peer_refuse(peer, failure_of_grant, FAULT_GRANT);
        else if (failure.fault == FAULT_OURS)
                peer_refuse(peer, failure.why, FAULT_OURS);
        else
                peer_lose_as(peer, &failure);
}

static void get_on_done(void *owner, const struct http_failure *http)
{
        struct sse_peer *peer = owner;
        struct failure failure;

        peer->get = NULL;
        if (http != NULL) {
                failure_of_http(&failure, http);
                peer_lose_as(peer, &failure);
        } else if (credential_refused(&peer->use, peer->status)) {
                if (get_ask(peer) < 0)
                        peer_refuse(peer, "the request could not be started", FAULT_OURS);
        } else if (peer->status == 0) {
                peer_lose(peer, "it offers no stream of events at this address");
        } else if (peer->status == 200) {
                peer_lose(peer, "its stream has ended");
        } else {
                get_fail_status(peer);
        }
}

static const struct http_handlers get_handlers = {
        .on_head = get_on_head,
        .on_body = get_on_body,
        .on_done = get_on_done,
};

static int get_start(struct sse_peer *peer)
{
        peer->status = 0;
        return http_begin(peer->us, "GET", peer->us->upstream->server->url,
                          (const char *const[]){"Accept: text/event-stream", NULL}, &peer->use,
                          STR(""), &get_handlers, peer, &peer->get);
}

static void get_on_token(struct credential_use *use)
{
        struct sse_peer *peer = container_of(use, struct sse_peer, use);

        if (get_start(peer) < 0)
                peer_lose(peer, "the request could not be started");
}

static void get_on_no_token(struct credential_use *use, const char *why)
{
        peer_refuse(container_of(use, struct sse_peer, use), why, FAULT_OURS);
}

/* 0, -errno. */
static int get_ask(struct sse_peer *peer)
{
        int r = credential_ask(&peer->use);

        return r == 0 ? get_start(peer) : r < 0 ? r : 0;
}

/* ---- its life ---- */

static void sse_create(struct upstream_session *us)
{
        struct sse_peer *peer = alloc_zeroed(sizeof(*peer));

        peer->us = us;
        peer->room.on_drained = peer_on_room;
        sse_reader_init(&peer->reader, MESSAGE_MAX_BYTES);
        upstream_session_hold_init(&peer->hold, us);
        us->peer = peer;
}

static int sse_open(struct upstream_session *us)
{
        struct sse_peer *peer = us->peer;
        int r;

        peer_close_stream(peer);
        peer->use = (struct credential_use){.credential = us->account->credential,
                                            .on_token = get_on_token,
                                            .on_fail = get_on_no_token};
        r = get_ask(peer);
        if (r < 0)
                upstream_session_open_failed(us, "the request could not be started");
        return r;
}

static void sse_on_ready(struct upstream_session *us)
{
        (void)us;
}

static void peer_free(void *object)
{
        struct sse_peer *peer = object;

        sse_reader_finish(&peer->reader);
        free(peer->endpoint);
        free(peer);
}

static void sse_destroy(struct upstream_session *us)
{
        struct sse_peer *peer = us->peer;

        peer_close_stream(peer);
        loop_bury(upstream_session_loop(us), peer, peer_free);
}

const struct transport transport_sse = {
        .create = sse_create,
        .open = sse_open,
        .send = sse_send,
        .drop = post_drop,
        .on_ready = sse_on_ready,
        .destroy = sse_destroy,
};

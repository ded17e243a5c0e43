/* One request of Streamable HTTP, and its answer: JSON, or a stream, which goes on by GET when it
 * breaks off. A 404 means that the upstream has forgotten the session. */
#include "mgw/base/strv.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"
#include "mgw/mcp/mirror.h"
#include "mgw/mcp/trace.h"
#include "mgw/wire/hdr.h"
#include "transport_http_inside.h"

#include "mgw/base/alloc.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Of a message that no request of ours has asked for. */
#define UNASKED_MAX_BYTES (8u << 20)
/* The stream of an answer is asked for again so often without anything new. */
#define RESUMES_MAX 5

static void transfer_free(void *object)
{
        struct http_transfer *w = object;

        sse_reader_finish(&w->sse);
        buf_finish(&w->body);
        free(w->last_event_id);
        free(w);
}

void http_transfer_drop(struct http_transfer *w)
{
        struct http_peer *peer = w->us->peer;

        http_cancel(w->http);
        w->http = NULL;
        credential_leave(&w->use);
        timer_disarm(upstream_session_loop(w->us), &w->resume);
        ledger_hold_set_past(&w->hold, 0);
        if (w->share != NULL)
                ledger_hold_set_past(&w->sent, 0);
        share_let_go(w->share);
        w->share = NULL;
        list_unlink(&w->room.node);
        if (w->pending != NULL)
                w->pending->transfer = NULL;
        if (peer->get == w)
                peer->get = NULL;
        transport_http_session_leave(w->session);
        w->session = NULL;
        loop_bury(upstream_session_loop(w->us), w, transfer_free);
}

static void transfer_fail_as(struct http_transfer *w, const struct failure *failure)
{
        struct pending_request *pending = w->pending;

        http_transfer_drop(w);
        if (pending != NULL)
                pending_request_fail_as(pending, failure);
        else
                transport_http_get_later(w->us->peer);
}

static void transfer_fail(struct http_transfer *w, const char *why,
                          enum pending_request_fault fault)
{
        transfer_fail_as(w, &(const struct failure){.why = why, .fault = fault});
}

/* ---- what comes ---- */

/* Proxies and frameworks say 201 or 203 of what is an answer all the same; of other 2xx that are
 * not known, RFC 9110 15 says so too. */
static unsigned as_answered(unsigned status)
{
        bool is_bare = status == 202 || status == 204 || status == 205 || status == 206;

        return status / 100 == 2 && !is_bare ? 200 : status;
}

static void transfer_on_head(void *owner, const struct http_response *response)
{
        struct http_transfer *w = owner;
        struct http_peer *peer = w->us->peer;

        w->status = as_answered(response->status);
        if (w->pending != NULL && !failure_status_is_unwell(w->status))
                upstream_worked(w->us->upstream);
        if (w->status == 429 || w->status == 503)
                w->retry_after_s = response->retry_after_s;
        w->is_challenged = account_is_challenged(w->us->account, response);
        w->is_stream = hdr_media_is(response->content_type, STR("text/event-stream"));
        w->is_json = hdr_media_is(response->content_type, STR("application/json"));
        if (w->pending != NULL && w->pending->kind == PENDING_REQUEST_INITIALIZE &&
            w->status == 200 && hdr_is_visible(response->session_id, SESSION_ID_MAX))
                transport_http_session_take(peer, response->session_id);
        if (w->pending == NULL && w->status == 200) {
                peer->get_delay_ms = GET_RETRY_MS;
                peer->has_get = true;
        }
}

static void transfer_remember_event(struct http_transfer *w, const struct sse_event *ev)
{
        w->n_resumes = 0;
        if (ev->id.n > 0) {
                free(w->last_event_id);
                w->last_event_id = str_dup(ev->id);
        }
        if (ev->retry_ms >= 0)
                w->resume_ms = ev->retry_ms > GET_RETRY_MAX_MS ? GET_RETRY_MAX_MS : ev->retry_ms;
}

/* ---- big results ---- */

/* The call whose answer it is that goes on while it comes, or NULL. */
static struct upstream_call *transfer_relayed(const struct http_transfer *w)
{
        struct upstream_call *call = pending_request_call(w->pending);

        return call != NULL && call->is_relayed ? call : NULL;
}

/* Must its source wait for its client? */
static bool transfer_must_wait(struct http_transfer *w)
{
        struct upstream_call *call = transfer_relayed(w);

        return call != NULL && call->events->relay_must_wait(call, &w->room);
}

static bool transfer_begin_relay(struct http_transfer *w, struct str head)
{
        struct pending_request *pending = w->pending;

        w->is_whole = !pending_request_begin_relay(pending, w->is_stream, head);
        return !w->is_whole;
}

/* An event of the stream that grows big. */
static void transfer_try_relay(struct http_transfer *w)
{
        struct str head;

        if (w->is_whole || sse_reader_pending(&w->sse) < RELAY_MIN_BYTES)
                return;
        if (sse_reader_peek_data(&w->sse, &head) && transfer_begin_relay(w, head))
                sse_reader_give_data(&w->sse);
        else
                w->is_whole = true;
}

static void transfer_on_drained(struct waiter *waiter)
{
        const struct http_transfer *w = container_of(waiter, struct http_transfer, room);

        if (w->http != NULL)
                http_resume(w->http);
}

/* Events of other names are a server's own, such as pings; some name messages otherwise. */
static bool is_message(const struct sse_event *ev)
{
        static const char mark[] = "\"jsonrpc\"";

        return ev->data.p != NULL && ev->data.n > 0 &&
               (ev->name.n == 0 || str_eq(ev->name, STR("message")) ||
                memmem(ev->data.p, ev->data.n, mark, sizeof(mark) - 1) != NULL);
}

static void transfer_feed(struct http_transfer *w, const char *p, size_t n)
{
        while (n > 0 && w->http != NULL) {
                struct sse_event ev;
                size_t used = 0;
                int r = sse_reader_feed(&w->sse, p, n, &used, &ev);

                p += used;
                n -= used;
                if (r == SSE_E_PIECE || r == SSE_E_PIECE_LAST) {
                        pending_request_feed_relay(w->pending, ev.data, r == SSE_E_PIECE_LAST);
                        continue;
                }
                if (r == SSE_E_MORE) {
                        transfer_try_relay(w);
                        continue;
                }
                if (r != 0) {
                        transfer_fail(w,
                                      w->pending != NULL
                                              ? "it sent an event over 64 MB"
                                              : "it sent an event over 8 MB that nobody asked for",
                                      FAULT_FINAL);
                        break;
                }
                if (w->pending == NULL)
                        transport_http_get_on_event(w->us->peer, &ev);
                else
                        transfer_remember_event(w, &ev);
                if (is_message(&ev))
                        upstream_session_on_text(w->us, w->pending, ev.data);
        }
}

/* A last event that lacks nothing but the blank line behind it. */
static void transfer_feed_end(struct http_transfer *w)
{
        struct sse_event ev;
        size_t used = 0;
        int r = SSE_E_MORE;

        for (int i = 0; i < 2 && r == SSE_E_MORE && transfer_relayed(w) == NULL; i++)
                r = sse_reader_feed(&w->sse, "\n", 1, &used, &ev);
        if (r == 0 && is_message(&ev))
                upstream_session_on_last_text(w->us, w->pending, ev.data);
}

/* What an error page says is not for our clients; what an error of JSON-RPC says is. Those of the
 * stateless era come with any status 4xx; 401 may quote our token. */
static bool transfer_may_be_refused(const struct http_transfer *w)
{
        if (w->pending == NULL || !w->is_json || w->status == 401)
                return false;
        if (w->pending->is_stateless || pending_request_is_handshake(w->pending))
                return w->status / 100 == 4;
        return (w->status / 100 == 4 || w->status == 500) &&
               !failure_status_is_accounts(w->status) && pending_request_is_request(w->pending);
}

static bool transfer_reads_body(const struct http_transfer *w)
{
        return w->status == 200 || w->status == 202 || transfer_may_be_refused(w);
}

static enum http_flow transfer_on_body(void *owner, const char *p, size_t n)
{
        struct http_transfer *w = owner;

        if (!transfer_reads_body(w))
                return HTTP_GO_ON;
        if (w->pending != NULL)
                pending_request_heard(w->pending);
        if (transfer_must_wait(w))
                return HTTP_PAUSE;
        if (w->is_stream)
                transfer_feed(w, p, n);
        else if (transfer_relayed(w) != NULL)
                pending_request_feed_relay(w->pending, (struct str){p, n}, false);
        else if (w->pending != NULL && buf_add(&w->body, p, n) != 0)
                transfer_fail(w, "its answer is over 64 MB", FAULT_FINAL);
        else if (w->body.len >= RELAY_MIN_BYTES && !w->is_whole && w->status == 200 &&
                 transfer_begin_relay(w, buf_bytes(&w->body)))
                buf_finish(&w->body);
        if (w->http != NULL &&
            !upstream_session_has_room(&w->hold, w->body.size + sse_reader_size(&w->sse)))
                transfer_fail(w, UPSTREAM_SESSION_NO_MEMORY, FAULT_FINAL);
        return HTTP_GO_ON;
}

/* The upstream does not know the session any more (404, or 400 from servers that mix them up). */
static bool transfer_lost_session(const struct http_transfer *w)
{
        return (w->status == 404 ||
                (w->status == 400 && w->pending->kind != PENDING_REQUEST_NOTIFY)) &&
               !w->pending->was_retried && !w->is_resumed &&
               !pending_request_is_handshake(w->pending) && !w->pending->is_stateless &&
               (w->session != NULL || pending_request_is_outlived(w->pending));
}

/* The end of an answer in which there was none. */
static void transfer_read_failure(const struct http_transfer *w, struct failure *f)
{
        failure_of_status(f, w->status, w->retry_after_s);
        if (w->status / 100 == 2) {
                snprintf(f->text, sizeof(f->text),
                         w->is_stream ? "its stream ended without an answer (HTTP %u)"
                                      : "it sent no JSON-RPC answer (HTTP %u)",
                         w->status);
                f->fault = w->is_stream ? FAULT_CUT : FAULT_FINAL;
        }
        if (w->is_challenged)
                *f = (struct failure){.why = failure_of_grant, .fault = FAULT_GRANT};
        if (w->retry_after_s > 0)
                pending_request_rest(w->pending, 1000 * w->retry_after_s);
}

/* Was its stream cut, or closed by a server that wants to be asked for the rest? What has been
 * relayed in part cannot be had again from its middle. */
static bool transfer_may_resume(const struct http_transfer *w)
{
        return !w->pending->is_stateless && w->pending->kind == PENDING_REQUEST_REQUEST &&
               w->last_event_id != NULL && (w->status == 200 || w->status == 0) &&
               w->n_resumes < RESUMES_MAX && !pending_request_is_outlived(w->pending) &&
               transfer_relayed(w) == NULL;
}

/* A server that keeps no session would not refuse a request so. */
static bool transfer_is_foreign(const struct http_transfer *w)
{
        return w->pending->is_stateless && !pending_request_is_handshake(w->pending) &&
               !w->pending->was_retried && w->pending->request != NULL &&
               (w->status == 400 || w->status == 404 || w->status == 405) &&
               !upstream_session_is_answer(w->pending, buf_bytes(&w->body));
}

/* The answer to a handshake was none: what does its status say? True: it has been acted upon. */
static bool transfer_turns(struct http_transfer *w)
{
        struct pending_request *pending = w->pending;
        unsigned status = w->status;
        bool is_away = failure_status_is_accounts(status) || failure_status_is_unwell(status);

        if (!pending_request_is_handshake(pending) || is_away)
                return false;
        if (status / 100 == 4 && upstream_session_takes_refusal(pending, buf_bytes(&w->body)))
                return true;
        if (upstream_session_handshake_otherwise(pending))
                return true;
        if (status != 400 && status != 404 && status != 405)
                return false;
        pending_request_end(pending);
        upstream_session_fall_back(w->us, &transport_sse);
        return true;
}

/* A body that is no stream. That of a handshake's refusal is for transfer_turns(). */
static void transfer_read_whole(struct http_transfer *w)
{
        struct pending_request *pending = w->pending;
        struct str body = buf_bytes(&w->body);

        if (w->is_stream || body.n == 0 ||
            (w->status != 200 && pending_request_is_handshake(pending)))
                return;
        if (w->status / 100 != 2 && !pending->is_stateless)
                upstream_session_on_refusal(w->us, pending, body);
        else if (pending_request_is_request(pending) || body.p[0] == '{')
                upstream_session_on_text(w->us, pending, body);
}

/* A response has come, whole: true when it has been acted upon. */
static bool transfer_settles(struct http_transfer *w)
{
        struct pending_request *pending = w->pending;

        if (transfer_lost_session(w)) {
                /* one that answered 400 may have it still */
                if (w->status == 404 && w->session != NULL)
                        w->session->is_forgotten = true;
                pending_request_again(pending);
                return true;
        }
        if (transfer_is_foreign(w)) {
                upstream_session_doubt(pending);
                return true;
        }
        if (w->is_stream && !transfer_may_resume(w))
                transfer_feed_end(w);
        transfer_read_whole(w);
        if (!pending_request_is_open(pending) ||
            pending->transfer != w) /* answered, or on its way again */
                return true;
        return transfer_turns(w);
}

/* No answer was in it. */
static void transfer_fail_status(struct http_transfer *w)
{
        struct failure failure;

        transfer_read_failure(w, &failure);
        /* A cut says something of the era, a status does not. */
        if (pending_request_is_handshake(w->pending) && failure.fault == FAULT_CUT)
                failure.fault = FAULT_FINAL;
        transfer_fail_as(w, &failure);
}

static void transfer_fail_http(struct http_transfer *w, const struct http_failure *http)
{
        struct failure failure;

        failure_of_http(&failure, http);
        transfer_fail_as(w, &failure);
}

static void transfer_on_done(void *owner, const struct http_failure *http)
{
        struct http_transfer *w = owner;

        w->http = NULL;
        if (http == NULL && credential_refused(&w->use, w->status))
                http_transfer_ask(w);
        else if (w->pending == NULL)
                transport_http_get_on_done(w);
        else if (http == NULL && transfer_settles(w))
                return;
        else if (transfer_may_resume(w))
                timer_arm(upstream_session_loop(w->us), &w->resume, w->resume_ms);
        else if (http != NULL)
                transfer_fail_http(w, http);
        else if ((w->status / 100 == 2 || w->status == 400) &&
                 !pending_request_is_request(w->pending))
                pending_request_end(w->pending);
        else
                transfer_fail_status(w);
}

static const struct http_handlers transfer_handlers = {
        .on_head = transfer_on_head,
        .on_body = transfer_on_body,
        .on_done = transfer_on_done,
};

/* ---- what goes ---- */

void http_transfer_lines_init(struct http_transfer_lines *h, const struct account *account,
                              const char *authorization, const char *session_id,
                              const char *version, const char *last_event_id, char *const *more)
{
        const char **first = alloc_array(strv_count((const char *const *)more) + 6, sizeof(*first));
        size_t n = 0;

        first[n++] = "Content-Type: application/json";
        first[n++] = "Accept: application/json, text/event-stream";
        for (; more != NULL && *more != NULL; more++)
                first[n++] = *more;
        if (session_id != NULL) {
                snprintf(h->text[0], sizeof(h->text[0]), "Mcp-Session-Id: %s", session_id);
                first[n++] = h->text[0];
        }
        if (version != NULL) {
                snprintf(h->text[1], sizeof(h->text[1]), "MCP-Protocol-Version: %s", version);
                first[n++] = h->text[1];
        }
        if (last_event_id != NULL && hdr_is_visible(str_from(last_event_id), SESSION_ID_MAX)) {
                snprintf(h->text[2], sizeof(h->text[2]), "Last-Event-ID: %s", last_event_id);
                first[n++] = h->text[2];
        }
        h->lines = account_headers(account, first, authorization);
        free(first);
}

/* The upstream session gives up before; what it leaves behind is bounded by this. */
static long greeting_timeout_ms(const struct upstream_session *us)
{
        return (long)upstream_session_context(us)->config->upstream_open_timeout_ms +
               DELETE_TIMEOUT_MS;
}

static void transfer_header_lines(const struct http_transfer *w,
                                  struct http_transfer_lines *headers, char *const *more)
{
        const struct account *account = w->us->account;
        const struct http_peer *peer = w->us->peer;
        const char *id = w->session != NULL ? w->session->id : NULL;

        if (w->pending == NULL) /* it ends with its session */
                http_transfer_lines_init(headers, account, w->use.header, id,
                                         upstream_session_version(w->us), peer->last_event_id,
                                         more);
        else if (w->pending->is_stateless)
                http_transfer_lines_init(headers, account, w->use.header, NULL,
                                         pending_request_stateless_version(w->pending), NULL, more);
        else
                http_transfer_lines_init(headers, account, w->use.header, id,
                                         pending_request_version(w->pending), w->last_event_id,
                                         pending_request_is_handshake(w->pending) ? NULL : more);
}

/* What of the message stands in headers too: its trace context, and to a server without sessions
 * what it wants to see there. The lines are to be freed in any case. */
static int transfer_lines_make(const struct pending_request *pending, char ***linesp)
{
        int r = pending->is_stateless
                        ? mirror_lines_make(pending->msg, upstream_session_input_schema(pending),
                                            linesp)
                        : 0;

        return r == 0 ? trace_lines_add(linesp, pending_request_params(pending)) : r;
}

static int transfer_request(struct http_transfer *w)
{
        struct upstream_session *us = w->us;
        const struct pending_request *pending = w->pending;
        bool greets = pending != NULL && pending_request_is_handshake(pending);
        bool posts = pending != NULL && !w->is_resumed;
        struct http_transfer_lines headers = {.lines = NULL};
        struct str body = {NULL, 0};
        char **lines = NULL;
        int r = posts ? transfer_lines_make(pending, &lines) : 0;

        if (r == 0 && posts)
                r = pending_request_dump(pending, &body);
        if (w->share != NULL)
                ledger_hold_set_past(&w->sent, body.n);
        if (r == 0) {
                transfer_header_lines(w, &headers, lines);
                const struct http_options options = {
                        .method = posts ? "POST" : "GET",
                        .url = us->upstream->server->url,
                        .headers = headers.lines,
                        .body = body,
                        .connect_timeout_ms = upstream_connect_timeout_ms(us->upstream),
                        .timeout_ms = greets ? greeting_timeout_ms(us) : 0,
                        .is_stream = pending == NULL || pending->kind == PENDING_REQUEST_LISTEN,
                        .source = &us->upstream->http,
                };
                r = http_start(upstream_session_context(us)->http, &options, &transfer_handlers, w,
                               &w->http);
        }
        free((void *)body.p);
        free(headers.lines);
        strv_free(lines);
        return r;
}

/* The session may have ended while a token was waited for, or before an answer that refuses it. */
static bool transfer_ends_outlived(struct http_transfer *w)
{
        struct pending_request *pending = w->pending;

        if (pending == NULL || !pending_request_is_outlived(pending))
                return false;
        pending_request_outlived(pending, w->is_resumed ? FAULT_CUT : FAULT_UNSENT);
        return true;
}

static void transfer_on_token(struct credential_use *use)
{
        struct http_transfer *w = container_of(use, struct http_transfer, use);

        assert(w->http == NULL); /* one request at a time */
        w->status = 0;
        if (transfer_ends_outlived(w))
                return;
        if (transfer_request(w) < 0)
                transfer_fail(w, "the request could not be started", FAULT_FINAL);
}

static void transfer_on_no_token(struct credential_use *use, const char *why)
{
        transfer_fail(container_of(use, struct http_transfer, use), why, FAULT_OURS);
}

/* Sends the request, once there is a token for it. */
void http_transfer_ask(struct http_transfer *w)
{
        int r = credential_ask(&w->use);

        if (r == 0)
                transfer_on_token(&w->use);
        else if (r < 0)
                transfer_fail(w, "the request for a token could not be started", FAULT_OURS);
}

static void transfer_on_resume(struct timer *timer)
{
        struct http_transfer *w = container_of(timer, struct http_transfer, resume);

        w->n_resumes++;
        w->use.was_renewed = false;
        w->is_resumed = true;
        w->is_whole = false;
        sse_reader_finish(&w->sse);
        sse_reader_init(&w->sse, MESSAGE_MAX_BYTES);
        http_transfer_ask(w);
}

struct http_transfer *http_transfer_create(struct upstream_session *us,
                                           struct pending_request *pending)
{
        struct http_transfer *w = alloc_zeroed(sizeof(*w));

        w->us = us;
        w->pending = pending;
        if (pending == NULL)
                w->session = transport_http_session_use(us->peer, upstream_session_version(us));
        else if (!pending_request_is_handshake(pending) && !pending->is_stateless)
                w->session = transport_http_session_use(us->peer, pending_request_version(pending));
        w->use = (struct credential_use){.credential = us->account->credential,
                                         .on_token = transfer_on_token,
                                         .on_fail = transfer_on_no_token};
        w->resume.on_due = transfer_on_resume;
        w->room.on_drained = transfer_on_drained;
        w->resume_ms = GET_RETRY_MS;
        sse_reader_init(&w->sse, pending != NULL ? MESSAGE_MAX_BYTES : UNASKED_MAX_BYTES);
        buf_init(&w->body, MESSAGE_MAX_BYTES);
        upstream_session_hold_init(&w->hold, us);
        if (pending != NULL) {
                w->share = share_hold(pending_request_share(pending));
                ledger_hold_init(&w->sent, &w->share->memory, LEDGER_CALL);
        }
        return w;
}

/* One request of Streamable HTTP, and its answer: JSON, or a stream, which goes on by GET when it
 * breaks off. A 404 means that the upstream has forgotten the session. */
#include "mgw/base/strv.h"
#include "mgw/gate/relay.h"
#include "mgw/mcp/mirror.h"
#include "mgw/mcp/trace.h"
#include "mgw/wire/hdr.h"
#include "upstream_http_inside.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Of a message that no request of ours has asked for. */
#define UNASKED_MAX_BYTES (8u << 20)
/* The stream of an answer is asked for again so often without anything new. */
#define RESUMES_MAX 5

static void wire_free(void *object)
{
        struct http_wire *w = object;

        sse_reader_finish(&w->sse);
        buf_finish(&w->body);
        free(w->last_event_id);
        free(w);
}

void http_wire_drop(struct http_wire *w)
{
        struct http_peer *peer = w->link->peer;

        http_cancel(w->http);
        w->http = NULL;
        credential_leave(&w->use);
        timer_disarm(link_loop(w->link), &w->resume);
        ledger_hold_set_past(&w->hold, 0);
        list_unlink(&w->room.link);
        if (w->x != NULL)
                w->x->wire = NULL;
        if (peer->get == w)
                peer->get = NULL;
        http_session_leave(w->session);
        w->session = NULL;
        loop_bury(link_loop(w->link), w, wire_free);
}

static void wire_fail_as(struct http_wire *w, const struct failure *failure)
{
        struct exchange *x = w->x;

        http_wire_drop(w);
        if (x != NULL)
                exchange_fail_as(x, failure);
        else
                http_get_later(w->link->peer);
}

static void wire_fail(struct http_wire *w, const char *why, enum exchange_fault fault)
{
        wire_fail_as(w, &(const struct failure){.why = why, .fault = fault});
}

/* ---- what comes ---- */

/* Proxies and frameworks say 201 or 203 of what is an answer all the same; of other 2xx that are
 * not known, RFC 9110 15 says so too. */
static unsigned as_answered(unsigned status)
{
        bool is_bare = status == 202 || status == 204 || status == 205 || status == 206;

        return status / 100 == 2 && !is_bare ? 200 : status;
}

static void wire_on_head(void *owner, const struct http_response *response)
{
        struct http_wire *w = owner;
        struct http_peer *peer = w->link->peer;

        w->status = as_answered(response->status);
        if (w->x != NULL && !failure_status_is_unwell(w->status))
                upstream_worked(w->link->upstream);
        if (w->status == 429 || w->status == 503)
                w->retry_after_s = response->retry_after_s;
        w->is_stream = hdr_media_is(response->content_type, STR("text/event-stream"));
        w->is_json = hdr_media_is(response->content_type, STR("application/json"));
        if (w->x != NULL && w->x->kind == EXCHANGE_INITIALIZE && w->status == 200 &&
            hdr_is_visible(response->session_id, SESSION_ID_MAX))
                http_session_take(peer, response->session_id);
        if (w->x == NULL && w->status == 200) {
                peer->get_delay_ms = GET_RETRY_MS;
                peer->has_get = true;
        }
}

static void wire_remember_event(struct http_wire *w, const struct sse_event *ev)
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

static struct relay *wire_relay(const struct http_wire *w)
{
        struct call *call = exchange_call(w->x);

        return call != NULL ? call->relay : NULL;
}

static bool wire_begin_relay(struct http_wire *w, struct str head)
{
        struct exchange *x = w->x;

        w->is_whole = !exchange_begin_relay(x, w->is_stream, head);
        return !w->is_whole;
}

/* An event of the stream that grows big. */
static void wire_try_relay(struct http_wire *w)
{
        struct str head;

        if (w->is_whole || sse_reader_pending(&w->sse) < RELAY_MIN_BYTES)
                return;
        if (sse_reader_peek_data(&w->sse, &head) && wire_begin_relay(w, head))
                sse_reader_give_data(&w->sse);
        else
                w->is_whole = true;
}

static void wire_on_room(struct request_waiter *waiter)
{
        const struct http_wire *w = container_of(waiter, struct http_wire, room);

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

static void wire_feed(struct http_wire *w, const char *p, size_t n)
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
                        wire_fail(w,
                                  w->x != NULL ? "it sent an event over 64 MB"
                                               : "it sent an event over 8 MB that nobody asked for",
                                  FAULT_FINAL);
                        break;
                }
                if (w->x == NULL)
                        http_get_on_event(w->link->peer, &ev);
                else
                        wire_remember_event(w, &ev);
                if (is_message(&ev))
                        link_on_text(w->link, w->x, ev.data);
        }
}

/* A last event that lacks nothing but the blank line behind it. */
static void wire_feed_end(struct http_wire *w)
{
        struct sse_event ev;
        size_t used = 0;
        int r = SSE_E_MORE;

        for (int i = 0; i < 2 && r == SSE_E_MORE && wire_relay(w) == NULL; i++)
                r = sse_reader_feed(&w->sse, "\n", 1, &used, &ev);
        if (r == 0 && is_message(&ev))
                link_on_last_text(w->link, w->x, ev.data);
}

/* What an error page says is not for our clients. Errors of era C come with status 4xx; 401 may
 * quote our token. */
static bool wire_reads_body(const struct http_wire *w)
{
        return w->status == 200 || w->status == 202 ||
               (w->status / 100 == 4 && w->status != 401 && w->is_json && w->x != NULL &&
                (w->x->is_stateless || exchange_greets(w->x)));
}

static enum http_flow wire_on_body(void *owner, const char *p, size_t n)
{
        struct http_wire *w = owner;

        if (!wire_reads_body(w))
                return HTTP_GO_ON;
        if (w->x != NULL)
                exchange_heard(w->x);
        if (wire_relay(w) != NULL && relay_must_wait(wire_relay(w), &w->room))
                return HTTP_PAUSE;
        if (w->is_stream)
                wire_feed(w, p, n);
        else if (wire_relay(w) != NULL)
                relay_feed(wire_relay(w), (struct str){p, n}, false);
        else if (w->x != NULL && buf_add(&w->body, p, n) != 0)
                wire_fail(w, "its answer is over 64 MB", FAULT_FINAL);
        else if (w->body.len >= RELAY_MIN_BYTES && !w->is_whole && w->status == 200 &&
                 wire_begin_relay(w, buf_bytes(&w->body)))
                buf_finish(&w->body);
        if (w->http != NULL && !link_has_room(&w->hold, w->body.size + sse_reader_size(&w->sse)))
                wire_fail(w, LINK_NO_ROOM, FAULT_FINAL);
        return HTTP_GO_ON;
}

/* The upstream does not know the session any more (404, or 400 from servers that mix them up). */
static bool wire_lost_session(const struct http_wire *w)
{
        return (w->status == 404 || (w->status == 400 && w->x->kind != EXCHANGE_NOTIFY)) &&
               !w->x->was_retried && !w->is_resumed && !exchange_greets(w->x) &&
               !w->x->is_stateless && (w->session != NULL || exchange_is_outlived(w->x));
}

/* The end of an answer in which there was none. */
static void wire_read_failure(const struct http_wire *w, struct failure *f)
{
        failure_of_status(f, w->status, w->retry_after_s);
        if (w->status / 100 == 2) {
                snprintf(f->text, sizeof(f->text),
                         w->is_stream ? "its stream ended without an answer (HTTP %u)"
                                      : "it sent no JSON-RPC answer (HTTP %u)",
                         w->status);
                f->fault = w->is_stream ? FAULT_CUT : FAULT_FINAL;
        }
        if (w->retry_after_s > 0)
                exchange_rest(w->x, 1000 * w->retry_after_s);
}

/* Was its stream cut, or closed by a server that wants to be asked for the rest? What has been
 * relayed in part cannot be had again from its middle. */
static bool wire_may_resume(const struct http_wire *w)
{
        return !w->x->is_stateless && w->x->kind == EXCHANGE_REQUEST && w->last_event_id != NULL &&
               (w->status == 200 || w->status == 0) && w->n_resumes < RESUMES_MAX &&
               !exchange_is_outlived(w->x) && wire_relay(w) == NULL;
}

/* A server that keeps no session would not refuse a request so. */
static bool wire_is_foreign(const struct http_wire *w)
{
        return w->x->is_stateless && !exchange_greets(w->x) && !w->x->was_retried &&
               w->x->errand != NULL && (w->status == 400 || w->status == 404 || w->status == 405) &&
               !link_is_answer(w->x, buf_bytes(&w->body));
}

/* The answer to a greeting was none: what does its status say? True: it has been acted upon. */
static bool wire_turns(struct http_wire *w)
{
        struct exchange *x = w->x;
        unsigned status = w->status;
        bool is_away = failure_status_is_accounts(status) || failure_status_is_unwell(status);

        if (!exchange_greets(x) || is_away)
                return false;
        if (status / 100 == 4 && link_takes_refusal(x, buf_bytes(&w->body)))
                return true;
        if (link_greets_otherwise(x))
                return true;
        if (status != 400 && status != 404 && status != 405)
                return false;
        exchange_end(x);
        link_fall_back(w->link, &transport_sse);
        return true;
}

/* A response has come, whole: true when it has been acted upon. */
static bool wire_settles(struct http_wire *w)
{
        struct exchange *x = w->x;

        if (wire_lost_session(w)) {
                /* one that answered 400 may have it still */
                if (w->status == 404 && w->session != NULL)
                        w->session->is_forgotten = true;
                exchange_again(x);
                return true;
        }
        if (wire_is_foreign(w)) {
                link_doubt(x);
                return true;
        }
        if (w->is_stream && !wire_may_resume(w))
                wire_feed_end(w);
        if (!w->is_stream && w->body.len > 0 && (w->status == 200 || !exchange_greets(x)) &&
            (exchange_is_request(x) || buf_bytes(&w->body).p[0] == '{'))
                link_on_text(w->link, x, buf_bytes(&w->body));
        if (!exchange_is_open(x) || x->wire != w) /* answered, or on its way again */
                return true;
        return wire_turns(w);
}

/* No answer was in it. */
static void wire_fail_status(struct http_wire *w)
{
        struct failure failure;

        wire_read_failure(w, &failure);
        /* A cut says something of the era, a status does not. */
        if (exchange_greets(w->x) && failure.fault == FAULT_CUT)
                failure.fault = FAULT_FINAL;
        wire_fail_as(w, &failure);
}

static void wire_fail_http(struct http_wire *w, const struct http_failure *http)
{
        struct failure failure;

        failure_of_http(&failure, http);
        wire_fail_as(w, &failure);
}

static void wire_on_done(void *owner, const struct http_failure *http)
{
        struct http_wire *w = owner;

        w->http = NULL;
        if (http == NULL && credential_refused(&w->use, w->status))
                http_wire_ask(w);
        else if (w->x == NULL)
                http_get_on_done(w);
        else if (http == NULL && wire_settles(w))
                return;
        else if (wire_may_resume(w))
                timer_arm(link_loop(w->link), &w->resume, w->resume_ms);
        else if (http != NULL)
                wire_fail_http(w, http);
        else if ((w->status / 100 == 2 || w->status == 400) && !exchange_is_request(w->x))
                exchange_end(w->x);
        else
                wire_fail_status(w);
}

static const struct http_handlers wire_handlers = {
        .on_head = wire_on_head,
        .on_body = wire_on_body,
        .on_done = wire_on_done,
};

/* ---- what goes ---- */

int http_lines_init(struct http_lines *h, const struct account *account, const char *authorization,
                    const char *session_id, const char *version, const char *last_event_id,
                    char *const *more)
{
        const char **first = calloc(strv_count((const char *const *)more) + 6, sizeof(*first));
        size_t n = 0;

        if (first == NULL)
                return -ENOMEM;
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
        return h->lines != NULL ? 0 : -ENOMEM;
}

/* The link gives up before; what it leaves behind is bounded by this. */
static long greeting_timeout_ms(const struct link *link)
{
        return (long)link_gate(link)->config->upstream_open_timeout_ms + DELETE_TIMEOUT_MS;
}

static int wire_header_lines(const struct http_wire *w, struct http_lines *headers,
                             char *const *more)
{
        const struct account *account = w->link->account;
        const struct http_peer *peer = w->link->peer;
        const char *id = w->session != NULL ? w->session->id : NULL;

        if (w->x == NULL) /* it ends with its session */
                return http_lines_init(headers, account, w->use.header, id, link_version(w->link),
                                       peer->last_event_id, more);
        if (w->x->is_stateless)
                return http_lines_init(headers, account, w->use.header, NULL,
                                       exchange_stateless_version(w->x), NULL, more);
        return http_lines_init(headers, account, w->use.header, id, exchange_version(w->x),
                               w->last_event_id, exchange_greets(w->x) ? NULL : more);
}

/* What of the message stands in headers too: its trace context, and to a server without sessions
 * what it wants to see there. The lines are to be freed in any case. */
static int wire_lines_make(const struct exchange *x, char ***linesp)
{
        int r = x->is_stateless ? mirror_lines_make(x->msg, link_input_schema(x), linesp) : 0;

        return r == 0 ? trace_lines_add(linesp, exchange_params(x)) : r;
}

static int wire_request(struct http_wire *w)
{
        struct link *link = w->link;
        const struct exchange *x = w->x;
        bool greets = x != NULL && exchange_greets(x);
        bool posts = x != NULL && !w->is_resumed;
        struct http_lines headers = {.lines = NULL};
        struct str body = {NULL, 0};
        char **lines = NULL;
        int r = posts ? wire_lines_make(x, &lines) : 0;

        if (r == 0)
                r = wire_header_lines(w, &headers, lines);
        if (r < 0) {
                strv_free(lines);
                return r;
        }
        if (posts)
                r = exchange_dump(x, &body);
        if (r == 0) {
                const struct http_options options = {
                        .method = posts ? "POST" : "GET",
                        .url = link->upstream->server->url,
                        .headers = headers.lines,
                        .body = body,
                        .connect_timeout_ms = upstream_connect_timeout_ms(link->upstream),
                        .timeout_ms = greets ? greeting_timeout_ms(link) : 0,
                        .is_stream = x == NULL || x->kind == EXCHANGE_LISTEN,
                        .source = &link->upstream->http,
                };
                r = http_start(link_gate(link)->http, &options, &wire_handlers, w, &w->http);
        }
        free((void *)body.p);
        free(headers.lines);
        strv_free(lines);
        return r;
}

/* The session may have ended while a token was waited for, or before an answer that refuses it. */
static bool wire_ends_outlived(struct http_wire *w)
{
        struct exchange *x = w->x;

        if (x == NULL || !exchange_is_outlived(x))
                return false;
        exchange_outlived(x, w->is_resumed ? FAULT_CUT : FAULT_UNSENT);
        return true;
}

static void wire_on_token(struct credential_use *use)
{
        struct http_wire *w = container_of(use, struct http_wire, use);

        w->status = 0;
        if (wire_ends_outlived(w))
                return;
        if (wire_request(w) < 0)
                wire_fail(w, "the request could not be started", FAULT_FINAL);
}

static void wire_on_no_token(struct credential_use *use, const char *why)
{
        wire_fail(container_of(use, struct http_wire, use), why, FAULT_OURS);
}

/* Sends the request, once there is a token for it. */
void http_wire_ask(struct http_wire *w)
{
        int r = credential_ask(&w->use);

        if (r == 0)
                wire_on_token(&w->use);
        else if (r < 0)
                wire_fail(w, "the request for a token could not be started", FAULT_OURS);
}

static void wire_on_resume(struct timer *timer)
{
        struct http_wire *w = container_of(timer, struct http_wire, resume);

        w->n_resumes++;
        w->use.was_renewed = false;
        w->is_resumed = true;
        w->is_whole = false;
        sse_reader_finish(&w->sse);
        sse_reader_init(&w->sse, MESSAGE_MAX_BYTES);
        http_wire_ask(w);
}

struct http_wire *http_wire_create(struct link *link, struct exchange *x)
{
        struct http_wire *w = calloc(1, sizeof(*w));

        if (w == NULL)
                return NULL;
        w->link = link;
        w->x = x;
        if (x == NULL)
                w->session = http_session_use(link->peer, link_version(link));
        else if (!exchange_greets(x) && !x->is_stateless)
                w->session = http_session_use(link->peer, exchange_version(x));
        w->use = (struct credential_use){.credential = link->account->credential,
                                         .on_token = wire_on_token,
                                         .on_fail = wire_on_no_token};
        w->resume.on_due = wire_on_resume;
        w->room.on_room = wire_on_room;
        w->resume_ms = GET_RETRY_MS;
        sse_reader_init(&w->sse, x != NULL ? MESSAGE_MAX_BYTES : UNASKED_MAX_BYTES);
        buf_init(&w->body, MESSAGE_MAX_BYTES);
        link_hold_init(&w->hold, link);
        return w;
}

/* Streamable HTTP: each message is a POST of its own, whose answer is JSON or a stream; one GET
 * stream carries what no call asked for. A 404 means that the upstream has forgotten the session.
 */
#include "link_inside.h"
#include "mgw/base/log.h"
#include "mgw/gate/account.h"
#include "mgw/gate/credential.h"
#include "mgw/gate/relay.h"
#include "mgw/mcp/mirror.h"
#include "mgw/mcp/trace.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/sse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GET_RETRY_MS 1000
#define GET_RETRY_MIN_MS 100
#define GET_RETRY_MAX_MS 30000
#define DELETE_TIMEOUT_MS 5000
#define SESSION_ID_MAX 256
/* The stream of an answer is asked for again so often without anything new. */
#define RESUMES_MAX 5

/* One HTTP request to the upstream; x is NULL for the GET stream. A stream that ends before the
 * answer goes on with a GET, where its events have ids. */
struct post_wire {
        struct link *link;
        struct exchange *x;
        struct credential_use use;
        struct http_request *http;
        struct sse_reader sse;
        struct buf body;
        struct timer resume;
        struct request_waiter room; /* a client that does not read holds it back */
        char *last_event_id;
        int64_t resume_ms;
        unsigned n_resumes; /* since the last event */
        unsigned status;
        int64_t retry_after_s; /* up to 0: it did not say */
        bool is_stream;
        bool is_json;
        bool is_whole; /* what comes is gathered, however big */
        bool is_resumed;
};

struct http_peer {
        char *session_id;
        char *old_session_id; /* was given up while calls run in it; NULL: none */
        char *last_event_id;
        struct post_wire *get;
        struct timer get_retry;
        struct link *link;
        int64_t get_delay_ms;
        bool has_get;      /* a GET stream has been open in this session */
        bool has_no_get;   /* the server offers none */
        bool is_forgotten; /* the server does not know the session any more */
};

static void get_start(struct link *link);
static void get_later(struct http_peer *peer);
static void end_old_session(struct link *link);
static void wire_ask(struct post_wire *w);

static void wire_free(void *object)
{
        struct post_wire *w = object;

        sse_reader_finish(&w->sse);
        buf_finish(&w->body);
        free(w->last_event_id);
        free(w);
}

static void wire_drop(struct post_wire *w)
{
        struct http_peer *peer = w->link->peer;

        http_cancel(w->http);
        w->http = NULL;
        credential_leave(&w->use);
        timer_disarm(link_loop(w->link), &w->resume);
        list_unlink(&w->room.link);
        if (w->x != NULL)
                w->x->wire = NULL;
        if (peer->get == w)
                peer->get = NULL;
        loop_bury(link_loop(w->link), w, wire_free);
        end_old_session(w->link);
}

static void wire_fail(struct post_wire *w, const char *why, enum exchange_fault fault)
{
        struct exchange *x = w->x;

        wire_drop(w);
        if (x != NULL)
                exchange_fail(x, why, fault);
        else
                get_later(w->link->peer);
}

/* ---- what comes ---- */

static void wire_on_head(void *owner, const struct http_response *response)
{
        struct post_wire *w = owner;
        struct http_peer *peer = w->link->peer;

        w->status = response->status;
        if (w->status == 429 || w->status == 503)
                w->retry_after_s = response->retry_after_s;
        w->is_stream = hdr_media_is(response->content_type, STR("text/event-stream"));
        w->is_json = hdr_media_is(response->content_type, STR("application/json"));
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

static void wire_remember_event(struct post_wire *w, const struct sse_event *ev)
{
        w->n_resumes = 0;
        if (ev->id.n > 0) {
                free(w->last_event_id);
                w->last_event_id = str_dup(ev->id);
        }
        if (ev->retry_ms >= 0)
                w->resume_ms = ev->retry_ms > GET_RETRY_MAX_MS ? GET_RETRY_MAX_MS : ev->retry_ms;
}

static void get_remember_event(struct http_peer *peer, const struct sse_event *ev)
{
        if (ev->id.n > 0) {
                free(peer->last_event_id);
                peer->last_event_id = str_dup(ev->id);
        }
        if (ev->retry_ms >= 0)
                peer->get_delay_ms = ev->retry_ms > GET_RETRY_MAX_MS   ? GET_RETRY_MAX_MS
                                     : ev->retry_ms < GET_RETRY_MIN_MS ? GET_RETRY_MIN_MS
                                                                       : ev->retry_ms;
}

/* ---- big results ---- */

static struct relay *wire_relay(const struct post_wire *w)
{
        struct call *call = exchange_call(w->x);

        return call != NULL ? call->relay : NULL;
}

static bool wire_begin_relay(struct post_wire *w, struct str head)
{
        struct call *call = exchange_call(w->x);

        w->is_whole = call == NULL || !relay_begin(call, w->x->id, head);
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

static void wire_on_room(struct request_waiter *waiter)
{
        const struct post_wire *w = container_of(waiter, struct post_wire, room);

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
                        wire_fail(w, "it sent an event over 64 MB", FAULT_FINAL);
                        break;
                }
                if (w->x == NULL)
                        get_remember_event(w->link->peer, &ev);
                else
                        wire_remember_event(w, &ev);
                if (ev.data.p != NULL && ev.data.n > 0)
                        link_on_text(w->link, w->x, ev.data);
        }
}

/* What an error page says is not for our clients. Errors of era C come with status 4xx; 401 may
 * quote our token. */
static bool wire_reads_body(const struct post_wire *w)
{
        return w->status == 200 || w->status == 202 ||
               (w->status / 100 == 4 && w->status != 401 && w->is_json && w->x != NULL &&
                (w->link->is_stateless || exchange_greets(w->x)));
}

static enum http_flow wire_on_body(void *owner, const char *p, size_t n)
{
        struct post_wire *w = owner;

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
        return HTTP_GO_ON;
}

static void get_later(struct http_peer *peer)
{
        timer_arm(link_loop(peer->link), &peer->get_retry, peer->get_delay_ms);
        peer->get_delay_ms = peer->get_delay_ms * 2 > GET_RETRY_MAX_MS ? GET_RETRY_MAX_MS
                                                                       : peer->get_delay_ms * 2;
}

/* A 404 before any GET stream is from a server that has none, after one it is a lost session. So is
 * a 200 with a page. */
static void get_on_done(struct post_wire *w)
{
        struct link *link = w->link;
        struct http_peer *peer = link->peer;
        bool is_lost = w->status == 404 && peer->has_get && link->state == LINK_READY;

        peer->has_no_get = w->status == 405 || w->status == 501 || (w->status == 404 && !is_lost) ||
                           (w->status == 200 && !w->is_stream);
        peer->is_forgotten = is_lost;
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

        return (w->status == 404 || w->status == 400) && !w->x->was_retried && !w->is_resumed &&
               !exchange_greets(w->x) && !w->link->is_stateless &&
               (peer->session_id != NULL || w->x->generation != w->link->generation);
}

/* The end of an answer in which there was none, in words; and how bad that is. */
static enum exchange_fault wire_fault(const struct post_wire *w, char *why, size_t size)
{
        bool is_gateway_away = w->status >= 502 && w->status <= 504 && w->retry_after_s <= 0;

        if (w->status / 100 == 2) {
                snprintf(why, size,
                         w->is_stream ? "its stream ended without an answer (HTTP %u)"
                                      : "it sent no JSON-RPC answer (HTTP %u)",
                         w->status);
                return w->is_stream ? FAULT_CUT : FAULT_FINAL;
        }
        if (w->retry_after_s > 0) {
                snprintf(why, size, "it answered HTTP %u (Retry-After: %" PRId64 ")", w->status,
                         w->retry_after_s);
                upstream_rest(w->link->upstream, 1000 * w->retry_after_s);
        } else {
                snprintf(why, size, "it answered HTTP %u", w->status);
        }
        if (account_is_refused(w->link->account, w->status))
                return FAULT_OURS;
        return is_gateway_away ? FAULT_CUT : FAULT_FINAL;
}

/* Was its stream cut, or closed by a server that wants to be asked for the rest? What has been
 * relayed in part cannot be had again from its middle. */
static bool wire_may_resume(const struct post_wire *w)
{
        return !w->link->is_stateless && w->x->kind == EXCHANGE_REQUEST &&
               w->last_event_id != NULL && (w->status == 200 || w->status == 0) &&
               w->n_resumes < RESUMES_MAX && w->x->generation == w->link->generation &&
               wire_relay(w) == NULL;
}

/* A server that keeps no session would not refuse a request so. */
static bool wire_is_foreign(const struct post_wire *w)
{
        return w->link->is_stateless && !exchange_greets(w->x) && !w->x->was_retried &&
               w->x->errand != NULL && (w->status == 400 || w->status == 404 || w->status == 405) &&
               !link_is_answer(w->x, buf_bytes(&w->body));
}

/* The answer to a greeting was none: what does its status say? True: it has been acted upon. */
static bool wire_turns(struct post_wire *w)
{
        struct exchange *x = w->x;
        unsigned status = w->status;
        bool is_away =
                status == 401 || status == 403 || status == 429 || (status >= 502 && status <= 504);

        if (!exchange_greets(x) || is_away)
                return false;
        if (status / 100 == 4 && link_takes_refusal(x, buf_bytes(&w->body)))
                return true;
        if (x->kind == EXCHANGE_DISCOVER) {
                link_not_discovered(x);
                return true;
        }
        if (status != 400 && status != 404 && status != 405)
                return false;
        exchange_end(x);
        link_fall_back(w->link, &transport_sse);
        return true;
}

static void wire_on_done(void *owner, const char *why, bool was_sent)
{
        struct post_wire *w = owner;
        struct http_peer *peer = w->link->peer;
        unsigned status = w->status;
        enum exchange_fault fault = !was_sent           ? FAULT_UNSENT
                                    : status / 100 == 3 ? FAULT_FINAL /* leads elsewhere */
                                                        : FAULT_CUT;
        struct exchange *x = w->x;
        char text[80];

        w->http = NULL;
        if (why == NULL && credential_refused(&w->use, status)) {
                wire_ask(w);
                return;
        }
        if (x == NULL) {
                get_on_done(w);
                return;
        }
        if (why == NULL && wire_lost_session(w)) {
                if (status == 404 && x->generation == w->link->generation)
                        peer->is_forgotten = true;
                exchange_again(x);
                return;
        }
        if (why == NULL && wire_is_foreign(w)) {
                link_doubt(x);
                return;
        }
        if (why == NULL && !w->is_stream && w->body.len > 0 &&
            (status == 200 || !exchange_greets(x)))
                link_on_text(w->link, x, buf_bytes(&w->body));
        if (!exchange_is_open(x) || x->wire != w) /* answered, or on its way again */
                return;
        if (why == NULL && wire_turns(w))
                return;
        if (wire_may_resume(w)) {
                timer_arm(link_loop(w->link), &w->resume, w->resume_ms);
                return;
        }
        if (why == NULL && status / 100 == 2 && x->kind == EXCHANGE_SEND) {
                exchange_end(x);
                return;
        }
        if (why == NULL) {
                fault = wire_fault(w, text, sizeof(text));
                why = text;
                if (exchange_greets(x) && fault == FAULT_CUT)
                        fault = FAULT_FINAL; /* a cut says something of the era, a status does not
                                              */
        }
        wire_fail(w, why, fault);
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

/* All but the first two may be NULL. more: lines, ended by NULL. */
static int header_lines_init(struct header_lines *h, const struct account *account,
                             const char *authorization, const char *session_id, const char *version,
                             const char *last_event_id, char *const *more)
{
        const char **first = calloc(hdr_lines_count((const char *const *)more) + 6, sizeof(*first));
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

static int wire_header_lines(const struct post_wire *w, struct header_lines *headers,
                             char *const *more)
{
        const struct link *link = w->link;
        const struct account *account = link->account;
        const struct http_peer *peer = link->peer;

        if (link->is_stateless)
                return header_lines_init(headers, account, w->use.header, NULL,
                                         link_stateless_version(link), NULL, more);
        if (w->x != NULL && exchange_greets(w->x))
                return header_lines_init(headers, account, w->use.header, NULL, NULL, NULL, NULL);
        return header_lines_init(headers, account, w->use.header, peer->session_id,
                                 link_version(link),
                                 w->x == NULL ? peer->last_event_id : w->last_event_id, more);
}

/* What of the message stands in headers too: its trace context, and to a server without sessions
 * what it wants to see there. The lines are to be freed in any case. */
static int wire_lines_make(const struct exchange *x, char ***linesp)
{
        int r = x->owner->is_stateless ? mirror_lines_make(x->msg, link_input_schema(x), linesp)
                                       : 0;

        return r == 0 ? trace_lines_add(linesp, json_object_get(x->msg, "params")) : r;
}

static int wire_request(struct post_wire *w)
{
        struct link *link = w->link;
        const struct exchange *x = w->x;
        bool greets = x != NULL && exchange_greets(x);
        bool posts = x != NULL && !w->is_resumed;
        struct header_lines headers = {.lines = NULL};
        struct str body = {NULL, 0};
        char **lines = NULL;
        int r = posts ? wire_lines_make(x, &lines) : 0;

        if (r == 0)
                r = wire_header_lines(w, &headers, lines);
        if (r < 0) {
                hdr_lines_free(lines);
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
                };
                r = http_start(link_gate(link)->http, &options, &wire_handlers, w, &w->http);
        }
        free((void *)body.p);
        free(headers.lines);
        hdr_lines_free(lines);
        return r;
}

static void wire_on_token(struct credential_use *use)
{
        struct post_wire *w = container_of(use, struct post_wire, use);

        w->status = 0;
        if (wire_request(w) < 0)
                wire_fail(w, "the request could not be started", FAULT_FINAL);
}

static void wire_on_no_token(struct credential_use *use, const char *why)
{
        wire_fail(container_of(use, struct post_wire, use), why, FAULT_OURS);
}

/* Sends the request, once there is a token for it. */
static void wire_ask(struct post_wire *w)
{
        int r = credential_ask(&w->use);

        if (r == 0)
                wire_on_token(&w->use);
        else if (r < 0)
                wire_fail(w, "the request for a token could not be started", FAULT_OURS);
}

static void wire_on_resume(struct timer *timer)
{
        struct post_wire *w = container_of(timer, struct post_wire, resume);

        w->n_resumes++;
        w->use.was_renewed = false;
        w->is_resumed = true;
        w->is_whole = false;
        sse_reader_finish(&w->sse);
        sse_reader_init(&w->sse, MESSAGE_MAX_BYTES);
        if (w->x->generation != w->link->generation)
                wire_fail(w, "its session ended before the answer", FAULT_CUT);
        else
                wire_ask(w);
}

static struct post_wire *wire_create(struct link *link, struct exchange *x)
{
        struct post_wire *w = calloc(1, sizeof(*w));

        if (w == NULL)
                return NULL;
        w->link = link;
        w->x = x;
        w->use = (struct credential_use){.credential = link->account->credential,
                                         .on_token = wire_on_token,
                                         .on_fail = wire_on_no_token};
        w->resume.on_due = wire_on_resume;
        w->room.on_room = wire_on_room;
        w->resume_ms = GET_RETRY_MS;
        sse_reader_init(&w->sse, MESSAGE_MAX_BYTES);
        buf_init(&w->body, MESSAGE_MAX_BYTES);
        return w;
}

static void http_send(struct exchange *x)
{
        struct post_wire *w = x->wire = wire_create(x->owner, x);

        if (w != NULL)
                wire_ask(w);
        else
                exchange_fail(x, "out of memory", FAULT_FINAL);
}

static void get_start(struct link *link)
{
        struct http_peer *peer = link->peer;

        if (peer->get != NULL || peer->has_no_get || link->state != LINK_READY)
                return;
        peer->get = wire_create(link, NULL);
        if (peer->get != NULL)
                wire_ask(peer->get);
        else
                get_later(peer);
}

static void get_on_retry(struct timer *timer)
{
        get_start(container_of(timer, struct http_peer, get_retry)->link);
}

/* ---- its end ---- */

static void ending_on_head(void *owner, const struct http_response *response)
{
        (void)owner;
        (void)response;
}

static enum http_flow ending_on_body(void *owner, const char *p, size_t n)
{
        (void)owner;
        (void)p;
        (void)n;
        return HTTP_GO_ON;
}

static void ending_on_done(void *owner, const char *why, bool was_sent)
{
        const struct account *account = owner;

        (void)was_sent;
        account->upstream->n_ending--;
        if (why != NULL)
                log_debug(NULL, "[upstream] %s: end of a session: %s",
                          upstream_name(account->upstream), why);
}

/* A session that waits for a token to be ended with. */
struct ending {
        struct account *account;
        struct credential_use use;
        char *session_id;
        char *version; /* NULL: not known */
};

static void ending_free(struct ending *e)
{
        credential_leave(&e->use);
        free(e->session_id);
        free(e->version);
        free(e);
}

static void ending_on_no_token(struct credential_use *use, const char *why)
{
        struct ending *e = container_of(use, struct ending, use);

        ending_on_done(e->account, why, false);
        ending_free(e);
}

static void ending_on_token(struct credential_use *use)
{
        static const struct http_handlers handlers = {ending_on_head, ending_on_body,
                                                      ending_on_done};
        struct ending *e = container_of(use, struct ending, use);
        const struct upstream *upstream = e->account->upstream;
        struct http_request *request;
        struct header_lines headers;
        int r = header_lines_init(&headers, e->account, use->header, e->session_id, e->version,
                                  NULL, NULL);

        if (r == 0) {
                const struct http_options options = {
                        .method = "DELETE",
                        .url = upstream->server->url,
                        .headers = headers.lines,
                        .connect_timeout_ms = upstream_connect_timeout_ms(upstream),
                        .timeout_ms = DELETE_TIMEOUT_MS,
                };
                r = http_start(upstream->gate->http, &options, &handlers, e->account, &request);
                free(headers.lines);
        }
        if (r < 0)
                ending_on_done(e->account, "DELETE could not be sent", false);
        ending_free(e);
}

/* version may be NULL. */
static void delete_session(struct account *account, const char *session_id, const char *version)
{
        struct ending *e = calloc(1, sizeof(*e));
        int r;

        if (e == NULL)
                return;
        e->account = account;
        e->session_id = strdup(session_id);
        e->version = version != NULL ? strdup(version) : NULL;
        e->use = (struct credential_use){.credential = account->credential,
                                         .on_token = ending_on_token,
                                         .on_fail = ending_on_no_token};
        account->upstream->n_ending++;
        r = credential_ask(&e->use);
        if (r == 0)
                ending_on_token(&e->use);
        else if (r < 0)
                ending_on_no_token(&e->use, "the request for a token could not be started");
}

/* Does a request run that was sent in a session before this one? */
static bool has_old_wires(const struct link *link)
{
        list_for_each (it, &link->exchanges) {
                const struct exchange *x = container_of(it, struct exchange, link);

                if (x->wire != NULL && x->generation != link->generation)
                        return true;
        }
        return false;
}

static void end_old_session(struct link *link)
{
        struct http_peer *peer = link->peer;

        if (peer->old_session_id == NULL || has_old_wires(link))
                return;
        delete_session(link->account, peer->old_session_id, link_version(link));
        free(peer->old_session_id);
        peer->old_session_id = NULL;
}

/* A server that answered 400 may have the session still, and calls of ours in it. */
static void give_up_session(struct link *link)
{
        struct http_peer *peer = link->peer;

        if (peer->is_forgotten || peer->session_id == NULL) {
                free(peer->session_id);
        } else {
                if (peer->old_session_id != NULL)
                        delete_session(link->account, peer->old_session_id, link_version(link));
                free(peer->old_session_id);
                peer->old_session_id = peer->session_id;
                end_old_session(link);
        }
        peer->session_id = NULL;
        peer->is_forgotten = false;
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
        give_up_session(link);
        free(peer->last_event_id);
        peer->last_event_id = NULL;
        peer->has_get = false;
        peer->has_no_get = false;
        timer_disarm(link_loop(link), &peer->get_retry);
        if (peer->get != NULL)
                wire_drop(peer->get);
        return 0;
}

static void http_on_ready(struct link *link)
{
        if (!link->is_stateless)
                get_start(link);
}

/* ---- what an initialize leaves behind ---- */

/* Nobody wants the session any more that it opens. */
static void late_greeting_on_head(void *owner, const struct http_response *response)
{
        char *id;

        if (!hdr_is_visible(response->session_id, SESSION_ID_MAX))
                return;
        id = str_dup(response->session_id);
        if (id != NULL)
                delete_session(owner, id, NULL);
        free(id);
}

/* An initialize that is out is not cancelled: the session that it may have opened must be ended. */
static void http_drop(struct exchange *x)
{
        static const struct http_handlers handlers = {late_greeting_on_head, ending_on_body,
                                                      ending_on_done};
        struct post_wire *w = x->wire;

        if (x->kind == EXCHANGE_INITIALIZE && w->http != NULL && w->status == 0) {
                http_hand_over(w->http, &handlers, x->owner->account);
                w->http = NULL;
                x->owner->upstream->n_ending++;
        }
        wire_drop(w);
}

static void http_destroy(struct link *link)
{
        struct http_peer *peer = link->peer;

        timer_disarm(link_loop(link), &peer->get_retry);
        if (peer->get != NULL)
                wire_drop(peer->get);
        give_up_session(link);
        end_old_session(link);
        free(peer->last_event_id);
        loop_bury(link_loop(link), peer, free);
}

const struct transport transport_http = {
        .knows_stateless = true,
        .has_headers = true,
        .create = http_create,
        .open = http_open,
        .send = http_send,
        .drop = http_drop,
        .on_ready = http_on_ready,
        .destroy = http_destroy,
};

/* A session's link to an upstream over Streamable HTTP: DOWN -> OPENING (initialize) -> READY.
 * Each message that we POST is an exchange; its answer is JSON or a stream, and says what belongs
 * to its call. A 404 means that the upstream has forgotten the session: the link opens again,
 * unseen, and the exchange is sent once more. The GET stream carries what no call asked for. Ids
 * and progress tokens upstream are our own numbers. */
#include "mgw/gate/upstream.h"

#include "mgw/base/log.h"
#include "mgw/mcp/era.h"
#include "mgw/wire/hdr.h"
#include "mgw/wire/sse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The longest message that an upstream may send. */
#define MESSAGE_MAX_BYTES (64u << 20)
#define GET_RETRY_MS 1000
#define GET_RETRY_MAX_MS 30000
#define DELETE_TIMEOUT_MS 5000
#define SESSION_ID_MAX 256

struct upstream {
        struct gate *gate;
        const struct config_server *server;
        unsigned n_deletes; /* on their way */
};

enum link_state { LINK_DOWN, LINK_OPENING, LINK_READY };

enum exchange_kind { EXCHANGE_INITIALIZE, EXCHANGE_CALL, EXCHANGE_SEND, EXCHANGE_GET };

struct exchange {
        struct list link; /* on link->exchanges, or link->waiting until the link is ready */
        struct link *owner;
        struct call *call; /* EXCHANGE_CALL: NULL once the client is done with it */
        struct http_request *http;
        json_t *msg;
        int64_t id;
        struct sse_reader sse;
        struct buf body;
        unsigned status;
        unsigned generation; /* of the upstream session that it was sent in; 0: in none */
        enum exchange_kind kind;
        bool is_stream;
        bool was_retried;
};

struct link {
        struct upstream *upstream;
        struct session *session;
        json_t *init_params;
        json_t *hello; /* the result of initialize */
        char *session_id;
        struct list exchanges;
        struct list waiting;
        struct exchange *get;
        struct timer get_retry;
        int64_t get_delay_ms;
        char *last_event_id;
        int64_t last_id;
        unsigned generation; /* counts the upstream sessions */
        enum link_state state;
        bool is_settled; /* the client's initialize has been answered */
        bool has_get;
        bool has_no_get;
};

static void link_open_again(struct link *link);
static void link_get(struct link *link);
static void link_submit(struct link *link, struct exchange *x);
static void exchange_start(struct exchange *x);

int upstream_create(struct gate *gate, const struct config_server *server,
                    struct upstream **upstreamp)
{
        struct upstream *u = calloc(1, sizeof(*u));

        if (u == NULL)
                return -ENOMEM;
        u->gate = gate;
        u->server = server;
        *upstreamp = u;
        return 0;
}

void upstream_destroy(struct upstream *upstream)
{
        free(upstream);
}

const char *upstream_name(const struct upstream *upstream)
{
        return upstream->server->name;
}

unsigned upstream_n_deletes(const struct upstream *upstream)
{
        return upstream != NULL ? upstream->n_deletes : 0;
}

static void exchange_free(void *object)
{
        struct exchange *x = object;

        json_decref(x->msg);
        sse_reader_finish(&x->sse);
        buf_finish(&x->body);
        free(x);
}

static void exchange_end(struct exchange *x)
{
        struct gate *gate = x->owner->upstream->gate;

        list_unlink(&x->link);
        if (x->call != NULL)
                x->call->exchange = NULL;
        if (x->owner->get == x)
                x->owner->get = NULL;
        http_cancel(x->http);
        x->http = NULL;
        x->call = NULL;
        loop_bury(gate->loop, x, exchange_free);
}

static struct exchange *exchange_new(struct link *link, enum exchange_kind kind, json_t *msg_take)
{
        struct exchange *x = calloc(1, sizeof(*x));

        if (x == NULL) {
                json_decref(msg_take);
                return NULL;
        }
        x->owner = link;
        x->kind = kind;
        x->msg = msg_take;
        sse_reader_init(&x->sse, MESSAGE_MAX_BYTES);
        buf_init(&x->body, MESSAGE_MAX_BYTES);
        list_append(&link->waiting, &x->link);
        return x;
}

static void exchange_fail(struct exchange *x, const char *why)
{
        struct link *link = x->owner;
        struct call *call = x->call;
        const char *name = upstream_name(link->upstream);

        log_warn(LOG_FIELDS({"user", link->session->user->email}), "[upstream] %s: %s", name, why);
        exchange_end(x);
        if (call == NULL)
                return;
        if (call->method->class == METHOD_LIST) /* a dead upstream costs its own entries only */
                call_answer_take(
                        call,
                        rpc_result_take(call->id, json_pack("{s:[]}", call->method->list_key)));
        else
                call_fail(call, RPC_INTERNAL_ERROR, "upstream %s: %s", name, why);
}

static struct exchange *link_find(struct link *link, const json_t *id)
{
        list_for_each (it, &link->exchanges) {
                struct exchange *x = container_of(it, struct exchange, link);

                if (x->msg != NULL && json_is_integer(id) && x->id == json_integer_value(id))
                        return x;
        }
        return NULL;
}

static void link_settle(struct link *link)
{
        if (link->is_settled)
                return;
        link->is_settled = true;
        call_on_link_settled(link->session);
}

static void link_set_down(struct link *link, const char *why)
{
        struct list *it;

        link->state = LINK_DOWN;
        while ((it = list_first(&link->waiting)) != NULL)
                exchange_fail(container_of(it, struct exchange, link), why);
        link_settle(link);
}

static void link_on_hello(struct link *link, json_t *result)
{
        struct list *it;

        json_decref(link->hello);
        link->hello = json_incref(result);
        link->state = LINK_READY;
        link_send_take(link, rpc_notification_take("notifications/initialized", NULL));
        while ((it = list_first(&link->waiting)) != NULL)
                exchange_start(container_of(it, struct exchange, link));
        link_get(link);
        link_settle(link);
}

static void link_on_answer(struct link *link, const struct rpc_msg *m)
{
        struct exchange *x = link_find(link, m->id);
        struct call *call;

        if (x == NULL)
                return; /* late, or of a call that was cancelled */
        if (x->kind == EXCHANGE_INITIALIZE) {
                json_t *root = json_incref(m->root);
                exchange_end(x);
                if (m->kind == RPC_RESULT && json_is_object(m->result))
                        link_on_hello(link, m->result);
                else
                        link_set_down(link, "it refused to initialize");
                json_decref(root);
                return;
        }
        call = x->call;
        exchange_end(x);
        if (call != NULL)
                call_answer_take(call, json_incref(m->root));
}

static struct call *link_call_of_token(struct link *link, const json_t *token)
{
        struct exchange *x = link_find(link, token);

        return x != NULL ? x->call : NULL;
}

static void link_on_notification(struct link *link, struct exchange *via, const struct rpc_msg *m)
{
        struct call *call = via->call;

        if (method_find(m->method)->class == METHOD_PROGRESS) {
                call = link_call_of_token(link, json_object_get(m->params, "progressToken"));
                if (call != NULL)
                        call_on_progress(call, m->params);
        } else if (call == NULL || !call_send(call, m->root)) {
                session_deliver(link->session, m->root);
        }
}

static void link_on_request(struct link *link, struct exchange *via, const struct rpc_msg *m)
{
        if (method_find(m->method)->class == METHOD_PING)
                link_send_take(link, rpc_result_take(m->id, json_object()));
        else
                session_ask(link->session, via->call, m->root);
}

static void exchange_on_message(struct exchange *x, struct str text)
{
        struct rpc_msg m;
        json_t *root;
        char why[160];
        const char *fault = why;

        if (rpc_parse(text, &root, why, sizeof(why)) != 0) {
                log_warn(NULL, "[upstream] %s: message skipped: %s",
                         upstream_name(x->owner->upstream), why);
                return;
        }
        if (rpc_msg_read(root, &m, &fault) != 0)
                log_warn(NULL, "[upstream] %s: message skipped: %s",
                         upstream_name(x->owner->upstream), fault);
        else if (m.kind == RPC_REQUEST)
                link_on_request(x->owner, x, &m);
        else if (m.kind == RPC_NOTIFICATION)
                link_on_notification(x->owner, x, &m);
        else
                link_on_answer(x->owner, &m);
        json_decref(root);
}

static void exchange_on_head(void *owner, const struct http_response *response)
{
        struct exchange *x = owner;
        struct link *link = x->owner;

        x->status = response->status;
        x->is_stream = hdr_media_is(response->content_type, STR("text/event-stream"));
        if (x->kind == EXCHANGE_INITIALIZE &&
            hdr_is_visible(response->session_id, SESSION_ID_MAX)) {
                free(link->session_id);
                link->session_id = str_dup(response->session_id);
        }
        if (x->kind == EXCHANGE_GET && x->status == 200) {
                link->get_delay_ms = GET_RETRY_MS;
                link->has_get = true;
        }
}

static void link_remember_event(struct link *link, const struct sse_event *ev)
{
        if (ev->id.n > 0) {
                free(link->last_event_id);
                link->last_event_id = str_dup(ev->id);
        }
        if (ev->retry_ms >= 0)
                link->get_delay_ms =
                        ev->retry_ms > GET_RETRY_MAX_MS ? GET_RETRY_MAX_MS : ev->retry_ms;
}

static enum http_flow exchange_on_body(void *owner, const char *p, size_t n)
{
        struct exchange *x = owner;

        if (x->status != 200 && x->status != 202)
                return HTTP_GO_ON; /* what an error page says is not for our clients */
        if (!x->is_stream) {
                if (buf_add(&x->body, p, n) != 0)
                        exchange_fail(x, "its answer is over 64 MB");
                return HTTP_GO_ON;
        }
        while (n > 0 && x->http != NULL) {
                struct sse_event ev;
                size_t used = 0;
                int r = sse_reader_feed(&x->sse, p, n, &used, &ev);

                p += used;
                n -= used;
                if (r == SSE_E_MORE)
                        continue;
                if (r != 0) {
                        exchange_fail(x, "it sent an event over 64 MB");
                        break;
                }
                if (x->kind == EXCHANGE_GET)
                        link_remember_event(x->owner, &ev);
                if (ev.data.p != NULL && ev.data.n > 0)
                        exchange_on_message(x, ev.data);
        }
        return HTTP_GO_ON;
}

/* The upstream does not know the session any more (404, or 400 from servers that mix them up). */
static bool exchange_lost_session(const struct exchange *x)
{
        return (x->status == 404 || x->status == 400) && x->generation > 0 && !x->was_retried;
}

static void link_forget_session(struct link *link)
{
        free(link->session_id);
        link->session_id = NULL;
        free(link->last_event_id);
        link->last_event_id = NULL;
        link->state = LINK_DOWN;
        link->has_get = false;
        link->has_no_get = false;
        if (link->get != NULL)
                exchange_end(link->get);
}

/* Many exchanges may find the same session lost: the first of them opens a new one. */
static void exchange_try_again(struct exchange *x)
{
        struct link *link = x->owner;

        x->was_retried = true;
        list_move_to_tail(&link->waiting, &x->link);
        if (x->generation == link->generation && link->session_id != NULL) {
                log_info(NULL, "[upstream] %s: session forgotten, opened again",
                         upstream_name(link->upstream));
                link_forget_session(link);
        }
        link_submit(link, x);
}

static void link_get_later(struct link *link)
{
        timer_arm(link->upstream->gate->loop, &link->get_retry, link->get_delay_ms);
        link->get_delay_ms = link->get_delay_ms * 2 > GET_RETRY_MAX_MS ? GET_RETRY_MAX_MS
                                                                       : link->get_delay_ms * 2;
}

/* A 404 before any GET stream is from a server that has none, after one it is a lost session. */
static void exchange_on_get_done(struct exchange *x)
{
        struct link *link = x->owner;
        bool is_lost = x->status == 404 && link->has_get && link->state == LINK_READY;
        bool is_refused = x->status == 405 || x->status == 501 || (x->status == 404 && !is_lost);

        exchange_end(x);
        if (is_lost)
                link_forget_session(link);
        if (is_refused)
                link->has_no_get = true;
        else
                link_get_later(link);
}

static void exchange_on_done(void *owner, const char *why, bool was_sent)
{
        struct exchange *x = owner;
        struct link *link = x->owner;
        char text[256];

        (void)was_sent;
        x->http = NULL;
        if (x->kind == EXCHANGE_GET) {
                exchange_on_get_done(x);
                return;
        }
        if (why == NULL && exchange_lost_session(x)) {
                exchange_try_again(x);
                return;
        }
        if (why == NULL && x->status == 200 && !x->is_stream && x->body.len > 0) {
                exchange_on_message(x, buf_bytes(&x->body));
        }
        if (list_is_empty(&x->link)) /* answered */
                return;
        if (why == NULL && x->status / 100 == 2 && x->kind == EXCHANGE_SEND) {
                exchange_end(x);
                return;
        }
        if (why == NULL) {
                snprintf(text, sizeof(text),
                         x->status / 100 == 2 ? "it ended without an answer (HTTP %u)"
                                              : "it answered HTTP %u",
                         x->status);
                why = text;
        }
        if (x->kind == EXCHANGE_INITIALIZE) {
                log_warn(NULL, "[upstream] %s: %s: its tools are missing until it is back",
                         upstream_name(link->upstream), why);
                exchange_end(x);
                link_set_down(link, why);
        } else {
                exchange_fail(x, why);
        }
}

static const struct http_handlers exchange_handlers = {
        .on_head = exchange_on_head,
        .on_body = exchange_on_body,
        .on_done = exchange_on_done,
};

static const char *link_version(const struct link *link)
{
        return json_string_value(json_object_get(link->hello, "protocolVersion"));
}

#define HEADERS_MAX 8
struct header_lines {
        char text[4][SESSION_ID_MAX + 64];
        const char *lines[HEADERS_MAX];
};

static void link_headers(const struct link *link, struct header_lines *h, bool with_session)
{
        size_t n = 0;

        h->lines[n++] = "Content-Type: application/json";
        h->lines[n++] = "Accept: application/json, text/event-stream";
        if (with_session && link->session_id != NULL) {
                snprintf(h->text[0], sizeof(h->text[0]), "Mcp-Session-Id: %s", link->session_id);
                h->lines[n++] = h->text[0];
        }
        if (with_session && link_version(link) != NULL) {
                snprintf(h->text[1], sizeof(h->text[1]), "MCP-Protocol-Version: %s",
                         link_version(link));
                h->lines[n++] = h->text[1];
        }
        if (link->last_event_id != NULL && with_session &&
            hdr_is_visible(str_from(link->last_event_id), SESSION_ID_MAX)) {
                snprintf(h->text[2], sizeof(h->text[2]), "Last-Event-ID: %s", link->last_event_id);
                h->lines[n++] = h->text[2];
        }
        h->lines[n] = NULL;
}

static void exchange_start(struct exchange *x)
{
        struct link *link = x->owner;
        struct gate *gate = link->upstream->gate;
        struct header_lines headers;
        struct str body = {NULL, 0};
        int r = 0;

        list_move_to_tail(&link->exchanges, &x->link);
        if (x->kind != EXCHANGE_INITIALIZE && link->session_id != NULL)
                x->generation = link->generation;
        link_headers(link, &headers, x->kind != EXCHANGE_INITIALIZE);
        if (x->msg != NULL)
                r = rpc_dump(x->msg, &body);
        if (r == 0) {
                const struct http_options options = {
                        .method = x->kind == EXCHANGE_GET ? "GET" : "POST",
                        .url = link->upstream->server->url,
                        .headers = headers.lines,
                        .body = body,
                        .connect_timeout_ms = (long)gate->config->upstream_connect_timeout_ms,
                };
                r = http_start(gate->http, &options, &exchange_handlers, x, &x->http);
        }
        free((void *)body.p);
        if (r < 0) {
                x->http = NULL;
                exchange_fail(x, "the request could not be started");
        }
}

static void link_get(struct link *link)
{
        if (link->get != NULL || link->has_no_get || link->state != LINK_READY)
                return;
        link->get = exchange_new(link, EXCHANGE_GET, NULL);
        if (link->get != NULL)
                exchange_start(link->get);
}

static void link_on_get_retry(struct timer *timer)
{
        struct link *link = container_of(timer, struct link, get_retry);

        if (link->state == LINK_DOWN)
                link_open_again(link);
        else
                link_get(link);
}

static void link_open_again(struct link *link)
{
        struct exchange *x;

        if (link->state != LINK_DOWN)
                return;
        link->state = LINK_OPENING;
        link->generation++;
        x = exchange_new(link, EXCHANGE_INITIALIZE,
                         rpc_request_take(json_integer(++link->last_id), "initialize",
                                          json_incref(link->init_params)));
        if (x == NULL) {
                link_set_down(link, "out of memory");
                return;
        }
        x->id = link->last_id;
        exchange_start(x);
}

int link_open(struct upstream *upstream, struct session *session, json_t *init_params,
              struct link **linkp)
{
        struct link *link = calloc(1, sizeof(*link));

        if (link == NULL)
                return -ENOMEM;
        link->upstream = upstream;
        link->session = session;
        link->init_params = json_copy(init_params);
        json_object_set_new(link->init_params, "protocolVersion",
                            json_string(era_revision_name(session->revision)));
        link->get_delay_ms = GET_RETRY_MS;
        link->get_retry.on_due = link_on_get_retry;
        list_init(&link->exchanges);
        list_init(&link->waiting);
        *linkp = link;
        link_open_again(link);
        return 0;
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
        upstream->n_deletes--;
        if (why != NULL)
                log_debug(NULL, "[upstream] %s: DELETE: %s", upstream_name(owner), why);
}

static void link_delete_session(struct link *link)
{
        static const struct http_handlers handlers = {delete_on_head, delete_on_body,
                                                      delete_on_done};
        struct http_request *request;
        struct header_lines headers;

        link_headers(link, &headers, true);
        const struct http_options options = {
                .method = "DELETE",
                .url = link->upstream->server->url,
                .headers = headers.lines,
                .connect_timeout_ms =
                        (long)link->upstream->gate->config->upstream_connect_timeout_ms,
                .timeout_ms = DELETE_TIMEOUT_MS,
        };
        if (http_start(link->upstream->gate->http, &options, &handlers, link->upstream, &request) ==
            0)
                link->upstream->n_deletes++;
        else
                log_warn(NULL, "[upstream] %s: DELETE could not be sent",
                         upstream_name(link->upstream));
}

static void link_free(void *object)
{
        struct link *link = object;

        json_decref(link->init_params);
        json_decref(link->hello);
        free(link->session_id);
        free(link->last_event_id);
        free(link);
}

void link_close(struct link *link)
{
        struct list *it;

        if (link == NULL)
                return;
        timer_disarm(link->upstream->gate->loop, &link->get_retry);
        while ((it = list_first(&link->exchanges)) != NULL)
                exchange_end(container_of(it, struct exchange, link));
        while ((it = list_first(&link->waiting)) != NULL)
                exchange_end(container_of(it, struct exchange, link));
        if (link->session_id != NULL)
                link_delete_session(link);
        loop_bury(link->upstream->gate->loop, link, link_free);
}

const json_t *link_hello(const struct link *link)
{
        return link != NULL ? link->hello : NULL;
}

static void link_submit(struct link *link, struct exchange *x)
{
        if (link->state == LINK_READY)
                exchange_start(x);
        else
                link_open_again(link);
}

void link_call_take(struct link *link, struct call *call, json_t *params)
{
        struct exchange *x;
        int64_t id = ++link->last_id;

        if (call->progress_token != NULL) {
                json_t *meta = json_copy(json_object_get(params, "_meta"));

                json_object_set_new(meta, "progressToken", json_integer(id));
                json_object_set_new(params, "_meta", meta);
        }
        x = exchange_new(link, EXCHANGE_CALL,
                         rpc_request_take(json_integer(id), call->method->name, params));
        if (x == NULL) {
                call_fail(call, RPC_INTERNAL_ERROR, "out of memory");
                return;
        }
        x->id = id;
        x->call = call;
        call->exchange = x;
        link_submit(link, x);
}

void link_forget(struct link *link, struct call *call, const char *why)
{
        struct exchange *x = call->exchange;
        bool was_started = x->http != NULL;
        int64_t id = x->id;

        exchange_end(x);
        if (why != NULL && was_started && link->state == LINK_READY)
                link_send_take(link,
                               rpc_notification_take("notifications/cancelled",
                                                     json_pack("{s:I, s:s}", "requestId",
                                                               (json_int_t)id, "reason", why)));
}

void link_send_take(struct link *link, json_t *msg)
{
        struct exchange *x = exchange_new(link, EXCHANGE_SEND, msg);

        if (x != NULL)
                link_submit(link, x);
}

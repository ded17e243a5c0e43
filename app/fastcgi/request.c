/* A request's life, and its answer: whole, or a stream. */
#include "fcgi_inside.h"
#include "mgw/base/alloc.h"
#include "mgw/config/config.h"
#include "mgw/core/identity.h"
#include "mgw/core/share.h"

#include <assert.h>
#include <errno.h>
#include <fastcgi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So much may wait for the client before a source has to. */
#define WAITING_MAX_BYTES (128u << 10)

/* So little is written whether or not its share has room: it mostly goes out at once. */
#define ROOM_UNASKED_BYTES 4096

/* Heads and padding of the records of a small answer. */
#define RECORDS_AROUND_BYTES 64
/* So little is copied behind its head, and sent by the cheaper call. */
#define SMALL_BYTES 512

static void request_finish_input(struct request *req)
{
        if (req->in == NULL)
                return;
        cgi_params_finish(&req->in->params);
        buf_finish(&req->in->raw_params);
        buf_finish(&req->in->body);
        if (req->in->hold.payer != NULL)
                ledger_hold_set_past(&req->in->hold, 0);
        identity_let_go(req->in->identity);
        free(req->in);
        req->in = NULL;
}

static void request_free(void *object)
{
        struct request *req = object;

        request_finish_input(req);
        share_let_go(req->share);
        free(req);
}

void request_tell_drained(struct request *req)
{
        struct list *it;

        while ((it = list_first(&req->waiters)) != NULL) {
                struct waiter *waiter = container_of(it, struct waiter, node);

                list_unlink(it);
                waiter->on_drained(waiter);
        }
}

void request_set_coming(struct request *req, bool is_coming)
{
        struct fcgi_server *server = req->conn->server;

        assert(!req->is_coming || server->n_coming > 0);
        server->n_coming += is_coming - req->is_coming;
        req->is_coming = is_coming;
}

/* It is held no more. */
static void request_let_go(struct request *req)
{
        if (!req->is_held)
                return;
        req->is_held = false;
        req->conn->n_held--;
        if (!req->conn->is_dead)
                fcgi_conn_watch(req->conn);
}

static void request_drop(struct request *req)
{
        request_let_go(req);
        request_set_coming(req, false);
        request_tell_drained(req);
        if (req->in != NULL)
                work_cancel(&req->in->work);
        LL_DELETE(req->conn->requests, req);
        req->conn->n_requests--;
        loop_bury(req->conn->server->context->loop, req, request_free);
}

void request_lose(struct request *req)
{
        const struct request_events *events = req->events;

        req->events = NULL;
        if (events != NULL)
                events->on_gone(req);
        request_drop(req);
}

struct context *request_context(const struct request *req)
{
        return req->conn->server->context;
}

void request_set_share(struct request *req, struct share *share)
{
        req->share = share;
        ledger_hold_init(&req->in->hold, &share->memory, LEDGER_BODY);
        fcgi_conn_set_share(req->conn, share);
}

void request_take_body(struct request *req, uint32_t max_bytes)
{
        req->takes_body = true;
        req->in->body.max = max_bytes;
}

void request_hold(struct request *req)
{
        req->is_held = req->was_held = true;
        req->conn->n_held++;
        fcgi_conn_watch(req->conn);
}

void request_release(struct request *req)
{
        struct fcgi_conn *c = req->conn;

        req->events = NULL;
        request_let_go(req);
        fcgi_conn_judge(req);
        if (!c->is_dead)
                fcgi_conn_watch_deadline(c);
}

void request_own(struct request *req, const struct request_events *events, void *owner)
{
        req->events = events;
        req->owner = owner;
}

uint32_t request_n_unsent(const struct request *req)
{
        return req->conn->out.len;
}

bool request_must_wait(struct request *req, struct waiter *waiter)
{
        uint32_t cap_bytes = request_context(req)->config->stream_queue_max_bytes / 2;

        if (request_n_unsent(req) < (cap_bytes < WAITING_MAX_BYTES ? cap_bytes : WAITING_MAX_BYTES))
                return false;
        list_move_to_tail(&req->waiters, &waiter->node);
        return true;
}

/* Who has no cap sees to it that not too much waits, and cannot leave a piece out. What finds
 * nothing before it mostly goes out at once: that all together hold too much is no reason to refuse
 * it. */
static bool fcgi_conn_takes(const struct fcgi_conn *c, size_t total, uint32_t cap_bytes)
{
        int r;

        if (cap_bytes == UINT32_MAX)
                return true;
        if (c->out.len > 0 && c->out.len + total > cap_bytes)
                return false;
        r = total > ROOM_UNASKED_BYTES ? fcgi_conn_check_room(c, total) : 0;
        return r == 0 || (r == LEDGER_E_WHOLE && c->out.len == 0);
}

int request_write(struct request *req, struct str bytes, uint32_t cap_bytes)
{
        struct fcgi_conn *c = req->conn;
        size_t total = fcgi_stdout_size(bytes.n);

        if (c->is_dead)
                return -EPIPE;
        if (!fcgi_conn_takes(c, total, cap_bytes))
                return BUF_E_FULL;
        if (bytes.n <= SMALL_BYTES) {
                uint8_t record[FCGI_HEADER_LEN + SMALL_BYTES];

                fcgi_head(record, FCGI_STDOUT, req->id, bytes.n);
                memcpy(record + FCGI_HEADER_LEN, bytes.p, bytes.n);
                return fcgi_conn_send_bytes(c, record, FCGI_HEADER_LEN + bytes.n);
        }
        if (bytes.n <= FCGI_STDOUT_MAX) {
                uint8_t head[FCGI_HEADER_LEN];
                struct iovec iov[2] = {{head, sizeof(head)}, {(void *)bytes.p, bytes.n}};

                fcgi_head(head, FCGI_STDOUT, req->id, bytes.n);
                return fcgi_conn_send(c, iov, 2, sizeof(head) + bytes.n);
        }
        struct buf records;
        buf_init(&records, OUT_MAX_BYTES);
        int r = fcgi_add_stdout(&records, req->id, bytes.p, bytes.n);
        if (r == 0)
                r = fcgi_conn_send_take(c, &records);
        buf_finish(&records);
        return r;
}

/* The next request has the whole time again. */
void request_has_come(struct request *req)
{
        req->is_running = true;
        timer_disarm(req->conn->server->context->loop, &req->conn->deadline);
}

static void request_over(struct request *req)
{
        struct fcgi_conn *c = req->conn;

        if (!req->keep_conn)
                c->closes_when_flushed = true;
        if (!req->keep_conn && !req->has_stdin)
                fcgi_conn_linger(c, req->id);
        req->events = NULL;
        request_drop(req);
        if (!c->is_dead)
                fcgi_conn_flush(c);
        if (!c->is_dead)
                fcgi_conn_watch_deadline(c);
}

void request_end(struct request *req)
{
        struct buf end;

        buf_init(&end, 64);
        if (fcgi_add_end(&end, req->id, FCGI_REQUEST_COMPLETE) == 0)
                (void)fcgi_conn_send_bytes(req->conn, buf_bytes(&end).p, end.len);
        else
                fcgi_conn_kill(req->conn);
        buf_finish(&end);
        request_over(req);
}

void request_cut(struct request *req)
{
        req->keep_conn = false;
        request_over(req);
}

/* Adds the CORS headers of an allowed Origin (Fetch, "CORS protocol") to the caller's. */
static int add_head(struct request *req, struct buf *out, unsigned status,
                    const struct cgi_header *headers, const char *length)
{
        struct cgi_header all[20];
        size_t n = 0;
        char *origin = NULL;

        for (; headers != NULL && headers->name != NULL && n < 15; headers++)
                all[n++] = *headers;
        if (length != NULL)
                all[n++] = (struct cgi_header){"Content-Length", length};
        if (req->is_cross_origin) {
                origin = alloc_str(req->in->head.origin);
                all[n++] = (struct cgi_header){"Access-Control-Allow-Origin", origin};
                all[n++] = (struct cgi_header){
                        "Access-Control-Expose-Headers",
                        "Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate"};
                all[n++] = (struct cgi_header){"Vary", "Origin"};
        }
        all[n] = (struct cgi_header){NULL, NULL};
        int r = cgi_add_response_head(out, status, all);
        free(origin);
        return r;
}

int request_begin(struct request *req, const struct cgi_header *headers, struct str first)
{
        struct buf head, records;
        int r;

        buf_init(&head, FCGI_STDOUT_MAX);
        buf_init(&records, OUT_MAX_BYTES);
        r = add_head(req, &head, 200, headers, NULL);
        if (r == 0)
                r = fcgi_add_stdout(&records, req->id, buf_bytes(&head).p, head.len);
        if (r == 0 && first.n > 0)
                r = fcgi_add_stdout(&records, req->id, first.p, first.n);
        if (r == 0)
                r = fcgi_conn_send_take(req->conn, &records);
        buf_finish(&head);
        buf_finish(&records);
        request_finish_input(req);
        return r > 0 ? -EINVAL : r;
}

void request_reply(struct request *req, unsigned status, const struct cgi_header *headers,
                   struct str body)
{
        struct buf head, records;
        char length[24];
        uint8_t *room;
        bool has_body = status != 204 && status != 304;
        int r;

        if (body.n > ROOM_UNASKED_BYTES && fcgi_conn_check_room(req->conn, body.n) != 0) {
                static const struct cgi_header later[] = {
                        {"Content-Type", "application/json"}, {"Retry-After", "5"}, {0}};

                status = 503;
                headers = later;
                body = STR(
                        "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32000,\"message\":\"no memory "
                        "for this answer while so much waits to be read: read, or try again\"}}");
        }

        snprintf(length, sizeof(length), "%zu", body.n);
        buf_init(&head, FCGI_STDOUT_MAX);
        buf_init(&records, OUT_MAX_BYTES);
        r = add_head(req, &head, status, headers, has_body ? length : NULL);
        if (r == 0)
                r = buf_reserve(&records, head.len + body.n + RECORDS_AROUND_BYTES, &room);
        if (r == 0)
                r = fcgi_add_stdout(&records, req->id, buf_bytes(&head).p, head.len);
        if (r == 0 && body.n > 0 && has_body && req->in->head.method != CGI_HEAD)
                r = fcgi_add_stdout(&records, req->id, body.p, body.n);
        if (r == 0)
                r = fcgi_add_end(&records, req->id, FCGI_REQUEST_COMPLETE);
        if (r == 0)
                r = fcgi_conn_send_take(req->conn, &records);
        buf_finish(&head);
        buf_finish(&records);
        if (r != 0)
                fcgi_conn_kill(req->conn);
        request_over(req);
}

void request_reply_json(struct request *req, unsigned status, const struct cgi_header *headers,
                        struct str body)
{
        struct cgi_header all[8] = {{"Content-Type", "application/json"}};
        size_t n = 1;

        for (; headers != NULL && headers->name != NULL && n < 7; headers++)
                all[n++] = *headers;
        request_reply(req, status, all, body);
}

/* A FastCGI connection: the bytes that come and go. What begins as HTTP/1.1 is turned into records
 * and back (wire/http1), and nobody else knows.
 *
 * Rules learned from HAProxy (docs/design/fastcgi.md): the end of the connection means
 * that the client has left; a request begins when CONTENT_LENGTH bytes are in; a response head
 * stands in one record; nothing but STDOUT and END_REQUEST is ever sent for a request. A connection
 * that must die is closed at the end of the turn, so that no caller of request_write() meets a
 * freed object. */
#include "fcgi_inside.h"
#include "mgw/base/alloc.h"
#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static uint8_t read_buffer[FCGI_READ_BYTES]; /* one thread, one read at a time */

/* ---- who pays ---- */

static void fcgi_conn_charge(struct fcgi_conn *c)
{
        struct ledger_payer *payer = c->share != NULL ? &c->share->memory : NULL;

        if (payer == NULL || c->charged == c->out.size)
                return;
        ledger_release(payer, LEDGER_ANSWER, c->charged);
        ledger_charge_past(payer, LEDGER_ANSWER, c->out.size);
        c->charged = c->out.size;
}

void fcgi_conn_set_share(struct fcgi_conn *c, struct share *share)
{
        if (c->share == share)
                return;
        if (c->share != NULL)
                ledger_release(&c->share->memory, LEDGER_ANSWER, c->charged);
        share_let_go(c->share);
        c->share = share_hold(share);
        c->charged = 0;
        fcgi_conn_charge(c);
}

int fcgi_conn_check_room(const struct fcgi_conn *c, size_t n)
{
        return c->share != NULL ? ledger_check(&c->share->memory, n) : 0;
}

/* ---- life ---- */

static void fcgi_conn_free(void *object)
{
        struct fcgi_conn *c = object;

        if (c->is_http)
                http1_destroy(c->http);
        else
                fcgi_reader_finish(&c->reader);
        buf_finish(&c->out);
        free(c);
}

int fcgi_conn_leave(struct fcgi_conn *c)
{
        struct context *context = c->server->context;
        int fd = c->io.fd;

        c->is_dead = true;
        buf_finish(&c->out);
        fcgi_conn_set_share(c, NULL);
        while (c->requests != NULL)
                request_lose(c->requests);
        loop_io_remove(context->loop, &c->io);
        timer_disarm(context->loop, &c->deadline);
        list_unlink(&c->node);
        context->stats.n_connections--;
        loop_bury(context->loop, c, fcgi_conn_free);
        return fd;
}

void fcgi_conn_close(struct fcgi_conn *c)
{
        close(fcgi_conn_leave(c));
}

static void fcgi_conn_end_later(struct fcgi_conn *c)
{
        list_move_to_tail(&c->server->ending, &c->node);
        loop_defer(c->server->context->loop, &c->server->end);
}

/* Closes at the end of the turn: safe from anywhere. */
void fcgi_conn_kill(struct fcgi_conn *c)
{
        c->is_dead = true;
        fcgi_conn_end_later(c);
}

void fcgi_conn_fault(struct fcgi_conn *c, const char *what)
{
        c->server->context->stats.protocol_faults++;
        if (share_may_log(c->server->context->own_share, "peers that speak no FastCGI"))
                log_warn(NULL, "[FastCGI] connection closed: %s", what);
        fcgi_conn_kill(c);
}

void fcgi_conn_watch(struct fcgi_conn *c)
{
        uint32_t events = (c->n_held > 0 ? 0 : LOOP_IN) | (c->out.len > 0 ? LOOP_OUT : 0);

        if (loop_io_set(c->server->context->loop, &c->io, events) < 0)
                fcgi_conn_kill(c);
}

/* To close while the peer still sends would be an error to it: on TCP a reset, HAProxy drops the
 * answer, cgi-fcgi ends with EPIPE. So it is told the end, and closes when it has read that; the
 * deadline bounds it. Decided at the end of the turn: mostly the rest has been read by then. */
void fcgi_conn_end(struct fcgi_conn *c)
{
        if (c->is_dead || !c->is_lingering)
                fcgi_conn_close(c);
        else if (shutdown(c->io.fd, SHUT_WR) < 0)
                fcgi_conn_kill(c);
}

void fcgi_conn_linger(struct fcgi_conn *c, uint16_t id)
{
        c->is_lingering = true;
        c->lingering_id = id;
}

/* Walks the requests of one connection: 64 at most. */
static void fcgi_conn_tell_room(struct fcgi_conn *c)
{
        struct request *req, *next;

        LL_FOREACH_SAFE(c->requests, req, next)
        request_tell_drained(req);
}

void fcgi_conn_flush(struct fcgi_conn *c)
{
        while (c->out.len > 0 && !c->is_dead) {
                struct str s = buf_bytes(&c->out);
                ssize_t n = send(c->io.fd, s.p, s.n, MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        break;
                if (n < 0)
                        fcgi_conn_kill(c);
                else {
                        buf_consume(&c->out, (size_t)n);
                        c->has_taken = true;
                }
        }
        if (c->is_dead)
                return;
        fcgi_conn_charge(c);
        fcgi_conn_watch(c);
        if (c->out.len == 0)
                fcgi_conn_tell_room(c);
        if (c->out.len == 0 && c->closes_when_flushed)
                fcgi_conn_end_later(c);
}

static int fcgi_conn_send_raw(struct fcgi_conn *c, const struct iovec *iov, int n_iov, size_t total)
{
        size_t sent = 0;
        int r = 0;

        if (c->out.len == 0) {
                struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n_iov};
                ssize_t n = n_iov == 1 ? send(c->io.fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL)
                                       : sendmsg(c->io.fd, &msg, MSG_NOSIGNAL);

                if (n < 0 && errno != EAGAIN && errno != EINTR) {
                        fcgi_conn_kill(c);
                        return -EPIPE;
                }
                sent = n > 0 ? (size_t)n : 0;
        }
        if (sent == total)
                return 0;
        for (int i = 0; i < n_iov && r == 0; i++) {
                size_t skip = sent < iov[i].iov_len ? sent : iov[i].iov_len;

                sent -= skip;
                r = buf_add(&c->out, (const char *)iov[i].iov_base + skip, iov[i].iov_len - skip);
        }
        if (r != 0) { /* half a record may be out: nothing sane can follow */
                fcgi_conn_kill(c);
                return -ENOBUFS;
        }
        fcgi_conn_charge(c);
        fcgi_conn_watch(c);
        if (!timer_is_armed(&c->deadline))
                fcgi_conn_watch_deadline(c);
        return 0;
}

/* The same records, as HTTP. */
static int fcgi_conn_send_as_http(struct fcgi_conn *c, const struct iovec *iov, int n_iov)
{
        struct buf text;
        struct iovec whole;
        int r = 0;

        buf_init(&text, OUT_MAX_BYTES);
        for (int i = 0; i < n_iov && r == 0; i++)
                r = http1_answer(c->http, &text, iov[i].iov_base, iov[i].iov_len);
        whole = (struct iovec){(void *)buf_bytes(&text).p, text.len};
        if (r != 0) {
                fcgi_conn_kill(c);
                r = -ENOBUFS;
        } else if (text.len > 0) {
                r = fcgi_conn_send_raw(c, &whole, 1, text.len);
        }
        buf_finish(&text);
        return r;
}

/* Sends what the socket takes now and queues the rest. The pieces are whole records. */
int fcgi_conn_send(struct fcgi_conn *c, const struct iovec *iov, int n_iov, size_t total)
{
        if (c->is_dead)
                return -EPIPE;
        return c->is_http ? fcgi_conn_send_as_http(c, iov, n_iov)
                          : fcgi_conn_send_raw(c, iov, n_iov, total);
}

int fcgi_conn_send_bytes(struct fcgi_conn *c, const void *p, size_t n)
{
        struct iovec iov = {.iov_base = (void *)p, .iov_len = n};

        return fcgi_conn_send(c, &iov, 1, n);
}

int fcgi_conn_send_take(struct fcgi_conn *c, struct buf *records)
{
        int r = 0;

        if (c->is_dead || c->is_http || c->out.len > 0) {
                r = fcgi_conn_send_bytes(c, buf_bytes(records).p, records->len);
                buf_finish(records);
                return r;
        }
        c->out = *records;
        buf_init(records, records->max);
        fcgi_conn_flush(c);
        if (c->is_dead)
                return -EPIPE;
        if (c->out.len > 0 && !timer_is_armed(&c->deadline))
                fcgi_conn_watch_deadline(c);
        return 0;
}

/* The peer owes us something: the rest of a request, the next one on a connection with nothing to
 * do, or to take what waits for it. Walks the requests of one connection: 64 at most. */
void fcgi_conn_watch_deadline(struct fcgi_conn *c)
{
        const struct config *config = c->server->context->config;
        bool is_waiting = c->requests == NULL && c->out.len == 0;
        const struct request *req;

        LL_FOREACH(c->requests, req)
        is_waiting |= !req->is_running;
        if (c->out.len > 0 && (c->has_taken || !timer_is_armed(&c->deadline)))
                timer_arm(c->server->context->loop, &c->deadline, config->answer_timeout_ms);
        else if (c->out.len == 0 && !is_waiting)
                timer_disarm(c->server->context->loop, &c->deadline);
        else if (!timer_is_armed(&c->deadline))
                timer_arm(c->server->context->loop, &c->deadline, config->body_timeout_ms);
        c->has_taken = false;
}

static void fcgi_conn_on_http_record(void *owner, const struct fcgi_record *rec)
{
        struct fcgi_conn *c = owner;

        if (!c->is_dead)
                fcgi_conn_on_record(c, rec);
}

static void fcgi_conn_feed_http(struct fcgi_conn *c, const uint8_t *p, size_t n)
{
        int r = http1_feed(c->http, p, n);

        if (r == HTTP1_E_FULL)
                fcgi_conn_on_long_head(c);
        else if (r != 0)
                fcgi_conn_fault(c, r == HTTP1_E_BAD ? "no POST of HTTP/1.1" : "out of memory");
}

/* What it speaks is told by the first byte. */
static void fcgi_conn_begin(struct fcgi_conn *c, uint8_t first)
{
        c->has_begun = true;
        if (!http1_begins(first))
                return;
        c->is_http = true;
        c->http = http1_create(c->server->context->config->head_max_bytes, fcgi_conn_on_http_record,
                               c);
}

void fcgi_conn_feed(struct fcgi_conn *c, const uint8_t *p, size_t n)
{
        int r = 0;

        while (r == 0 && !c->is_dead) {
                struct fcgi_record rec;
                size_t used = 0;

                r = fcgi_reader_feed(&c->reader, p, n, &used, &rec);
                p += used;
                n -= used;
                if (r == 0)
                        fcgi_conn_on_record(c, &rec);
                else if (r != FCGI_E_MORE)
                        fcgi_conn_fault(c, r == FCGI_E_BAD ? "not FastCGI version 1"
                                                           : "out of memory");
        }
}

static void fcgi_conn_read(struct fcgi_conn *c)
{
        ssize_t n = recv(c->io.fd, read_buffer, sizeof(read_buffer), 0);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                fcgi_conn_close(c);
                return;
        }
        if (!c->has_begun)
                fcgi_conn_begin(c, read_buffer[0]);
        if (c->is_http)
                fcgi_conn_feed_http(c, read_buffer, (size_t)n);
        else
                fcgi_conn_feed(c, read_buffer, (size_t)n);
}

static void fcgi_conn_on_io(struct loop_io *io, uint32_t events)
{
        struct fcgi_conn *c = container_of(io, struct fcgi_conn, io);

        if (c->is_dead)
                return;
        if (events & LOOP_OUT)
                fcgi_conn_flush(c);
        if (!c->is_dead && (events & (LOOP_IN | LOOP_GONE)))
                fcgi_conn_read(c);
        if (!c->is_dead)
                fcgi_conn_watch_deadline(c);
}

struct fcgi_conn *fcgi_conn_create(struct fcgi_server *server, int fd)
{
        struct fcgi_conn *c = alloc_zeroed(sizeof(*c));

        c->server = server;
        c->io.fd = fd;
        c->io.on_io = fcgi_conn_on_io;
        c->deadline.on_due = fcgi_conn_on_deadline;
        fcgi_reader_init(&c->reader);
        buf_init(&c->out, OUT_MAX_BYTES);
        if (loop_io_add(server->context->loop, &c->io, LOOP_IN) < 0) {
                close(fd);
                free(c);
                return NULL;
        }
        list_append(&server->conns, &c->node);
        server->context->stats.n_connections++;
        fcgi_conn_watch_deadline(c);
        return c;
}

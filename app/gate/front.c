/* The FastCGI server: connections, and the bytes that come and go. What begins as HTTP/1.1 is
 * turned into records and back (wire/http1), and nobody else knows.
 *
 * Rules learned from HAProxy (docs/architecture.md, "FastCGI"): the end of the connection means
 * that the client has left; a request begins when CONTENT_LENGTH bytes are in; a response head
 * stands in one record; nothing but STDOUT and END_REQUEST is ever sent for a request. A connection
 * that must die is closed at the end of the turn, so that no caller of request_write() meets a
 * freed object. */
#include "mgw/gate/front.h"

#include "front_inside.h"
#include "mgw/base/log.h"
#include "mgw/gate/share.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES 65536

static uint8_t read_buffer[READ_BYTES]; /* one thread, one read at a time */

/* ---- who pays ---- */

static void conn_charge(struct conn *c)
{
        struct ledger_payer *payer = c->share != NULL ? &c->share->memory : NULL;

        if (payer == NULL || c->charged == c->out.size)
                return;
        ledger_release(payer, LEDGER_ANSWER, c->charged);
        ledger_charge_past(payer, LEDGER_ANSWER, c->out.size);
        c->charged = c->out.size;
}

void conn_set_share(struct conn *c, struct share *share)
{
        if (c->share == share)
                return;
        if (c->share != NULL)
                ledger_release(&c->share->memory, LEDGER_ANSWER, c->charged);
        share_let_go(c->share);
        c->share = share_hold(share);
        c->charged = 0;
        conn_charge(c);
}

int conn_check_room(const struct conn *c, size_t n)
{
        return c->share != NULL ? ledger_check(&c->share->memory, n) : 0;
}

/* ---- life ---- */

static void conn_free(void *object)
{
        struct conn *c = object;

        if (c->is_http)
                http1_destroy(c->http);
        else
                fcgi_reader_finish(&c->reader);
        buf_finish(&c->out);
        free(c);
}

static void conn_close(struct conn *c)
{
        struct gate *gate = c->front->gate;

        c->is_dead = true;
        buf_finish(&c->out);
        conn_set_share(c, NULL);
        while (c->requests != NULL)
                request_lose(c->requests);
        int fd = c->io.fd;
        loop_io_remove(gate->loop, &c->io);
        close(fd);
        timer_disarm(gate->loop, &c->deadline);
        list_unlink(&c->link);
        gate->stats.n_connections--;
        loop_bury(gate->loop, c, conn_free);
}

static void conn_end_later(struct conn *c)
{
        list_move_to_tail(&c->front->ending, &c->link);
        loop_defer(c->front->gate->loop, &c->front->end);
}

/* Closes at the end of the turn: safe from anywhere. */
void conn_kill(struct conn *c)
{
        c->is_dead = true;
        conn_end_later(c);
}

void conn_fault(struct conn *c, const char *what)
{
        c->front->gate->stats.protocol_faults++;
        if (share_may_log(c->front->gate->own_share, "peers that speak no FastCGI"))
                log_warn(NULL, "[FastCGI] connection closed: %s", what);
        conn_kill(c);
}

static void conn_watch(struct conn *c)
{
        uint32_t events = LOOP_IN | (c->out.len > 0 ? LOOP_OUT : 0);

        if (loop_io_set(c->front->gate->loop, &c->io, events) < 0)
                conn_kill(c);
}

/* To close while the peer still sends would be an error to it: on TCP a reset, HAProxy drops the
 * answer, cgi-fcgi ends with EPIPE. So it is told the end, and closes when it has read that; the
 * deadline bounds it. Decided at the end of the turn: mostly the rest has been read by then. */
static void conn_end(struct conn *c)
{
        if (c->is_dead || !c->is_lingering)
                conn_close(c);
        else if (shutdown(c->io.fd, SHUT_WR) < 0)
                conn_kill(c);
}

/* Walks those that end. */
static void front_on_end(struct loop_task *task)
{
        struct front *front = container_of(task, struct front, end);
        struct list due, *link;

        list_take_all(&due, &front->ending);
        while ((link = list_first(&due)) != NULL) {
                list_move_to_tail(&front->conns, link);
                conn_end(container_of(link, struct conn, link));
        }
}

void conn_linger(struct conn *c, uint16_t id)
{
        c->is_lingering = true;
        c->lingering_id = id;
}

/* Walks the requests of one connection: 64 at most. */
static void conn_tell_room(struct conn *c)
{
        struct request *req, *next;

        LL_FOREACH_SAFE(c->requests, req, next)
        request_tell_room(req);
}

void conn_flush(struct conn *c)
{
        while (c->out.len > 0 && !c->is_dead) {
                struct str s = buf_bytes(&c->out);
                ssize_t n = send(c->io.fd, s.p, s.n, MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        break;
                if (n < 0)
                        conn_kill(c);
                else {
                        buf_consume(&c->out, (size_t)n);
                        c->has_taken = true;
                }
        }
        if (c->is_dead)
                return;
        conn_charge(c);
        conn_watch(c);
        if (c->out.len == 0)
                conn_tell_room(c);
        if (c->out.len == 0 && c->closes_when_flushed)
                conn_end_later(c);
}

static int conn_send_raw(struct conn *c, const struct iovec *iov, int n_iov, size_t total)
{
        size_t sent = 0;
        int r = 0;

        if (c->out.len == 0) {
                struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n_iov};
                ssize_t n = n_iov == 1 ? send(c->io.fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL)
                                       : sendmsg(c->io.fd, &msg, MSG_NOSIGNAL);

                if (n < 0 && errno != EAGAIN && errno != EINTR) {
                        conn_kill(c);
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
                conn_kill(c);
                return -ENOBUFS;
        }
        conn_charge(c);
        conn_watch(c);
        if (!timer_is_armed(&c->deadline))
                conn_watch_deadline(c);
        return 0;
}

/* The same records, as HTTP. */
static int conn_send_as_http(struct conn *c, const struct iovec *iov, int n_iov)
{
        struct buf text;
        struct iovec whole;
        int r = 0;

        buf_init(&text, OUT_MAX_BYTES);
        for (int i = 0; i < n_iov && r == 0; i++)
                r = http1_answer(c->http, &text, iov[i].iov_base, iov[i].iov_len);
        whole = (struct iovec){(void *)buf_bytes(&text).p, text.len};
        if (r != 0) {
                conn_kill(c);
                r = -ENOBUFS;
        } else if (text.len > 0) {
                r = conn_send_raw(c, &whole, 1, text.len);
        }
        buf_finish(&text);
        return r;
}

/* Sends what the socket takes now and queues the rest. The pieces are whole records. */
int conn_send(struct conn *c, const struct iovec *iov, int n_iov, size_t total)
{
        if (c->is_dead)
                return -EPIPE;
        return c->is_http ? conn_send_as_http(c, iov, n_iov) : conn_send_raw(c, iov, n_iov, total);
}

int conn_send_bytes(struct conn *c, const void *p, size_t n)
{
        struct iovec iov = {.iov_base = (void *)p, .iov_len = n};

        return conn_send(c, &iov, 1, n);
}

int conn_send_take(struct conn *c, struct buf *records)
{
        int r = 0;

        if (c->is_dead || c->is_http || c->out.len > 0) {
                r = conn_send_bytes(c, buf_bytes(records).p, records->len);
                buf_finish(records);
                return r;
        }
        c->out = *records;
        buf_init(records, records->max);
        conn_flush(c);
        if (c->is_dead)
                return -EPIPE;
        if (c->out.len > 0 && !timer_is_armed(&c->deadline))
                conn_watch_deadline(c);
        return 0;
}

/* The peer owes us something: the rest of a request, the next one on a connection with nothing to
 * do, or to take what waits for it. Walks the requests of one connection: 64 at most. */
void conn_watch_deadline(struct conn *c)
{
        const struct config *config = c->front->gate->config;
        bool is_waiting = c->requests == NULL && c->out.len == 0;
        const struct request *req;

        LL_FOREACH(c->requests, req)
        is_waiting |= !req->is_running;
        if (c->out.len > 0 && (c->has_taken || !timer_is_armed(&c->deadline)))
                timer_arm(c->front->gate->loop, &c->deadline, config->answer_timeout_ms);
        else if (c->out.len == 0 && !is_waiting)
                timer_disarm(c->front->gate->loop, &c->deadline);
        else if (!timer_is_armed(&c->deadline))
                timer_arm(c->front->gate->loop, &c->deadline, config->body_timeout_ms);
        c->has_taken = false;
}

static void conn_on_http_record(void *owner, const struct fcgi_record *rec)
{
        struct conn *c = owner;

        if (!c->is_dead)
                conn_on_record(c, rec);
}

static void conn_feed_http(struct conn *c, const uint8_t *p, size_t n)
{
        int r = http1_feed(c->http, p, n);

        if (r == HTTP1_E_FULL)
                conn_on_long_head(c);
        else if (r != 0)
                conn_fault(c, r == HTTP1_E_BAD ? "no POST of HTTP/1.1" : "out of memory");
}

/* What it speaks is told by the first byte. */
static void conn_begin(struct conn *c, uint8_t first)
{
        struct http1 *http;

        c->has_begun = true;
        if (!http1_begins(first))
                return;
        http = http1_create(c->front->gate->config->head_max_bytes, conn_on_http_record, c);
        if (http == NULL) {
                conn_kill(c);
                return;
        }
        c->is_http = true;
        c->http = http;
}

static void conn_feed(struct conn *c, const uint8_t *p, size_t n)
{
        while (n > 0 && !c->is_dead) {
                struct fcgi_record rec;
                size_t used = 0;
                int r = fcgi_reader_feed(&c->reader, p, n, &used, &rec);

                p += used;
                n -= used;
                if (r == 0)
                        conn_on_record(c, &rec);
                else if (r != FCGI_E_MORE)
                        conn_fault(c, r == FCGI_E_BAD ? "not FastCGI version 1" : "out of memory");
        }
}

static void conn_read(struct conn *c)
{
        ssize_t n = recv(c->io.fd, read_buffer, sizeof(read_buffer), 0);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                conn_close(c);
                return;
        }
        if (!c->has_begun)
                conn_begin(c, read_buffer[0]);
        if (c->is_http)
                conn_feed_http(c, read_buffer, (size_t)n);
        else
                conn_feed(c, read_buffer, (size_t)n);
}

static void conn_on_io(struct loop_io *io, uint32_t events)
{
        struct conn *c = container_of(io, struct conn, io);

        if (c->is_dead)
                return;
        if (events & LOOP_OUT)
                conn_flush(c);
        if (!c->is_dead && (events & (LOOP_IN | LOOP_GONE)))
                conn_read(c);
        if (!c->is_dead)
                conn_watch_deadline(c);
}

/* What our own children run may say nothing here: it would speak as HAProxy does. */
static bool front_lets_in(struct front *front, int fd)
{
        front->peers.since = children_first_tick(front->gate->children);
        if (sock_peer_may(&front->peers, fd))
                return true;
        if (share_may_log(front->gate->own_share, "connections of mgw's own"))
                log_warn(
                        NULL,
                        "[mgw] a child process has tried to connect to the FastCGI socket, or what "
                        "descends from mgw's process has: process %d of uid %u",
                        front->peers.last_pid, front->peers.last_uid);
        return false;
}

static void front_on_accept(struct sock_listener *listener, int fd)
{
        struct front *front = container_of(listener, struct front, listener);
        struct conn *c = front_lets_in(front, fd) ? calloc(1, sizeof(*c)) : NULL;

        if (c == NULL) {
                close(fd);
                return;
        }
        c->front = front;
        c->io.fd = fd;
        c->io.on_io = conn_on_io;
        c->deadline.on_due = conn_on_deadline;
        fcgi_reader_init(&c->reader);
        buf_init(&c->out, OUT_MAX_BYTES);
        if (loop_io_add(front->gate->loop, &c->io, LOOP_IN) < 0) {
                close(fd);
                free(c);
                return;
        }
        list_append(&front->conns, &c->link);
        front->gate->stats.n_connections++;
        conn_watch_deadline(c);
}

static unsigned front_room(struct sock_listener *listener)
{
        const struct gate *gate = container_of(listener, struct front, listener)->gate;
        unsigned max = gate->config->connections_max;

        return gate->stats.n_connections < max ? max - gate->stats.n_connections : 0;
}

int front_create(struct gate *gate, int listen_fd, const struct front_events *events,
                 struct front **frontp)
{
        struct front *front = calloc(1, sizeof(*front));
        int r;

        if (front == NULL)
                return -ENOMEM;
        front->gate = gate;
        front->events = events;
        if (gate->config->children_uid_first != 0) {
                front->peers.not_uid = gate->config->children_uid_first;
                front->peers.not_uid_n = gate->config->children_uid_count;
        }
        front->listener.on_accept = front_on_accept;
        front->listener.room = front_room;
        front->end.on_run = front_on_end;
        list_init(&front->conns);
        list_init(&front->ending);
        r = sock_listener_open(gate->loop, &front->listener, listen_fd);
        if (r < 0) {
                free(front);
                return r;
        }
        *frontp = front;
        return 0;
}

void front_stop_listening(struct front *front)
{
        sock_listener_close(&front->listener);
}

void front_destroy(struct front *front)
{
        struct list *link;

        if (front == NULL)
                return;
        loop_task_cancel(&front->end);
        sock_peers_finish(&front->peers);
        sock_listener_close(&front->listener);
        while ((link = list_first(&front->ending)) != NULL ||
               (link = list_first(&front->conns)) != NULL)
                conn_close(container_of(link, struct conn, link));
        loop_bury(front->gate->loop, front, free);
}

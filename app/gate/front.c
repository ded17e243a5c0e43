/* The FastCGI server: reads records, gathers head and body, and writes whole records back.
 *
 * Rules learned from HAProxy (docs/architecture.md, "FastCGI"): the end of the connection means
 * that the client has left; a request begins when CONTENT_LENGTH bytes are in; a response head
 * stands in one record; nothing but STDOUT and END_REQUEST is ever sent for a request. A connection
 * that must die is closed at the end of the turn, so that no caller of request_write() meets a
 * freed object. */
#include "mgw/gate/front.h"

#include "mgw/base/log.h"
#include "mgw/loop/sock.h"
#include "mgw/wire/fcgi.h"

#include <errno.h>
#include <fastcgi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Requests at once on one connection of a multiplexing peer. */
#define REQUESTS_MAX 64
/* Hard bound of a connection's queue; answers and streams have their own, lower caps. */
#define OUT_MAX_BYTES (128u << 20)
#define READ_BYTES 65536

struct front {
        struct gate *gate;
        struct sock_listener listener;
        struct list conns;
        void (*on_request)(struct request *req);
};

struct conn {
        struct loop_io io;
        struct list link;
        struct front *front;
        struct fcgi_reader reader;
        struct buf out;
        struct list requests;
        struct timer deadline; /* runs while a request is coming in */
        struct loop_task end;  /* closes, or lingers */
        uint16_t n_requests;
        bool closes_when_flushed;
        bool is_lingering;     /* answered before all had come: the rest is read and thrown away */
        uint16_t lingering_id; /* of the request whose rest that is */
        bool is_dead;
};

static uint8_t read_buffer[READ_BYTES]; /* one thread, one read at a time */

static void request_finish_input(struct request *req)
{
        if (req->in == NULL)
                return;
        cgi_params_finish(&req->in->params);
        buf_finish(&req->in->raw_params);
        buf_finish(&req->in->body);
        free(req->in);
        req->in = NULL;
}

static void request_free(void *object)
{
        struct request *req = object;

        request_finish_input(req);
        free(req);
}

static void request_drop(struct request *req)
{
        list_unlink(&req->link);
        req->conn->n_requests--;
        loop_bury(req->conn->front->gate->loop, req, request_free);
}

static void request_lose(struct request *req)
{
        const struct request_events *events = req->events;

        req->events = NULL;
        if (events != NULL)
                events->on_gone(req);
        request_drop(req);
}

static void conn_free(void *object)
{
        struct conn *c = object;

        fcgi_reader_finish(&c->reader);
        buf_finish(&c->out);
        free(c);
}

static void conn_close(struct conn *c)
{
        struct gate *gate = c->front->gate;
        struct list *link;

        c->is_dead = true;
        while ((link = list_first(&c->requests)) != NULL)
                request_lose(container_of(link, struct request, link));
        int fd = c->io.fd;
        loop_io_remove(gate->loop, &c->io);
        close(fd);
        timer_disarm(gate->loop, &c->deadline);
        loop_task_cancel(&c->end);
        list_unlink(&c->link);
        gate->stats.n_connections--;
        loop_bury(gate->loop, c, conn_free);
}

/* Closes at the end of the turn: safe from anywhere. */
static void conn_kill(struct conn *c)
{
        c->is_dead = true;
        loop_defer(c->front->gate->loop, &c->end);
}

static void conn_fault(struct conn *c, const char *what)
{
        c->front->gate->stats.protocol_faults++;
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
static void conn_on_end(struct loop_task *task)
{
        struct conn *c = container_of(task, struct conn, end);

        if (c->is_dead || !c->is_lingering)
                conn_close(c);
        else if (shutdown(c->io.fd, SHUT_WR) < 0)
                conn_kill(c);
}

static void conn_linger(struct conn *c, uint16_t id)
{
        c->is_lingering = true;
        c->lingering_id = id;
}

static void conn_tell_room(struct conn *c)
{
        list_for_each_safe (it, &c->requests) {
                struct request *req = container_of(it, struct request, link);

                if (req->events != NULL && req->events->on_room != NULL)
                        req->events->on_room(req);
        }
}

static void conn_flush(struct conn *c)
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
                else
                        buf_consume(&c->out, (size_t)n);
        }
        if (c->is_dead)
                return;
        conn_watch(c);
        if (c->out.len == 0)
                conn_tell_room(c);
        if (c->out.len == 0 && c->closes_when_flushed)
                loop_defer(c->front->gate->loop, &c->end);
}

/* Sends what the socket takes now and queues the rest. The pieces are whole records. */
static int conn_send(struct conn *c, const struct iovec *iov, int n_iov, size_t total)
{
        size_t sent = 0;
        int r = 0;

        if (c->is_dead)
                return -EPIPE;
        if (c->out.len == 0) {
                struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n_iov};
                ssize_t n = sendmsg(c->io.fd, &msg, MSG_NOSIGNAL);

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
        conn_watch(c);
        return 0;
}

static int conn_send_bytes(struct conn *c, const void *p, size_t n)
{
        struct iovec iov = {.iov_base = (void *)p, .iov_len = n};

        return conn_send(c, &iov, 1, n);
}

struct gate *request_gate(const struct request *req)
{
        return req->conn->front->gate;
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

int request_write(struct request *req, struct str bytes, uint32_t cap_bytes)
{
        struct conn *c = req->conn;
        size_t total = fcgi_stdout_size(bytes.n);

        if (c->is_dead)
                return -EPIPE;
        if (c->out.len > 0 && c->out.len + total > cap_bytes)
                return BUF_E_FULL;
        if (bytes.n <= FCGI_STDOUT_MAX) {
                uint8_t head[FCGI_HEADER_LEN];
                struct iovec iov[2] = {{head, sizeof(head)}, {(void *)bytes.p, bytes.n}};

                fcgi_head(head, FCGI_STDOUT, req->id, bytes.n);
                return conn_send(c, iov, 2, sizeof(head) + bytes.n);
        }
        struct buf records;
        buf_init(&records, OUT_MAX_BYTES);
        int r = fcgi_add_stdout(&records, req->id, bytes.p, bytes.n);
        if (r == 0)
                r = conn_send_bytes(c, buf_bytes(&records).p, records.len);
        buf_finish(&records);
        return r;
}

/* The peer owes us something: the rest of a request, or the next one on a connection with nothing
 * to do. */
static void conn_watch_deadline(struct conn *c)
{
        bool is_waiting = list_is_empty(&c->requests) && c->out.len == 0;

        list_for_each (it, &c->requests)
                is_waiting |= !container_of(it, struct request, link)->is_running;
        if (!is_waiting)
                timer_disarm(c->front->gate->loop, &c->deadline);
        else if (!timer_is_armed(&c->deadline))
                timer_arm(c->front->gate->loop, &c->deadline,
                          c->front->gate->config->body_timeout_ms);
}

/* The next request has the whole time again. */
static void request_has_come(struct request *req)
{
        req->is_running = true;
        timer_disarm(req->conn->front->gate->loop, &req->conn->deadline);
}

static void request_over(struct request *req)
{
        struct conn *c = req->conn;

        if (!req->keep_conn)
                c->closes_when_flushed = true;
        if (!req->keep_conn && !req->has_stdin)
                conn_linger(c, req->id);
        req->events = NULL;
        request_drop(req);
        if (!c->is_dead)
                conn_flush(c);
        if (!c->is_dead)
                conn_watch_deadline(c);
}

void request_end(struct request *req)
{
        struct buf end;

        buf_init(&end, 64);
        if (fcgi_add_end(&end, req->id, FCGI_REQUEST_COMPLETE) == 0)
                (void)conn_send_bytes(req->conn, buf_bytes(&end).p, end.len);
        else
                conn_kill(req->conn);
        buf_finish(&end);
        request_over(req);
}

/* Adds the CORS headers of an allowed Origin (Fetch, "CORS protocol") to the caller's. */
static int add_head(struct request *req, struct buf *out, unsigned status,
                    const struct cgi_header *headers, const char *length)
{
        struct cgi_header all[16];
        size_t n = 0;
        char *origin = NULL;

        for (; headers != NULL && headers->name != NULL && n < 9; headers++)
                all[n++] = *headers;
        if (length != NULL)
                all[n++] = (struct cgi_header){"Content-Length", length};
        if (req->is_cross_origin && (origin = str_dup(req->in->head.origin)) != NULL) {
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
                r = conn_send_bytes(req->conn, buf_bytes(&records).p, records.len);
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
        bool has_body = status != 204 && status != 304;
        int r;

        snprintf(length, sizeof(length), "%zu", body.n);
        buf_init(&head, FCGI_STDOUT_MAX);
        buf_init(&records, OUT_MAX_BYTES);
        r = add_head(req, &head, status, headers, has_body ? length : NULL);
        if (r == 0)
                r = fcgi_add_stdout(&records, req->id, buf_bytes(&head).p, head.len);
        if (r == 0 && body.n > 0 && has_body && req->in->head.method != CGI_HEAD)
                r = fcgi_add_stdout(&records, req->id, body.p, body.n);
        if (r == 0)
                r = fcgi_add_end(&records, req->id, FCGI_REQUEST_COMPLETE);
        if (r == 0)
                r = conn_send_bytes(req->conn, buf_bytes(&records).p, records.len);
        buf_finish(&head);
        buf_finish(&records);
        if (r != 0)
                conn_kill(req->conn);
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

static struct request *conn_find(struct conn *c, uint16_t id)
{
        list_for_each (it, &c->requests) {
                struct request *req = container_of(it, struct request, link);

                if (req->id == id)
                        return req;
        }
        return NULL;
}

static void refuse(struct request *req, unsigned status, struct str why)
{
        const struct cgi_header headers[] = {
                {"Content-Type", "text/plain"},
                {"Retry-After", status == 503 ? "5" : NULL},
                {0},
        };

        request_has_come(req);
        request_reply(req, status, headers, why);
}

static void conn_on_deadline(struct timer *timer)
{
        struct conn *c = container_of(timer, struct conn, deadline);

        if (list_is_empty(&c->requests)) {
                conn_kill(c);
                return;
        }
        list_for_each_safe (it, &c->requests) {
                struct request *req = container_of(it, struct request, link);

                if (!req->is_running)
                        refuse(req, 408, STR("The request did not arrive in time.\n"));
        }
}

/* Hands the request over when all of it is there (rule: CONTENT_LENGTH decides, not the empty
 * STDIN). */
static void request_check_complete(struct request *req, bool at_stdin_end)
{
        struct conn *c = req->conn;
        bool may_have_body;

        if (!req->has_params || req->is_running)
                return;
        may_have_body = req->in->head.method == CGI_POST || req->in->head.method == CGI_OTHER;
        if (req->in->head.has_length ? req->in->body.len < req->in->head.content_length
                                     : may_have_body && !at_stdin_end) {
                if (at_stdin_end)
                        refuse(req, 400, STR("The body is shorter than its Content-Length.\n"));
                return;
        }
        request_has_come(req);
        c->front->gate->stats.requests++;
        c->front->on_request(req);
}

static void conn_on_begin(struct conn *c, const struct fcgi_record *rec)
{
        struct request *req = conn_find(c, rec->id);
        uint16_t role;
        bool keep_conn;

        if (rec->id == 0 || fcgi_begin_decode(rec, &role, &keep_conn) != 0) {
                conn_fault(c, "malformed BEGIN_REQUEST");
                return;
        }
        if (req != NULL) /* the peer abandoned it */
                request_lose(req);
        if (role != FCGI_RESPONDER) {
                struct buf end;

                buf_init(&end, 64);
                if (fcgi_add_end(&end, rec->id, FCGI_UNKNOWN_ROLE) == 0)
                        (void)conn_send_bytes(c, buf_bytes(&end).p, end.len);
                buf_finish(&end);
                if (!keep_conn) {
                        c->closes_when_flushed = true;
                        conn_linger(c, rec->id);
                        conn_flush(c);
                }
                return;
        }
        req = calloc(1, sizeof(*req));
        if (req == NULL || (req->in = calloc(1, sizeof(*req->in))) == NULL) {
                free(req);
                conn_kill(c);
                return;
        }
        req->conn = c;
        req->id = rec->id;
        req->keep_conn = keep_conn;
        buf_init(&req->in->raw_params, c->front->gate->config->head_max_bytes);
        buf_init(&req->in->body, c->front->gate->config->body_max_bytes);
        if (list_is_empty(&c->requests))
                timer_disarm(c->front->gate->loop, &c->deadline);
        list_append(&c->requests, &req->link);
        if (++c->n_requests > REQUESTS_MAX)
                refuse(req, 503, STR("Too many requests at once on this connection.\n"));
}

static void request_on_params(struct request *req, const struct fcgi_record *rec)
{
        if (req->has_params)
                return;
        if (rec->n_content > 0) {
                if (buf_add(&req->in->raw_params, rec->content, rec->n_content) != 0)
                        refuse(req, 431,
                               STR("The request head is over the limit (head_max_bytes).\n"));
                return;
        }
        if (cgi_params_decode(&req->in->params, buf_bytes(&req->in->raw_params)) != 0 ||
            cgi_head_read(&req->in->head, &req->in->params) != 0) {
                refuse(req, 400, STR("The request head is malformed.\n"));
                return;
        }
        buf_finish(&req->in->raw_params);
        req->has_params = true;
        if (req->in->head.has_length && req->in->head.content_length > req->in->body.max)
                refuse(req, 413, STR("The body is over the limit (body_max_bytes).\n"));
        else
                request_check_complete(req, false);
}

static void request_on_stdin(struct request *req, const struct fcgi_record *rec)
{
        size_t n = rec->n_content;

        req->has_stdin |= n == 0;
        if (req->is_running)
                return;
        if (!req->has_params) {
                conn_fault(req->conn, "STDIN before the end of PARAMS");
                return;
        }
        if (req->in->head.has_length && n > req->in->head.content_length - req->in->body.len)
                n = (size_t)(req->in->head.content_length - req->in->body.len);
        if (buf_add(&req->in->body, rec->content, n) != 0)
                refuse(req, 413, STR("The body is over the limit (body_max_bytes).\n"));
        else
                request_check_complete(req, rec->n_content == 0);
}

static void request_on_abort(struct request *req)
{
        req->has_stdin = true; /* nothing more will come */
        if (req->events != NULL && req->events->on_abort != NULL) {
                req->events->on_abort(req);
                return;
        }
        /* HAProxy is being reloaded: the answer comes by itself, or the connection ends. */
        if (req->is_running && !req->keep_conn)
                return;
        if (req->events != NULL)
                req->events->on_gone(req);
        /* HAProxy 2.6 does not survive an end without a head. */
        refuse(req, 503, STR("The request was aborted.\n"));
}

static void conn_on_management(struct conn *c, const struct fcgi_record *rec)
{
        struct buf answer;
        int r;

        buf_init(&answer, 4096);
        if (rec->type == FCGI_GET_VALUES)
                r = fcgi_add_values_result(&answer, rec, c->front->gate->config->connections_max);
        else
                r = fcgi_add_unknown_type(&answer, rec->type);
        if (r != 0)
                conn_fault(c, "malformed management record");
        else
                (void)conn_send_bytes(c, buf_bytes(&answer).p, answer.len);
        buf_finish(&answer);
}

static void conn_on_rest(struct conn *c, const struct fcgi_record *rec)
{
        bool is_end =
                rec->type == FCGI_ABORT_REQUEST || (rec->type == FCGI_STDIN && rec->n_content == 0);

        if (!c->is_lingering || rec->id != c->lingering_id || !is_end)
                return;
        c->is_lingering = false;
        conn_flush(c);
}

static void conn_on_record(struct conn *c, const struct fcgi_record *rec)
{
        struct request *req;

        if (rec->type == FCGI_BEGIN_REQUEST) {
                conn_on_begin(c, rec);
                return;
        }
        if (rec->id == 0) {
                conn_on_management(c, rec);
                return;
        }
        req = conn_find(c, rec->id);
        if (req == NULL) { /* of a request that is over: to be ignored (3.3) */
                conn_on_rest(c, rec);
                return;
        }
        if (rec->type == FCGI_PARAMS)
                request_on_params(req, rec);
        else if (rec->type == FCGI_STDIN)
                request_on_stdin(req, rec);
        else if (rec->type == FCGI_ABORT_REQUEST)
                request_on_abort(req);
        else if (rec->type != FCGI_DATA)
                conn_fault(c, "unknown record type in a request");
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

static void front_on_accept(struct sock_listener *listener, int fd)
{
        struct front *front = container_of(listener, struct front, listener);
        struct conn *c = calloc(1, sizeof(*c));

        if (c == NULL) {
                close(fd);
                return;
        }
        c->front = front;
        c->io.fd = fd;
        c->io.on_io = conn_on_io;
        c->deadline.on_due = conn_on_deadline;
        c->end.on_run = conn_on_end;
        fcgi_reader_init(&c->reader);
        buf_init(&c->out, OUT_MAX_BYTES);
        list_init(&c->requests);
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

int front_create(struct gate *gate, int listen_fd, void (*on_request)(struct request *req),
                 struct front **frontp)
{
        struct front *front = calloc(1, sizeof(*front));
        int r;

        if (front == NULL)
                return -ENOMEM;
        front->gate = gate;
        front->on_request = on_request;
        front->listener.on_accept = front_on_accept;
        front->listener.room = front_room;
        list_init(&front->conns);
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
        sock_listener_close(&front->listener);
        while ((link = list_first(&front->conns)) != NULL)
                conn_close(container_of(link, struct conn, link));
        loop_bury(front->gate->loop, front, free);
}

/* A request on a connection of our own: HTTP/1.1 (RFC 9112) to an address that is known, without
 * TLS or a proxy. All else is declined, and so goes by curl.
 *
 * What a connection brings is read into one buffer of the client's, and told from there. A handler
 * may do to the request whatever it likes: after each call it is looked at whether it runs still.
 * What a handler does not take now is copied, at most as much as one read brings.
 *
 * A kept connection may close as a request is sent on it. If no byte of an answer has come by then
 * it is sent again, once, on a new one: a POST only if nothing of it had been sent. */
#include "http_pool.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* As curl's. */
#define CONNECT_TIMEOUT_MS 300000
#define KEEPALIVE_S 60

static void connection_write(struct http_connection *c);
static void connection_read(struct http_connection *c);

/* ---- the end ---- */

static bool plain_was_sent(const struct http_request *request)
{
        return request->connection != NULL && request->connection->n_sent > 0;
}

static void plain_leave(struct http_request *request)
{
        struct http_connection *c = request->connection;

        if (c == NULL)
                return;
        request->connection = NULL;
        c->request = NULL;
        if (!c->is_over || request->client->is_destroyed) {
                http_connection_close(c);
                return;
        }
        timer_disarm(c->client->loop, &c->deadline);
        http1_response_finish(&c->answer);
        c->is_used = true;
        http_pool_put(c);
}

static void connection_fail(struct http_connection *c, enum http_fault fault, const char *why)
{
        http_request_end(c->request, fault, why);
}

/* Nobody answers at its address. If that was curl's to find out, curl may know another. */
static void connection_refused(struct http_connection *c, int error)
{
        char why[128];

        if (!http_server_is_number(c->server)) {
                http_server_forget(c->server);
                c->request->is_curls = true;
                http_request_begin_anew(c->request);
                return;
        }
        snprintf(why, sizeof(why), "Failed to connect: %s", strerror(error));
        connection_fail(c, HTTP_FAULT_AWAY, why);
}

static bool connection_may_repeat(const struct http_connection *c)
{
        return c->is_used && !c->is_answered && (c->request->is_repeatable || c->n_sent == 0);
}

/* The server has closed; error: not as it should. */
static void connection_ended(struct http_connection *c, int error)
{
        if (error == 0 && c->is_answered &&
            http1_response_close(&c->answer) == HTTP1_RESPONSE_END) {
                http_request_end(c->request, HTTP_FAULT_OURS, NULL);
        } else if (connection_may_repeat(c)) {
                c->request->is_fresh = true;
                http_request_begin_anew(c->request);
        } else if (c->is_answered) {
                connection_fail(c, HTTP_FAULT_BROKEN,
                                "The connection closed in the middle of the answer");
        } else {
                connection_fail(c, HTTP_FAULT_CUT, "The connection closed before an answer came");
        }
}

static void connection_on_deadline(struct timer *timer)
{
        struct http_connection *c = container_of(timer, struct http_connection, deadline);

        if (c->request == NULL || !http_request_runs(c->request))
                return;
        if (!c->is_connecting) {
                connection_fail(c, HTTP_FAULT_LATE, "The answer did not come in time");
                return;
        }
        if (!http_server_is_number(c->server))
                http_server_forget(c->server);
        connection_fail(c, HTTP_FAULT_AWAY, "Failed to connect in time");
}

static void connection_wait(struct http_connection *c, int64_t at_ms)
{
        struct loop *loop = c->client->loop;

        if (at_ms == 0)
                timer_disarm(loop, &c->deadline);
        else
                timer_arm(loop, &c->deadline, at_ms - loop_now_ms(loop));
}

/* ---- events ---- */

static bool would_block(void)
{
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* What is waited for. An end while nothing may be read would be told in each turn: it is looked at
 * when reading goes on. */
static void connection_watch(struct http_connection *c)
{
        uint32_t events = (c->is_paused ? 0 : LOOP_IN) | (c->is_sent ? 0 : LOOP_OUT);

        if (!c->is_gone && loop_io_set(c->client->loop, &c->io, events) < 0)
                http_request_fail(c->request, "out of memory");
}

static void connection_connected(struct http_connection *c)
{
        int error = 0;
        socklen_t n = sizeof(error);

        if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
                error = errno;
        if (error != 0) {
                connection_refused(c, error);
                return;
        }
        c->is_connecting = false;
        connection_wait(c, c->late_at_ms);
        connection_write(c);
}

static void connection_on_io(struct loop_io *io, uint32_t events)
{
        struct http_connection *c = container_of(io, struct http_connection, io);
        struct http_request *request = c->request;

        if (request == NULL) {
                http_connection_close(c);
                return;
        }
        if (!http_request_runs(request))
                return; /* it is about to be let go */
        if (c->is_connecting) {
                connection_connected(c);
                return;
        }
        if (c->is_paused && (events & LOOP_GONE)) {
                c->is_gone = true;
                loop_io_remove(c->client->loop, io);
                return;
        }
        if (events & (LOOP_IN | LOOP_GONE))
                connection_read(c);
        if (c->request == request && http_request_runs(request) && (events & LOOP_OUT))
                connection_write(c);
}

/* ---- what goes ---- */

/* What of s has not been sent; *n_sentp counts what comes before it. */
static struct iovec unsent(struct str s, size_t *n_sentp)
{
        size_t n = *n_sentp < s.n ? *n_sentp : s.n;

        *n_sentp -= n;
        return (struct iovec){(void *)(s.p + n), s.n - n};
}

static ssize_t connection_send(struct http_connection *c)
{
        size_t n_sent = c->n_sent;
        struct iovec parts[2];
        struct msghdr msg = {.msg_iov = parts, .msg_iovlen = 2};

        parts[0] = unsent(buf_bytes(&c->head), &n_sent);
        parts[1] = unsent(c->request->body, &n_sent);
        return sendmsg(c->fd, &msg, MSG_NOSIGNAL);
}

/* A server that takes no more of it may have answered: that is read before it counts as gone. */
static void connection_write(struct http_connection *c)
{
        ssize_t n = connection_send(c);

        if (n >= 0)
                c->n_sent += (size_t)n;
        else if (errno == EPIPE || errno == ECONNRESET)
                c->is_sent = true;
        else if (!would_block()) {
                connection_ended(c, errno);
                return;
        }
        c->is_sent = c->is_sent || c->n_sent == c->n_to_send;
        if (c->is_sent)
                buf_finish(&c->head);
        connection_watch(c);
}

/* ---- what comes ---- */

static bool connection_tell_head(struct http_connection *c)
{
        const struct http_head head = {
                .status = http1_response_status(&c->answer),
                .content_type = http1_response_field(&c->answer, HTTP1_CONTENT_TYPE),
                .location = http1_response_field(&c->answer, HTTP1_LOCATION),
                .retry_after = http1_response_field(&c->answer, HTTP1_RETRY_AFTER),
                .session_id = http1_response_field(&c->answer, HTTP1_SESSION_ID),
                .cache_control = http1_response_field(&c->answer, HTTP1_CACHE_CONTROL),
                .www_authenticate = http1_response_field(&c->answer, HTTP1_WWW_AUTHENTICATE),
                .content_encoding = http1_response_field(&c->answer, HTTP1_CONTENT_ENCODING),
        };

        bool runs = http_request_take_head(c->request, &head);

        http1_response_finish(&c->answer); /* a stream may go on for long */
        return runs;
}

/* Its request is not sent whole where the server did not wait for it. */
static void connection_answered(struct http_connection *c, bool is_last)
{
        const struct http_request *request = c->request;

        c->is_over = is_last && !c->is_gone && !request->is_stream && c->n_sent == c->n_to_send &&
                     http1_response_keeps(&c->answer);
        http_request_end(c->request, HTTP_FAULT_OURS, NULL);
}

/* A piece of the body that was not taken, and what has come behind it. */
static void connection_hold(struct http_connection *c, struct str piece, struct str rest)
{
        buf_init(&c->held, UINT32_MAX);
        c->n_piece = piece.n;
        c->is_paused = true;
        if (buf_add_str(&c->held, piece) < 0 || buf_add_str(&c->held, rest) < 0)
                http_request_fail(c->request, "out of memory");
        else
                connection_watch(c);
}

/* False: nothing is to be read now, or the request is over. */
static bool connection_take_piece(struct http_connection *c, struct str piece, struct str rest)
{
        enum http_flow flow = http_request_take_body(c->request, piece.p, piece.n);

        if (!http_request_runs(c->request))
                return false;
        if (flow == HTTP_GO_ON)
                return true;
        connection_hold(c, piece, rest);
        return false;
}

static void connection_misread(struct http_connection *c, int r)
{
        if (r == HTTP1_RESPONSE_E_FULL) {
                connection_fail(c, HTTP_FAULT_STRANGE, "The answer has too long a head");
        } else if (r < 0) {
                http_request_fail(c->request, "out of memory");
        } else {
                http_server_leave_to_curl(c->server, loop_now_ms(c->client->loop));
                connection_fail(c, HTTP_FAULT_STRANGE, "The answer is no HTTP");
        }
}

/* As connection_take_piece(). */
static bool connection_feed(struct http_connection *c, struct str bytes)
{
        while (bytes.n > 0) {
                struct str piece;
                size_t used;
                int r = http1_response_feed(&c->answer, bytes.p, bytes.n, &used, &piece);

                bytes.p += used;
                bytes.n -= used;
                switch (r) {
                case HTTP1_RESPONSE_MORE: /* what is no body takes a turn's share too */
                        http_turn_spend(c->request, (uint32_t)used);
                        break;
                case HTTP1_RESPONSE_HEAD:
                        if (!connection_tell_head(c))
                                return false;
                        break;
                case HTTP1_RESPONSE_BODY:
                        if (!connection_take_piece(c, piece, bytes))
                                return false;
                        break;
                case HTTP1_RESPONSE_END:
                        connection_answered(c, bytes.n == 0);
                        return false;
                default:
                        connection_misread(c, r);
                        return false;
                }
        }
        return true;
}

/* May all be read that is there? What ends with the connection is. */
static bool connection_goes_on(const struct http_connection *c, ssize_t n)
{
        return c->is_gone || (n == HTTP_READ_BYTES && !http_turn_is_spent(c->request));
}

/* A read that fills the buffer is followed by another: its source's share of the turn ends that. */
static void connection_read(struct http_connection *c)
{
        char *bytes = c->client->pool.bytes;
        ssize_t n;

        do {
                n = recv(c->fd, bytes, HTTP_READ_BYTES, 0);
                if (n < 0 && would_block() && !c->is_gone)
                        return;
                if (n <= 0) {
                        connection_ended(c, n < 0 ? errno : 0);
                        return;
                }
                c->is_answered = true;
        } while (connection_feed(c, (struct str){bytes, (size_t)n}) && connection_goes_on(c, n));
}

static bool connection_feed_held(struct http_connection *c, struct buf *held)
{
        struct str bytes = buf_bytes(held);
        struct str piece = {bytes.p, c->n_piece},
                   rest = {bytes.p + c->n_piece, bytes.n - c->n_piece};

        return connection_take_piece(c, piece, rest) && connection_feed(c, rest);
}

static void plain_go_on(struct http_request *request)
{
        struct http_connection *c = request->connection;
        struct buf held;
        bool goes_on;

        if (c == NULL || !c->is_paused)
                return;
        held = c->held;
        c->held = (struct buf){0};
        c->is_paused = false;
        goes_on = connection_feed_held(c, &held);
        buf_finish(&held);
        if (goes_on && c->is_gone)
                connection_read(c);
        else if (goes_on)
                connection_watch(c);
}

/* ---- the beginning ---- */

static void tune(int fd)
{
        int on = 1, s = KEEPALIVE_S;

        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
        (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &s, sizeof(s));
        (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &s, sizeof(s));
}

static struct http_connection *connection_open(struct http_request *request)
{
        struct http_server *server = request->server;
        int fd = socket(server->address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                        0);
        struct http_connection *c;

        if (fd < 0)
                return NULL;
        c = http_connection_create(request->client, server, fd);
        tune(fd);
        c->io.on_io = connection_on_io;
        c->deadline.on_due = connection_on_deadline;
        c->is_connecting = true;
        return c;
}

/* What an exchange begins with. */
static int connection_carry(struct http_connection *c, struct http_request *request,
                            struct str target)
{
        int64_t now_ms = loop_now_ms(c->client->loop);

        request->connection = c;
        c->request = request;
        c->n_sent = 0;
        c->is_answered = c->is_sent = c->is_over = c->is_paused = false;
        c->late_at_ms = request->timeout_ms > 0 ? now_ms + request->timeout_ms : 0;
        http1_response_init(&c->answer, HTTP_HEAD_MAX_BYTES, strcmp(request->method, "HEAD") == 0);
        if (http_head_write(request, target, &c->head) < 0)
                return -ENOMEM;
        c->n_to_send = c->head.len + request->body.n;
        return 0;
}

static int connection_connect(struct http_connection *c)
{
        struct http_request *request = c->request;
        const union http_address *address = &c->server->address;
        socklen_t n = address->any.sa_family == AF_INET ? sizeof(address->v4) : sizeof(address->v6);
        int64_t timeout_ms =
                request->connect_timeout_ms > 0 ? request->connect_timeout_ms : CONNECT_TIMEOUT_MS;
        int64_t at_ms = loop_now_ms(c->client->loop) + timeout_ms;

        if (c->late_at_ms > 0 && c->late_at_ms < at_ms)
                at_ms = c->late_at_ms;
        if (loop_io_add(c->client->loop, &c->io, LOOP_OUT) < 0)
                return -ENOMEM;
        connection_wait(c, at_ms);
        if (connect(c->fd, &address->any, n) < 0 && errno != EINPROGRESS)
                connection_refused(c, errno);
        return 0;
}

/* 0, -ENOMEM. */
static int plain_connect(struct http_request *request, struct str target)
{
        const struct sockaddr *address = &request->server->address.any;
        struct http_connection *c;
        char why[HTTP_REFUSAL_BYTES];
        int r;

        if (http_egress_refuses(request->source->reach, address)) {
                http_egress_tell(request->source->reach, address, why);
                http_request_end(request, HTTP_FAULT_BARRED, why);
                return 0;
        }
        c = connection_open(request);
        if (c == NULL) {
                http_request_end(request, HTTP_FAULT_AWAY, "Failed to connect: no socket");
                return 0;
        }
        r = connection_carry(c, request, target);
        return r < 0 ? r : connection_connect(c);
}

static bool plain_takes(const struct http_request *request)
{
        const struct http_client *client = request->client;

        return !client->has_proxy && !client->is_curls && request->server_name == NULL &&
               request->is_plain && !request->is_observed;
}

static int plain_begin(struct http_request *request)
{
        struct http_client *client = request->client;
        struct http_connection *c = NULL;
        struct str target;
        int r;

        if (!plain_takes(request))
                return HTTP_E_DECLINED;
        request->server = http_pool_server(request, &target);
        if (request->server == NULL || request->is_curls ||
            http_server_is_curls(request->server, loop_now_ms(client->loop)))
                return HTTP_E_DECLINED;
        if (!request->is_stream && !request->is_fresh)
                c = http_pool_take(client, request->server);
        if (c == NULL)
                return http_server_is_known(request->server, loop_now_ms(client->loop))
                               ? plain_connect(request, target)
                               : HTTP_E_DECLINED;
        r = connection_carry(c, request, target);
        if (r < 0)
                return r;
        connection_wait(c, c->late_at_ms);
        connection_write(c);
        return 0;
}

const struct http_carrier http_plain = {plain_begin, plain_go_on, plain_was_sent, plain_leave};

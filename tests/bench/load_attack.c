/* Each request has a connection of its own, which is read until its end: whatever is answered, and
 * however the connection is closed, the next one follows. */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* Just what mgw takes by default. */
#define BIG_BYTES (4 * 1024 * 1024 - 1024)
#define N_BIG 8
#define N_SMALL 32
#define TELL_EVERY 64

struct attacker {
        struct source source;
        size_t n_sent;
        bool is_answered;
};

static uint16_t attacked_port;
static char *request;
static size_t n_request;
static int64_t attack_end_ns;
static unsigned n_attacking;
static uint64_t n_requests, n_accepted;

static void attacker_begin(struct attacker *a);

static void attacker_end(struct attacker *a)
{
        source_remove(&a->source);
        n_requests++;
        if (now_ns() < attack_end_ns)
                attacker_begin(a);
        else
                n_attacking--;
}

static void attacker_send(struct attacker *a)
{
        ssize_t n = send(a->source.fd, request + a->n_sent, n_request - a->n_sent, MSG_NOSIGNAL);

        if (n > 0)
                a->n_sent += (size_t)n;
        else if (n < 0 && errno != EAGAIN)
                a->n_sent = n_request; /* refused: what is answered can still be read */
        source_watch(&a->source, a->n_sent < n_request ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void attacker_on_ready(struct source *source, uint32_t events)
{
        static char in[262144];
        struct attacker *a = container_of(source, struct attacker, source);
        ssize_t n = recv(source->fd, in, sizeof(in), 0);

        (void)events;
        if (n > 0 && !a->is_answered) {
                a->is_answered = true;
                n_accepted += n > 12 && strncmp(in, "HTTP/1.1 2", 10) == 0;
        }
        if (n == 0 || (n < 0 && errno != EAGAIN)) {
                attacker_end(a);
                return;
        }
        if (a->n_sent < n_request)
                attacker_send(a);
}

static void attacker_begin(struct attacker *a)
{
        a->n_sent = 0;
        a->is_answered = false;
        a->source.fd = connect_tcp(attacked_port);
        a->source.on_ready = attacker_on_ready;
        source_add(&a->source, EPOLLIN | EPOLLOUT);
}

/* The argument of a call, so many bytes of it: one text, or a list of as many small values as have
 * room. */
static void argument(char *out, bool is_text, size_t n)
{
        if (is_text) {
                memset(out, 'x', n);
                out[0] = out[n - 1] = '"';
                return;
        }
        for (size_t i = 0; i < n; i++)
                out[i] = i % 2 == 0 ? ',' : '1';
        out[0] = '[';
        out[n - 2] = '1';
        out[n - 1] = ']';
}

static void request_make(const char *kind)
{
        struct exchange x;
        char session[SESSION_SIZE], head[1024];
        static const char begin[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
                                    "\"params\":{\"name\":\"echo\",\"arguments\":{\"message\":";
        bool is_flood = strcmp(kind, "flood") == 0, is_text = strcmp(kind, "values") != 0;
        size_t n_argument = is_flood ? 16 : BIG_BYTES, n_body = sizeof(begin) - 1 + n_argument + 3;
        int n_head;

        exchange_open(&x, attacked_port);
        session_begin(&x, session);
        exchange_close(&x);
        n_head = snprintf(head, sizeof(head),
                          "POST /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                          "Content-Type: application/json\r\n"
                          "Accept: application/json, text/event-stream\r\n%s"
                          "Mcp-Session-Id: %s\r\nContent-Length: %zu\r\n\r\n%s",
                          authorization, session, n_body, begin);
        n_request = (size_t)n_head + n_argument + 3;
        request = malloc(n_request);
        if (request == NULL)
                die("out of memory");
        memcpy(request, head, (size_t)n_head);
        argument(request + n_head, is_text, n_argument);
        memcpy(request + n_head + n_argument, "}}}", 3);
}

void run_attack(uint16_t port, const char *kind, unsigned seconds)
{
        struct attacker attackers[N_SMALL] = {0};

        attacked_port = port;
        request_make(kind);
        attack_end_ns = now_ns() + seconds * 1000000000LL;
        n_attacking = strcmp(kind, "flood") == 0 ? N_SMALL : N_BIG;
        n_requests = n_accepted = 0;
        for (unsigned i = n_attacking; i > 0; i--)
                attacker_begin(&attackers[i - 1]);
        while (n_attacking > 0)
                turn(100);
        printf("{\"requests\":%llu,\"accepted\":%llu,\"mb_each\":%.3f}\n",
               (unsigned long long)n_requests, (unsigned long long)n_accepted,
               (double)n_request / 1e6);
        free(request);
}

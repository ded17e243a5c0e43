#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* The bytes of the answer that begins in[]; 0: it has not come whole. */
static size_t answer_size(const struct exchange *x)
{
        static const char name[] = "\r\ncontent-length:";
        const char *end = memmem(x->in, x->n_in, "\r\n\r\n", 4);
        size_t n_head, size;

        if (end == NULL)
                return 0;
        n_head = (size_t)(end + 4 - x->in);
        if (strcasestr(x->in, "\r\ntransfer-encoding: chunked\r\n") != NULL)
                return x->n_in > n_head && memcmp(x->in + x->n_in - 7, "\r\n0\r\n\r\n", 7) == 0
                               ? x->n_in
                               : 0;
        for (const char *at = x->in; at < end; at++)
                if (strncasecmp(at, name, sizeof(name) - 1) == 0) {
                        size = n_head + strtoul(at + sizeof(name) - 1, NULL, 10);
                        return size <= x->n_in ? size : 0;
                }
        die("an answer without Content-Length: %.*s", (int)n_head, x->in);
}

static void exchange_on_ready(struct source *source, uint32_t events)
{
        struct exchange *x = container_of(source, struct exchange, source);
        ssize_t n = recv(source->fd, x->in + x->n_in, sizeof(x->in) - 1 - x->n_in, 0);
        size_t size;

        (void)events;
        if (n < 0 && errno == EAGAIN)
                return;
        if (n <= 0)
                die("a connection was closed instead of an answer: %.*s", (int)x->n_in, x->in);
        x->n_in += (size_t)n;
        x->in[x->n_in] = '\0';
        size = answer_size(x);
        if (size == 0)
                return;
        if (strncmp(x->in, "HTTP/1.1 2", 10) != 0)
                die("refused: %.*s", (int)x->n_in, x->in);
        x->n_in = 0;
        x->on_answer(x, (struct str){x->in, size});
}

void exchange_open(struct exchange *x, uint16_t port)
{
        x->source.fd = connect_tcp(port);
        x->source.on_ready = exchange_on_ready;
        x->n_in = 0;
        source_add(&x->source, EPOLLIN);
}

void exchange_close(struct exchange *x)
{
        source_remove(&x->source);
}

void exchange_send(struct exchange *x, const char *request, size_t n)
{
        x->sent_ns = now_ns();
        if (send(x->source.fd, request, n, MSG_NOSIGNAL) != (ssize_t)n)
                die("cannot send a request: %s", strerror(errno));
}

size_t post_text(char *out, size_t size, const char *path, const char *headers, const char *body,
                 size_t n_body)
{
        int n = snprintf(out, size,
                         "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                         "Accept: application/json, text/event-stream\r\n%s"
                         "Content-Length: %zu\r\n\r\n%.*s",
                         path, headers, n_body, (int)n_body, body);

        if ((size_t)n >= size)
                die("a request of %zu bytes is too long", n_body);
        return (size_t)n;
}

static bool is_answered;

static void session_on_answer(struct exchange *x, struct str answer)
{
        (void)x;
        (void)answer;
        is_answered = true;
}

void session_begin(struct exchange *x, char session[SESSION_SIZE])
{
        static const char body[] =
                "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":"
                "{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},"
                "\"clientInfo\":{\"name\":\"load\",\"version\":\"1\"}}}";
        static const char name[] = "mcp-session-id: ";
        char text[1024];
        const char *at;

        x->on_answer = session_on_answer;
        is_answered = false;
        exchange_send(x, text, post_text(text, sizeof(text), "/mcp", "", body, sizeof(body) - 1));
        while (!is_answered)
                turn(-1);
        at = strcasestr(x->in, name);
        if (at == NULL)
                die("initialize was answered without a session: %s", x->in);
        at += sizeof(name) - 1;
        snprintf(session, SESSION_SIZE, "%.*s", (int)strcspn(at, "\r"), at);
}

struct caller {
        struct exchange exchange;
        char request[1024];
        size_t n_request;
};

static struct delays delays;
static int64_t calls_end_ns;
static unsigned n_calling;

static void caller_on_answer(struct exchange *x, struct str answer)
{
        struct caller *caller = container_of(x, struct caller, exchange);
        int64_t now = now_ns();

        if (memmem(answer.p, answer.n, "hello", 5) == NULL)
                die("not the answer to the call: %.*s", STR_ARG(answer));
        delays_add(&delays, now - x->sent_ns);
        if (now < calls_end_ns)
                exchange_send(x, caller->request, caller->n_request);
        else
                n_calling--;
}

void run_calls(uint16_t port, const char *tool, unsigned n_clients, unsigned seconds)
{
        struct caller *callers = calloc(n_clients, sizeof(*callers));
        char body[256], session[SESSION_SIZE], header[SESSION_SIZE + 20];
        int64_t start;
        int n = snprintf(body, sizeof(body),
                         "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":"
                         "{\"name\":\"%s\",\"arguments\":{\"message\":\"hello\"}}}",
                         tool);

        if (callers == NULL)
                die("out of memory");
        for (unsigned i = 0; i < n_clients; i++) {
                exchange_open(&callers[i].exchange, port);
                session_begin(&callers[i].exchange, session);
                snprintf(header, sizeof(header), "Mcp-Session-Id: %s\r\n", session);
                callers[i].n_request = post_text(callers[i].request, sizeof(callers[i].request),
                                                 "/mcp", header, body, (size_t)n);
                callers[i].exchange.on_answer = caller_on_answer;
        }
        start = now_ns();
        calls_end_ns = start + seconds * 1000000000LL;
        n_calling = n_clients;
        for (unsigned i = 0; i < n_clients; i++)
                exchange_send(&callers[i].exchange, callers[i].request, callers[i].n_request);
        while (n_calling > 0)
                turn(-1);
        printf("{\"calls_per_s\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f}\n",
               (double)delays.n * 1e9 / (double)(now_ns() - start), delays_us(&delays, 0.5),
               delays_us(&delays, 0.99));
        delays_finish(&delays);
        for (unsigned i = 0; i < n_clients; i++)
                exchange_close(&callers[i].exchange);
        free(callers);
}

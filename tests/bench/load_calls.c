#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void exchange_take(struct exchange *x, size_t n)
{
        size_t size;

        x->n_in += n;
        x->in[x->n_in] = '\0';
        size = answer_size(x);
        if (size == 0)
                return;
        if (strncmp(x->in, "HTTP/1.1 2", 10) != 0)
                die("refused: %.*s", (int)x->n_in, x->in);
        x->n_in = 0;
        x->on_answer(x, (struct str){x->in, size});
}

static void exchange_on_ready(struct source *source, uint32_t events)
{
        struct exchange *x = container_of(source, struct exchange, line.source);
        ssize_t n;

        (void)events;
        do {
                n = line_recv(&x->line, x->in + x->n_in, sizeof(x->in) - 1 - x->n_in);
                if (n < 0 && errno == EAGAIN)
                        return;
                if (n <= 0)
                        die("a connection was closed instead of an answer: %.*s", (int)x->n_in,
                            x->in);
                exchange_take(x, (size_t)n);
        } while (line_has_more(&x->line));
}

void exchange_open(struct exchange *x, uint16_t port)
{
        x->line.source.on_ready = exchange_on_ready;
        x->n_in = 0;
        line_open(&x->line, port);
}

void exchange_close(struct exchange *x)
{
        line_close(&x->line);
}

void exchange_send(struct exchange *x, const char *request, size_t n)
{
        x->sent_ns = now_ns();
        line_send(&x->line, request, n);
}

size_t post_text(char *out, size_t size, const char *path, const char *session, const char *body,
                 size_t n_body)
{
        int n = snprintf(out, size,
                         "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                         "Accept: application/json, text/event-stream\r\n%s%s%s%s"
                         "Content-Length: %zu\r\n\r\n%.*s",
                         path, session[0] != '\0' ? "Mcp-Session-Id: " : "", session,
                         session[0] != '\0' ? "\r\n" : "", authorization, n_body, (int)n_body,
                         body);

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
        char text[2048];
        const char *at;

        x->on_answer = session_on_answer;
        is_answered = false;
        exchange_send(x, text, post_text(text, sizeof(text), "/mcp", "", body, sizeof(body) - 1));
        while (!is_answered)
                turn(-1);
        at = strcasestr(x->in, name);
        session[0] = '\0';
        if (at == NULL)
                return;
        at += sizeof(name) - 1;
        snprintf(session, SESSION_SIZE, "%.*s", (int)strcspn(at, "\r"), at);
}

/* The body of a call of a tool; returns its length. */
static size_t call_body(char *out, size_t size, const char *tool)
{
        int n = snprintf(out, size,
                         "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":"
                         "{\"name\":\"%s\",\"arguments\":{\"message\":\"hello\"}}}",
                         tool);

        if ((size_t)n >= size)
                die("the name of a tool is too long: %s", tool);
        return (size_t)n;
}

static void must_be_hello(struct str answer)
{
        if (memmem(answer.p, answer.n, "hello", 5) == NULL)
                die("not the answer to the call: %.*s", STR_ARG(answer));
}

/* Their connections are those of one command, their sessions stay for the next one like it: what
 * these hold at upstreams must neither add up nor be in what calls cost. */
struct caller {
        struct exchange exchange;
        char session[SESSION_SIZE];
        char request[2048];
        size_t n_request;
        int64_t next_ns; /* when it calls again; 0: it waits for its answer, or has had its last */
};

#define N_CALLERS_MAX 64
static struct caller callers[N_CALLERS_MAX];
static unsigned n_callers;
static char called_as[sizeof(authorization)];

static struct delays delays;
static int64_t calls_end_ns, calls_every_ns;
static unsigned n_calling;

static void caller_call(struct caller *caller)
{
        caller->next_ns = 0;
        exchange_send(&caller->exchange, caller->request, caller->n_request);
}

static void caller_on_answer(struct exchange *x, struct str answer)
{
        struct caller *caller = container_of(x, struct caller, exchange);
        int64_t now = now_ns();

        must_be_hello(answer);
        delays_add(&delays, now - x->sent_ns);
        if (now >= calls_end_ns)
                n_calling--;
        else if (calls_every_ns > 0)
                caller->next_ns = x->sent_ns + calls_every_ns;
        else
                caller_call(caller);
}

static void caller_open(struct caller *caller, uint16_t port, const char *tool, bool has_session)
{
        char body[256];
        size_t n_body = call_body(body, sizeof(body), tool);

        exchange_open(&caller->exchange, port);
        if (!has_session)
                session_begin(&caller->exchange, caller->session);
        caller->n_request = post_text(caller->request, sizeof(caller->request), "/mcp",
                                      caller->session, body, n_body);
        caller->exchange.on_answer = caller_on_answer;
}

static void callers_open(uint16_t port, const char *tool, unsigned n)
{
        bool have_sessions = n == n_callers && strcmp(called_as, authorization) == 0;

        if (n > N_CALLERS_MAX)
                die("too many clients: %u", n);
        for (unsigned i = 0; i < n; i++)
                caller_open(&callers[i], port, tool, have_sessions);
        n_callers = n;
        strcpy(called_as, authorization);
}

/* Until all have had their last answer. */
static void callers_run(void)
{
        for (unsigned i = 0; i < n_callers; i++)
                caller_call(&callers[i]);
        while (n_calling > 0) {
                int64_t now;

                turn(calls_every_ns > 0 ? 1 : -1);
                now = now_ns();
                for (unsigned i = 0; calls_every_ns > 0 && i < n_callers; i++)
                        if (callers[i].next_ns != 0 && callers[i].next_ns <= now)
                                caller_call(&callers[i]);
        }
}

void run_calls(uint16_t port, const char *tool, unsigned n_clients, unsigned seconds,
               unsigned every_ms)
{
        int64_t start;

        callers_open(port, tool, n_clients);
        start = now_ns();
        calls_end_ns = start + seconds * 1000000000LL;
        calls_every_ns = every_ms * 1000000LL;
        n_calling = n_clients;
        callers_run();
        printf("{\"calls\":%zu,\"calls_per_s\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f}\n", delays.n,
               (double)delays.n * 1e9 / (double)(now_ns() - start), delays_us(&delays, 0.5),
               delays_us(&delays, 0.99));
        delays_finish(&delays);
        for (unsigned i = 0; i < n_callers; i++)
                exchange_close(&callers[i].exchange);
}

static void one_on_answer(struct exchange *x, struct str answer)
{
        (void)x;
        must_be_hello(answer);
        is_answered = true;
}

void run_sessions(uint16_t port, unsigned n, const char *tool)
{
        struct exchange x;
        char body[256], session[SESSION_SIZE], text[1024];
        size_t n_body = call_body(body, sizeof(body), tool);

        exchange_open(&x, port);
        for (unsigned i = 0; i < n; i++) {
                session_begin(&x, session);
                x.on_answer = one_on_answer;
                is_answered = false;
                exchange_send(&x, text,
                              post_text(text, sizeof(text), "/mcp", session, body, n_body));
                while (!is_answered)
                        turn(-1);
        }
        exchange_close(&x);
        printf("{\"sessions\":%u}\n", n);
}

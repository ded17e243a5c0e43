/* An MCP server with one tool, `echo`, over HTTP on kept connections: as little work as can be, so
 * that a relay to it shows the relay's. At /get it offers a GET stream, which stays silent; nowhere
 * else. With '-' for the port it is one over stdio, which lists so many tools.
 *
 *   upstream PORT|- [TOOLS] */
#include "mgw/base/list.h"
#include "mgw/base/str.h"
#include "tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

struct peer {
        struct source source;
        size_t n_in;
        char in[16384];
};

static const char hello[] = "{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{\"tools\":{}},"
                            "\"serverInfo\":{\"name\":\"upstream\",\"version\":\"1\"}}";
static const char *tools =
        "{\"tools\":[{\"name\":\"echo\",\"inputSchema\":{\"type\":\"object\"}}]}";
static const char echo[] = "{\"content\":[{\"type\":\"text\",\"text\":\"hello\"}]}";

static void peer_send(struct peer *p, const char *status, const char *body, size_t n)
{
        char out[1024];
        int n_out = snprintf(out, sizeof(out),
                             "HTTP/1.1 %s\r\nContent-Type: application/json\r\n"
                             "Mcp-Session-Id: one\r\nContent-Length: %zu\r\n\r\n%.*s",
                             status, n, (int)n, body);

        if (send(p->source.fd, out, (size_t)n_out, MSG_NOSIGNAL) != n_out)
                shutdown(p->source.fd, SHUT_RDWR);
}

/* The JSON text of the id; empty for a notification. */
static struct str find_id(const char *body)
{
        const char *at = strstr(body, "\"id\":");

        if (at == NULL)
                return STR("");
        at += 5;
        at += strspn(at, " ");
        return (struct str){at, strcspn(at, ",}")};
}

/* The answer to a message; 0: it gets none. */
static size_t answer_text(char *out, size_t size, const char *message)
{
        struct str id = find_id(message);
        const char *result = strstr(message, "\"tools/call\"") != NULL   ? echo
                             : strstr(message, "\"initialize\"") != NULL ? hello
                                                                         : tools;

        if (id.n == 0)
                return 0;
        return (size_t)snprintf(out, size, "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":%s}",
                                STR_ARG(id), result);
}

static void answer(struct peer *p, const char *message)
{
        char text[512];
        size_t n = answer_text(text, sizeof(text), message);

        peer_send(p, n > 0 ? "200 OK" : "202 Accepted", text, n);
}

/* As long as such entries are. */
static void list_tools(size_t n)
{
        char *text;
        size_t n_text;
        FILE *out = open_memstream(&text, &n_text);

        if (out == NULL)
                die("out of memory");
        fputs("{\"tools\":[", out);
        for (size_t i = 0; i < n; i++)
                fprintf(out,
                        "%s{\"name\":\"tool_%zu\",\"description\":\"%0200zu\",\"inputSchema\":{"
                        "\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\","
                        "\"description\":\"where\"},\"count\":{\"type\":\"integer\"}},\"required\":"
                        "[\"path\"]}}",
                        i > 0 ? "," : "", i, i);
        fputs("]}", out);
        if (fclose(out) != 0)
                die("out of memory");
        tools = text;
}

static void serve_stdio(void)
{
        char *line = NULL, *text = malloc(strlen(tools) + 512);
        size_t size = 0;

        while (text != NULL && getline(&line, &size, stdin) > 0)
                if (answer_text(text, strlen(tools) + 512, line) > 0) {
                        puts(text);
                        fflush(stdout);
                }
        free(line);
        free(text);
}

static void peer_refuse_or_stream(struct peer *p)
{
        static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                   "Transfer-Encoding: chunked\r\n\r\nf\r\n: stream open\n\n\r\n";

        if (strncmp(p->in, "GET /get ", 9) != 0)
                peer_send(p, "405 No", "", 0);
        else if (send(p->source.fd, head, sizeof(head) - 1, MSG_NOSIGNAL) < 0)
                shutdown(p->source.fd, SHUT_RDWR);
}

/* Answers the request that begins in[] when it has come whole; returns its length, or 0. */
static size_t serve(struct peer *p)
{
        const char *end = strstr(p->in, "\r\n\r\n");
        const char *length = strcasestr(p->in, "\r\ncontent-length:");
        size_t size;

        if (end == NULL)
                return 0;
        size = (size_t)(end + 4 - p->in);
        if (length != NULL && length < end)
                size += strtoul(length + 17, NULL, 10);
        if (size > p->n_in)
                return 0;
        if (strncmp(p->in, "POST ", 5) == 0)
                answer(p, end + 4);
        else if (strncmp(p->in, "DELETE ", 7) == 0)
                peer_send(p, "200 OK", "", 0);
        else
                peer_refuse_or_stream(p);
        return size;
}

static void peer_on_ready(struct source *source, uint32_t events)
{
        struct peer *p = container_of(source, struct peer, source);
        ssize_t n = recv(source->fd, p->in + p->n_in, sizeof(p->in) - 1 - p->n_in, 0);
        size_t used;

        (void)events;
        if (n < 0 && errno == EAGAIN)
                return;
        if (n <= 0) {
                source_remove(source);
                free(p);
                return;
        }
        p->n_in += (size_t)n;
        p->in[p->n_in] = '\0';
        while ((used = serve(p)) > 0) {
                p->n_in -= used;
                memmove(p->in, p->in + used, p->n_in + 1);
        }
}

static void on_accept(struct source *source, uint32_t events)
{
        int fd;

        (void)events;
        while ((fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
                struct peer *p = calloc(1, sizeof(*p));

                if (p == NULL)
                        die("out of memory");
                p->source.fd = fd;
                p->source.on_ready = peer_on_ready;
                source_add(&p->source, EPOLLIN);
        }
}

int main(int argc, char **argv)
{
        struct source listener = {.on_ready = on_accept};

        if (argc != 2 && argc != 3)
                die("usage: upstream PORT|- [TOOLS]");
        if (argc == 3)
                list_tools((size_t)number(argv[2]));
        if (strcmp(argv[1], "-") == 0) {
                serve_stdio();
                return 0;
        }
        listener.fd = listen_tcp((uint16_t)number(argv[1]));
        source_add(&listener, EPOLLIN);
        for (;;)
                turn(-1);
}

/* An MCP server with a tool, `echo`, over HTTP on kept connections: as little work as can be, so
 * that a relay to it shows the relay's. At /get it offers a GET stream, which stays silent; nowhere
 * else. With '-' for the port it is one over stdio: there it has `wait` too, which never answers,
 * and as many more as are asked for, of 400 bytes each.
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

static char hello[] = "{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{\"tools\":{}},"
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

/* As of the revision that the client asks for. */
static const char *hello_to(const char *message)
{
        static const char name[] = "\"protocolVersion\":\"";
        const char *asked = strstr(message, name);

        if (asked != NULL && strlen(asked) > sizeof(name) + 10)
                memcpy(hello + sizeof(name), asked + sizeof(name) - 1, 10);
        return hello;
}

static const char *result_of(const char *message)
{
        return strstr(message, "\"tools/call\"") != NULL   ? echo
               : strstr(message, "\"initialize\"") != NULL ? hello_to(message)
                                                           : tools;
}

#define ANSWER "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":%s}"

static void answer(struct peer *p, const char *message)
{
        struct str id = find_id(message);
        char text[512];
        int n;

        if (id.n == 0) {
                peer_send(p, "202 Accepted", "", 0);
                return;
        }
        n = snprintf(text, sizeof(text), ANSWER, STR_ARG(id), result_of(message));
        peer_send(p, "200 OK", text, (size_t)n);
}

static void make_tools(unsigned n)
{
        static const char one[] = ",{\"name\":\"tool%04u\",\"description\":\"%*s\","
                                  "\"inputSchema\":{\"type\":\"object\"}}";
        char *text = malloc(200 + n * 400UL);
        size_t at;

        if (text == NULL)
                die("out of memory");
        at = (size_t)sprintf(text, "{\"tools\":[{\"name\":\"echo\",\"inputSchema\":{\"type\":"
                                   "\"object\"}},{\"name\":\"wait\",\"inputSchema\":{\"type\":"
                                   "\"object\"}}");
        for (unsigned i = 0; i < n; i++)
                at += (size_t)sprintf(text + at, one, i, 320, "what it is for.");
        strcpy(text + at, "]}");
        tools = text;
}

static void serve_stdio(unsigned n_tools)
{
        char *line = NULL;
        size_t size = 0;

        make_tools(n_tools);
        while (getline(&line, &size, stdin) > 0) {
                struct str id = find_id(line);

                if (id.n == 0 || strstr(line, "\"wait\"") != NULL)
                        continue;
                printf(ANSWER "\n", STR_ARG(id), result_of(line));
                fflush(stdout);
        }
        free(line);
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
        if (strcmp(argv[1], "-") == 0) {
                serve_stdio(argc == 3 ? (unsigned)number(argv[2]) : 0);
                return 0;
        }
        listener.fd = listen_tcp((uint16_t)number(argv[1]));
        source_add(&listener, EPOLLIN);
        for (;;)
                turn(-1);
}

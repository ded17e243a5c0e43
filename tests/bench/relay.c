/* The floor of a relay: FastCGI in, HTTP on a kept connection out, and the answer back, its head
 * and body as they came.
 *
 *   relay SOCKET UPSTREAM_PORT */
#include "app.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

struct link {
        struct source source;
        struct list idle; /* on idle_links */
        struct conn *conn;
        size_t n_in;
        char in[16384];
};

static struct list idle_links;
static uint16_t upstream_port;

static void link_on_ready(struct source *source, uint32_t events)
{
        struct link *l = container_of(source, struct link, source);
        ssize_t n = recv(source->fd, l->in + l->n_in, sizeof(l->in) - 1 - l->n_in, 0);
        const char *end, *length;
        char out[sizeof(l->in) + 64];
        int n_out;

        (void)events;
        if (n < 0 && errno == EAGAIN)
                return;
        if (n <= 0)
                die("the upstream has closed a connection");
        l->n_in += (size_t)n;
        l->in[l->n_in] = '\0';
        end = strstr(l->in, "\r\n\r\n");
        length = strcasestr(l->in, "\r\ncontent-length:");
        if (end == NULL || length == NULL ||
            l->n_in < (size_t)(end + 4 - l->in) + strtoul(length + 17, NULL, 10))
                return;
        /* "HTTP/1.1 200 OK" becomes "Status: 200 OK". */
        n_out = snprintf(out, sizeof(out), "Status:%.*s", (int)l->n_in - 8, l->in + 8);
        app_answer(l->conn, (struct str){out, (size_t)n_out});
        l->n_in = 0;
        list_append(&idle_links, &l->idle);
}

static struct link *link_take(void)
{
        struct list *first = list_first(&idle_links);
        struct link *l;

        if (first != NULL) {
                list_unlink(first);
                return container_of(first, struct link, idle);
        }
        l = calloc(1, sizeof(*l));
        if (l == NULL)
                die("out of memory");
        l->source.fd = connect_tcp(upstream_port);
        l->source.on_ready = link_on_ready;
        source_add(&l->source, EPOLLIN);
        return l;
}

static void on_request(struct conn *c, const struct app_request *request)
{
        char out[20000];
        struct link *l;
        int n;

        if (app_route(request->uri, request->body.n > 0) != APP_ROUTE_CALL) {
                app_answer(c, STR(APP_READY));
                return;
        }
        l = link_take();
        l->conn = c;
        n = snprintf(out, sizeof(out),
                     "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                     "Accept: application/json, text/event-stream\r\nContent-Length: %zu\r\n\r\n"
                     "%.*s",
                     request->body.n, STR_ARG(request->body));
        if ((size_t)n >= sizeof(out) || send(l->source.fd, out, (size_t)n, MSG_NOSIGNAL) != n)
                die("cannot send to the upstream: %s", strerror(errno));
}

int main(int argc, char **argv)
{
        struct app app = {.on_request = on_request};

        if (argc != 3)
                die("usage: relay SOCKET UPSTREAM_PORT");
        upstream_port = (uint16_t)number(argv[2]);
        list_init(&idle_links);
        app_open(&app, argv[1]);
        for (;;)
                turn(-1);
}

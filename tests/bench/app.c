#include "app.h"

#include "mgw/wire/fcgi.h"

#include <errno.h>
#include <fastcgi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static struct app *the_app;
static uint8_t read_buffer[65536];

struct reading {
        struct app_request request;
        uint64_t length;
        bool has_params;
};

static void read_params(struct reading *r, struct str pairs)
{
        struct str name, value;

        while (fcgi_pair_next(&pairs, &name, &value) == 0) {
                if (str_eq(name, STR("REQUEST_URI")))
                        r->request.uri = value;
                else if (str_eq(name, STR("CONTENT_LENGTH")))
                        str_to_u64(value, &r->length);
        }
}

/* Has the request come whole? */
static bool read_request(struct reading *r, const uint8_t *p, size_t n)
{
        while (n >= FCGI_HEADER_LEN) {
                size_t n_content = (size_t)p[4] << 8 | p[5], size = 8 + n_content + p[6];
                struct str content = {(const char *)p + 8, n_content};

                if (size > n)
                        break;
                if (p[1] == FCGI_PARAMS && n_content > 0)
                        read_params(r, content);
                else if (p[1] == FCGI_PARAMS)
                        r->has_params = true;
                else if (p[1] == FCGI_STDIN && n_content > 0)
                        r->request.body = content;
                p += size;
                n -= size;
        }
        return r->has_params && r->request.body.n >= r->length;
}

static void conn_close(struct conn *c)
{
        if (c->node.next != NULL)
                list_unlink(&c->node);
        free(c->in);
        source_remove(&c->source);
        free(c);
}

static void conn_keep(struct conn *c, size_t n)
{
        c->in = realloc(c->in, c->n_in + n);
        if (c->in == NULL)
                die("out of memory");
        memcpy(c->in + c->n_in, read_buffer, n);
        c->n_in += (uint32_t)n;
}

static void conn_on_ready(struct source *source, uint32_t events)
{
        struct conn *c = container_of(source, struct conn, source);
        ssize_t n = recv(source->fd, read_buffer, sizeof(read_buffer), 0);
        struct reading r = {0};

        (void)events;
        if (n < 0 && errno == EAGAIN)
                return;
        if (n <= 0) {
                conn_close(c);
                return;
        }
        if (c->n_in == 0 && read_request(&r, read_buffer, (size_t)n)) {
                the_app->on_request(c, &r.request);
                return;
        }
        conn_keep(c, (size_t)n);
        r = (struct reading){0};
        if (!read_request(&r, c->in, c->n_in))
                return;
        uint8_t *in = c->in;
        c->in = NULL;
        c->n_in = 0;
        the_app->on_request(c, &r.request);
        free(in);
}

static void on_accept(struct source *source, uint32_t events)
{
        struct conn *c;
        int fd;

        (void)events;
        while ((fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
                c = calloc(1, sizeof(*c));
                if (c == NULL)
                        die("out of memory");
                c->source.fd = fd;
                c->source.on_ready = conn_on_ready;
                source_add(&c->source, EPOLLIN);
        }
        if (errno != EAGAIN)
                die("accept: %s", strerror(errno));
}

void app_open(struct app *app, const char *socket_path)
{
        the_app = app;
        app->listener.fd = listen_unix(socket_path);
        app->listener.on_ready = on_accept;
        source_add(&app->listener, EPOLLIN);
}

void app_send(struct conn *c, const void *records, size_t n)
{
        /* Its own event closes it: the caller may be walking a list of connections. */
        if (send(c->source.fd, records, n, MSG_NOSIGNAL) != (ssize_t)n)
                shutdown(c->source.fd, SHUT_RDWR);
}

size_t app_record(uint8_t *out, size_t size, struct str text)
{
        if (text.n + FCGI_HEADER_LEN > size)
                die("%zu bytes are too many for a record", text.n);
        fcgi_head(out, FCGI_STDOUT, 1, text.n);
        memcpy(out + FCGI_HEADER_LEN, text.p, text.n);
        return FCGI_HEADER_LEN + text.n;
}

void app_answer(struct conn *c, struct str head_and_body)
{
        uint8_t out[65536] = {0};
        size_t n = app_record(out, sizeof(out) - 32, head_and_body);

        fcgi_head(out + n, FCGI_STDOUT, 1, 0);
        fcgi_head(out + n + 8, FCGI_END_REQUEST, 1, 8);
        app_send(c, out, n + 24);
        conn_close(c);
}

enum app_route app_route(struct str uri, bool has_body)
{
        if (str_eq(uri, STR("/admin/announce")))
                return APP_ROUTE_ANNOUNCE;
        if (str_eq(uri, STR("/sse")) || str_eq(uri, STR("/mcp")))
                return has_body ? APP_ROUTE_CALL : APP_ROUTE_STREAM;
        return APP_ROUTE_READY;
}

size_t app_event(char *out, size_t size, struct str announcement)
{
        static const char key[] = "\"message\":\"";
        const char *from = memmem(announcement.p, announcement.n, key, sizeof(key) - 1);
        struct str rest, text;
        int n;

        if (from == NULL)
                die("an announcement without a message");
        from += sizeof(key) - 1;
        rest = (struct str){from, announcement.n - (size_t)(from - announcement.p)};
        text = str_cut(&rest, '"');
        n = snprintf(out, size,
                     "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/"
                     "message\",\"params\":{\"level\":\"info\",\"logger\":\"mgw\",\"data\":"
                     "\"%.*s\"}}\n\n",
                     STR_ARG(text));
        if ((size_t)n >= size)
                die("an announcement of %zu bytes is too long", text.n);
        return (size_t)n;
}

bool app_is_for_one(struct str announcement)
{
        return memmem(announcement.p, announcement.n, "\"user\"", 6) != NULL;
}

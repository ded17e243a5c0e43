#include "web.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define WEB_REQUEST_MAX 65536

struct web_connection {
        struct web *web;
        int fd;
};

/* One request as it came; what of its body is over the size is only counted. */
struct web_request {
        char text[WEB_REQUEST_MAX];
        size_t n;
        size_t n_body;
        char path[256];
};

static bool web_send(int fd, const char *p, size_t n)
{
        while (n > 0) {
                ssize_t r = send(fd, p, n, MSG_NOSIGNAL);

                if (r <= 0)
                        return false;
                p += r;
                n -= (size_t)r;
        }
        return true;
}

static bool web_say(int fd, const char *text)
{
        return web_send(fd, text, strlen(text));
}

static bool web_answer(int fd, const char *headers, const char *body, size_t n)
{
        char head[512];

        snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\n%sContent-Length: %zu\r\n\r\n", headers,
                 n);
        return web_say(fd, head) && web_send(fd, body, n);
}

static size_t web_content_length(const char *head)
{
        const char *line = strcasestr(head, "\r\nContent-Length:");

        return line == NULL ? 0 : strtoul(line + 17, NULL, 10);
}

/* Reads up to the end of the head; what came of the body stands behind it. NULL = the client
 * closed. */
static const char *web_read_head(int fd, struct web_request *request)
{
        const char *end = NULL;

        request->n = 0;
        while (end == NULL) {
                ssize_t r =
                        recv(fd, request->text + request->n, WEB_REQUEST_MAX - 1 - request->n, 0);

                if (r <= 0)
                        return NULL;
                request->n += (size_t)r;
                request->text[request->n] = '\0';
                end = strstr(request->text, "\r\n\r\n");
        }
        return end + 4;
}

/* What still comes is thrown away. */
static void web_wait_for_close(int fd)
{
        char byte;

        while (recv(fd, &byte, 1, 0) > 0)
                ;
}

/* Reads one request; false when the client closed. */
static bool web_read(int fd, struct web_request *request)
{
        const char *body = web_read_head(fd, request);
        size_t n_wanted;
        char surplus[4096];

        if (body == NULL)
                return false;
        if (strncmp(request->text, "POST /refuse ", 13) == 0) {
                web_say(fd, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig");
                web_wait_for_close(fd);
                return false;
        }
        n_wanted = web_content_length(request->text);
        request->n_body = request->n - (size_t)(body - request->text);
        while (request->n_body < n_wanted) {
                size_t room = WEB_REQUEST_MAX - 1 - request->n;
                ssize_t r = recv(fd, room > 0 ? request->text + request->n : surplus,
                                 room > 0 ? room : sizeof(surplus), 0);

                if (r <= 0)
                        return false;
                request->n_body += (size_t)r;
                request->n += room > 0 ? (size_t)r : 0;
        }
        request->text[request->n] = '\0';
        return sscanf(request->text, "%*s %255s", request->path) == 1;
}

static void web_trailers(int fd)
{
        bool goes_on = web_say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                   "3\r\none\r\n0\r\n");

        while (goes_on)
                goes_on = web_say(fd, "X-More: of nothing that anybody asked for\r\n");
}

static void web_informed(int fd)
{
        while (web_say(fd, "HTTP/1.1 100 Continue\r\nX-More: to come\r\n\r\n"))
                ;
}

static void web_reasons(int fd)
{
        static char reason[200000];
        bool goes_on;

        memset(reason, 'x', sizeof(reason) - 1);
        do
                goes_on = web_say(fd, "HTTP/1.1 100 ") && web_say(fd, reason) &&
                          web_say(fd, "\r\n\r\n");
        while (goes_on);
}

static void web_extensions(int fd)
{
        static char extension[WEB_EXTENSION_BYTES];
        bool goes_on = web_say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");

        memset(extension, 'x', sizeof(extension) - 1);
        for (int i = 0; i < WEB_EXTENSIONS && goes_on; i++)
                goes_on = web_say(fd, "1;") && web_say(fd, extension) && web_say(fd, "\r\nx\r\n");
        web_say(fd, "0\r\n\r\n");
}

static void web_reset(struct web *web, int fd)
{
        const struct linger none = {.l_onoff = 1};

        web_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
        sem_wait(&web->go);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
}

static bool web_chunks(struct web *web, int fd)
{
        if (!web_say(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                         "Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n"))
                return false;
        sem_wait(&web->go);
        web_say(fd, "3\r\ntwo\r\n");
        sem_wait(&web->go);
        web_say(fd, "5\r\nthree\r\n");
        sem_wait(&web->go);
        return web_say(fd, "0\r\nMcp-Session-Id: from-the-trailer\r\n\r\n");
}

static bool web_big(struct web *web, int fd)
{
        char head[128];
        char piece[8192];
        size_t at = 0;

        snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %u\r\n\r\n",
                 WEB_BIG_BYTES);
        if (!web_say(fd, head))
                return false;
        while (at < WEB_BIG_BYTES) {
                for (size_t i = 0; i < sizeof(piece); i++)
                        piece[i] = WEB_BYTE(at + i);
                if (!web_send(fd, piece, sizeof(piece)))
                        return false;
                at += sizeof(piece);
                atomic_store(&web->n_big_sent, at);
        }
        return true;
}

static bool web_length(int fd, const struct web_request *request)
{
        const char *expect = strcasestr(request->text, "\r\nExpect:") != NULL ? " with Expect" : "";
        char body[64];
        int n = snprintf(body, sizeof(body), "%zu%s", request->n_body, expect);

        return web_answer(fd, "", body, (size_t)n);
}

static void web_endless(int fd, const char *status)
{
        char text[4096];

        snprintf(text, sizeof(text), "HTTP/1.1 %.3s Status\r\n\r\n", status);
        if (!web_say(fd, text))
                return;
        memset(text, 'x', sizeof(text));
        while (web_send(fd, text, sizeof(text)))
                ;
}

static bool web_hello(int fd, const char *path)
{
        const char *query = strchr(path, '?');
        char body[64];
        int n = snprintf(body, sizeof(body), "hello %s", query == NULL ? "" : query + 1);

        return web_answer(fd,
                          "Content-Type: text/plain\r\nmcp-session-id: s-1\r\nRetry-After: 7\r\n",
                          body, (size_t)n);
}

static bool web_status(int fd, const char *path)
{
        char head[128];

        snprintf(head, sizeof(head), "HTTP/1.1 %.3s Status\r\n%s\r\n", path + strlen("/status/"),
                 strstr(path, "204") != NULL ? "" : "Content-Length: 0\r\n");
        return web_say(fd, head);
}

static bool web_retry(int fd, const char *path)
{
        char line[512];

        snprintf(line, sizeof(line), "Retry-After: %s\r\n", path + strlen("/retry/"));
        for (char *p = line; *p != '\0'; p++)
                *p = *p == '_' ? ' ' : *p;
        return web_answer(fd, line, "", 0);
}

static bool web_redirect(int fd, const char *path)
{
        char head[512];

        snprintf(head, sizeof(head),
                 "HTTP/1.1 %.3s Moved\r\nLocation: %s\r\nContent-Length: 4\r\n\r\npage",
                 path + strlen("/redirect/"), strchr(path, '?') + 1);
        return web_say(fd, head);
}

static bool path_is(const char *path, const char *name)
{
        return strncmp(path, name, strlen(name)) == 0;
}

/* Serves one request; false = close. */
static bool web_serve(struct web *web, int fd, const struct web_request *request)
{
        const char *path = request->path;

        if (path_is(path, "/hello"))
                return web_hello(fd, path);
        if (path_is(path, "/echo"))
                return web_answer(fd, "", request->text, request->n);
        if (path_is(path, "/head"))
                return web_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        if (path_is(path, "/length_twice"))
                return web_say(fd,
                               "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"
                               "twice");
        if (path_is(path, "/length"))
                return web_length(fd, request);
        if (path_is(path, "/status/"))
                return web_status(fd, path);
        if (path_is(path, "/retry/"))
                return web_retry(fd, path);
        if (path_is(path, "/cached"))
                return web_answer(fd,
                                  "Content-Type: application/json\r\n"
                                  "Cache-Control: public, max-age=600\r\n",
                                  "{}", 2);
        if (path_is(path, "/redirect/"))
                return web_redirect(fd, path);
        if (path_is(path, "/early"))
                return web_say(fd, "HTTP/1.1 103 Early Hints\r\nMcp-Session-Id: early\r\n\r\n") &&
                       web_answer(fd, "", "late", 4);
        if (path_is(path, "/chunks"))
                return web_chunks(web, fd);
        if (path_is(path, "/extra"))
                return web_answer(fd, "", "one", 3) && web_answer(fd, "", "two", 3);
        if (path_is(path, "/later")) {
                web_answer(fd, "", "one", 3);
                sem_wait(&web->go);
                return web_answer(fd, "", "two", 3);
        }
        if (path_is(path, "/bye"))
                web_answer(fd, "", "bye", 3);
        if (path_is(path, "/informed"))
                web_informed(fd);
        if (path_is(path, "/reasons"))
                web_reasons(fd);
        if (path_is(path, "/extensions"))
                web_extensions(fd);
        if (path_is(path, "/reset"))
                web_reset(web, fd);
        if (path_is(path, "/trailers"))
                web_trailers(fd);
        if (path_is(path, "/big"))
                return web_big(web, fd);
        if (path_is(path, "/until-close"))
                web_say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it");
        if (path_is(path, "/half-chunk"))
                web_say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf");
        else if (path_is(path, "/half"))
                web_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
        if (path_is(path, "/unfinished/"))
                web_say(fd, "HTTP/1.1 503 Status\r\nContent-Length: 100\r\n\r\nhalf");
        if (path_is(path, "/endless/"))
                web_endless(fd, path + strlen("/endless/"));
        if (path_is(path, "/compressed"))
                web_say(fd, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n"
                            "\x1f\x8b\x08\x01");
        if (path_is(path, "/garbage"))
                web_say(fd, "220 mail.example.com ready\r\n");
        if (path_is(path, "/silent"))
                atomic_fetch_add(&web->n_silent, 1);
        if (path_is(path, "/stream"))
                web_say(fd,
                        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
        if (path_is(path, "/stream") || path_is(path, "/hang") || path_is(path, "/unfinished/"))
                web_wait_for_close(fd);
        return false;
}

static void *web_connection_run(void *arg)
{
        struct web_connection connection = *(struct web_connection *)arg;
        struct web_request *request = malloc(sizeof(*request));

        free(arg);
        while (request != NULL && web_read(connection.fd, request)) {
                atomic_fetch_add(&connection.web->n_requests, 1);
                if (!web_serve(connection.web, connection.fd, request))
                        break;
        }
        free(request);
        close(connection.fd);
        atomic_fetch_add(&connection.web->n_closed, 1);
        return NULL;
}

static void *web_run(void *arg)
{
        struct web *web = arg;
        pthread_attr_t attr;
        int fd;

        pthread_attr_init(&attr);
        pthread_attr_setstacksize(&attr, 256 << 10);
        pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
        while ((fd = accept4(web->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
                struct web_connection *connection = malloc(sizeof(*connection));
                pthread_t thread;

                *connection = (struct web_connection){web, fd};
                atomic_fetch_add(&web->n_connections, 1);
                if (pthread_create(&thread, &attr, web_connection_run, connection) != 0)
                        abort();
        }
        return NULL;
}

void web_start(struct web *web)
{
        struct sockaddr_in sin = {.sin_family = AF_INET};
        socklen_t n = sizeof(sin);

        memset(web, 0, sizeof(*web));
        sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        web->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        cr_assert_geq(web->fd, 0);
        cr_assert_eq(bind(web->fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
        cr_assert_eq(listen(web->fd, 4096), 0);
        cr_assert_eq(getsockname(web->fd, (struct sockaddr *)&sin, &n), 0);
        web->port = ntohs(sin.sin_port);
        sem_init(&web->go, 0, 0);
        cr_assert_eq(pthread_create(&web->thread, NULL, web_run, web), 0);
}

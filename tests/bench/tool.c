#include "tool.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG 4096
#define BATCH 256

static int epoll_fd = -1;

void die(const char *fmt, ...)
{
        va_list ap;

        fprintf(stderr, "%s: ", program_invocation_short_name);
        va_start(ap, fmt);
        vfprintf(stderr, fmt, ap);
        va_end(ap);
        fputc('\n', stderr);
        exit(1);
}

int64_t now_ns(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

long number(const char *text)
{
        char *end;
        long n = text == NULL ? 0 : strtol(text, &end, 10);

        if (n <= 0 || *end != '\0')
                die("not a positive number: %s", text == NULL ? "(nothing)" : text);
        return n;
}

void source_add(struct source *source, uint32_t events)
{
        struct epoll_event event = {.events = events, .data.ptr = source};

        if (epoll_fd < 0)
                epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, source->fd, &event) < 0)
                die("epoll_ctl: %s", strerror(errno));
}

void source_watch(struct source *source, uint32_t events)
{
        struct epoll_event event = {.events = events, .data.ptr = source};

        if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, source->fd, &event) < 0)
                die("epoll_ctl: %s", strerror(errno));
}

void source_ignore(struct source *source)
{
        epoll_ctl(epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
}

void source_remove(struct source *source)
{
        close(source->fd);
        source->fd = -1;
}

void turn(int timeout_ms)
{
        struct epoll_event events[BATCH];
        int n = epoll_wait(epoll_fd, events, BATCH, timeout_ms);

        if (n < 0 && errno != EINTR)
                die("epoll_wait: %s", strerror(errno));
        for (int i = 0; i < n; i++) {
                struct source *source = events[i].data.ptr;

                source->on_ready(source, events[i].events);
        }
}

static int listen_at(int fd, const struct sockaddr *address, socklen_t n)
{
        if (fd < 0 || bind(fd, address, n) < 0 || listen(fd, BACKLOG) < 0)
                die("cannot listen: %s", strerror(errno));
        return fd;
}

int listen_unix(const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd;

        if (strlen(path) >= sizeof(address.sun_path))
                die("the path is too long for a socket: %s", path);
        strcpy(address.sun_path, path);
        unlink(path);
        umask(0111); /* HAProxy may run as another user */
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        return listen_at(fd, (const struct sockaddr *)&address, sizeof(address));
}

static struct sockaddr_in loopback(uint16_t port)
{
        return (struct sockaddr_in){
                .sin_family = AF_INET,
                .sin_port = htons(port),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        };
}

int listen_tcp(uint16_t port)
{
        struct sockaddr_in address = loopback(port);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int on = 1;

        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        return listen_at(fd, (const struct sockaddr *)&address, sizeof(address));
}

int connect_tcp(uint16_t port)
{
        struct sockaddr_in address = loopback(port);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int on = 1;

        if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                die("cannot connect to port %u: %s", port, strerror(errno));
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
                die("fcntl: %s", strerror(errno));
        return fd;
}

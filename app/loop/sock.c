/* Listening sockets, and accepting from them.
 *
 * Plain socket(), bind() and listen(): libfcgi's FCGX_OpenSocket() ends the process when bind()
 * fails, removes whatever stands on the path before it looks, asks the resolver, and knows no IPv6.
 * Once all that is fenced off, nothing of it would be left to use. */
#include "mgw/loop/sock.h"

#include "mgw/base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Where systemd's begin: SD_LISTEN_FDS_START of sd_listen_fds(3). */
#define SOCK_PASSED_FIRST 3

struct sock_why {
        char *text;
        size_t size;
};

__attribute__((format(printf, 3, 4))) static int sock_fail(struct sock_why why, int error,
                                                           const char *fmt, ...)
{
        va_list args;

        va_start(args, fmt);
        vsnprintf(why.text, why.size, fmt, args);
        va_end(args);
        return -error;
}

/* ---- unix ---- */

static int sock_unix_address(const char *path, struct sockaddr_un *sun, struct sock_why why)
{
        size_t n = strlen(path);

        if (n == 0)
                return sock_fail(why, EINVAL, "unix: without a path: write unix:/path/to/socket");
        if (n >= sizeof(sun->sun_path))
                return sock_fail(
                        why, ENAMETOOLONG,
                        "%s: the path of a unix socket may have %zu bytes and this has %zu: "
                        "choose a shorter one",
                        path, sizeof(sun->sun_path) - 1, n);
        *sun = (struct sockaddr_un){.sun_family = AF_UNIX};
        memcpy(sun->sun_path, path, n);
        return 0;
}

/* Who answers on the path: 0 = somebody (who may be too busy to accept), -ECONNREFUSED = nobody, or
 * another -errno. */
static int sock_unix_probe(const struct sockaddr_un *sun)
{
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int r = 0;

        if (fd < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) < 0 && errno != EAGAIN)
                r = -errno;
        close(fd);
        return r;
}

static int sock_unix_clear_path(const struct sockaddr_un *sun, struct sock_why why)
{
        const char *path = sun->sun_path;
        struct stat st;
        int r;

        if (lstat(path, &st) < 0)
                return 0; /* bind() says what is wrong with the path, if anything */
        if (!S_ISSOCK(st.st_mode))
                return sock_fail(why, ENOTSOCK,
                                 "%s exists and is not a socket: remove it or choose another path",
                                 path);
        r = sock_unix_probe(sun);
        if (r == 0)
                return sock_fail(
                        why, EADDRINUSE,
                        "%s: another process answers there: stop it or choose another path", path);
        if (r != -ECONNREFUSED)
                return sock_fail(why, -r,
                                 "%s: cannot tell whether another process uses this socket (%s): "
                                 "remove it or choose another path",
                                 path, strerror(-r));
        if (unlink(path) < 0 && errno != ENOENT)
                return sock_fail(why, errno,
                                 "%s: cannot remove the socket left by an earlier run (%s): "
                                 "remove it by hand",
                                 path, strerror(errno));
        return 0;
}

static int sock_unix_bind_why(const char *path, int error, struct sock_why why)
{
        const char *slash = strrchr(path, '/');
        int n = slash == NULL ? 1 : slash == path ? 1 : (int)(slash - path);
        const char *dir = slash == NULL ? "." : path;

        switch (error) {
        case ENOENT:
                return sock_fail(
                        why, error,
                        "%s: the directory %.*s does not exist: create it, writable by user %u",
                        path, n, dir, (unsigned)geteuid());
        case EACCES:
        case EPERM:
        case EROFS:
                return sock_fail(
                        why, error,
                        "%s: user %u may not create a socket in %.*s (%s): make it writable "
                        "or choose another path",
                        path, (unsigned)geteuid(), n, dir, strerror(error));
        default:
                return sock_fail(why, error, "%s: cannot create the socket: %s", path,
                                 strerror(error));
        }
}

/* NULL and "" leave the group as it is: (gid_t)-1. */
static int sock_group_id(const char *group, gid_t *gidp, struct sock_why why)
{
        const struct group *entry;

        *gidp = (gid_t)-1;
        if (group == NULL || group[0] == '\0')
                return 0;
        entry = getgrnam(group);
        if (entry == NULL)
                return sock_fail(
                        why, EINVAL,
                        "there is no group \"%s\" to give the socket to: create it or name "
                        "another",
                        group);
        *gidp = entry->gr_gid;
        return 0;
}

/* Until listen() nobody can connect: mode and group are in place by then. */
static int sock_unix_bind(int fd, const struct sockaddr_un *sun, unsigned mode, const char *group,
                          struct sock_why why)
{
        const char *path = sun->sun_path;
        gid_t gid;
        mode_t old_mask;
        int r = sock_group_id(group, &gid, why);

        if (r < 0)
                return r;
        old_mask = umask(~mode & 0777);
        r = bind(fd, (const struct sockaddr *)sun, sizeof(*sun)) < 0 ? -errno : 0;
        umask(old_mask);
        if (r < 0)
                return sock_unix_bind_why(path, -r, why);
        if (gid != (gid_t)-1 && lchown(path, (uid_t)-1, gid) < 0)
                r = sock_fail(why, errno,
                              "%s: cannot give the socket to group %s (%s): run as root or as a "
                              "member of the group",
                              path, group, strerror(errno));
        else if (listen(fd, SOCK_BACKLOG) < 0)
                r = sock_fail(why, errno, "%s: cannot listen: %s", path, strerror(errno));
        if (r < 0)
                unlink(path);
        return r;
}

static int sock_listen_unix(const char *path, unsigned mode, const char *group, int *fdp,
                            struct sock_why why)
{
        struct sockaddr_un sun;
        int fd;
        int r = sock_unix_address(path, &sun, why);

        if (r == 0)
                r = sock_unix_clear_path(&sun, why);
        if (r < 0)
                return r;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return sock_fail(why, errno, "%s: cannot open a socket: %s", path, strerror(errno));
        r = sock_unix_bind(fd, &sun, mode, group, why);
        if (r < 0) {
                close(fd);
                return r;
        }
        *fdp = fd;
        return 0;
}

/* ---- TCP ---- */

union sock_address {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
};

static socklen_t sock_tcp_host(struct str host, uint16_t port, union sock_address *address)
{
        char text[INET6_ADDRSTRLEN];
        bool is_v6 = host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';

        if (is_v6)
                host = (struct str){host.p + 1, host.n - 2};
        if (host.n >= sizeof(text))
                return 0;
        memcpy(text, host.p, host.n);
        text[host.n] = '\0';
        memset(address, 0, sizeof(*address));
        if (is_v6) {
                address->v6.sin6_family = AF_INET6;
                address->v6.sin6_port = htons(port);
                return inet_pton(AF_INET6, text, &address->v6.sin6_addr) == 1 ? sizeof(address->v6)
                                                                              : 0;
        }
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons(port);
        return inet_pton(AF_INET, text, &address->v4.sin_addr) == 1 ? sizeof(address->v4) : 0;
}

/* The length of the address; 0 = not "ADDRESS:PORT". */
static socklen_t sock_tcp_address(const char *text, union sock_address *address)
{
        const char *colon = strrchr(text, ':');
        uint64_t port;

        if (colon == NULL || str_to_u64(str_from(colon + 1), &port) < 0 || port > UINT16_MAX)
                return 0;
        return sock_tcp_host((struct str){text, (size_t)(colon - text)}, (uint16_t)port, address);
}

static int sock_tcp_bind_why(const char *text, int error, struct sock_why why)
{
        const char *advice = "";

        if (error == EADDRINUSE)
                advice = ": another process listens there: stop it or choose another port";
        else if (error == EADDRNOTAVAIL)
                advice = ": this machine does not have that address";
        else if (error == EACCES)
                advice = ": ports below 1024 are for root: choose a higher one";
        return sock_fail(why, error, "tcp:%s: cannot listen (%s)%s", text, strerror(error), advice);
}

/* Events are small and must not wait for Nagle; a peer that vanished is found out. Accepted sockets
 * inherit both. On a unix socket these fail, and are not needed. */
static void sock_tune_tcp(int fd)
{
        int on = 1;

        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

static int sock_listen_tcp(const char *text, int *fdp, struct sock_why why)
{
        union sock_address address;
        socklen_t n = sock_tcp_address(text, &address);
        int on = 1;
        int fd;

        if (n == 0)
                return sock_fail(
                        why, EINVAL,
                        "tcp:%s: not a numeric address and port: write tcp:127.0.0.1:9000 or "
                        "tcp:[::1]:9000",
                        text);
        fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return sock_fail(why, errno, "tcp:%s: cannot open a socket: %s", text,
                                 strerror(errno));
        sock_tune_tcp(fd);
        if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
            bind(fd, &address.any, n) < 0 || listen(fd, SOCK_BACKLOG) < 0) {
                int r = sock_tcp_bind_why(text, errno, why);

                close(fd);
                return r;
        }
        *fdp = fd;
        return 0;
}

/* ---- what the header offers ---- */

/* What follows the prefix; NULL = another prefix. */
static const char *sock_after(const char *address, const char *prefix)
{
        size_t n = strlen(prefix);

        return strncmp(address, prefix, n) == 0 ? address + n : NULL;
}

int sock_listen(const char *address, unsigned mode, const char *group, int *fdp, char *why,
                size_t why_size)
{
        struct sock_why w = {why, why_size};
        const char *rest;

        if ((rest = sock_after(address, "unix:")) != NULL)
                return sock_listen_unix(rest, mode, group, fdp, w);
        if ((rest = sock_after(address, "tcp:")) != NULL)
                return sock_listen_tcp(rest, fdp, w);
        return sock_fail(w, EINVAL, "%s: write unix:/path/to/socket or tcp:ADDRESS:PORT", address);
}

static int sock_set_flags(int fd)
{
        int flags = fcntl(fd, F_GETFL);

        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
                return -errno;
        return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
}

static int sock_passed_fd(void)
{
        const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
        bool is_ours = pid != NULL && n != NULL && strtol(pid, NULL, 10) == getpid();

        return is_ours && strtol(n, NULL, 10) > 0 ? SOCK_PASSED_FIRST : STDIN_FILENO;
}

bool sock_inherited(int *fdp)
{
        int fd = sock_passed_fd(), is_listening = 0;
        socklen_t n = sizeof(is_listening);

        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &n) < 0 || !is_listening ||
            sock_set_flags(fd) < 0)
                return false;
        sock_tune_tcp(fd);
        *fdp = fd;
        return true;
}

void sock_unlink(const char *address)
{
        const char *path = sock_after(address, "unix:");
        struct sockaddr_un sun;
        struct stat st;
        char why[1] = "";

        if (path == NULL || sock_unix_address(path, &sun, (struct sock_why){why, sizeof(why)}) < 0)
                return;
        if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && sock_unix_probe(&sun) == -ECONNREFUSED)
                unlink(path);
}

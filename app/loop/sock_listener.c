/* Accepting connections with a reserve of descriptors.
 *
 * The kernel gives the lowest free number, so probing for that number before each accept() tells
 * whether the next connection would stand among the last SOCK_RESERVE numbers below the limit.
 * Connections do not take those, however the holes below lie; they stay for upstreams, logs and the
 * system. Counting all open descriptors exactly would mean to walk /proc at every connection; where
 * the last one stood far below, the next is not probed for. */
#include "mgw/loop/sock.h"

#include "mgw/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connections taken in one turn, so that a flood of them does not hold up the others. */
#define SOCK_ACCEPTS_A_TURN 64
/* Below the ceiling by more than this is far below: what is opened between two connections at most
 * makes one of them stand among the last. */
#define SOCK_NEAR 1024

/* A small limit keeps a quarter in reserve. */
int sock_ceiling(void)
{
        struct rlimit limit;
        rlim_t reserve = SOCK_RESERVE;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > INT32_MAX)
                return INT32_MAX;
        if (reserve > limit.rlim_cur / 4)
                reserve = limit.rlim_cur / 4;
        return (int)(limit.rlim_cur - reserve);
}

/* Would the next descriptor stay below the ceiling? */
static bool sock_has_descriptor(struct sock_listener *listener)
{
        int next, ceiling;

        if (listener->last_fd < listener->near_fd)
                return true;
        ceiling = sock_ceiling(); /* it may have been raised */
        listener->near_fd = ceiling - SOCK_NEAR;
        next = fcntl(listener->fd, F_DUPFD_CLOEXEC, 0);
        if (next < 0)
                return false;
        close(next);
        return next < ceiling;
}

/* Out of the epoll set, not only without events: an error state of the socket would be reported all
 * the same. */
static void sock_rest(struct sock_listener *listener, const char *why)
{
        timer_arm(listener->loop, &listener->rest, SOCK_REST_MS);
        loop_io_remove(listener->loop, &listener->io);
        listener->is_resting = true;
        if (listener->is_told)
                return;
        listener->is_told = true;
        log_warn(NULL, "No new connections for now: %s", why);
}

/* What is missing for one more connection, in words; NULL = nothing. */
static const char *sock_shortage(struct sock_listener *listener)
{
        if (listener->room(listener) == 0)
                return "as many are open as the configuration allows (connections_max)";
        if (!sock_has_descriptor(listener))
                return "out of file descriptors, the last ones are kept free: raise the limit "
                       "(ulimit -n, LimitNOFILE=)";
        return NULL;
}

/* Accepts one. 0; -EAGAIN = nobody waits; another -errno = rest. */
static int sock_accept(struct sock_listener *listener)
{
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
                listener->last_fd = fd;
                listener->on_accept(listener, fd);
                return 0;
        }
        switch (errno) {
        case EWOULDBLOCK:
                return -EAGAIN;
        case EINTR:
        case ECONNABORTED:
        case EPERM:
        case EPROTO: /* accept(2): errors of the connection, not of the listener */
        case ENETDOWN:
        case ENOPROTOOPT:
        case EHOSTDOWN:
        case ENONET:
        case EHOSTUNREACH:
        case EOPNOTSUPP:
        case ENETUNREACH:
                return 0;
        default:
                return -errno;
        }
}

static void sock_on_io(struct loop_io *io, uint32_t events)
{
        struct sock_listener *listener = container_of(io, struct sock_listener, io);

        (void)events;
        for (int i = 0; i < SOCK_ACCEPTS_A_TURN && listener->loop != NULL; i++) {
                const char *why = sock_shortage(listener);
                int r = why == NULL ? sock_accept(listener) : 0;

                if (r == -EAGAIN)
                        return;
                if (why != NULL || r < 0) {
                        sock_rest(listener, why != NULL ? why : strerror(-r));
                        return;
                }
        }
}

void sock_listener_wake(struct sock_listener *listener)
{
        if (listener->loop == NULL || !listener->is_resting || listener->is_paused ||
            sock_shortage(listener) != NULL)
                return;
        listener->io.fd = listener->fd;
        if (loop_io_add(listener->loop, &listener->io, LOOP_IN) == 0)
                listener->is_resting = false;
        else
                listener->io.fd = -1;
}

/* A rest is over when a whole interval went by without another. Until then nothing is logged, so
 * that a listener at its limit, which takes one connection for each that ends, does not fill the
 * log. */
static void sock_on_rest_due(struct timer *timer)
{
        struct sock_listener *listener = container_of(timer, struct sock_listener, rest);

        if (listener->is_resting) {
                timer_arm(listener->loop, timer, SOCK_REST_MS);
                sock_listener_wake(listener);
                return;
        }
        listener->is_told = false;
        log_info(NULL, "New connections are taken again");
}

int sock_listener_open(struct loop *loop, struct sock_listener *listener, int fd)
{
        int r;

        listener->loop = loop;
        listener->fd = fd;
        listener->last_fd = INT_MAX; /* not known */
        listener->is_resting = false;
        listener->is_told = listener->is_paused = false;
        listener->rest.on_due = sock_on_rest_due;
        listener->io.fd = fd;
        listener->io.on_io = sock_on_io;
        r = loop_io_add(loop, &listener->io, LOOP_IN);
        if (r < 0)
                sock_listener_close(listener);
        return r;
}

void sock_listener_pause(struct sock_listener *listener)
{
        if (listener->loop == NULL)
                return;
        loop_io_remove(listener->loop, &listener->io);
        listener->is_resting = listener->is_paused = true;
}

void sock_listener_resume(struct sock_listener *listener)
{
        listener->is_paused = false;
        sock_listener_wake(listener);
        if (listener->loop != NULL && listener->is_resting && !timer_is_armed(&listener->rest))
                timer_arm(listener->loop, &listener->rest, SOCK_REST_MS);
}

void sock_listener_close(struct sock_listener *listener)
{
        if (listener->loop == NULL)
                return;
        timer_disarm(listener->loop, &listener->rest);
        loop_io_remove(listener->loop, &listener->io);
        close(listener->fd);
        listener->loop = NULL;
}

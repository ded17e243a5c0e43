/* A descriptor goes with the first bytes of its line (unix(7), SCM_RIGHTS), so it is there when the
 * line is whole. */
#include "handover_link.h"

#include "mgw/base/alloc.h"
#include "mgw/base/log.h"
#include "mgw/wire/rpc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES (256u << 10)
/* What is read of the next may lie behind it. */
#define LINE_MAX_BYTES (HANDOVER_LINE_MAX_BYTES - READ_BYTES)

struct handover_line {
        struct list node;
        struct str text; /* with the line's end; owned */
        size_t sent;
        int fd; /* -1: none, or it is gone */
};

union control {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int))];
};

static void line_free(struct handover_link *link, struct handover_line *line)
{
        list_unlink(&line->node);
        link->bytes -= line->text.n;
        if (line->fd >= 0)
                close(line->fd);
        free((void *)line->text.p);
        free(line);
}

void handover_link_close(struct handover_link *link)
{
        struct list *node;
        int fd = link->io.fd;

        if (fd < 0)
                return;
        if (link->loop != NULL)
                loop_io_remove(link->loop, &link->io);
        link->io.fd = -1;
        link->loop = NULL;
        loop_task_cancel(&link->fault);
        close(fd);
        while ((node = list_first(&link->lines)) != NULL)
                line_free(link, container_of(node, struct handover_line, node));
        while (link->n_fds > 0)
                close(link->fds[--link->n_fds]);
        buf_finish(&link->in);
        link->n_seen = 0;
}

static void link_fail(struct handover_link *link, const char *why)
{
        handover_link_close(link);
        link->on_end(link, why);
}

/* ---- out ---- */

static ssize_t line_send(const struct handover_link *link, struct handover_line *line)
{
        struct iovec iov = {(char *)line->text.p + line->sent, line->text.n - line->sent};
        union control control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
                                          .cmsg_level = SOL_SOCKET,
                                          .cmsg_type = SCM_RIGHTS}};
        struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

        if (line->fd >= 0) {
                memcpy(CMSG_DATA(&control.head), &line->fd, sizeof(int));
                msg.msg_control = &control;
                msg.msg_controllen = sizeof(control.space);
        }
        return sendmsg(link->io.fd, &msg, MSG_NOSIGNAL);
}

/* 0, or -errno: nothing more can be said. */
static int link_flush(struct handover_link *link)
{
        struct list *node;

        while ((node = list_first(&link->lines)) != NULL) {
                struct handover_line *line = container_of(node, struct handover_line, node);
                ssize_t n = line_send(link, line);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno == EAGAIN ? 0 : -errno;
                if (line->fd >= 0)
                        close(line->fd);
                line->fd = -1;
                line->sent += (size_t)n;
                if (line->sent == line->text.n)
                        line_free(link, line);
        }
        return 0;
}

/* Who says something hears of a fault later, not within. */
static void link_on_fault(struct loop_task *task)
{
        link_fail(container_of(task, struct handover_link, fault), "what is said cannot be sent");
}

static void link_push(struct handover_link *link)
{
        int r = link_flush(link);

        if (link->loop == NULL)
                return; /* the next wait tells */
        if (r == 0)
                r = loop_io_set(link->loop, &link->io,
                                LOOP_IN | (list_is_empty(&link->lines) ? 0 : LOOP_OUT));
        if (r < 0)
                loop_defer(link->loop, &link->fault);
}

/* What the other end would not take for a line is left out; what there is no room for ends the
 * link. */
static bool link_has_room(struct handover_link *link, const char *what, size_t n)
{
        if (n > LINE_MAX_BYTES) {
                log_warn(NULL, "[mgw] handing over: \"%s\" of %zu bytes is left out: too long",
                         what, n);
                return false;
        }
        if (link->bytes + n <= HANDOVER_QUEUE_MAX_BYTES)
                return true;
        if (link->loop != NULL)
                loop_defer(link->loop, &link->fault);
        return false;
}

/* Its text with the line's end, the caller's. false: it is not said. */
static bool link_dump(struct handover_link *link, const char *what, json_t *line, bool has_fd,
                      struct str *text)
{
        if (!handover_link_is_open(link))
                return false;
        json_object_set_new(line, "do", json_string(what));
        if (has_fd)
                json_object_set_new(line, "fd", json_true());
        if (rpc_dump(line, text) < 0)
                return false;
        ((char *)text->p)[text->n++] = '\n'; /* in place of the NUL */
        if (link_has_room(link, what, text->n))
                return true;
        free((void *)text->p);
        return false;
}

void handover_link_say_take(struct handover_link *link, const char *what, json_t *line, int fd)
{
        struct str text = {NULL, 0};
        bool is_said = link_dump(link, what, line, fd >= 0, &text);
        struct handover_line *l;

        json_decref(line);
        if (!is_said) {
                if (fd >= 0)
                        close(fd);
                return;
        }
        l = alloc_zeroed(sizeof(*l));
        l->text = text;
        l->fd = fd;
        list_append(&link->lines, &l->node);
        link->bytes += text.n;
        if (link->lines.next == &l->node)
                link_push(link);
}

bool handover_link_is_flushed(const struct handover_link *link)
{
        return !handover_link_is_open(link) || list_is_empty(&link->lines);
}

/* ---- in ---- */

/* A line has one; what is padded for it has room for another. Nobody who says otherwise makes the
 * loop wait at it. */
static void link_keep_fd(struct handover_link *link, const struct msghdr *msg)
{
        struct cmsghdr *c = CMSG_FIRSTHDR(msg);
        int fds[sizeof(((union control *)NULL)->space) / sizeof(int)];
        size_t n;

        if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                return;
        n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(c), n * sizeof(int));
        for (size_t i = 0; i < n; i++)
                if (i == 0 && link->n_fds < sizeof(link->fds) / sizeof(link->fds[0]) &&
                    fcntl(fds[i], F_SETFL, fcntl(fds[i], F_GETFL) | O_NONBLOCK) == 0)
                        link->fds[link->n_fds++] = fds[i];
                else
                        close(fds[i]);
}

static int link_next_fd(struct handover_link *link)
{
        int fd = link->n_fds > 0 ? link->fds[0] : -1;

        if (fd >= 0)
                memmove(link->fds, link->fds + 1, --link->n_fds * sizeof(int));
        return fd;
}

int handover_link_take_fd(struct handover_link *link)
{
        int fd = link->line_fd;

        link->line_fd = -1;
        return fd;
}

/* NULL, or what is wrong with it. */
static const char *link_read_line(struct handover_link *link, struct str text)
{
        const char *what;
        json_t *line;
        char why[160];

        if (rpc_parse(text, NULL, &line, why, sizeof(why)) != 0)
                return "it does not speak JSON";
        what = rpc_text(line, "do");
        if (what != NULL) {
                if (json_is_true(json_object_get(line, "fd")))
                        link->line_fd = link_next_fd(link);
                link->on_line(link, what, line);
                if (link->line_fd >= 0)
                        close(handover_link_take_fd(link));
        }
        json_decref(line);
        return what != NULL ? NULL : "a line that says nothing";
}

/* Walks what one read has brought. NULL, or what is wrong. */
static const char *link_read_lines(struct handover_link *link)
{
        const char *why = NULL;

        while (why == NULL && handover_link_is_open(link)) {
                struct str all = buf_bytes(&link->in);
                const char *end = all.n > link->n_seen
                                          ? memchr(all.p + link->n_seen, '\n', all.n - link->n_seen)
                                          : NULL;
                struct buf line;

                if (end == NULL) {
                        link->n_seen = (uint32_t)all.n;
                        return NULL;
                }
                /* the handler may close the link */
                buf_init(&line, HANDOVER_LINE_MAX_BYTES);
                if (buf_add(&line, all.p, (size_t)(end - all.p)) != 0)
                        return "out of memory";
                buf_consume(&link->in, (size_t)(end - all.p) + 1);
                link->n_seen = 0;
                why = link_read_line(link, buf_bytes(&line));
                buf_finish(&line);
        }
        return why;
}

/* NULL: go on, else the end. */
static const char *link_read(struct handover_link *link)
{
        union control control;
        uint8_t *room;
        struct iovec iov;
        struct msghdr msg = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control.space)};
        ssize_t n;

        if (buf_reserve(&link->in, READ_BYTES, &room) != 0)
                return "a line that is too long";
        iov = (struct iovec){room, READ_BYTES};
        n = recvmsg(link->io.fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        buf_commit(&link->in, n > 0 ? (size_t)n : 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return NULL;
        if (n <= 0)
                return n == 0 ? "it has left" : strerror(errno);
        link_keep_fd(link, &msg);
        return link_read_lines(link);
}

static void link_on_io(struct loop_io *io, uint32_t events)
{
        struct handover_link *link = container_of(io, struct handover_link, io);
        const char *why = NULL;

        if (events & LOOP_OUT)
                link_push(link);
        if (events & (LOOP_IN | LOOP_GONE))
                why = link_read(link);
        if (why != NULL && handover_link_is_open(link))
                link_fail(link, why);
}

/* ---- life ---- */

void handover_link_init(struct handover_link *link)
{
        link->io.fd = link->line_fd = -1;
        link->io.on_io = link_on_io;
        link->fault.on_run = link_on_fault;
        list_init(&link->lines);
}

void handover_link_open(struct handover_link *link, int fd)
{
        link->io.fd = fd;
        link->loop = NULL;
        buf_init(&link->in, HANDOVER_LINE_MAX_BYTES);
}

int handover_link_join(struct handover_link *link, struct loop *loop)
{
        int r;

        if (!handover_link_is_open(link))
                return -ENOTCONN;
        link->loop = loop;
        r = loop_io_add(loop, &link->io, LOOP_IN | LOOP_OUT);
        if (r < 0)
                handover_link_close(link);
        return r;
}

bool handover_link_wait(struct handover_link *link, int timeout_ms)
{
        struct pollfd pollfd = {.fd = link->io.fd, .events = POLLIN};
        const char *why = NULL;

        if (!handover_link_is_open(link))
                return false;
        if (!list_is_empty(&link->lines))
                pollfd.events |= POLLOUT;
        if (poll(&pollfd, 1, timeout_ms) <= 0)
                return false;
        /* first what it has said before it went: that it refuses */
        if (pollfd.revents & (POLLIN | POLLHUP | POLLERR))
                why = link_read(link);
        if (why == NULL && link_flush(link) < 0)
                why = "what is said cannot be sent";
        if (why != NULL && handover_link_is_open(link))
                link_fail(link, why);
        return why == NULL;
}

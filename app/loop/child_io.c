/* A child's pipes.
 *
 * An output is read by epoll while somebody may write to it, one read a turn. When all writers are
 * gone, or the child is dead, what the pipe holds is a known number of bytes, and the child's work
 * task reads them: epoll would report the end of a paused pipe in every turn, and a process that
 * left the group may hold the pipe open for ever. */
#include "child_inside.h"

#include <assert.h>
#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* What a pipe holds. */
#define CHILD_READ_BYTES 65536
#define CHILD_ERROR_READ_BYTES 4096
/* So much that waits for a child is never refused. */
#define CHILD_QUEUE_FREE_BYTES CHILD_READ_BYTES

static_assert(CHILD_E_FULL == BUF_E_FULL, "child_write() passes the outcome on");

/* ---- standard input ---- */

static void in_charge(struct child_in *in)
{
        if (in->hold.payer != NULL)
                ledger_hold_set_past(&in->hold, in->queue.size);
}

static bool in_is_paid(const struct child_in *in, size_t n)
{
        return in->hold.payer == NULL || in->queue.len + n <= CHILD_QUEUE_FREE_BYTES ||
               ledger_check(in->hold.payer, n) == 0;
}

void child_in_close(struct child *child)
{
        int fd = child->in.io.fd;

        if (fd < 0)
                return;
        loop_io_remove(child->loop, &child->in.io);
        close(fd);
        buf_finish(&child->in.queue);
        in_charge(&child->in);
}

/* 0, -EPIPE. */
static int in_flush(struct child *child)
{
        struct child_in *in = &child->in;

        while (in->queue.len > 0) {
                struct str bytes = buf_bytes(&in->queue);
                ssize_t n = write(in->io.fd, bytes.p, bytes.n);

                if (n >= 0) {
                        buf_consume(&in->queue, (size_t)n);
                        in_charge(in);
                } else if (errno == EAGAIN) {
                        return loop_io_set(child->loop, &in->io, LOOP_OUT);
                } else if (errno != EINTR) {
                        child_begin_end(child);
                        return -EPIPE;
                }
        }
        return loop_io_set(child->loop, &in->io, 0);
}

static void in_on_io(struct loop_io *io, uint32_t events)
{
        struct child *child = container_of(io, struct child, in.io);
        bool was_full = child->in.was_full;

        if (events & LOOP_GONE) {
                child_begin_end(child);
                return;
        }
        if (in_flush(child) < 0 || child->in.queue.len > 0 || !was_full)
                return;
        child->in.was_full = false;
        child->handlers.on_drained(child->owner);
}

int child_write(struct child *child, struct str bytes)
{
        struct child_in *in = &child->in;
        bool was_empty = in->queue.len == 0;
        ssize_t n;
        int r;

        if (in->io.fd < 0)
                return -EPIPE;
        if (bytes.n > in->queue.max)
                return -EMSGSIZE;
        if (!was_empty && !in_is_paid(in, bytes.n)) {
                in->was_full = true;
                return CHILD_E_FULL;
        }
        n = was_empty ? write(in->io.fd, bytes.p, bytes.n) : 0;
        if (n == (ssize_t)bytes.n)
                return 0;
        if (n > 0)
                bytes = (struct str){bytes.p + n, bytes.n - (size_t)n};
        r = buf_add_str(&in->queue, bytes);
        in_charge(in);
        if (r == CHILD_E_FULL)
                in->was_full = true;
        if (r != 0 && n > 0) /* what comes next would be glued to it */
                child_fault(child, "has read half of a message: out of memory");
        /* What waits already waits for epoll, which also tells the room. */
        return r == 0 && was_empty ? in_flush(child) : r;
}

/* ---- standard output and standard error ---- */

void child_out_close(struct child_out *out)
{
        if (out->fd < 0)
                return;
        loop_io_remove(out->child->loop, &out->io);
        close(out->fd);
        out->fd = -1;
}

void child_out_mute(struct child_out *out)
{
        out->on_line = NULL;
        if (out->is_paused) {
                out->is_paused = false;
                loop_defer(out->child->loop, &out->child->work);
        }
}

static bool out_is_held(const struct child_out *out)
{
        return out->is_paused &&
               (out->n_left > 0 || !out->is_draining || !lines_is_empty(&out->lines));
}

static void out_give(struct child_out *out, int r, struct str line)
{
        struct child *child = out->child;

        if (out->on_line == NULL)
                return;
        if (r == LINES_E_LONG)
                child_fault(child, "sent a line of more than %u bytes", out->lines.max);
        else if (r == LINES_ONE)
                out->on_line(child->owner, line);
        else
                child->handlers.on_piece(child->owner, line, r == LINES_PIECE_LAST);
}

/* The line in progress, when it has become long. */
static void out_offer(struct child_out *out)
{
        struct child *child = out->child;
        struct str head = lines_pending(&out->lines);

        if (out->was_offered || out->on_line == NULL || out->long_bytes == 0 ||
            head.n < out->long_bytes)
                return;
        out->was_offered = true;
        if (child->handlers.on_long_line(child->owner, head))
                lines_give(&out->lines);
}

static void out_deliver(struct child_out *out, bool is_end)
{
        struct str line;
        int r;

        while (!out->is_paused) {
                r = lines_next(&out->lines, is_end, &line);
                if (r == 0) {
                        out_offer(out);
                        return;
                }
                out->was_offered = false;
                out_give(out, r, line);
        }
}

void child_out_drain(struct child_out *out)
{
        if (out->fd < 0 || out->is_draining)
                return;
        loop_io_remove(out->child->loop, &out->io);
        out->is_draining = true;
        if (ioctl(out->fd, FIONREAD, &out->n_left) < 0)
                out->n_left = 0;
        loop_defer(out->child->loop, &out->child->work);
}

static ssize_t out_read(struct child_out *out, size_t n)
{
        ssize_t n_read = lines_read(&out->lines, out->fd, n);

        if (n_read == -EDQUOT)
                child_fault(out->child, "sent a line that takes more memory than there is for it");
        return n_read;
}

static void out_on_io(struct loop_io *io, uint32_t events)
{
        struct child_out *out = container_of(io, struct child_out, io);
        ssize_t n = 0;

        if (!(events & LOOP_GONE))
                n = out_read(out, SIZE_MAX);
        if (n > 0)
                out_deliver(out, false);
        else if (n != -EAGAIN && n != -EINTR)
                child_out_drain(out);
}

bool child_out_has_work(const struct child_out *out)
{
        return out->fd >= 0 && out->is_draining && !out_is_held(out);
}

/* The child speaks no more; if it lives on, nobody knows why. */
static void out_end(struct child_out *out)
{
        struct child *child = out->child;

        child_out_close(out);
        if (out == &child->out && child->state < CHILD_REAPED)
                child_begin_end(child);
}

void child_out_work(struct child_out *out)
{
        ssize_t n;

        if (out->fd < 0)
                return;
        out_deliver(out, out->is_draining && out->n_left == 0);
        if (out->fd < 0 || out_is_held(out))
                return;
        if (!out->is_draining) {
                (void)loop_io_set(out->child->loop, &out->io, LOOP_IN);
        } else if (out->n_left == 0) {
                out_end(out);
        } else {
                n = out_read(out, (size_t)out->n_left);
                out->n_left = n > 0 ? out->n_left - (int)n : 0;
        }
}

void child_pause(struct child *child)
{
        struct child_out *out = &child->out;

        if (child->state == CHILD_OVER || out->on_line == NULL)
                return;
        out->is_paused = true;
        if (out->io.fd >= 0)
                (void)loop_io_set(child->loop, &out->io, 0);
}

void child_resume(struct child *child)
{
        if (child->state == CHILD_OVER || !child->out.is_paused)
                return;
        child->out.is_paused = false;
        loop_defer(child->loop, &child->work);
}

/* ---- both ---- */

static int out_open(struct child *child, struct child_out *out, int *fdp)
{
        int r;

        out->child = child;
        out->io = (struct loop_io){.fd = *fdp, .on_io = out_on_io};
        r = loop_io_add(child->loop, &out->io, LOOP_IN);
        if (r == 0) {
                out->fd = *fdp;
                *fdp = -1;
        }
        return r;
}

static int in_open(struct child *child, int *fdp)
{
        int r;

        child->in.io = (struct loop_io){.fd = *fdp, .on_io = in_on_io};
        r = loop_io_add(child->loop, &child->in.io, 0);
        if (r == 0)
                *fdp = -1;
        else
                child->in.io.fd = -1;
        return r;
}

int child_io_open(struct child *child, int fds[3], const struct child_options *options)
{
        int r;

        buf_init(&child->in.queue, options->queue_max_bytes);
        ledger_hold_init(&child->in.hold, options->memory, LEDGER_CALL);
        lines_init(&child->out.lines, options->line_max_bytes, CHILD_READ_BYTES, false,
                   options->memory);
        lines_init(&child->err.lines, CHILD_ERROR_LINE_MAX, CHILD_ERROR_READ_BYTES, true, NULL);
        child->out.long_bytes = options->line_long_bytes;
        child->out.fd = child->err.fd = -1;
        r = in_open(child, &fds[0]);
        if (r == 0)
                r = out_open(child, &child->out, &fds[1]);
        if (r == 0)
                r = out_open(child, &child->err, &fds[2]);
        return r;
}

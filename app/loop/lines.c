/* Each byte is looked at once, however small the pieces are in which a line comes. */
#include "lines.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

void lines_init(struct lines *lines, uint32_t max, uint32_t chunk, bool is_cutting,
                struct ledger_payer *payer)
{
        assert(chunk <= LINES_CHUNK_MAX);
        *lines = (struct lines){.max = max, .chunk = chunk, .is_cutting = is_cutting};
        /* A whole line and its CR may wait for the rest. */
        buf_init(&lines->buf, max + 1 + chunk);
        ledger_hold_init(&lines->hold, payer, LEDGER_MESSAGE);
}

/* 0, -EDQUOT: it holds more than is paid for. What one read takes is never refused: who only speaks
 * has done nothing. */
static int lines_charge(struct lines *lines)
{
        if (lines->hold.payer == NULL)
                return 0;
        if (lines->buf.size <= 2 * lines->chunk) {
                ledger_hold_set_past(&lines->hold, lines->buf.size);
                return 0;
        }
        return ledger_hold_set(&lines->hold, lines->buf.size) == 0 ? 0 : -EDQUOT;
}

void lines_finish(struct lines *lines)
{
        lines_release(lines);
        buf_finish(&lines->buf);
}

void lines_release(struct lines *lines)
{
        if (lines->hold.payer != NULL)
                ledger_hold_set_past(&lines->hold, 0);
        lines->hold.payer = NULL;
}

/* Of what mostly is a short line no more is kept than has come. */
static ssize_t lines_read_first(struct lines *lines, int fd, size_t n)
{
        static uint8_t piece[LINES_CHUNK_MAX]; /* one thread, one read at a time */
        ssize_t n_read = read(fd, piece, n);
        int r;

        if (n_read < 0)
                return -errno;
        r = buf_add(&lines->buf, piece, (size_t)n_read);
        if (r == 0)
                r = lines_charge(lines);
        return r == 0 ? n_read : r < 0 ? r : -ENOBUFS;
}

ssize_t lines_read(struct lines *lines, int fd, size_t n)
{
        uint8_t *tail;
        ssize_t n_read;
        int r;

        if (n > lines->chunk)
                n = lines->chunk;
        if (lines->buf.len == 0 && !lines->is_giving)
                return lines_read_first(lines, fd, n);
        r = buf_reserve(&lines->buf, n, &tail);
        if (r != 0)
                return r < 0 ? r : -ENOBUFS;
        r = lines_charge(lines);
        if (r < 0)
                return r;
        n_read = read(fd, tail, n);
        r = n_read < 0 ? -errno : 0;
        buf_commit(&lines->buf, n_read < 0 ? 0 : (size_t)n_read);
        return r < 0 ? r : n_read;
}

static void lines_take_back(struct lines *lines)
{
        buf_consume(&lines->buf, lines->n_given);
        lines->n_given = 0;
        (void)lines_charge(lines);
}

void lines_give(struct lines *lines)
{
        buf_consume(&lines->buf, lines->buf.len);
        (void)lines_charge(lines);
        lines->n_seen = 0;
        lines->is_giving = true;
}

static int give_piece(struct lines *lines, struct str *piecep)
{
        struct str bytes = buf_bytes(&lines->buf);
        const char *lf = memchr(bytes.p, '\n', bytes.n);

        lines->is_giving = lf == NULL;
        lines->n_given = (uint32_t)(lf == NULL ? bytes.n : (size_t)(lf - bytes.p) + 1);
        *piecep = (struct str){bytes.p, lf == NULL ? bytes.n : (size_t)(lf - bytes.p)};
        return lf == NULL ? LINES_PIECE : LINES_PIECE_LAST;
}

int lines_next(struct lines *lines, bool is_end, struct str *linep)
{
        for (lines_take_back(lines); lines->buf.len > 0; lines_take_back(lines)) {
                struct str bytes = buf_bytes(&lines->buf);
                const char *lf = memchr(bytes.p + lines->n_seen, '\n', bytes.n - lines->n_seen);
                bool was_skipping = lines->is_skipping;
                struct str line = {bytes.p, lf == NULL ? bytes.n : (size_t)(lf - bytes.p)};
                size_t n_taken = lf == NULL ? line.n : line.n + 1;

                if (lines->is_giving)
                        return give_piece(lines, linep);
                if (line.n > 0 && line.p[line.n - 1] == '\r')
                        line.n--;
                if (lf == NULL && !is_end && !was_skipping && line.n <= lines->max) {
                        lines->n_seen = (uint32_t)bytes.n;
                        return 0;
                }
                lines->n_seen = 0;
                lines->n_given = (uint32_t)n_taken;
                lines->is_skipping = lf == NULL;
                if (was_skipping || line.n == 0)
                        continue;
                if (line.n > lines->max) {
                        if (!lines->is_cutting)
                                return LINES_E_LONG;
                        line.n = lines->max;
                }
                *linep = line;
                return LINES_ONE;
        }
        return 0;
}

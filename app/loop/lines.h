/* Bytes of a pipe to lines. */
#pragma once

#include "mgw/base/buf.h"

#include <sys/types.h>

/* Outcomes of lines_next(). */
#define LINES_ONE 1
#define LINES_E_LONG 2

struct lines {
        struct buf buf;
        uint32_t max;
        uint32_t chunk;
        uint32_t n_seen;  /* bytes at the head without an LF */
        uint32_t n_given; /* bytes of the line that is lent out */
        bool is_cutting;  /* a long line is cut; else it is an error */
        bool is_skipping; /* the rest of a long line */
};

/* chunk is the most bytes of one read. Freed with buf_finish(&lines->buf). */
void lines_init(struct lines *lines, uint32_t max, uint32_t chunk, bool is_cutting);
/* Reads once, at most n bytes; only when lines_next() had no more to give. Bytes read, 0 at the
 * end, -errno. */
ssize_t lines_read(struct lines *lines, int fd, size_t n);
/* LINES_ONE: *linep, not empty, without LF or CR LF, borrowed until the next call; LINES_E_LONG:
 * a line over max, which is skipped; 0: none. is_end: what is left without an LF is a line too. */
int lines_next(struct lines *lines, bool is_end, struct str *linep);
/* Nothing is held but the line that is lent out. */
static inline bool lines_is_empty(const struct lines *lines)
{
        return lines->buf.len == lines->n_given;
}

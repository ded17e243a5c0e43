/* Bytes of a pipe to lines. */
#pragma once

#include "mgw/base/buf.h"
#include "mgw/base/ledger.h"

#include <sys/types.h>

/* Outcomes of lines_next(). */
#define LINES_ONE 1
#define LINES_E_LONG 2
#define LINES_PIECE 3      /* of a line that is given as it comes */
#define LINES_PIECE_LAST 4 /* and this its last */

#define LINES_CHUNK_MAX 65536

struct lines {
        struct buf buf;
        struct ledger_hold hold; /* of buf; without a payer: nobody pays */
        uint32_t max;
        uint32_t chunk;
        uint32_t n_seen;  /* bytes at the head without an LF */
        uint32_t n_given; /* bytes of the line that is lent out */
        bool is_cutting;  /* a long line is cut; else it is an error */
        bool is_skipping; /* the rest of a long line */
        bool is_giving;   /* the line in progress, as it comes */
};

/* chunk is the most bytes of one read, LINES_CHUNK_MAX at most; payer: of what is held, or NULL. */
void lines_init(struct lines *lines, uint32_t max, uint32_t chunk, bool is_cutting,
                struct ledger_payer *payer);
void lines_finish(struct lines *lines);
/* Nobody pays any more; the payer may go. */
void lines_release(struct lines *lines);
/* Reads once, at most n bytes; only when lines_next() had no more to give. Bytes read, 0 at the
 * end, -errno; -EDQUOT: its payer may not hold so much. */
ssize_t lines_read(struct lines *lines, int fd, size_t n);
/* LINES_ONE: *linep, not empty, without LF or CR LF, borrowed until the next call; LINES_E_LONG:
 * a line over max, which is skipped; LINES_PIECE and LINES_PIECE_LAST: after lines_give(); 0: none.
 * is_end: what is left without an LF is a line too. */
int lines_next(struct lines *lines, bool is_end, struct str *linep);
/* What has come of the line in progress; when lines_next() had no more to give. */
static inline struct str lines_pending(const struct lines *lines)
{
        return buf_bytes(&lines->buf);
}
/* Drops that. What still comes of the line is given as it comes, its CR included, whatever its
 * length. */
void lines_give(struct lines *lines);
/* Nothing is held but the line that is lent out. */
static inline bool lines_is_empty(const struct lines *lines)
{
        return lines->buf.len == lines->n_given;
}

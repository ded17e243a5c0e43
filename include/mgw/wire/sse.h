/* Server-sent events (WHATWG HTML, 9.2): events out, and events in, incrementally. */
#pragma once

#include "mgw/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define SSE_E_MORE 1       /* all bytes taken, no event complete yet */
#define SSE_E_BIG 2        /* an event over the cap: the stream is lost */
#define SSE_E_PIECE 3      /* ev->data is the next part of data given as it comes */
#define SSE_E_PIECE_LAST 4 /* and this its last */

/* What stands on the wire when a stream has been silent, and when it opens. */
#define SSE_KEEP_ALIVE ": keep-alive\n\n"
#define SSE_OPEN ": stream open\n\n"

struct sse_event {
        struct str id;   /* no `id:` line when p is NULL */
        struct str name; /* no `event:` line when empty */
        struct str data; /* may be empty: still a `data:` line, unless p is NULL */
        int retry_ms;    /* no `retry:` line when < 0 */
};

/* One event; data is split into `data:` lines at CR, LF, CRLF. id and name must hold no line end
 * and no NUL, and a name alone is no event. 0, BUF_E_FULL, -ENOMEM, -EINVAL; all or
 * nothing. */
int sse_add_event(struct buf *out, const struct sse_event *ev);

/* A longer id is none: whoever resumes by it would have to keep it, and send it back. */
#define SSE_ID_MAX_BYTES 1024

struct sse_reader {
        struct buf line;
        struct buf data;
        struct buf name;
        struct buf last_id;
        uint32_t max;
        int retry_ms;
        bool has_data, has_id, is_given, seen_start, after_cr;
        bool gives_data; /* the line in progress, as it comes */
};

/* The cap holds for each line and for the data of each event; a reader holds at most three times as
 * much, and an id. */
void sse_reader_init(struct sse_reader *r, uint32_t max_event_bytes);
void sse_reader_finish(struct sse_reader *r);
/* Feeds n bytes; *usedp says how many were taken. 0 = ev filled (id is the last event id so far, p
 * NULL when there is none; an empty name means "message"; retry_ms is -1 unless one came since the
 * last event), borrowed until the next feed. An event with only an id or a retry is reported too,
 * with data.p NULL, so that a client can resume. SSE_E_MORE, SSE_E_BIG, -ENOMEM. */
int sse_reader_feed(struct sse_reader *r, const char *p, size_t n, size_t *usedp,
                    struct sse_event *ev);
/* Bytes of the line in progress. */
size_t sse_reader_pending(const struct sse_reader *r);
/* Bytes of memory that it holds. */
size_t sse_reader_size(const struct sse_reader *r);
/* For an event too big to be gathered: when the line in progress is the first data of its event,
 * *piecep is what has come of it (borrowed until the next feed), and true. sse_reader_give_data()
 * then drops that, and feeds answer SSE_E_PIECE until the line's end. */
bool sse_reader_peek_data(const struct sse_reader *r, struct str *piecep);
void sse_reader_give_data(struct sse_reader *r);

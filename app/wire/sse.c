/* Server-sent events, both ways, as 9.2.5 and 9.2.6 of the HTML standard have them.
 * The reader takes lines apart as they come; a line that is whole in the input is never copied.
 * What it holds is bounded: no line and no event's data may pass the cap. Between events it holds
 * only the last event id. Outcomes do not depend on how the input was cut: a line's end is known at
 * its CR or LF, and the LF of a CRLF is skipped whenever it comes. */
#include "mgw/wire/sse.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* The offset of the first CR or LF in s, s.n when there is none.
 * In steps, so that a search for the one never runs far past the other: a text of CRs alone costs
 * no square. */
static size_t line_length(struct str s)
{
        for (size_t i = 0; i < s.n; i += 256) {
                size_t n = s.n - i < 256 ? s.n - i : 256;
                const char *lf = memchr(s.p + i, '\n', n);
                const char *cr = memchr(s.p + i, '\r', lf == NULL ? n : (size_t)(lf - s.p) - i);

                if (cr != NULL || lf != NULL)
                        return (size_t)((cr != NULL ? cr : lf) - s.p);
        }
        return s.n;
}

/* Takes one line off s, without its end (CR, LF or CRLF). False: no line end; s is untouched. */
static bool line_cut(struct str *s, struct str *line)
{
        size_t n = line_length(*s);
        size_t n_end = n + 1 < s->n && s->p[n] == '\r' && s->p[n + 1] == '\n' ? 2 : 1;

        if (n == s->n)
                return false;
        *line = (struct str){s->p, n};
        *s = (struct str){s->p + n + n_end, s->n - n - n_end};
        return true;
}

static bool is_one_line(struct str s)
{
        return s.n == 0 || (memchr(s.p, '\n', s.n) == NULL && memchr(s.p, '\r', s.n) == NULL &&
                            memchr(s.p, '\0', s.n) == NULL);
}

/* Where the bytes of an event go; with at == NULL they are only counted. */
struct sink {
        char *at;
        size_t n;
};

static void sink_put(struct sink *sink, struct str s)
{
        if (sink->at != NULL && s.n > 0)
                memcpy(sink->at + sink->n, s.p, s.n);
        sink->n += s.n;
}

static void sink_put_field(struct sink *sink, struct str name, struct str value)
{
        sink_put(sink, name);
        sink_put(sink, value);
        sink_put(sink, STR("\n"));
}

static void sink_put_event(struct sink *sink, const struct sse_event *ev)
{
        struct str rest = ev->data;
        struct str line;
        char retry[16];

        if (ev->name.n > 0)
                sink_put_field(sink, STR("event: "), ev->name);
        if (ev->id.p != NULL)
                sink_put_field(sink, STR("id: "), ev->id);
        if (ev->retry_ms >= 0) {
                snprintf(retry, sizeof(retry), "%d", ev->retry_ms);
                sink_put_field(sink, STR("retry: "), str_from(retry));
        }
        if (ev->data.p != NULL) {
                while (line_cut(&rest, &line))
                        sink_put_field(sink, STR("data: "), line);
                sink_put_field(sink, STR("data: "), rest);
        }
        sink_put(sink, STR("\n"));
}

int sse_add_event(struct buf *out, const struct sse_event *ev)
{
        struct sink sink = {NULL, 0};
        uint8_t *at;
        int r;

        if (!is_one_line(ev->id) || !is_one_line(ev->name))
                return -EINVAL;
        if (ev->id.p == NULL && ev->data.p == NULL && ev->retry_ms < 0)
                return -EINVAL;
        sink_put_event(&sink, ev);
        r = buf_reserve(out, sink.n, &at);
        if (r != 0)
                return r;
        sink = (struct sink){(char *)at, 0};
        sink_put_event(&sink, ev);
        buf_commit(out, sink.n);
        return 0;
}

void sse_reader_init(struct sse_reader *r, uint32_t max_event_bytes)
{
        *r = (struct sse_reader){.max = max_event_bytes, .retry_ms = -1};
        buf_init(&r->line, max_event_bytes);
        buf_init(&r->data, max_event_bytes);
        buf_init(&r->name, max_event_bytes);
        buf_init(&r->last_id, SSE_ID_MAX_BYTES);
}

void sse_reader_finish(struct sse_reader *r)
{
        if (r == NULL)
                return;
        buf_finish(&r->line);
        buf_finish(&r->data);
        buf_finish(&r->name);
        buf_finish(&r->last_id);
}

/* 0, SSE_E_BIG, -ENOMEM. */
static int add(struct buf *b, struct str s)
{
        int r = buf_add_str(b, s);

        return r == BUF_E_FULL ? SSE_E_BIG : r;
}

static int replace(struct buf *b, struct str s)
{
        buf_consume(b, b->len);
        return add(b, s);
}

static int add_data(struct sse_reader *r, struct str value)
{
        int res = r->has_data ? add(&r->data, STR("\n")) : 0;

        r->has_data = true;
        return res == 0 ? add(&r->data, value) : res;
}

static int set_id(struct sse_reader *r, struct str value)
{
        if (value.n > 0 && memchr(value.p, '\0', value.n) != NULL)
                return 0;
        r->has_id = true;
        return replace(&r->last_id, value.n <= SSE_ID_MAX_BYTES ? value : STR(""));
}

static void set_retry(struct sse_reader *r, struct str value)
{
        uint64_t ms;
        int res = str_to_u64(value, &ms);

        if (res == -EINVAL)
                return;
        r->retry_ms = res == 0 && ms < INT_MAX ? (int)ms : INT_MAX;
}

/* One line that is not empty. 0, SSE_E_BIG, -ENOMEM. */
static int take_field(struct sse_reader *r, struct str line)
{
        struct str value = line;
        struct str name = str_cut(&value, ':');

        if (value.n > 0 && value.p[0] == ' ')
                value = (struct str){value.p + 1, value.n - 1};
        if (str_eq(name, STR("data")))
                return add_data(r, value);
        if (str_eq(name, STR("event")))
                return replace(&r->name, value);
        if (str_eq(name, STR("id")))
                return set_id(r, value);
        if (str_eq(name, STR("retry")))
                set_retry(r, value);
        return 0;
}

/* The empty line: is there anything to report? */
static bool dispatch(struct sse_reader *r, struct sse_event *ev)
{
        r->is_given = true;
        if (!r->has_data && !r->has_id && r->retry_ms < 0)
                return false;
        *ev = (struct sse_event){.name = buf_bytes(&r->name), .retry_ms = r->retry_ms};
        if (r->last_id.len > 0)
                ev->id = buf_bytes(&r->last_id);
        if (r->has_data)
                ev->data = buf_bytes(&r->data);
        return true;
}

/* Drops what belongs to an event that is over. */
static void drop_given(struct sse_reader *r)
{
        if (!r->is_given)
                return;
        buf_consume(&r->data, r->data.len);
        buf_consume(&r->name, r->name.len);
        r->has_data = false;
        r->has_id = false;
        r->retry_ms = -1;
        r->is_given = false;
}

/* A whole line. 0: it ended an event. SSE_E_MORE, SSE_E_BIG, -ENOMEM. */
static int take_line(struct sse_reader *r, struct str line, struct sse_event *ev)
{
        int res;

        if (line.n > r->max)
                return SSE_E_BIG;
        if (!r->seen_start && str_has_prefix(line, STR("\xef\xbb\xbf")))
                line = (struct str){line.p + 3, line.n - 3};
        r->seen_start = true;
        drop_given(r);
        if (line.n == 0)
                return dispatch(r, ev) ? 0 : SSE_E_MORE;
        res = take_field(r, line);
        return res == 0 ? SSE_E_MORE : res;
}

/* A line whose beginning came with an earlier feed. Outcomes as take_line(). */
static int take_gathered_line(struct sse_reader *r, struct str end, struct sse_event *ev)
{
        int res = add(&r->line, end);

        if (res == 0)
                res = take_line(r, buf_bytes(&r->line), ev);
        buf_consume(&r->line, r->line.len);
        return res;
}

size_t sse_reader_pending(const struct sse_reader *r)
{
        return r->line.len;
}

size_t sse_reader_size(const struct sse_reader *r)
{
        return (size_t)r->line.size + r->data.size + r->name.size + r->last_id.size;
}

bool sse_reader_peek_data(const struct sse_reader *r, struct str *piecep)
{
        struct str line = buf_bytes(&r->line);

        if (r->gives_data || (r->has_data && !r->is_given) || !str_has_prefix(line, STR("data:")))
                return false;
        line = (struct str){line.p + 5, line.n - 5};
        if (line.n > 0 && line.p[0] == ' ')
                line = (struct str){line.p + 1, line.n - 1};
        *piecep = line;
        return true;
}

void sse_reader_give_data(struct sse_reader *r)
{
        drop_given(r);
        buf_consume(&r->line, r->line.len);
        r->gives_data = true;
}

/* The next part of a line that is given as it comes. */
static int give_piece(struct sse_reader *r, struct str *rest, struct sse_event *ev)
{
        struct str line;

        *ev = (struct sse_event){.retry_ms = -1};
        if (!line_cut(rest, &line)) {
                ev->data = *rest;
                rest->n = 0;
                return SSE_E_PIECE;
        }
        r->after_cr = line.p[line.n] == '\r' && line.p + line.n + 1 == rest->p;
        r->gives_data = false;
        ev->data = line;
        return SSE_E_PIECE_LAST;
}

int sse_reader_feed(struct sse_reader *r, const char *p, size_t n, size_t *usedp,
                    struct sse_event *ev)
{
        struct str rest = {p, n};
        struct str line;
        int res = SSE_E_MORE;

        drop_given(r);
        while (res == SSE_E_MORE && rest.n > 0) {
                if (r->after_cr && rest.p[0] == '\n')
                        rest = (struct str){rest.p + 1, rest.n - 1};
                r->after_cr = false;
                if (r->gives_data && rest.n > 0) {
                        res = give_piece(r, &rest, ev);
                        break;
                }
                if (!line_cut(&rest, &line)) {
                        res = add(&r->line, rest);
                        rest.n = 0;
                        res = res == 0 ? SSE_E_MORE : res;
                        break;
                }
                r->after_cr = line.p[line.n] == '\r' && line.p + line.n + 1 == rest.p;
                res = r->line.len > 0 ? take_gathered_line(r, line, ev) : take_line(r, line, ev);
        }
        *usedp = n - rest.n;
        return res;
}

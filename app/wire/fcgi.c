/* The FastCGI codec: no descriptor, no clock, no log.
 * The layouts are those of <fastcgi.h>, whose fields are all bytes: any address is aligned for
 * them. A reader holds memory only for a record that has begun and not ended, and only as much as
 * has come: a header that promises 64 KiB costs its sender 64 KiB. */
#include "mgw/wire/fcgi.h"

#include <assert.h>
#include <fastcgi.h>
#include <stdio.h>
#include <string.h>

#define FCGI_RECORD_MAX (FCGI_HEADER_LEN + FCGI_MAX_LENGTH + 255)

static_assert(sizeof(FCGI_Header) == FCGI_HEADER_LEN, "the header has no padding");
static_assert(sizeof(FCGI_EndRequestRecord) == 16, "nor have the records");

void fcgi_reader_init(struct fcgi_reader *r)
{
        buf_init(&r->partial, FCGI_RECORD_MAX);
}

void fcgi_reader_finish(struct fcgi_reader *r)
{
        if (r != NULL)
                buf_finish(&r->partial);
}

static size_t be16(uint8_t b1, uint8_t b0)
{
        return (size_t)b1 << 8 | b0;
}

/* The bytes of the record that p begins; 0 when p is too short to say. */
static size_t record_size(const uint8_t *p, size_t n)
{
        const FCGI_Header *h = (const FCGI_Header *)p;

        if (n < FCGI_HEADER_LEN)
                return 0;
        return FCGI_HEADER_LEN + be16(h->contentLengthB1, h->contentLengthB0) + h->paddingLength;
}

static void record_read(struct fcgi_record *rec, const uint8_t *p)
{
        const FCGI_Header *h = (const FCGI_Header *)p;

        rec->type = h->type;
        rec->id = (uint16_t)be16(h->requestIdB1, h->requestIdB0);
        rec->content = p + FCGI_HEADER_LEN;
        rec->n_content = be16(h->contentLengthB1, h->contentLengthB0);
}

static const uint8_t *gathered(const struct fcgi_reader *r, size_t *np)
{
        struct str s = buf_bytes(&r->partial);

        *np = s.n;
        return (const uint8_t *)s.p;
}

/* Moves from the input what is missing to have `want` bytes gathered. 0, FCGI_E_MORE, -ENOMEM. */
static int gather(struct fcgi_reader *r, const uint8_t *p, size_t n, size_t *usedp, size_t want)
{
        size_t missing = want - r->partial.len;
        size_t n_taken = n - *usedp < missing ? n - *usedp : missing;
        int res = buf_add(&r->partial, p + *usedp, n_taken);

        if (res != 0)
                return res;
        *usedp += n_taken;
        return n_taken < missing ? FCGI_E_MORE : 0;
}

/* A record that straddles: first its header, which says how long it is, then the rest. */
static int feed_partial(struct fcgi_reader *r, const uint8_t *p, size_t n, size_t *usedp,
                        struct fcgi_record *rec)
{
        const uint8_t *got;
        size_t n_got;
        int res = 0;

        if (r->partial.len < FCGI_HEADER_LEN)
                res = gather(r, p, n, usedp, FCGI_HEADER_LEN);
        if (res != 0)
                return res;
        got = gathered(r, &n_got);
        res = gather(r, p, n, usedp, record_size(got, n_got));
        if (res != 0)
                return res;
        got = gathered(r, &n_got);
        record_read(rec, got);
        return 0;
}

bool fcgi_reader_is_between(const struct fcgi_reader *r)
{
        size_t n;
        const uint8_t *got = gathered(r, &n);

        return n == 0 || n == record_size(got, n);
}

/* Drops a gathered record that the last feed gave out. */
static void drop_given(struct fcgi_reader *r)
{
        if (fcgi_reader_is_between(r))
                buf_consume(&r->partial, r->partial.len);
}

int fcgi_reader_feed(struct fcgi_reader *r, const uint8_t *p, size_t n, size_t *usedp,
                     struct fcgi_record *rec)
{
        size_t size;

        *usedp = 0;
        drop_given(r);
        if (n == 0)
                return FCGI_E_MORE;
        if (r->partial.len > 0)
                return feed_partial(r, p, n, usedp, rec);
        if (p[0] != FCGI_VERSION_1)
                return FCGI_E_BAD;
        size = record_size(p, n);
        if (size == 0 || size > n)
                return feed_partial(r, p, n, usedp, rec);
        record_read(rec, p);
        *usedp = size;
        return 0;
}

int fcgi_begin_decode(const struct fcgi_record *rec, uint16_t *rolep, bool *keep_connp)
{
        const FCGI_BeginRequestBody *body = (const FCGI_BeginRequestBody *)rec->content;

        if (rec->n_content != sizeof(*body))
                return FCGI_E_BAD;
        *rolep = (uint16_t)be16(body->roleB1, body->roleB0);
        *keep_connp = (body->flags & FCGI_KEEP_CONN) != 0;
        return 0;
}

void fcgi_head(uint8_t out[8], uint8_t type, uint16_t id, size_t n)
{
        FCGI_Header h = {
                .version = FCGI_VERSION_1,
                .type = type,
                .requestIdB1 = (uint8_t)(id >> 8),
                .requestIdB0 = (uint8_t)id,
                .contentLengthB1 = (uint8_t)(n >> 8),
                .contentLengthB0 = (uint8_t)n,
        };

        assert(n <= FCGI_MAX_LENGTH);
        memcpy(out, &h, sizeof(h));
}

size_t fcgi_stdout_size(size_t n)
{
        return n + (n + FCGI_STDOUT_MAX - 1) / FCGI_STDOUT_MAX * FCGI_HEADER_LEN;
}

/* An empty content adds nothing: an empty STDOUT record is the end of the stream. */
int fcgi_add_stdout(struct buf *out, uint16_t id, const void *p, size_t n)
{
        const uint8_t *from = p;
        size_t size = fcgi_stdout_size(n);
        uint8_t *at;
        int r;

        if (n == 0)
                return 0;
        r = buf_reserve(out, size, &at);
        if (r != 0)
                return r;
        while (n > 0) {
                size_t n_part = n < FCGI_STDOUT_MAX ? n : FCGI_STDOUT_MAX;

                fcgi_head(at, FCGI_STDOUT, id, n_part);
                memcpy(at + FCGI_HEADER_LEN, from, n_part);
                at += FCGI_HEADER_LEN + n_part;
                from += n_part;
                n -= n_part;
        }
        buf_commit(out, size);
        return 0;
}

int fcgi_add_end(struct buf *out, uint16_t id, uint8_t protocol_status)
{
        uint8_t empty[FCGI_HEADER_LEN];
        FCGI_EndRequestRecord end = {.body.protocolStatus = protocol_status};
        uint8_t both[sizeof(empty) + sizeof(end)];

        fcgi_head(empty, FCGI_STDOUT, id, 0);
        fcgi_head((uint8_t *)&end.header, FCGI_END_REQUEST, id, sizeof(end.body));
        memcpy(both, empty, sizeof(empty));
        memcpy(both + sizeof(empty), &end, sizeof(end));
        return buf_add(out, both, sizeof(both));
}

int fcgi_add_unknown_type(struct buf *out, uint8_t type)
{
        FCGI_UnknownTypeRecord rec = {.body.type = type};

        fcgi_head((uint8_t *)&rec.header, FCGI_UNKNOWN_TYPE, FCGI_NULL_REQUEST_ID,
                  sizeof(rec.body));
        return buf_add(out, &rec, sizeof(rec));
}

/* ---- what a web server says ---- */

static int add_record(struct buf *out, uint8_t type, uint16_t id, struct str content)
{
        uint8_t head[FCGI_HEADER_LEN];
        int r;

        fcgi_head(head, type, id, content.n);
        r = buf_add(out, head, sizeof(head));
        return r == 0 ? buf_add_str(out, content) : r;
}

int fcgi_add_begin(struct buf *out, uint16_t id, bool keep_conn)
{
        const FCGI_BeginRequestBody begin = {.roleB0 = FCGI_RESPONDER,
                                             .flags = keep_conn ? FCGI_KEEP_CONN : 0};

        return add_record(out, FCGI_BEGIN_REQUEST, id,
                          (struct str){(const char *)&begin, sizeof(begin)});
}

int fcgi_add_stream(struct buf *out, uint8_t type, uint16_t id, struct str content)
{
        int r = 0;

        while (r == 0 && content.n > 0) {
                size_t n = content.n < FCGI_MAX_LENGTH ? content.n : FCGI_MAX_LENGTH;

                r = add_record(out, type, id, (struct str){content.p, n});
                content = (struct str){content.p + n, content.n - n};
        }
        return r;
}

int fcgi_add_stream_end(struct buf *out, uint8_t type, uint16_t id)
{
        return add_record(out, type, id, STR(""));
}

/* Of four bytes, however short. */
static int add_length(struct buf *out, size_t n)
{
        const uint8_t length[4] = {(uint8_t)(0x80 | n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
                                   (uint8_t)n};

        return buf_add(out, length, sizeof(length));
}

int fcgi_add_pair(struct buf *out, struct str name, struct str value)
{
        int r = add_length(out, name.n);

        if (r == 0)
                r = add_length(out, value.n);
        if (r == 0)
                r = buf_add_str(out, name);
        return r == 0 ? buf_add_str(out, value) : r;
}

/* ---- values ---- */

enum { VALUE_MAX_CONNS, VALUE_MAX_REQS, VALUE_MPXS_CONNS, VALUE_COUNT };
static const char *const value_names[VALUE_COUNT] = {FCGI_MAX_CONNS, FCGI_MAX_REQS,
                                                     FCGI_MPXS_CONNS};

static int value_find(struct str name)
{
        int i = 0;

        while (i < VALUE_COUNT && !str_eq(name, str_from(value_names[i])))
                i++;
        return i;
}

/* A pair with lengths of one byte. */
static size_t value_write(uint8_t *out, int which, unsigned max_conns)
{
        size_t n_name = strlen(value_names[which]);
        /* One request a connection; a peer that multiplexes all the same is served, not invited. */
        unsigned value = which == VALUE_MPXS_CONNS ? 0 : max_conns;
        char text[16];
        size_t n_text = (size_t)snprintf(text, sizeof(text), "%u", value);

        out[0] = (uint8_t)n_name;
        out[1] = (uint8_t)n_text;
        memcpy(out + 2, value_names[which], n_name);
        memcpy(out + 2 + n_name, text, n_text);
        return 2 + n_name + n_text;
}

int fcgi_add_values_result(struct buf *out, const struct fcgi_record *get_values,
                           unsigned max_conns)
{
        struct str rest = {(const char *)get_values->content, get_values->n_content};
        struct str name;
        struct str value;
        uint8_t rec[128];
        size_t n = FCGI_HEADER_LEN;
        unsigned told = 0; /* a name asked for twice is told once: the answer has a bound */
        int r;

        while ((r = fcgi_pair_next(&rest, &name, &value)) == 0) {
                int which = value_find(name);

                if (which == VALUE_COUNT || (told & 1u << which) != 0)
                        continue;
                told |= 1u << which;
                n += value_write(rec + n, which, max_conns);
        }
        if (r != FCGI_E_MORE)
                return r;
        fcgi_head(rec, FCGI_GET_VALUES_RESULT, FCGI_NULL_REQUEST_ID, n - FCGI_HEADER_LEN);
        return buf_add(out, rec, n);
}

/* A length: one byte below 128, else four with the top bit set. 0, FCGI_E_BAD. */
static int pair_length(struct str *restp, size_t *np)
{
        const uint8_t *p = (const uint8_t *)restp->p;
        size_t n_bytes = restp->n > 0 && p[0] >= 0x80 ? 4 : 1;

        if (restp->n < n_bytes)
                return FCGI_E_BAD;
        if (n_bytes == 1)
                *np = p[0];
        else
                *np = (size_t)(p[0] & 0x7f) << 24 | (size_t)p[1] << 16 | be16(p[2], p[3]);
        restp->p += n_bytes;
        restp->n -= n_bytes;
        return 0;
}

int fcgi_pair_next(struct str *restp, struct str *namep, struct str *valuep)
{
        struct str rest = *restp;
        size_t n_name;
        size_t n_value;

        if (rest.n == 0)
                return FCGI_E_MORE;
        if (pair_length(&rest, &n_name) != 0 || pair_length(&rest, &n_value) != 0)
                return FCGI_E_BAD;
        if (n_name > rest.n || n_value > rest.n - n_name)
                return FCGI_E_BAD;
        *namep = (struct str){rest.p, n_name};
        *valuep = (struct str){rest.p + n_name, n_value};
        *restp = (struct str){rest.p + n_name + n_value, rest.n - n_name - n_value};
        return 0;
}

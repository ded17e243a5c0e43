/* The reader of server-sent events, fed with every cut. */
#include "../check.h"
#include "mgw/wire/sse.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void show_part(struct buf *seen, const char *label, struct str s)
{
        if (s.p == NULL)
                check_int(buf_addf(seen, "%s- ", label), 0);
        else
                check_int(buf_addf(seen, "%s<%.*s> ", label, STR_ARG(s)), 0);
}

static void show(struct buf *seen, const struct sse_event *ev)
{
        show_part(seen, "id", ev->id);
        show_part(seen, "name", ev->name);
        show_part(seen, "data", ev->data);
        check_int(buf_addf(seen, "retry %d\n", ev->retry_ms), 0);
}

/* Feeds one piece, in memory of exactly its size, until it is taken. What the last feed said. */
static int feed_piece(struct sse_reader *r, const char *bytes, size_t n, struct buf *seen)
{
        char *piece = malloc(n == 0 ? 1 : n);
        struct sse_event ev;
        char *at = piece;
        size_t used;
        int res;

        memcpy(piece, bytes, n);
        while ((res = sse_reader_feed(r, at, n, &used, &ev)) == 0) {
                show(seen, &ev);
                cr_assert_leq(used, n);
                at += used;
                n -= used;
        }
        if (res == SSE_E_MORE)
                check_int(used, n);
        free(piece);
        return res;
}

/* What is seen of a text fed whole. */
static void check_read(struct str text, const char *want)
{
        struct sse_reader r;
        struct buf seen;

        buf_init(&seen, 1 << 20);
        sse_reader_init(&r, 1000);
        check_int(feed_piece(&r, text.p, text.n, &seen), SSE_E_MORE);
        check_str(buf_bytes(&seen), str_from(want));
        sse_reader_finish(&r);
        sse_reader_finish(&r);
        buf_finish(&seen);
}

/* All line ends, a byte order mark, comments, each field, fields of no meaning, events with little
 * in them. */
#define RICH                                                                                       \
        STR("\xef\xbb\xbf: hi\r\nid: 1\rdata: a\r\ndata:b\ndata\n\n"                               \
            "event: ping\ndata:  two \r\r\n\r\n"                                                   \
            "retry: 30\nid:\r\n\r\n"                                                               \
            "nonsense: 1\ndata: \r\r"                                                              \
            "event: gone\n\ndata: {\"x\":1}\nid: 22\n\n: keep-alive\n\n"                           \
            "id\n\nretry: 1x\n\ndata: unfinished\n")

#define RICH_SEEN                                                                                  \
        STR("id<1> name<> data<a\nb\n> retry -1\n"                                                 \
            "id<1> name<ping> data< two > retry -1\n"                                              \
            "id- name<> data- retry 30\n"                                                          \
            "id- name<> data<> retry -1\n"                                                         \
            "id<22> name<> data<{\"x\":1}> retry -1\n"                                             \
            "id- name<> data- retry -1\n")

Test(sse_reader, every_split_same_records)
{
        struct str in = RICH;

        for (size_t cut1 = 0; cut1 <= in.n; cut1++) {
                for (size_t cut2 = cut1; cut2 <= in.n; cut2++) {
                        struct sse_reader r;
                        struct buf seen;

                        buf_init(&seen, 1 << 20);
                        sse_reader_init(&r, 1000);
                        check_int(feed_piece(&r, in.p, cut1, &seen), SSE_E_MORE);
                        check_int(feed_piece(&r, in.p + cut1, cut2 - cut1, &seen), SSE_E_MORE);
                        check_int(feed_piece(&r, in.p + cut2, in.n - cut2, &seen), SSE_E_MORE);
                        cr_assert(str_eq(buf_bytes(&seen), RICH_SEEN), "cut at %zu and %zu: %.*s",
                                  cut1, cut2, STR_ARG(buf_bytes(&seen)));
                        sse_reader_finish(&r);
                        buf_finish(&seen);
                }
        }
}

Test(sse_reader, byte_by_byte)
{
        struct str in = RICH;
        struct sse_reader r;
        struct buf seen;

        buf_init(&seen, 1 << 20);
        sse_reader_init(&r, 1000);
        for (size_t i = 0; i < in.n; i++)
                check_int(feed_piece(&r, in.p + i, 1, &seen), SSE_E_MORE);
        check_str(buf_bytes(&seen), RICH_SEEN);
        sse_reader_finish(&r);
        sse_reader_finish(NULL);
        buf_finish(&seen);
}

/* The examples of the HTML standard, 9.2.6. */
Test(sse_reader, examples_of_the_standard)
{
        check_read(STR("data: YHOO\ndata: +2\ndata: 10\n\n"),
                   "id- name<> data<YHOO\n+2\n10> retry -1\n");
        check_read(STR(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\n"
                       "data:  third event\n"),
                   "id<1> name<> data<first event> retry -1\n"
                   "id- name<> data<second event> retry -1\n");
        check_read(STR("data\n\ndata\ndata\n\ndata:"), "id- name<> data<> retry -1\n"
                                                       "id- name<> data<\n> retry -1\n");
        check_read(STR("data:test\n\ndata: test\n\n"), "id- name<> data<test> retry -1\n"
                                                       "id- name<> data<test> retry -1\n");
}

Test(sse_reader, fields_are_read_to_the_letter)
{
        check_read(STR("Data: x\n data: x\ndata : x\ndatax: y\n\n"), "");
        check_read(STR("data:a:b: c\n\n"), "id- name<> data<a:b: c> retry -1\n");
        check_read(STR("data:\tx\n\n"), "id- name<> data<\tx> retry -1\n");
        check_read(STR("event: a\nevent: b\ndata: x\n\ndata: y\n\n"),
                   "id- name<b> data<x> retry -1\nid- name<> data<y> retry -1\n");
        check_read(STR("event: a\n\ndata: y\n\n"), "id- name<> data<y> retry -1\n");
        check_read(STR("id: a\0b\ndata: x\n\n"), "id- name<> data<x> retry -1\n");
        check_read(STR("id: 1\ndata: x\n\nid: a\0b\n\ndata: y\n\n"),
                   "id<1> name<> data<x> retry -1\nid<1> name<> data<y> retry -1\n");
        check_read(STR("\xef\xbb\xbf\xef\xbb\xbf"
                       "data: x\n\n"),
                   "");
        check_read(STR("data: x\n\n\xef\xbb\xbf"
                       "data: y\n\n"),
                   "id- name<> data<x> retry -1\n");
}

Test(sse_reader, retry_is_digits)
{
        char want[64];

        check_read(STR("retry: 0\n\n"), "id- name<> data- retry 0\n");
        check_read(STR("retry:007\n\n"), "id- name<> data- retry 7\n");
        check_read(STR("retry: -1\n\nretry: 1.5\n\nretry\n\nretry:  1\n\nretry: 0x1\n\n"), "");
        snprintf(want, sizeof(want), "id- name<> data- retry %d\n", INT_MAX);
        check_read(STR("retry: 2147483647\n\n"), want);
        check_read(STR("retry: 2147483648\n\n"), want);
        check_read(STR("retry: 99999999999999999999999999\n\n"), want);
}

/* The cap is exact, and where the input is cut changes nothing. */
static int read_capped(struct str text, uint32_t max, size_t piece)
{
        struct sse_reader r;
        struct buf seen;
        int res = SSE_E_MORE;

        buf_init(&seen, 1 << 20);
        sse_reader_init(&r, max);
        for (size_t at = 0; at < text.n && res == SSE_E_MORE; at += piece) {
                size_t n = text.n - at < piece ? text.n - at : piece;

                res = feed_piece(&r, text.p + at, n, &seen);
        }
        sse_reader_finish(&r);
        buf_finish(&seen);
        return res;
}

Test(sse_reader, an_event_over_the_cap_is_big)
{
        for (size_t piece = 1; piece < 40; piece++) {
                /* a line of 12 bytes */
                check_int(read_capped(STR("data: 789012\n\n"), 12, piece), SSE_E_MORE);
                check_int(read_capped(STR("data: 789012\n\n"), 11, piece), SSE_E_BIG);
                check_int(read_capped(STR(": 3456789012\n\n"), 12, piece), SSE_E_MORE);
                check_int(read_capped(STR(": 3456789012\n\n"), 11, piece), SSE_E_BIG);
                /* data of 11 bytes in lines of 11 */
                check_int(read_capped(STR("data:123456\ndata:89\ndata:1\n\n"), 11, piece),
                          SSE_E_MORE);
                check_int(read_capped(STR("data:123456\ndata:89\ndata:12\n\n"), 11, piece),
                          SSE_E_BIG);
                check_int(read_capped(STR("data\ndata\ndata\ndata\ndata\n\n"), 4, piece),
                          SSE_E_MORE);
                check_int(read_capped(STR("data\ndata\ndata\ndata\ndata\ndata\n\n"), 4, piece),
                          SSE_E_BIG);
                /* many small ones are no big one, nor are comments without end */
                check_int(
                        read_capped(STR("data:12\n\ndata:12\n\ndata:12\n\ndata:12\n\n"), 7, piece),
                        SSE_E_MORE);
                check_int(read_capped(STR(":12345\n:12345\n:12345\n:12345\n:12345\n"), 7, piece),
                          SSE_E_MORE);
        }
}

Test(sse_reader, an_id_that_is_too_long_is_none)
{
        static char text[3000];
        struct sse_reader r;
        struct buf seen;

        snprintf(text, sizeof(text), "id: a\ndata: 1\n\nid: %0*d\ndata: 2\n\ndata: 3\n\nid: b\n\n",
                 SSE_ID_MAX_BYTES + 1, 0);
        buf_init(&seen, 1 << 20);
        sse_reader_init(&r, 10000);
        check_int(feed_piece(&r, text, strlen(text), &seen), SSE_E_MORE);
        check_str(buf_bytes(&seen), STR("id<a> name<> data<1> retry -1\n"
                                        "id- name<> data<2> retry -1\n"
                                        "id- name<> data<3> retry -1\n"
                                        "id<b> name<> data- retry -1\n"));
        sse_reader_finish(&r);
        buf_finish(&seen);
}

Test(sse_reader, holds_nothing_but_the_last_id_between_events)
{
        struct sse_reader r;
        struct buf seen;

        buf_init(&seen, 1000);
        sse_reader_init(&r, 1000);
        check_int(feed_piece(&r, "event: e\ndata: x\nid: 7\n\n: pa", 28, &seen), SSE_E_MORE);
        check_int(feed_piece(&r, "rt\n\n", 4, &seen), SSE_E_MORE);
        cr_assert_null(r.line.mem);
        cr_assert_null(r.data.mem);
        cr_assert_null(r.name.mem);
        check_str(buf_bytes(&r.last_id), STR("7"));
        sse_reader_finish(&r);
        buf_finish(&seen);
}

/* Lines of every length around the steps in which line ends are looked for. */
Test(sse_reader, long_lines_end_where_they_end)
{
        static const char *const ends[] = {"\n", "\r", "\r\n"};
        char *text = malloc(1000);

        memset(text, 'x', 1000);
        for (int n = 240; n < 800; n++) {
                struct sse_reader r;
                struct buf seen;
                struct buf want;
                struct buf in;

                buf_init(&in, 10000);
                buf_init(&want, 10000);
                buf_init(&seen, 10000);
                sse_reader_init(&r, 1000);
                check_int(buf_addf(&in, "data:%.*s%s: y\rdata:z\n\n", n, text, ends[n % 3]), 0);
                check_int(buf_addf(&want, "id- name<> data<%.*s\nz> retry -1\n", n, text), 0);
                check_int(feed_piece(&r, buf_bytes(&in).p, in.len, &seen), SSE_E_MORE);
                check_str(buf_bytes(&seen), buf_bytes(&want));
                sse_reader_finish(&r);
                buf_finish(&in);
                buf_finish(&want);
                buf_finish(&seen);
        }
        free(text);
}

/* Megabytes of nothing but line ends of one kind must not take quadratic time. */
Test(sse_reader, line_ends_alone_are_cheap, .timeout = 20)
{
        size_t n = 4 << 20;
        char *text = malloc(n);
        struct sse_reader r;
        struct buf seen;

        buf_init(&seen, 1000);
        sse_reader_init(&r, 1000);
        memset(text, '\r', n);
        check_int(feed_piece(&r, text, n, &seen), SSE_E_MORE);
        memset(text, '\n', n);
        check_int(feed_piece(&r, text, n, &seen), SSE_E_MORE);
        check_int(seen.len, 0);
        sse_reader_finish(&r);
        free(text);
}

/* Gathers the pieces of one line that is given as it comes, and then the events behind it. */
static void check_given(const char *text, size_t n_before, const char *data, const char *events)
{
        for (size_t n = 1; n < strlen(text) - n_before; n++) {
                struct str rest = {text + n_before, strlen(text) - n_before};
                struct sse_reader r;
                struct sse_event ev;
                struct buf given, seen;
                struct str piece;
                size_t used;
                int res = SSE_E_PIECE;

                buf_init(&given, 1 << 20);
                buf_init(&seen, 1 << 20);
                sse_reader_init(&r, 1000);
                check_int(feed_piece(&r, text, n_before, &seen), SSE_E_MORE);
                cr_assert(sse_reader_peek_data(&r, &piece));
                check_int(buf_add_str(&given, piece), 0);
                sse_reader_give_data(&r);
                check_int(sse_reader_pending(&r), 0);
                while (res == SSE_E_PIECE) {
                        res = sse_reader_feed(&r, rest.p, rest.n < n ? rest.n : n, &used, &ev);
                        cr_assert(res == SSE_E_PIECE || res == SSE_E_PIECE_LAST);
                        check_int(buf_add_str(&given, ev.data), 0);
                        rest = (struct str){rest.p + used, rest.n - used};
                }
                check_str(buf_bytes(&given), str_from(data));
                check_int(feed_piece(&r, rest.p, rest.n, &seen), SSE_E_MORE);
                check_str(buf_bytes(&seen), str_from(events));
                sse_reader_finish(&r);
                buf_finish(&given);
                buf_finish(&seen);
        }
}

Test(sse_reader, a_big_events_data_is_given_as_it_comes)
{
        check_given("data: 0123456789\n\ndata: next\n\n", 9, "0123456789",
                    "id- name<> data<next> retry -1\n");
        check_given("event: message\nid: 7\ndata:0123456789\r\n\r\ndata: next\n\n", 30,
                    "0123456789",
                    "id<7> name<message> data- retry -1\nid<7> name<> data<next> retry -1\n");
}

Test(sse_reader, only_the_first_data_of_an_event_is_given)
{
        static const char *const texts[] = {"data: a\ndata: b", "event: data", ": data: x", "dat"};

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                struct sse_reader r;
                struct buf seen;
                struct str piece;

                buf_init(&seen, 1 << 20);
                sse_reader_init(&r, 1000);
                check_int(feed_piece(&r, texts[i], strlen(texts[i]), &seen), SSE_E_MORE);
                cr_assert(!sse_reader_peek_data(&r, &piece), "%s", texts[i]);
                sse_reader_finish(&r);
                buf_finish(&seen);
        }
}

/* Server-sent events from an upstream: the same events wherever the input is cut, and each, written
 * again, is read again as it was. The first two bytes of an input choose where it is cut. */
#include "fuzz.h"
#include "mgw/wire/sse.h"

/* Small, so that inputs pass it. */
#define CAP 64

static void show_part(struct buf *seen, struct str s)
{
        REQUIRE(buf_addf(seen, "%d %zu:", s.p != NULL, s.n) == 0);
        REQUIRE(buf_add_str(seen, s) == 0);
}

static void show(struct buf *seen, const struct sse_event *ev)
{
        show_part(seen, ev->id);
        show_part(seen, ev->name);
        show_part(seen, ev->data);
        REQUIRE(buf_addf(seen, "%d\n", ev->retry_ms) == 0);
}

static bool same(struct str a, struct str b)
{
        return (a.p == NULL) == (b.p == NULL) && str_eq(a, b);
}

static void check_again(const struct sse_event *ev)
{
        struct sse_event again;
        struct sse_reader r;
        struct buf out;
        size_t used;
        int res;

        buf_init(&out, 1 << 20);
        sse_reader_init(&r, 10 * CAP);
        res = sse_add_event(&out, ev);
        if (res == 0) {
                REQUIRE(sse_reader_feed(&r, buf_bytes(&out).p, out.len, &used, &again) == 0);
                REQUIRE(used == out.len);
                REQUIRE(same(ev->id, again.id));
                REQUIRE(str_eq(ev->name, again.name));
                REQUIRE(same(ev->data, again.data));
                REQUIRE(ev->retry_ms == again.retry_ms);
        } else {
                /* only a name with NUL, or an id taken back and nothing else, cannot be written */
                REQUIRE(memchr(ev->name.p, '\0', ev->name.n) != NULL ||
                        (ev->id.p == NULL && ev->data.p == NULL && ev->retry_ms < 0));
        }
        sse_reader_finish(&r);
        buf_finish(&out);
}

/* All events, in a form to compare. What the last feed said. */
static int read_events(const uint8_t *p, size_t n, struct cuts *cuts, struct buf *seen)
{
        struct sse_reader r;
        struct sse_event ev;
        int res;

        sse_reader_init(&r, CAP);
        do {
                size_t n_piece = cuts == NULL ? n : cuts_next(cuts, n);
                char *piece = exact_copy(p, n_piece);
                size_t at = 0;
                size_t used;

                while ((res = sse_reader_feed(&r, piece + at, n_piece - at, &used, &ev)) == 0) {
                        REQUIRE(used > 0 && used <= n_piece - at);
                        REQUIRE(ev.data.n <= CAP);
                        show(seen, &ev);
                        check_again(&ev);
                        at += used;
                }
                REQUIRE(res == SSE_E_BIG || at + used == n_piece);
                free(piece);
                p += n_piece;
                n -= n_piece;
        } while (n > 0 && res == SSE_E_MORE);
        sse_reader_finish(&r);
        return res;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct cuts cuts;
        struct buf whole;
        struct buf cut;

        if (size < 2)
                return 0;
        cuts.state = (uint32_t)data[0] << 8 | data[1];
        buf_init(&whole, 1 << 26);
        buf_init(&cut, 1 << 26);
        REQUIRE(read_events(data + 2, size - 2, NULL, &whole) ==
                read_events(data + 2, size - 2, &cuts, &cut));
        REQUIRE(str_eq(buf_bytes(&whole), buf_bytes(&cut)));
        buf_finish(&whole);
        buf_finish(&cut);
        return 0;
}

/* The reader of FastCGI records, fed with every cut. Each piece lies in memory of exactly its size,
 * so that a sanitizer sees a read past it. */
#include "../check.h"
#include "mgw/wire/fcgi.h"
#include "records.h"

#include <fastcgi.h>
#include <stdlib.h>
#include <string.h>

/* Writes what was read as text, one line a record. */
static void show(struct buf *seen, const struct fcgi_record *rec)
{
        check_int(buf_addf(seen, "%u %u %zu ", rec->type, rec->id, rec->n_content), 0);
        check_int(buf_add(seen, rec->content, rec->n_content), 0);
        check_int(buf_add(seen, "\n", 1), 0);
}

/* Feeds one piece until it is taken. FCGI_E_MORE or FCGI_E_BAD. */
static int feed_piece(struct fcgi_reader *r, const uint8_t *bytes, size_t n, struct buf *seen)
{
        uint8_t *piece = malloc(n == 0 ? 1 : n);
        uint8_t *at = piece;
        struct fcgi_record rec;
        size_t used;
        int res;

        if (n > 0)
                memcpy(piece, bytes, n);
        while ((res = fcgi_reader_feed(r, at, n, &used, &rec)) == 0) {
                show(seen, &rec);
                cr_assert_leq(used, n);
                at += used;
                n -= used;
        }
        if (res == FCGI_E_MORE)
                check_int(used, n);
        free(piece);
        return res;
}

/* A small input with all that may come: padding none and much, empty content, unknown types,
 * management records, ids of two bytes. */
static void rich_input(struct buf *in)
{
        buf_init(in, 4096);
        record_add_begin(in, 1, FCGI_RESPONDER, 0);
        record_add(in, FCGI_PARAMS, 1, STR("\1\1ab"), 3);
        record_add(in, FCGI_PARAMS, 1, STR(""), 0);
        record_add(in, FCGI_GET_VALUES, 0, STR(""), 1);
        record_add(in, 200, 0xabcd, STR("?"), 0);
        record_add(in, FCGI_STDIN, 1, STR("x\0y"), 5);
        record_add(in, FCGI_STDIN, 1, STR(""), 2);
        record_add(in, FCGI_ABORT_REQUEST, 1, STR(""), 0);
}

#define RICH_SEEN                                                                                  \
        STR("1 1 8 \0\1\0\0\0\0\0\0\n"                                                             \
            "4 1 4 \1\1ab\n"                                                                       \
            "4 1 0 \n"                                                                             \
            "9 0 0 \n"                                                                             \
            "200 43981 1 ?\n"                                                                      \
            "5 1 3 x\0y\n"                                                                         \
            "5 1 0 \n"                                                                             \
            "2 1 0 \n")

static void check_split(struct str in, size_t cut1, size_t cut2)
{
        const uint8_t *p = (const uint8_t *)in.p;
        struct fcgi_reader r;
        struct buf seen;

        fcgi_reader_init(&r);
        buf_init(&seen, 1 << 20);
        check_int(feed_piece(&r, p, cut1, &seen), FCGI_E_MORE);
        check_int(feed_piece(&r, p + cut1, cut2 - cut1, &seen), FCGI_E_MORE);
        check_int(feed_piece(&r, p + cut2, in.n - cut2, &seen), FCGI_E_MORE);
        cr_assert(str_eq(buf_bytes(&seen), RICH_SEEN), "cut at %zu and %zu", cut1, cut2);
        cr_assert_null(r.partial.mem, "memory held between records");
        fcgi_reader_finish(&r);
        buf_finish(&seen);
}

Test(fcgi_reader, every_split_same_records)
{
        struct buf in;
        struct str s;

        rich_input(&in);
        s = buf_bytes(&in);
        for (size_t cut1 = 0; cut1 <= s.n; cut1++) {
                for (size_t cut2 = cut1; cut2 <= s.n; cut2++)
                        check_split(s, cut1, cut2);
        }
        buf_finish(&in);
}

Test(fcgi_reader, byte_by_byte)
{
        struct fcgi_reader r;
        struct buf in;
        struct buf seen;

        rich_input(&in);
        fcgi_reader_init(&r);
        buf_init(&seen, 1 << 20);
        for (uint32_t i = 0; i < in.len; i++) {
                const uint8_t *byte = (const uint8_t *)buf_bytes(&in).p + i;

                check_int(feed_piece(&r, byte, 1, &seen), FCGI_E_MORE);
        }
        check_str(buf_bytes(&seen), RICH_SEEN);
        fcgi_reader_finish(&r);
        buf_finish(&in);
        buf_finish(&seen);
}

/* 8 + 65535 + 255 bytes between two small ones, in pieces of many sizes. */
Test(fcgi_reader, the_longest_record_in_pieces_of_any_size)
{
        char *content = malloc(65535);
        struct fcgi_reader r;
        struct buf in;
        struct buf seen;
        struct buf want;

        for (size_t i = 0; i < 65535; i++)
                content[i] = (char)(i * 7 + i / 251);
        buf_init(&in, 1 << 20);
        buf_init(&want, 1 << 20);
        record_add(&in, FCGI_STDIN, 3, STR("a"), 7);
        record_add(&in, FCGI_STDIN, 3, (struct str){content, 65535}, 255);
        record_add(&in, FCGI_STDIN, 3, STR("b"), 0);
        check_int(buf_addf(&want, "5 3 1 a\n5 3 65535 "), 0);
        check_int(buf_add(&want, content, 65535), 0);
        check_int(buf_addf(&want, "\n5 3 1 b\n"), 0);
        for (size_t size = 1; size < 2u * in.len; size += size / 2 + 1) {
                struct str s = buf_bytes(&in);

                fcgi_reader_init(&r);
                buf_init(&seen, 1 << 20);
                for (size_t at = 0; at < s.n; at += size) {
                        size_t n = s.n - at < size ? s.n - at : size;

                        check_int(feed_piece(&r, (const uint8_t *)s.p + at, n, &seen), FCGI_E_MORE);
                }
                cr_assert(str_eq(buf_bytes(&seen), buf_bytes(&want)), "pieces of %zu", size);
                fcgi_reader_finish(&r);
                buf_finish(&seen);
        }
        buf_finish(&in);
        buf_finish(&want);
        free(content);
}

Test(fcgi_reader, a_whole_record_is_borrowed_from_the_input)
{
        struct fcgi_record rec;
        struct fcgi_reader r;
        struct buf in;
        size_t used;

        buf_init(&in, 1000);
        record_add(&in, FCGI_STDIN, 1, STR("body"), 4);
        fcgi_reader_init(&r);
        check_int(fcgi_reader_feed(&r, in.mem, in.len, &used, &rec), 0);
        check_int(used, 16);
        cr_assert_eq(rec.content, in.mem + 8);
        cr_assert_null(r.partial.mem);
        fcgi_reader_finish(&r);
        fcgi_reader_finish(NULL);
        buf_finish(&in);
}

Test(fcgi_reader, a_promise_of_much_costs_little)
{
        static const uint8_t head[8] = {1, FCGI_STDIN, 0, 1, 0xff, 0xff, 255, 0};
        struct fcgi_record rec;
        struct fcgi_reader r;
        size_t used;

        fcgi_reader_init(&r);
        check_int(fcgi_reader_feed(&r, head, sizeof(head), &used, &rec), FCGI_E_MORE);
        cr_assert_leq(r.partial.size, 64);
        fcgi_reader_finish(&r);
        cr_assert_null(r.partial.mem);
}

/* Another version is known at its first byte, wherever the pieces end. */
Test(fcgi_reader, garbage_is_bad_at_its_first_byte)
{
        static const char *const garbage[] = {"GET / HTTP/1.1\r\n\r\n", "\2", "\0",
                                              "\2\1\0\1\0\0\0\0"};
        struct buf in;

        for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
                struct str s;
                size_t start;

                buf_init(&in, 4096);
                record_add(&in, FCGI_STDIN, 1, STR("x"), 1);
                start = in.len;
                check_int(buf_add(&in, garbage[i], i == 2 ? 1 : strlen(garbage[i])), 0);
                s = buf_bytes(&in);
                for (size_t cut = 0; cut <= start; cut++) {
                        const uint8_t *p = (const uint8_t *)s.p;
                        struct fcgi_reader r;
                        struct buf seen;

                        fcgi_reader_init(&r);
                        buf_init(&seen, 1000);
                        check_int(feed_piece(&r, p, cut, &seen), FCGI_E_MORE);
                        check_int(feed_piece(&r, p + cut, s.n - cut, &seen), FCGI_E_BAD);
                        check_str(buf_bytes(&seen), STR("5 1 1 x\n"));
                        fcgi_reader_finish(&r);
                        buf_finish(&seen);
                }
                buf_finish(&in);
        }
}

Test(fcgi_reader, begin_tells_role_and_keep_conn)
{
        struct fcgi_record rec = {FCGI_BEGIN_REQUEST, 1, (const uint8_t *)"\1\2\1\0\0\0\0\0\0", 8};
        uint16_t role;
        bool keep_conn;

        check_int(fcgi_begin_decode(&rec, &role, &keep_conn), 0);
        check_int(role, 0x102);
        cr_assert(keep_conn);
        rec.content = (const uint8_t *)"\0\1\xfe\0\0\0\0\0";
        check_int(fcgi_begin_decode(&rec, &role, &keep_conn), 0);
        check_int(role, FCGI_RESPONDER);
        cr_assert_not(keep_conn);
        rec.n_content = 7;
        check_int(fcgi_begin_decode(&rec, &role, &keep_conn), FCGI_E_BAD);
        rec.n_content = 9;
        check_int(fcgi_begin_decode(&rec, &role, &keep_conn), FCGI_E_BAD);
}

static int next_pair(struct str *rest, struct str *name, struct str *value)
{
        *name = *value = STR("untouched");
        return fcgi_pair_next(rest, name, value);
}

Test(fcgi_pairs, lengths_of_one_and_four_bytes)
{
        static const size_t lengths[] = {0, 1, 127, 128, 255, 256, 65536, 70000};
        size_t n_lengths = sizeof(lengths) / sizeof(lengths[0]);
        char *text = malloc(70000);
        struct str name;
        struct str value;
        struct str rest;
        struct buf in;

        memset(text, 't', 70000);
        buf_init(&in, 1 << 24);
        for (size_t i = 0; i < n_lengths * n_lengths * 2; i++)
                pair_add(&in, (struct str){text, lengths[i / 2 % n_lengths]},
                         (struct str){text, lengths[i / 2 / n_lengths]}, i % 2 == 1);
        rest = buf_bytes(&in);
        for (size_t i = 0; i < n_lengths * n_lengths * 2; i++) {
                check_int(next_pair(&rest, &name, &value), 0);
                check_int(name.n, lengths[i / 2 % n_lengths]);
                check_int(value.n, lengths[i / 2 / n_lengths]);
                cr_assert_eq(value.p, name.p + name.n);
        }
        check_int(next_pair(&rest, &name, &value), FCGI_E_MORE);
        buf_finish(&in);
        free(text);
}

/* Every beginning of two pairs is either one pair and nothing more, or bad; nothing is read past
 * its end. */
Test(fcgi_pairs, cut_short_anywhere_is_bad)
{
        struct str name;
        struct str value;
        struct buf in;

        for (int is_long = 0; is_long < 2; is_long++) {
                size_t n_one = is_long ? 8 + 5 : 2 + 5;

                buf_init(&in, 1000);
                pair_add(&in, STR("ab"), STR("cde"), is_long);
                pair_add(&in, STR("fg"), STR("hij"), is_long);
                for (size_t n = 0; n < in.len; n++) {
                        char *exact = malloc(n == 0 ? 1 : n);
                        struct str rest = {exact, n};
                        int r;

                        memcpy(exact, buf_bytes(&in).p, n);
                        while ((r = next_pair(&rest, &name, &value)) == 0)
                                continue;
                        check_int(r, n % n_one == 0 ? FCGI_E_MORE : FCGI_E_BAD);
                        free(exact);
                }
                buf_finish(&in);
        }
}

Test(fcgi_pairs, lengths_that_lie_are_bad)
{
        static const struct str lies[] = {
                {"\xff\xff\xff\xff\xff\xff\xff\xff", 8},
                {"\x80\x00\x00\x02\x01x", 6},
                {"\x02\x00x", 3},
                {"\x01\xff\xff\xff\xffxxxx", 9},
        };
        struct str name;
        struct str value;

        for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
                struct str rest = lies[i];

                cr_assert_eq(next_pair(&rest, &name, &value), FCGI_E_BAD, "lie %zu", i);
        }
}

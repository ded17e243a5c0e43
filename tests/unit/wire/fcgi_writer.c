/* The exact bytes of what we write, from the specification and not from our reader. */
#include "../check.h"
#include "mgw/wire/fcgi.h"
#include "records.h"

#include <fastcgi.h>
#include <stdlib.h>
#include <string.h>

#define check_buf(b, lit)                                                                          \
        do {                                                                                       \
                check_str(buf_bytes(b), STR(lit));                                                 \
                buf_consume(b, (b)->len);                                                          \
        } while (0)

static struct buf out;

static void set_up(void)
{
        buf_init(&out, 1 << 20);
}

static void tear_down(void)
{
        buf_finish(&out);
}

TestSuite(fcgi_writer, .init = set_up, .fini = tear_down);

Test(fcgi_writer, head)
{
        uint8_t head[8];

        fcgi_head(head, FCGI_STDOUT, 0x1234, 0xabcd);
        check_str(((struct str){(char *)head, 8}), STR("\1\6\x12\x34\xab\xcd\0\0"));
}

Test(fcgi_writer, stdout_records)
{
        check_int(fcgi_add_stdout(&out, 1, "hello", 5), 0);
        check_buf(&out, "\1\6\0\1\0\5\0\0hello");
        check_int(fcgi_add_stdout(&out, 1, NULL, 0), 0);
        check_int(out.len, 0);
}

Test(fcgi_writer, stdout_is_split_at_16_kib)
{
        static const size_t lengths[] = {16383, 16384, 16385, 32768, 40000};
        char *text = malloc(40000);

        memset(text, 's', 40000);
        for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
                struct buf want;

                buf_init(&want, 1 << 20);
                for (size_t at = 0; at < lengths[i]; at += 16384) {
                        size_t n = lengths[i] - at < 16384 ? lengths[i] - at : 16384;

                        record_add(&want, FCGI_STDOUT, 7, (struct str){text, n}, 0);
                        want.mem[want.head + at / 16384 * (16384 + 8) + 7] = 0; /* reserved */
                }
                check_int(fcgi_add_stdout(&out, 7, text, lengths[i]), 0);
                cr_assert(str_eq(buf_bytes(&out), buf_bytes(&want)), "%zu bytes", lengths[i]);
                check_int(fcgi_stdout_size(lengths[i]), out.len);
                buf_consume(&out, out.len);
                buf_finish(&want);
        }
        check_int(fcgi_stdout_size(0), 0);
        free(text);
}

Test(fcgi_writer, end)
{
        check_int(fcgi_add_end(&out, 0x102, FCGI_REQUEST_COMPLETE), 0);
        check_buf(&out, "\1\6\1\2\0\0\0\0"
                        "\1\3\1\2\0\10\0\0"
                        "\0\0\0\0\0\0\0\0");
        check_int(fcgi_add_end(&out, 1, FCGI_UNKNOWN_ROLE), 0);
        check_buf(&out, "\1\6\0\1\0\0\0\0"
                        "\1\3\0\1\0\10\0\0"
                        "\0\0\0\0\3\0\0\0");
}

Test(fcgi_writer, begin)
{
        check_int(fcgi_add_begin(&out, 0x102, false), 0);
        check_buf(&out, "\1\1\1\2\0\10\0\0\0\1\0\0\0\0\0\0");
        check_int(fcgi_add_begin(&out, 1, true), 0);
        check_buf(&out, "\1\1\0\1\0\10\0\0\0\1\1\0\0\0\0\0");
}

Test(fcgi_writer, streams)
{
        static char text[65536];

        check_int(fcgi_add_stream(&out, FCGI_STDIN, 1, STR("body")), 0);
        check_int(fcgi_add_stream(&out, FCGI_STDIN, 1, STR("")), 0);
        check_int(fcgi_add_stream_end(&out, FCGI_PARAMS, 1), 0);
        check_buf(&out, "\1\5\0\1\0\4\0\0body"
                        "\1\4\0\1\0\0\0\0");
        memset(text, 'b', sizeof(text));
        check_int(fcgi_add_stream(&out, FCGI_STDIN, 1, (struct str){text, sizeof(text)}), 0);
        check_int(out.len, 8 + 65535 + 8 + 1);
        buf_consume(&out, 8 + 65535);
        check_buf(&out, "\1\5\0\1\0\1\0\0b");
}

Test(fcgi_writer, pairs)
{
        check_int(fcgi_add_pair(&out, STR("NAME"), STR("")), 0);
        check_buf(&out, "\x80\0\0\4\x80\0\0\0NAME");
}

Test(fcgi_writer, unknown_type)
{
        check_int(fcgi_add_unknown_type(&out, 0xfe), 0);
        check_buf(&out, "\1\13\0\0\0\10\0\0\xfe\0\0\0\0\0\0\0");
}

/* The answer to GET_VALUES with these pairs. */
static int add_values(struct str pairs)
{
        struct fcgi_record rec = {FCGI_GET_VALUES, 0, (const uint8_t *)pairs.p, pairs.n};

        return fcgi_add_values_result(&out, &rec, 45000);
}

Test(fcgi_writer, values_that_were_asked_for)
{
        check_int(add_values(STR("\17\0FCGI_MPXS_CONNS\15\0FCGI_MAX_REQS\16\0FCGI_MAX_CONNS")), 0);
        check_buf(&out, "\1\12\0\0\0\73\0\0"
                        "\17\1FCGI_MPXS_CONNS0"
                        "\15\5FCGI_MAX_REQS45000"
                        "\16\5FCGI_MAX_CONNS45000");
        check_int(add_values(STR("\15\0FCGI_MAX_REQS\15\0FCGI_MAX_REQS\3\2abcde")), 0);
        check_buf(&out, "\1\12\0\0\0\24\0\0\15\5FCGI_MAX_REQS45000");
        check_int(add_values(STR("")), 0);
        check_buf(&out, "\1\12\0\0\0\0\0\0");
        check_int(add_values(STR("\15\0FCGI_MAX")), FCGI_E_BAD);
        check_int(out.len, 0);
}

/* Nothing is added in part, whatever the room. */
Test(fcgi_writer, all_or_nothing)
{
        char text[20000] = {0};

        for (uint32_t room = 0; room < 20016; room += 13) {
                buf_finish(&out);
                buf_init(&out, room);
                check_int(fcgi_add_stdout(&out, 1, text, sizeof(text)), BUF_E_FULL);
                check_int(out.len, 0);
        }
        buf_init(&out, 23);
        check_int(fcgi_add_end(&out, 1, 0), BUF_E_FULL);
        check_int(out.len, 0);
        buf_init(&out, 24);
        check_int(fcgi_add_end(&out, 1, 0), 0);
        buf_finish(&out);
        buf_init(&out, 20016);
        check_int(fcgi_add_stdout(&out, 1, text, sizeof(text)), 0);
}

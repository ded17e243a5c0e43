/* HTTP/1.1 to FastCGI records and back, however it is cut. */
#include "mgw/wire/http1.h"
#include "../check.h"

#include <fastcgi.h>

struct seen {
        struct buf text; /* "TYPE:CONTENT|" each; STDIN joined */
        uint8_t last_type;
};

static void see(void *owner, const struct fcgi_record *rec)
{
        struct seen *seen = owner;
        struct str rest = {(const char *)rec->content, rec->n_content}, name, value;

        cr_assert_eq(rec->id, 1);
        if (rec->type == FCGI_PARAMS)
                while (fcgi_pair_next(&rest, &name, &value) == 0)
                        cr_assert_eq(
                                buf_addf(&seen->text, "%.*s=%.*s\n", STR_ARG(name), STR_ARG(value)),
                                0);
        else if (rec->type == FCGI_STDIN)
                cr_assert_eq(buf_add(&seen->text, rec->content, rec->n_content), 0);
        if (rec->n_content == 0)
                cr_assert_eq(buf_addf(&seen->text, "<%u>", rec->type), 0);
}

/* Fed in pieces of n bytes; the text is the caller's. */
static int feed(struct str request, size_t n, uint32_t head_max, struct buf *text)
{
        struct seen seen = {0};
        struct http1 *h = http1_create(head_max, see, &seen);
        int r = 0;

        buf_init(&seen.text, 1 << 20);
        while (request.n > 0 && r == 0) {
                size_t take = n < request.n ? n : request.n;

                r = http1_feed(h, (const uint8_t *)request.p, take);
                request.p += take;
                request.n -= take;
        }
        http1_destroy(h);
        *text = seen.text;
        return r;
}

static void expect(const char *request, int outcome, const char *expected)
{
        for (size_t n = 1; n <= strlen(request); n++) {
                struct buf text;

                cr_assert_eq(feed(str_from(request), n, 8192, &text), outcome, "in pieces of %zu",
                             n);
                if (expected != NULL)
                        cr_assert(str_eq(buf_bytes(&text), str_from(expected)),
                                  "in pieces of %zu: %.*s", n, STR_ARG(buf_bytes(&text)));
                buf_finish(&text);
        }
}

Test(http1, a_chunked_post_becomes_records)
{
        expect("POST /mcp?a=1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
               "mgw-remote-addr: 10.0.0.1\r\nMcp-Param-a_b: q\r\nX-Empty:\r\n"
               "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nT: v\r\n\r\n",
               0,
               "REQUEST_METHOD=POST\nREQUEST_URI=/mcp?a=1\nHTTP_HOST=x\nCONTENT_TYPE=application/"
               "json\n"
               "REMOTE_ADDR=10.0.0.1\nHTTP_MCP_PARAM_A_B=q\nHTTP_X_EMPTY=\n"
               "HTTP_TRANSFER_ENCODING=chunked\n<4>hello!<5>");
}

Test(http1, what_begins_a_second_request_is_not_read)
{
        expect("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nabPOST /admin HTTP/1.1\r\n\r\n", 0,
               "REQUEST_METHOD=POST\nREQUEST_URI=/\nCONTENT_LENGTH=2\n<4>ab<5>");
}

Test(http1, nothing_but_a_sound_post_is_taken)
{
        static const char *const bad[] = {
                "GET / HTTP/1.1\r\n\r\n",
                "CONNECT x:1 HTTP/1.1\r\n\r\n",
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
                "POST\r\n\r\n",
                "POST / HTTP/1.1\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        };

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct buf text;

                cr_assert_eq(feed(str_from(bad[i]), 1000, 8192, &text), HTTP1_E_BAD, "%s", bad[i]);
                buf_finish(&text);
        }
}

Test(http1, a_head_has_a_cap)
{
        struct buf text, request;

        buf_init(&request, 1 << 20);
        cr_assert_eq(buf_addf(&request, "POST / HTTP/1.1\r\nX: %0*d\r\n\r\n", 3000, 1), 0);
        cr_assert_eq(feed(buf_bytes(&request), 100, 2000, &text), HTTP1_E_FULL);
        buf_finish(&text);
        cr_assert_eq(feed(buf_bytes(&request), 100, 4000, &text), 0);
        buf_finish(&text);
        buf_finish(&request);
}

static void ignore(void *owner, const struct fcgi_record *rec)
{
        (void)owner;
        (void)rec;
}

/* One record each. */
static void answer(struct buf *out, const char *const *contents, size_t n_piece)
{
        struct http1 *h = http1_create(1000, ignore, NULL);
        struct buf records;

        buf_init(out, 1 << 20);
        buf_init(&records, 1 << 20);
        for (; *contents != NULL; contents++)
                cr_assert_eq(fcgi_add_stdout(&records, 1, *contents, strlen(*contents)), 0);
        cr_assert_eq(fcgi_add_end(&records, 1, FCGI_REQUEST_COMPLETE), 0);
        for (size_t i = 0; i < records.len; i += n_piece) {
                size_t n = records.len - i < n_piece ? records.len - i : n_piece;

                cr_assert_eq(http1_answer(h, out, buf_bytes(&records).p + i, n), 0);
        }
        buf_finish(&records);
        http1_destroy(h);
}

static void expect_answer(const char *const *contents, const char *expected)
{
        for (size_t n = 1; n < 200; n++) {
                struct buf out;

                answer(&out, contents, n);
                cr_assert(str_eq(buf_bytes(&out), str_from(expected)), "in pieces of %zu: %.*s", n,
                          STR_ARG(buf_bytes(&out)));
                buf_finish(&out);
        }
}

Test(http1, an_answer_of_a_length_goes_out_as_it_is)
{
        expect_answer(
                (const char *[]){"Status: 404 Not Found\r\nContent-Length: 2\r\n\r\n", "no", NULL},
                "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
}

Test(http1, a_stream_goes_out_in_chunks_so_that_its_end_is_told)
{
        expect_answer((const char *[]){"Status: 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
                                       ": stream open\n\n", ": keep-alive\n\n", NULL},
                      "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
                      "Content-Type: text/event-stream\r\n\r\n"
                      "f\r\n: stream open\n\n\r\ne\r\n: keep-alive\n\n\r\n0\r\n\r\n");
}

Test(http1, an_answer_without_a_body_has_no_chunks)
{
        expect_answer((const char *[]){"Status: 204 No Content\r\n\r\n", NULL},
                      "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
}

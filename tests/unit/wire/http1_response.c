/* Answers over HTTP/1.1, however they are cut. */
#include "mgw/wire/http1_response.h"
#include "../check.h"

#include <criterion/criterion.h>
#include <string.h>

#define HEAD_MAX_BYTES 400

/* What is told of one, as text: "[STATUS type,location,retry,session]" (and what more is said), the
 * body, "." or "..", where the connection may be kept, and what was left of the bytes. */
struct told {
        struct buf text;
        int r;
};

static void tell_head(struct told *told, const struct http1_response *r)
{
        cr_assert_eq(buf_addf(&told->text, "[%u", http1_response_status(r)), 0);
        for (int i = 0; i <= HTTP1_WWW_AUTHENTICATE; i++) {
                /* most answers have neither of the last two */
                struct str value = http1_response_field(r, (enum http1_field)i);

                cr_assert_eq(value.p[value.n], '\0');
                cr_assert_eq(strlen(value.p), value.n);
                if (i <= HTTP1_SESSION_ID || value.n > 0)
                        cr_assert_eq(buf_addf(&told->text, "%s%s", i == 0 ? " " : ",", value.p), 0);
        }
        cr_assert_eq(buf_add_str(&told->text, STR("]")), 0);
}

static void tell(struct told *told, const struct http1_response *r, int outcome, struct str piece)
{
        told->r = outcome;
        if (outcome == HTTP1_RESPONSE_HEAD)
                tell_head(told, r);
        else if (outcome == HTTP1_RESPONSE_BODY)
                cr_assert_eq(buf_add_str(&told->text, piece), 0);
        else if (outcome == HTTP1_RESPONSE_END)
                cr_assert_eq(buf_add_str(&told->text, STR("..")), 0);
        if (outcome == HTTP1_RESPONSE_END && !http1_response_keeps(r))
                buf_add_str(&told->text, STR("closes"));
}

static bool is_final(int r)
{
        return r < 0 || r >= HTTP1_RESPONSE_END;
}

/* Fed by n bytes; closed behind them if they have no end. */
static void feed(struct told *told, struct str answer, size_t n, bool is_bodyless)
{
        struct http1_response r;
        struct str piece = {"", 0};
        size_t used;

        http1_response_init(&r, HEAD_MAX_BYTES, is_bodyless);
        buf_init(&told->text, 1 << 20);
        told->r = HTTP1_RESPONSE_MORE;
        while (answer.n > 0 && !is_final(told->r)) {
                struct str part = {answer.p, n < answer.n ? n : answer.n};

                answer.p += part.n;
                answer.n -= part.n;
                while (part.n > 0 && !is_final(told->r)) {
                        tell(told, &r, http1_response_feed(&r, part.p, part.n, &used, &piece),
                             piece);
                        cr_assert_leq(used, part.n);
                        part.p += used;
                        part.n -= used;
                }
                answer.p -= part.n;
                answer.n += part.n;
        }
        if (!is_final(told->r))
                tell(told, &r, http1_response_close(&r), piece);
        if (told->r == HTTP1_RESPONSE_END)
                cr_assert_eq(buf_add_str(&told->text, answer), 0);
        http1_response_finish(&r);
}

static void expect_of(const char *answer, bool is_bodyless, int outcome, const char *text)
{
        for (size_t n = 1; n <= strlen(answer); n++) {
                struct told told;

                feed(&told, str_from(answer), n, is_bodyless);
                cr_assert_eq(told.r, outcome, "by %zu: %d: %s", n, told.r, answer);
                cr_assert(str_eq(buf_bytes(&told.text), str_from(text)), "by %zu: %.*s", n,
                          STR_ARG(buf_bytes(&told.text)));
                buf_finish(&told.text);
        }
}

static void expect(const char *answer, const char *text)
{
        expect_of(answer, false, HTTP1_RESPONSE_END, text);
}

static void expect_bad(const char *answer, const char *text)
{
        expect_of(answer, false, HTTP1_RESPONSE_E_BAD, text);
}

Test(http1_response, head_and_body_of_a_length)
{
        expect("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX: y\r\n"
               "mcp-session-id:\t s-1 \r\nContent-Length: 5\r\n\r\nhello",
               "[200 application/json,,,s-1]hello..");
        expect("HTTP/1.1 429 \r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
               "Content-Length: 0\r\n\r\n",
               "[429 ,,Sun, 06 Nov 1994 08:49:37 GMT,]..");
        expect("HTTP/1.1 401 \r\ncache-control: no-store\r\nwww-authenticate: Bearer\r\n"
               "Content-Length: 0\r\n\r\n",
               "[401 ,,,,no-store,Bearer]..");
        expect("HTTP/1.1 307\r\nLocation: /there\r\nContent-Length:1\r\n\r\nx",
               "[307 ,/there,,]x..");
}

Test(http1_response, of_several_fields_the_first)
{
        expect("HTTP/1.1 200 OK\r\nLocation:\r\nContent-Type: a\r\nContent-type: b\r\n"
               "Content-Typ: c\r\nContent-Types: d\r\nContent-Length: 0\r\n\r\n",
               "[200 a,,,]..");
}

Test(http1_response, chunks_extensions_and_trailers)
{
        expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
               "5;a=\"b\"\r\nhello\r\n0001;x\r\n!\r\n0\r\nMcp-Session-Id: late\r\n\r\n",
               "[200 ,,,]hello!..");
}

Test(http1_response, a_body_until_the_server_closes)
{
        expect("HTTP/1.1 200 OK\r\n\r\nall of it", "[200 ,,,]all of it..closes");
        expect("HTTP/1.0 200 OK\r\nContent-Type: x\r\n\r\n", "[200 x,,,]..closes");
}

Test(http1_response, who_closes_is_not_kept)
{
        expect("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
               "[200 ,,,]x..closes");
        expect("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", "[200 ,,,]x..closes");
        expect("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx",
               "[200 ,,,]x..");
}

/* RFC 9112 6.3: the coding counts, and who sends both may be playing tricks. */
Test(http1_response, a_length_and_chunks_end_with_the_chunks_and_the_connection)
{
        expect("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
               "5\r\nhello\r\n0\r\n\r\n",
               "[200 ,,,]hello..closes");
}

Test(http1_response, informational_heads_are_skipped)
{
        expect("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nMcp-Session-Id: early\r\n"
               "Content-Length: 3\r\nConnection: close\r\n\r\n"
               "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
               "[200 ,,,]ok..");
}

Test(http1_response, answers_that_have_no_body_whatever_they_say)
{
        expect("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "[204 ,,,]..");
        expect("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", "[304 ,,,]..");
        expect_of("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n", true, HTTP1_RESPONSE_END,
                  "[200 ,,,]..");
}

Test(http1_response, what_follows_the_end_is_no_part_of_it)
{
        expect("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 No\r\n\r\n",
               "[200 ,,,]ok..HTTP/1.1 500 No\r\n\r\n");
        expect("HTTP/1.1 204 No Content\r\n\r\n\r\n", "[204 ,,,]..\r\n");
}

Test(http1_response, lines_may_end_without_a_carriage_return)
{
        expect("HTTP/1.1 200 OK\nContent-Type: a\nContent-Length: 2\n\nok", "[200 a,,,]ok..");
}

Test(http1_response, what_is_no_answer)
{
        static const char *const answers[] = {
                "220 mail.example.com ready\r\n",
                "POST / HTTP/1.1\r\n\r\n",
                "HTTP/1.1 2x0 OK\r\n\r\n",
                "HTTP/1.1 20000 OK\r\n\r\n",
                "HTTP/1.1 099 OK\r\n\r\n",
                "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nab",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
                "HTTP/1.1 200 OK\r\nX\x01: y\r\n\r\n",
                "HTTP/1.1 200 OK\r\nX: y\x01\r\n\r\n",
                "",
        };

        for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
                expect_bad(answers[i], "");
        expect_bad("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "[200 ,,,]");
        expect_bad("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc", "[200 ,,,]ab");
}

Test(http1_response, what_breaks_off)
{
        expect_bad("HTTP/1.1 200 OK\r\nContent-Le", "");
        expect_bad("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "[200 ,,,]half");
        expect_bad("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
                   "[200 ,,,]half");
        expect_bad("HTTP/1.1 100 Continue\r\n\r\n", "");
}

/* A head, informational heads, trailers: each a line too many. */
Test(http1_response, heads_have_a_cap)
{
        char text[4000];
        struct told told;

        for (int kind = 0; kind < 3; kind++) {
                struct buf answer;

                buf_init(&answer, sizeof(text));
                if (kind != 1)
                        buf_add_str(&answer, STR("HTTP/1.1 200 OK\r\n"));
                if (kind == 2)
                        buf_add_str(&answer, STR("Transfer-Encoding: chunked\r\n\r\n0\r\n"));
                while (buf_add_str(&answer, kind == 1 ? STR("HTTP/1.1 100 Continue\r\n\r\n")
                                                      : STR("X: y\r\n")) == 0)
                        ;
                for (size_t n = 1; n < answer.len; n = n * 3 + 1) {
                        feed(&told, buf_bytes(&answer), n, false);
                        cr_assert_eq(told.r, HTTP1_RESPONSE_E_FULL, "%d by %zu: %d", kind, n,
                                     told.r);
                        buf_finish(&told.text);
                }
                buf_finish(&answer);
        }
        memset(text, 'v', sizeof(text));
        memcpy(text, "HTTP/1.1 200 OK\r\nLocation: ", 27);
        feed(&told, (struct str){text, sizeof(text)}, sizeof(text), false);
        cr_assert_eq(told.r, HTTP1_RESPONSE_E_FULL);
        buf_finish(&told.text);
}

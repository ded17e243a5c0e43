#include "mgw/wire/hdr.h"

#include "../check.h"

#define STREAM STR("text/event-stream")

Test(hdr, accept)
{
        static const struct {
                const char *accept;
                enum hdr_accept want;
        } cases[] = {
                {"", HDR_ACCEPT_WILDCARD},
                {"  ", HDR_ACCEPT_WILDCARD},
                {"text/event-stream", HDR_ACCEPT_EXPLICIT},
                {"application/json, text/event-stream", HDR_ACCEPT_EXPLICIT},
                {"application/json,text/event-stream;q=0.1", HDR_ACCEPT_EXPLICIT},
                {"TEXT/Event-Stream", HDR_ACCEPT_EXPLICIT},
                {" \ttext/event-stream ; charset=utf-8", HDR_ACCEPT_EXPLICIT},
                {"application/json", HDR_ACCEPT_NO},
                {"text/event-streams", HDR_ACCEPT_NO},
                {"*/*", HDR_ACCEPT_WILDCARD},
                {"text/*", HDR_ACCEPT_WILDCARD},
                {"TEXT/*;q=0.5", HDR_ACCEPT_WILDCARD},
                {"*", HDR_ACCEPT_WILDCARD},
                {"text/html, */*;q=0.8", HDR_ACCEPT_WILDCARD},
                {"application/*", HDR_ACCEPT_NO},
                /* a weight of 0 refuses, and the most specific range decides */
                {"text/event-stream;q=0", HDR_ACCEPT_NO},
                {"text/event-stream;q=0.000", HDR_ACCEPT_NO},
                {"text/event-stream; Q = 0", HDR_ACCEPT_NO},
                {"text/event-stream;a=1;q=0", HDR_ACCEPT_NO},
                {"text/event-stream;q=0.001", HDR_ACCEPT_EXPLICIT},
                {"text/event-stream;q=0, */*", HDR_ACCEPT_NO},
                {"*/*, text/*;q=0", HDR_ACCEPT_NO},
                {"*/*;q=0, text/*", HDR_ACCEPT_WILDCARD},
                {"*/*;q=0", HDR_ACCEPT_NO},
                {"*/*;q=0, text/event-stream", HDR_ACCEPT_EXPLICIT},
                {"text/event-stream;q=0, text/event-stream", HDR_ACCEPT_EXPLICIT},
                {"text/event-stream, text/event-stream;q=0", HDR_ACCEPT_EXPLICIT},
                /* commas and semicolons in quotes are text */
                {"a/b;x=\", text/event-stream\"", HDR_ACCEPT_NO},
                {"text/event-stream;x=\";q=0\"", HDR_ACCEPT_EXPLICIT},
                {"a/b;x=\"\\\", \", text/event-stream", HDR_ACCEPT_EXPLICIT},
                /* odd ones */
                {",,text/event-stream,,", HDR_ACCEPT_EXPLICIT},
                {",", HDR_ACCEPT_NO},
                {"text/event-stream;q=", HDR_ACCEPT_EXPLICIT},
                {"text", HDR_ACCEPT_NO},
                {"/", HDR_ACCEPT_NO},
                {"a/b;x=\"open", HDR_ACCEPT_NO},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                enum hdr_accept got = hdr_accepts(str_from(cases[i].accept), STREAM);

                cr_assert_eq(got, cases[i].want, "\"%s\": %d", cases[i].accept, got);
        }
        check_int(hdr_accepts((struct str){NULL, 0}, STREAM), HDR_ACCEPT_WILDCARD);
}

Test(hdr, media_type)
{
        cr_assert(hdr_media_is(STR("application/json"), STR("application/json")));
        cr_assert(hdr_media_is(STR("Application/JSON ; charset=utf-8"), STR("application/json")));
        cr_assert_not(hdr_media_is(STR("application/json-rpc"), STR("application/json")));
        cr_assert_not(hdr_media_is(STR("application/json, text/html"), STR("application/json")));
        cr_assert_not(hdr_media_is(STR(""), STR("application/json")));
        cr_assert_not(hdr_media_is((struct str){NULL, 0}, STR("application/json")));
}

Test(hdr, bearer)
{
        check_str(hdr_bearer(STR("Bearer abc.DEF-_~+/1==")), STR("abc.DEF-_~+/1=="));
        check_str(hdr_bearer(STR(" bEARER   x ")), STR("x"));
        check_str(hdr_bearer(STR("Bearer")), STR(""));
        check_str(hdr_bearer(STR("Bearer ")), STR(""));
        check_str(hdr_bearer(STR("Bearerx")), STR(""));
        check_str(hdr_bearer(STR("Basic eDp5")), STR(""));
        check_str(hdr_bearer(STR("Bearer a b")), STR(""));
        check_str(hdr_bearer(STR("Bearer a, Bearer b")), STR(""));
        check_str(hdr_bearer(STR("Bearer a=b")), STR(""));
        check_str(hdr_bearer(STR("Bearer =")), STR(""));
        check_str(hdr_bearer(STR("Bearer \xc3\xa9")), STR(""));
        check_str(hdr_bearer(STR("Bearer a\0")), STR(""));
        check_str(hdr_bearer((struct str){NULL, 0}), STR(""));
}

Test(hdr, host_of_an_url)
{
        static const struct {
                const char *url;
                const char *host;
        } cases[] = {
                {"http://localhost", "localhost"},
                {"https://localhost:8443", "localhost"},
                {"http://[::1]:80/x", "[::1]"},
                {"http://[::1]", "[::1]"},
                {"http://127.0.0.1:1/a?b#c", "127.0.0.1"},
                {"http://h?x", "h"},
                {"http://h#x", "h"},
                {"vscode-webview://a-b_c.d", "a-b_c.d"},
                {"http://h:65535", "h"},
                /* what could be taken for another host is none */
                {"http://localhost@evil.example", ""},
                {"http://localhost:80@evil.example", ""},
                {"http://localhost:", ""},
                {"http://localhost:80x", ""},
                {"http://localhost:65536", ""},
                {"http://localhost\\evil.example", ""},
                {"http://localhost evil", ""},
                {"http://local%68ost", ""},
                {"http://[::1", ""},
                {"http://[]", ""},
                {"http://[::1]x", ""},
                {"http://[::1]:", ""},
                {"http://::1", ""},
                {"http://", ""},
                {"http:///x", ""},
                {"http:/localhost", ""},
                {"http:localhost", ""},
                {"//localhost", ""},
                {"://localhost", ""},
                {"localhost", ""},
                {"ht tp://localhost", ""},
                {"null", ""},
                {"", ""},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct str host = hdr_url_host(str_from(cases[i].url));

                cr_assert(str_eq(host, str_from(cases[i].host)), "\"%s\": \"%.*s\"", cases[i].url,
                          STR_ARG(host));
        }
        check_str(hdr_url_host((struct str){NULL, 0}), STR(""));
        check_str(hdr_url_host(STR("http://a\0b")), STR(""));
}

Test(hdr, visible_ascii)
{
        cr_assert(hdr_is_visible(STR("!~n1.x"), 6));
        cr_assert_not(hdr_is_visible(STR("!~n1.x"), 5));
        cr_assert_not(hdr_is_visible(STR(""), 5));
        cr_assert_not(hdr_is_visible(STR("a b"), 5));
        cr_assert_not(hdr_is_visible(STR("a\x7f"), 5));
        cr_assert_not(hdr_is_visible(STR("a\0"), 5));
        cr_assert_not(hdr_is_visible(STR("\xc3\xa9"), 5));
}

Test(hdr, tokens)
{
        cr_assert(hdr_is_token(STR("Mcp-Param-X_1")));
        cr_assert(hdr_is_token(STR("!#$%&'*+-.^_`|~09AZaz")));
        cr_assert_not(hdr_is_token(STR("")));
        cr_assert_not(hdr_is_token(STR("a b")));
        cr_assert_not(hdr_is_token(STR("a:b")));
        cr_assert_not(hdr_is_token(STR("a\r\n")));
        cr_assert_not(hdr_is_token(STR("a\0")));
        cr_assert_not(hdr_is_token(STR("\xc3\xa9")));
}

Test(hdr, values_and_what_they_stand_for)
{
        static const struct {
                struct str text;
                const char *value;
        } cases[] = {
                /* the examples of the specification */
                {{"us-west1", 8}, "us-west1"},
                {{"Hello, \xe4\xb8\x96\xe7\x95\x8c", 13}, "=?base64?SGVsbG8sIOS4lueVjA==?="},
                {{" padded ", 8}, "=?base64?IHBhZGRlZCA=?="},
                {{"line1\nline2", 11}, "=?base64?bGluZTEKbGluZTI=?="},
                {{"=?base64?literal?=", 18}, "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="},
                /* and what it leaves open */
                {{"", 0},
                 "=?base64?"
                 "?="},
                {{"a b\tc", 5}, "a b\tc"},
                {{"\tx", 2}, "=?base64?CXg=?="},
                {{"a\0b", 3}, "=?base64?YQBi?="},
                {{"\x7f", 1}, "=?base64?fw==?="},
                {{"=?base64?x", 10}, "=?base64?x"},
                {{"=?base64?=", 10}, "=?base64?="},
                {{"=?BASE64?eA==?=", 15}, "=?BASE64?eA==?="},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct buf out;

                buf_init(&out, 100);
                check_int(hdr_value_encode(&out, cases[i].text), 0);
                check_str(buf_bytes(&out), str_from(cases[i].value));
                buf_finish(&out);
                check_int(hdr_value_decode(&out, str_from(cases[i].value)), 0);
                check_str(buf_bytes(&out), cases[i].text);
                buf_finish(&out);
        }
}

Test(hdr, values_that_stand_for_nothing)
{
        static const char *const bad[] = {"=?base64?eA?=",
                                          "=?base64?eB==?=",
                                          "=?base64?e A=?=",
                                          "=?base64?-_8A?=",
                                          "=?base64?====?=",
                                          "a\x01",
                                          "\x7f",
                                          "\xc3\xa9",
                                          "a\nb"};
        struct buf out;

        buf_init(&out, 100);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                cr_assert_eq(hdr_value_decode(&out, str_from(bad[i])), HDR_E_BAD, "\"%s\"", bad[i]);
        buf_finish(&out);
        check_int(hdr_value_decode(&out, STR("a\0b")), HDR_E_BAD);
        /* what needs no encoding may be encoded all the same */
        check_int(hdr_value_decode(&out, STR("=?base64?Zm9v?=")), 0);
        check_str(buf_bytes(&out), STR("foo"));
        buf_finish(&out);
}

Test(hdr, lines_have_names_whatever_their_case)
{
        static const char *const lines[] = {"X-One: 1", "Accept: a: b", NULL};

        cr_assert(hdr_lines_have(lines, "x-one"));
        cr_assert(hdr_lines_have(lines, "ACCEPT: other"));
        cr_assert_not(hdr_lines_have(lines, "X"));
        cr_assert_not(hdr_lines_have(lines, "X-One-More"));
        cr_assert_not(hdr_lines_have(NULL, "X-One"));
}

Test(hdr, cookies)
{
        const struct str cookie = STR("a=1; __Host-mgw=mgw1.x_-; mgw = y ;b;=c; mgw=z");

        check_str(hdr_cookie(cookie, "a"), STR("1"));
        check_str(hdr_cookie(cookie, "__Host-mgw"), STR("mgw1.x_-"));
        check_str(hdr_cookie(cookie, "mgw"), STR("y"));
        check_str(hdr_cookie(cookie, "b"), STR(""));
        check_str(hdr_cookie(cookie, "MGW"), STR(""));
        check_str(hdr_cookie(cookie, "Host-mgw"), STR(""));
        check_str(hdr_cookie(STR("mgw=a=b=;"), "mgw"), STR("a=b="));
        check_str(hdr_cookie(STR(";;; =;"), "mgw"), STR(""));
        check_str(hdr_cookie((struct str){NULL, 0}, "mgw"), STR(""));
}

Test(hdr, reads_how_long_an_answer_may_be_kept)
{
        static const struct {
                const char *text;
                int64_t s;
        } rows[] = {
                {"", -1},
                {"public", -1},
                {"max-age=600", 600},
                {"public, Max-Age=\"60\" , immutable", 60},
                {"max-age=600, no-store", 0},
                {"no-cache=\"set-cookie, max-age=7\"", 0},
                {"private=\"x, max-age=7\"", -1},
                {"max-age=-1", -1},
                {"max-age=x", -1},
                {"max-age", -1},
                {"s-maxage=7", -1},
                {"max-age=99999999999", UINT32_MAX},
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                cr_expect_eq(hdr_max_age_s(str_from(rows[i].text)), rows[i].s, "%s", rows[i].text);
}

Test(hdr, knows_a_compressed_body)
{
        cr_assert(hdr_is_compressed(STR("gzip")));
        cr_assert(hdr_is_compressed(STR(" BR ")));
        cr_assert_not(hdr_is_compressed(STR("")));
        cr_assert_not(hdr_is_compressed(STR("identity")));
        cr_assert_not(hdr_is_compressed(STR("utf-8")));
}

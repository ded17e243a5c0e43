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

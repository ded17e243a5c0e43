/* Parameters in, a response head out. */
#include "mgw/wire/cgi.h"

#include "../check.h"
#include "records.h"

#include <errno.h>
#include <fcgiapp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pair {
        struct str name;
        struct str value;
};

#define P(name, value)                                                                             \
        {                                                                                          \
                STR(name), STR(value)                                                              \
        }
#define DECODE(params, ...)                                                                        \
        decode(params, (const struct pair[]){__VA_ARGS__},                                         \
               sizeof((const struct pair[]){__VA_ARGS__}) / sizeof(struct pair))

static int decode(struct cgi_params *params, const struct pair *pairs, size_t n)
{
        struct buf in;
        int r;

        buf_init(&in, 1 << 20);
        for (size_t i = 0; i < n; i++)
                pair_add(&in, pairs[i].name, pairs[i].value, false);
        r = cgi_params_decode(params, buf_bytes(&in));
        buf_finish(&in);
        return r;
}

Test(cgi_params, libfcgi_finds_them)
{
        struct cgi_params params;

        check_int(DECODE(&params, P("REQUEST_METHOD", "POST"), P("EMPTY", ""), P("X", "a=b")), 0);
        cr_assert_str_eq(FCGX_GetParam("REQUEST_METHOD", params.envp), "POST");
        cr_assert_str_eq(FCGX_GetParam("X", params.envp), "a=b");
        check_str(cgi_param(&params, "REQUEST_METHOD"), STR("POST"));
        check_str(cgi_param(&params, "EMPTY"), STR(""));
        check_str(cgi_param(&params, "REQUEST"), STR(""));
        cgi_params_finish(&params);
        cgi_params_finish(&params);
        cgi_params_finish(NULL);
        check_str(cgi_param(&params, "X"), STR(""));
}

Test(cgi_params, none_at_all)
{
        struct cgi_params params;

        check_int(cgi_params_decode(&params, STR("")), 0);
        cr_assert_null(params.envp[0]);
        cgi_params_finish(&params);
        check_int(cgi_params_decode(&params, (struct str){NULL, 0}), 0);
        cgi_params_finish(&params);
}

static size_t count(const struct cgi_params *params)
{
        size_t n = 0;

        while (params->envp[n] != NULL)
                n++;
        return n;
}

Test(cgi_params, headers_that_came_twice_are_joined_in_order)
{
        struct cgi_params params;

        check_int(DECODE(&params, P("HTTP_ACCEPT", "text/html"), P("HTTP_ACCEPTS", "no"),
                         P("HTTP_ACCEPT", ""), P("HTTP_ACCEP", "no"), P("HTTP_ACCEPT", "*/*")),
                  0);
        check_str(cgi_param(&params, "HTTP_ACCEPT"), STR("text/html, , */*"));
        check_int(count(&params), 3);
        cgi_params_finish(&params);
}

/* The client's own words come first, the proxy's last: the last one counts. */
Test(cgi_params, of_others_that_came_twice_the_last_wins)
{
        struct cgi_params params;

        check_int(DECODE(&params, P("REMOTE_USER", "mallory"), P("MGW_A", "1"),
                         P("REMOTE_USER", "nobody"), P("REMOTE_USER", "")),
                  0);
        check_str(cgi_param(&params, "REMOTE_USER"), STR(""));
        check_int(count(&params), 2);
        cgi_params_finish(&params);
}

/* Thousands of one name and of many: joined in order, and not in quadratic time. */
Test(cgi_params, many, .timeout = 30)
{
        struct cgi_params params;
        struct buf want;
        char name[32];
        struct buf in;

        buf_init(&in, 1 << 24);
        buf_init(&want, 1 << 24);
        for (int i = 0; i < 30000; i++) {
                snprintf(name, sizeof(name), "HTTP_X%d", i % 3 == 0 ? 0 : i);
                pair_add(&in, str_from(name), str_from(name + 5), false);
                if (i % 3 == 0)
                        check_int(buf_addf(&want, i == 0 ? "X0" : ", X0"), 0);
        }
        check_int(cgi_params_decode(&params, buf_bytes(&in)), 0);
        check_int(count(&params), 20001);
        check_str(cgi_param(&params, "HTTP_X0"), buf_bytes(&want));
        check_str(cgi_param(&params, "HTTP_X29999"), STR("X29999"));
        cgi_params_finish(&params);
        buf_finish(&in);
        buf_finish(&want);
}

Test(cgi_params, what_no_correct_peer_sends_is_bad)
{
        struct cgi_params params;

        check_int(DECODE(&params, P("A=B", "x")), CGI_E_BAD);
        check_int(DECODE(&params, P("A\0B", "x")), CGI_E_BAD);
        check_int(DECODE(&params, P("A", "x\0y")), CGI_E_BAD);
        check_int(DECODE(&params, P("", "x")), CGI_E_BAD);
        check_int(DECODE(&params, P("A", "x"), P("", "")), CGI_E_BAD);
        check_int(cgi_params_decode(&params, STR("\1\2A")), CGI_E_BAD);
        cr_assert_null(params.envp);
        cgi_params_finish(&params);
}

/* The head of a request with this method, URI and one parameter more. */
static int read_head(struct cgi_params *params, struct cgi_head *head, const char *uri,
                     const char *name, const char *value)
{
        const struct pair pairs[] = {
                {STR("REQUEST_METHOD"), STR("GET")},
                {STR("REQUEST_URI"), str_from(uri)},
                {str_from(name), str_from(value)},
        };
        int r = decode(params, pairs, 3);

        return r == 0 ? cgi_head_read(head, params) : r;
}

Test(cgi_head, of_a_request_as_haproxy_sends_it)
{
        struct cgi_params params;
        struct cgi_head head;

        check_int(DECODE(&params, P("HTTP_HOST", "localhost:8443"), P("HTTP_ACCEPT", "*/*"),
                         P("SERVER_PROTOCOL", "HTTP/2.0"), P("HTTP_AUTHORIZATION", "Bearer t"),
                         P("HTTP_ORIGIN", "http://localhost"), P("HTTP_MCP_SESSION_ID", "n1.x"),
                         P("CONTENT_TYPE", "application/json"),
                         P("HTTP_MCP_PROTOCOL_VERSION", "2025-06-18"), P("MGW_INSIDE", "on"),
                         P("HTTP_LAST_EVENT_ID", "1-7"), P("REQUEST_METHOD", "POST"),
                         P("REQUEST_URI", "/mcp?a=b?c"), P("QUERY_STRING", "ignored"),
                         P("REMOTE_ADDR", "192.0.2.1"), P("CONTENT_LENGTH", "12"),
                         P("MGW_REQUEST_ID", "r-1")),
                  0);
        check_int(cgi_head_read(&head, &params), 0);
        check_int(head.method, CGI_POST);
        check_str(head.path, STR("/mcp"));
        check_str(head.query, STR("a=b?c"));
        cr_assert(head.is_inside);
        cr_assert(head.has_length);
        check_int(head.content_length, 12);
        check_str(head.content_type, STR("application/json"));
        check_str(head.remote_addr, STR("192.0.2.1"));
        check_str(head.request_id, STR("r-1"));
        check_str(head.http_version, STR("HTTP/2.0"));
        check_str(head.accept, STR("*/*"));
        check_str(head.authorization, STR("Bearer t"));
        check_str(head.origin, STR("http://localhost"));
        check_str(head.session_id, STR("n1.x"));
        check_str(head.protocol_version, STR("2025-06-18"));
        check_str(head.last_event_id, STR("1-7"));
        cgi_params_finish(&params);
}

Test(cgi_head, path_and_query_of_every_form_of_target)
{
        static const struct {
                const char *uri;
                const char *path;
                const char *query;
        } cases[] = {
                {"/", "/", ""},
                {"/mcp?", "/mcp", ""},
                {"/a%20b//c", "/a%20b//c", ""},
                {"//evil.example/x?y", "//evil.example/x", "y"},
                {"/x?u=http://h/p", "/x", "u=http://h/p"},
                {"https://localhost:8443/mcp?x=1", "/mcp", "x=1"},
                {"HTTP://h/p", "/p", ""},
                {"https://[::1]:8443/mcp", "/mcp", ""},
                {"http://h", "/", ""},
                {"http://h?q", "/", "q"},
                {"*", "*", ""},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct cgi_params params;
                struct cgi_head head;

                check_int(read_head(&params, &head, cases[i].uri, "A", ""), 0);
                check_str(head.path, str_from(cases[i].path));
                check_str(head.query, str_from(cases[i].query));
                cr_assert_not(head.has_length);
                check_str(head.session_id, STR(""));
                cgi_params_finish(&params);
        }
}

Test(cgi_head, methods)
{
        static const struct {
                const char *name;
                enum cgi_method method;
        } cases[] = {
                {"GET", CGI_GET},       {"HEAD", CGI_HEAD},       {"POST", CGI_POST},
                {"DELETE", CGI_DELETE}, {"OPTIONS", CGI_OPTIONS}, {"PUT", CGI_OTHER},
                {"get", CGI_OTHER},     {"GETS", CGI_OTHER},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct cgi_params params;
                struct cgi_head head;

                /* the last REQUEST_METHOD wins */
                check_int(read_head(&params, &head, "/", "REQUEST_METHOD", cases[i].name), 0);
                cr_assert_eq(head.method, cases[i].method, "%s", cases[i].name);
                cgi_params_finish(&params);
        }
}

Test(cgi_head, is_inside_when_the_proxy_says_just_so)
{
        static const struct {
                const char *name, *value;
                bool is_inside;
        } cases[] = {
                {"MGW_INSIDE", "on", true},       {"MGW_INSIDE", "", false},
                {"MGW_INSIDE", "ON", false},      {"MGW_INSIDE", "on, on", false},
                {"HTTP_MGW_INSIDE", "on", false}, {"mgw_inside", "on", false},
        };
        struct cgi_params params;
        struct cgi_head head;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                check_int(read_head(&params, &head, "/", cases[i].name, cases[i].value), 0);
                cr_assert_eq(head.is_inside, cases[i].is_inside, "%s: %s", cases[i].name,
                             cases[i].value);
                cgi_params_finish(&params);
        }
}

Test(cgi_head, without_sense_is_bad)
{
        static const char *const lengths[] = {"x", "-1", "1x", " 1", "18446744073709551616"};
        static const char *const uris[] = {"", "mcp", "?x", "ftp://h/p", "http:/p", "**"};
        struct cgi_params params;
        struct cgi_head head;

        for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
                cr_assert_eq(read_head(&params, &head, "/", "CONTENT_LENGTH", lengths[i]),
                             CGI_E_BAD, "\"%s\"", lengths[i]);
                cgi_params_finish(&params);
        }
        for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
                cr_assert_eq(read_head(&params, &head, uris[i], "A", ""), CGI_E_BAD, "\"%s\"",
                             uris[i]);
                cgi_params_finish(&params);
        }
        check_int(read_head(&params, &head, "/", "REQUEST_METHOD", ""), CGI_E_BAD);
        cgi_params_finish(&params);
        check_int(DECODE(&params, P("REQUEST_URI", "/")), 0);
        check_int(cgi_head_read(&head, &params), CGI_E_BAD);
        cgi_params_finish(&params);
}

Test(cgi_query, values_are_found_and_decoded)
{
        static const struct {
                const char *query;
                int outcome;
                const char *value;
        } cases[] = {
                {"id=x", 0, "x"},
                {"a=1&id=x.y-z_1&b=2", 0, "x.y-z_1"},
                {"id=1&id=2", 0, "1"},
                {"id=", 0, ""},
                {"id", 0, ""},
                {"id=a=b", 0, "a=b"},
                {"id=%41%7a%2B+%20%c3%A9", 0, "Az+  \xc3\xa9"},
                {"id=1234567890123456789", 0, "1234567890123456789"},
                {"", -ENOENT, ""},
                {"xid=1&idx=2&=3&&", -ENOENT, ""},
                {"id=12345678901234567890", CGI_E_BAD, ""},
                {"id=%", CGI_E_BAD, ""},
                {"id=%4", CGI_E_BAD, ""},
                {"id=%4&x=1", CGI_E_BAD, ""},
                {"id=%4g", CGI_E_BAD, ""},
                {"id=%g4", CGI_E_BAD, ""},
                {"id=%00", CGI_E_BAD, ""},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                char out[20];
                int r = cgi_query_get(str_from(cases[i].query), STR("id"), out, sizeof(out));

                cr_assert_eq(r, cases[i].outcome, "\"%s\": %d", cases[i].query, r);
                if (r == 0)
                        cr_assert_str_eq(out, cases[i].value);
        }
}

Test(cgi_response, exact_bytes)
{
        const struct cgi_header headers[] = {
                {"Content-Type", "text/event-stream"},
                {"Mcp-Session-Id", NULL},
                {"X-Tab", "a\tb \xc3\xa9"},
                {"X-Empty", ""},
                {NULL, NULL},
        };
        struct buf out;

        buf_init(&out, 1000);
        check_int(cgi_add_response_head(&out, 200, headers), 0);
        check_int(cgi_add_response_head(&out, 204, NULL), 0);
        check_int(cgi_add_response_head(&out, 299, headers + 4), 0);
        check_str(buf_bytes(&out), STR("Status: 200 OK\r\nContent-Type: text/event-stream\r\n"
                                       "X-Tab: a\tb \xc3\xa9\r\nX-Empty: \r\n\r\n"
                                       "Status: 204 No Content\r\n\r\n"
                                       "Status: 299 Unknown\r\n\r\n"));
        buf_finish(&out);
}

Test(cgi_response, no_header_is_injected)
{
        static const struct cgi_header bad[] = {
                {"X", "a\r\nSet-Cookie: b"},
                {"X", "a\n"},
                {"X", "\r"},
                {"X", "a\x01"},
                {"X", "\x7f"},
                {"X\r\nY", "a"},
                {"X:", "a"},
                {"X Y", "a"},
                {"", "a"},
                {"\xc3\xa9", "a"},
        };
        struct buf out;

        buf_init(&out, 1000);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                const struct cgi_header headers[] = {{"A", "b"}, bad[i], {NULL, NULL}};

                cr_assert_eq(cgi_add_response_head(&out, 200, headers), CGI_E_BAD, "case %zu", i);
                check_int(out.len, 0);
        }
        check_int(cgi_add_response_head(&out, 99, NULL), CGI_E_BAD);
        check_int(cgi_add_response_head(&out, 1000, NULL), CGI_E_BAD);
}

Test(cgi_response, all_or_nothing)
{
        const struct cgi_header headers[] = {{"A", "b"}, {NULL, NULL}};
        size_t whole = strlen("Status: 200 OK\r\nA: b\r\n\r\n");
        struct buf out;

        for (uint32_t room = 0; room < whole; room++) {
                buf_init(&out, room);
                check_int(cgi_add_response_head(&out, 200, headers), BUF_E_FULL);
                check_int(out.len, 0);
                buf_finish(&out);
        }
        buf_init(&out, (uint32_t)whole);
        check_int(cgi_add_response_head(&out, 200, headers), 0);
        buf_finish(&out);
}

Test(cgi_response, every_status_of_the_gateway_has_a_reason)
{
        static const unsigned codes[] = {200, 202, 204, 400, 401, 403, 404, 405, 406, 408,
                                         413, 415, 429, 431, 500, 501, 502, 503, 504};

        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
                cr_assert_str_neq(cgi_reason(codes[i]), "Unknown", "%u", codes[i]);
        cr_assert_str_eq(cgi_reason(404), "Not Found");
}

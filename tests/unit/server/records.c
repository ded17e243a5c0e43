/* FastCGI as other peers than HAProxy speak it, and what comes by HTTP/1.1 to the same socket. */
#include "../check.h"
#include "../json.h"
#include "client.h"
#include "gateway.h"
#include "servers.h"

#include <fastcgi.h>

static struct answer *a;

static void record(uint8_t type, uint16_t id, const void *p, size_t n)
{
        uint8_t bytes[8 + 1024] = {
                1, type, (uint8_t)(id >> 8), (uint8_t)id, (uint8_t)(n >> 8), (uint8_t)n};

        memcpy(bytes + 8, p, n);
        answer_send(a, bytes, 8 + n);
}

static size_t pair(char *at, const char *name, const char *value)
{
        return (size_t)sprintf(at, "%c%c%s%s", (int)strlen(name), (int)strlen(value), name, value);
}

static void begin(uint16_t id, bool keep)
{
        record(FCGI_BEGIN_REQUEST, id, (const uint8_t[8]){0, FCGI_RESPONDER, keep}, 8);
}

static void params(uint16_t id, const char *method, const char *uri, const char *length)
{
        char text[900];
        size_t n = pair(text, "REQUEST_METHOD", method);

        n += pair(text + n, "REQUEST_URI", uri);
        n += pair(text + n, "CONTENT_TYPE", "application/json");
        if (length != NULL)
                n += pair(text + n, "CONTENT_LENGTH", length);
        record(FCGI_PARAMS, id, text, n);
        record(FCGI_PARAMS, id, "", 0);
}

static bool has(const char *text)
{
        struct str all = buf_bytes(&a->bytes);

        return memmem(all.p, all.n, text, strlen(text)) != NULL;
}

Test(records, a_kept_connection_carries_one_request_after_the_other)
{
        gateway_start(HTTP, "");
        a = client_connect();
        for (uint16_t id = 1; id < 4; id++) {
                begin(id, true);
                params(id, "GET", "/health", NULL);
                record(FCGI_STDIN, id, "", 0);
                cr_assert(a->is_over && has("ok"));
                a->is_over = false;
                buf_consume(&a->bytes, a->bytes.len);
                cr_assert_not(answer_is_closed(a));
        }
        gateway_stop();
}

Test(records, a_connection_carries_several_at_once)
{
        gateway_start(HTTP, "");
        a = client_connect();
        begin(1, true);
        begin(2, true);
        params(2, "GET", "/ready", NULL);
        record(FCGI_STDIN, 2, "", 0);
        cr_assert(has("ready"));
        params(1, "GET", "/health", NULL);
        record(FCGI_STDIN, 1, "", 0);
        cr_assert(has("ok"));
        gateway_stop();
}

Test(records, more_at_once_than_may_be_are_refused)
{
        gateway_start(HTTP, "");
        a = client_connect();
        for (uint16_t id = 1; id < 70; id++)
                begin(id, true);
        cr_assert(has("Too many requests"));
        gateway_stop();
}

Test(records, management_is_answered)
{
        char names[100];
        size_t n = pair(names, "FCGI_MAX_CONNS", "");

        gateway_start(HTTP, "");
        a = client_connect_raw();
        record(FCGI_GET_VALUES, 0, names, n);
        cr_assert(has("FCGI_MAX_CONNS"));
        record(77, 0, "", 0);
        cr_assert_not(answer_is_closed(a));
        gateway_stop();
}

Test(records, other_roles_are_not_played)
{
        gateway_start(HTTP, "");
        a = client_connect();
        record(FCGI_BEGIN_REQUEST, 1, (const uint8_t[8]){0, FCGI_AUTHORIZER, 0}, 8);
        record(FCGI_STDIN, 1, "", 0);
        cr_assert(a->is_over && answer_is_closed(a));
        gateway_stop();
}

Test(records, what_is_malformed_ends_the_connection)
{
        static const char *const wrong[] = {"\1\1\0\1\0\1\0\0x", "\1\5\0\1\0\1\0\0x",
                                            "\2\1\0\1\0\0\0\0",
                                            "\1\1\0\0\0\10\0\0\0\1\0\0\0\0\0\0"};
        static const size_t sizes[] = {9, 9, 8, 16};

        gateway_start(HTTP, "");
        for (size_t i = 0; i < 4; i++) {
                a = client_connect();
                if (i == 1)
                        begin(1, false);
                answer_send(a, wrong[i], sizes[i]);
                cr_assert(answer_is_closed(a), "%zu", i);
        }
        gateway_stop();
}

Test(records, a_head_without_sense_is_refused)
{
        gateway_start(HTTP, "");
        a = client_connect();
        begin(1, false);
        record(FCGI_PARAMS, 1, "\1", 1);
        record(FCGI_PARAMS, 1, "", 0);
        cr_assert(has("Status: 400"));
        gateway_stop();
}

Test(records, a_head_that_is_too_long_is_refused)
{
        char text[1000];

        memset(text, 'x', sizeof(text));
        gateway_start(HTTP, "'head_max_bytes':2000");
        a = client_connect();
        begin(1, false);
        for (int i = 0; i < 3; i++)
                record(FCGI_PARAMS, 1, text, sizeof(text));
        cr_assert(has("Status: 431"));
        gateway_stop();
}

Test(records, a_body_that_is_too_long_is_refused)
{
        gateway_start(HTTP, "'body_max_bytes':2000");
        a = client_connect();
        begin(1, false);
        params(1, "POST", "/mcp", "5000");
        cr_assert(has("Status: 413"));
        a = client_connect();
        begin(1, false);
        params(1, "GET", "/health", "70000");
        cr_assert(has("Status: 413"));
        gateway_stop();
}

Test(records, a_body_of_no_told_length_ends_where_it_ends)
{
        gateway_start(HTTP, "'body_max_bytes':2000");
        a = client_connect();
        begin(1, false);
        params(1, "POST", "/mcp", NULL);
        record(FCGI_STDIN, 1, "{\"jsonrpc\":\"2.0\",", 17);
        cr_assert_eq(answer_status(a), 0);
        record(FCGI_STDIN, 1, "\"id\":1,\"method\":\"ping\"}", 24);
        record(FCGI_STDIN, 1, "", 0);
        check_int(answer_status(a), 400);
        gateway_stop();
}

Test(records, a_body_that_is_shorter_than_told_is_refused)
{
        gateway_start(HTTP, "");
        a = client_connect();
        begin(1, false);
        params(1, "POST", "/mcp", "100");
        record(FCGI_STDIN, 1, "{", 1);
        record(FCGI_STDIN, 1, "", 0);
        cr_assert(has("shorter"));
        gateway_stop();
}

Test(records, what_does_not_come_in_time_is_refused)
{
        gateway_start(HTTP, "");
        a = client_connect();
        begin(1, false);
        params(1, "POST", "/mcp", "100");
        gateway_pass_ms(31000);
        cr_assert(has("Status: 408"));
        a = client_connect();
        gateway_pass_ms(31000);
        cr_assert(answer_is_closed(a));
        gateway_stop();
}

Test(records, an_abort_ends_what_has_not_come_whole)
{
        gateway_start(HTTP, "");
        a = client_connect();
        begin(1, true);
        params(1, "POST", "/mcp", "100");
        record(FCGI_ABORT_REQUEST, 1, "", 0);
        cr_assert(has("Status: 503"));
        gateway_stop();
}

Test(records, an_abort_of_a_stream_is_the_proxys_reload)
{
        static struct client c;

        gateway_start(HTTP, "");
        client_open(&c, "2025-06-18", "{}");
        client_listen(&c, NULL);
        a = c.stream;
        record(FCGI_ABORT_REQUEST, 1, "", 0);
        gateway_pass_ms(6000);
        cr_assert(a->is_over);
        cr_assert(has("retry: "));
        gateway_stop();
}

Test(records, http_comes_to_the_same_socket)
{
        static const char request[] = "POST /mcp HTTP/1.1\r\nHost: localhost\r\n"
                                      "Content-Type: application/json\r\n"
                                      "Transfer-Encoding: chunked\r\n\r\n"
                                      "5\r\n{\"id\"\r\n4\r\n:77}\r\n0\r\n\r\n";

        gateway_start(HTTP, "");
        a = client_connect_raw();
        answer_send(a, request, sizeof(request) - 1);
        cr_assert(has("HTTP/1.1 400"));
        cr_assert(answer_is_closed(a));
        a = client_connect_raw();
        answer_send(a, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 41);
        cr_assert(answer_is_closed(a), "bodies of no told length come so, and nothing else");
        a = client_connect_raw();
        answer_send(a, "nonsense\r\n\r\n", 12);
        cr_assert(answer_is_closed(a));
        gateway_stop();
}

/* Servers of the HTTP+SSE transport: their one stream, and what is posted beside it. */
#include "../check.h"
#include "../json.h"
#include "client.h"
#include "gateway.h"
#include "servers.h"

#define CALL_T "{'name':'u_t','arguments':{}}"
#define CALL_W "{'name':'u_w','arguments':{}}"

static struct client c;
static struct answer *a;

static void begin_at(const char *server)
{
        gateway_start(server, "'upstream_open_timeout_s':10");
        servers_keep("GET");
        c.version = "2025-06-18";
        a = client_ask(&c, 0, "initialize", "{'protocolVersion':'2025-06-18','capabilities':{}}");
}

static void come_in(void)
{
        gateway_pass_ms(2500);
        cr_assert_not_null(client_answer(&c, a, 0), "%s", gateway_log());
        snprintf(c.session, sizeof(c.session), "%s", answer_header(a, "Mcp-Session-Id"));
}

static void check_call(const char *member)
{
        a = client_ask(&c, 1, "tools/call", CALL_W);
        gateway_pass_ms(15000);
        cr_assert_not_null(json_at(client_answer(&c, a, 1), member), "%s", gateway_log());
}

Test(old_http, a_stream_that_is_refused_is_told)
{
        static const unsigned statuses[] = {400, 401, 403, 404, 500, 503};

        for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
                memset(&c, 0, sizeof(c));
                begin_at(OLD_HTTP);
                sent_status(servers_await("GET"), statuses[i], "");
                come_in();
                check_call("error");
                check_int(servers_count("initialize"), 0);
                gateway_stop();
        }
}

Test(old_http, a_stream_that_is_to_be_asked_for_later_is_left_alone_until_then)
{
        begin_at(OLD_HTTP);
        sent_status_later(servers_await("GET"), 429, 100);
        come_in();
        check_call("error");
        check_int(servers_count("GET"), 1);
        servers_keep_no_more("GET");
        gateway_pass_ms(100000);
        check_call("result");
        gateway_stop();
}

Test(old_http, what_is_no_stream_of_events_is_none)
{
        begin_at(OLD_HTTP);
        sent_text(servers_await("GET"), "text/html", "<html>");
        sent_end(servers_last("GET"));
        come_in();
        check_call("error");
        gateway_stop();
}

Test(old_http, a_stream_that_says_nothing_is_not_waited_for_for_ever)
{
        struct sent *get;

        begin_at(OLD_HTTP);
        get = servers_await("GET");
        come_in();
        gateway_pass_ms(10000);
        cr_assert(get->http->is_over);
        gateway_stop();
}

Test(old_http, what_comes_before_the_endpoint_is_passed_over)
{
        begin_at(OLD_HTTP);
        sent_text(servers_await("GET"), "text/event-stream",
                  "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/odd\"}\n\n");
        sent_text(servers_last("GET"), "", "event: endpoint\ndata: /message?s=0.\n\n");
        check_int(servers_count("initialize"), 1);
        gateway_stop();
}

Test(old_http, a_message_that_is_refused_fails_its_call)
{
        static const unsigned statuses[] = {400, 401, 404, 413, 500, 503};

        gateway_start(OLD_HTTP, "");
        servers_keep("tools/call");
        client_open(&c, "2025-06-18", "{}");
        for (int i = 0; i < 6; i++) {
                a = client_ask(&c, i + 1, "tools/call", CALL_W);
                sent_status(servers_await("tools/call"), statuses[i], "");
                gateway_pass_ms(1000);
                cr_assert_not_null(json_at(client_answer(&c, a, i + 1), "error"), "%u %s",
                                   statuses[i], gateway_log());
        }
        gateway_stop();
}

Test(old_http, a_message_that_is_to_be_sent_later_is_a_failure_now)
{
        gateway_start(OLD_HTTP, "");
        servers_keep("tools/call");
        client_open(&c, "2025-06-18", "{}");
        a = client_ask(&c, 1, "tools/call", CALL_W);
        sent_status_later(servers_await("tools/call"), 429, 60);
        gateway_pass_ms(1000);
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "error"));
        check_call("error");
        check_int(servers_count("tools/call"), 1);
        gateway_stop();
}

Test(old_http, a_message_that_was_not_sent_is_sent_once_more)
{
        gateway_start(OLD_HTTP, "");
        servers_keep("tools/call");
        client_open(&c, "2025-06-18", "{}");
        a = client_ask(&c, 1, "tools/call", CALL_W);
        sent_fail(servers_await("tools/call"), HTTP_FAULT_CUT, false);
        gateway_pass_ms(2000);
        sent_result(servers_await("tools/call"), "'content':[]");
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "result"), "%s", gateway_log());
        gateway_stop();
}

Test(old_http, it_is_opened_and_spoken_to_with_a_token)
{
        begin_at("'u':{'url':'http://u.example/sse','type':'sse','oauth':{'token_url':"
                 "'http://t.example/token','client_id':'i','client_secret':'s'}}");
        cr_assert_not_null(strstr(servers_await("GET")->http->headers, "Bearer t"));
        sent_status(servers_await("GET"), 401, "");
        check_int(servers_count("POST"), 2);
        servers_keep_no_more("GET");
        come_in();
        check_call("result");
        servers_keep("tools/call");
        servers_keep("POST");
        a = client_ask(&c, 2, "tools/call", CALL_W);
        sent_status(servers_await("tools/call"), 401, "");
        sent_text(servers_await("POST"), "application/json", "{\"access_token\":\"t3\"}");
        sent_end(servers_last("POST"));
        cr_assert_not_null(strstr(servers_await("tools/call")->http->headers, "Bearer t3"));
        sent_result(servers_await("tools/call"), "'content':[]");
        cr_assert_not_null(json_at(client_answer(&c, a, 2), "result"));
        gateway_stop();
}

Test(old_http, a_client_that_does_not_read_holds_the_stream_back)
{
        static char piece[64 << 10];
        struct sent *call;
        char head[200];
        int n;

        gateway_start(OLD_HTTP, "");
        servers_keep("tools/call");
        client_open(&c, "2025-06-18", "{}");
        a = client_ask(&c, 1, "tools/call", CALL_T);
        gateway_pass_ms(1000);
        a->does_not_read = true;
        call = servers_await("tools/call");
        world_http_head(call->http, 202, "text/plain", NULL, -1);
        world_http_end(call->http, NULL);
        n = snprintf(head, sizeof(head),
                     "data: {\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{\"x\":\"",
                     (int)json_integer_value(json_at(call->msg, "id")));
        servers_say_bytes((struct str){head, (size_t)n});
        memset(piece, 'x', sizeof(piece));
        for (int i = 0; i < 40; i++)
                servers_say_bytes((struct str){piece, sizeof(piece)});
        cr_assert(servers_last("GET")->http->is_paused);
        servers_say_bytes(STR("\"}}\n\n"));
        answer_read(a);
        check_int(json_string_length(json_at(client_answer(&c, a, 1), "result/x")),
                  40 * sizeof(piece));
        cr_assert_not(servers_last("GET")->http->is_paused);
        gateway_stop();
}

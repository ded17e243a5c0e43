/* Servers that fail: what their clients are told, what is sent once more, and whom failures keep
 * away. */
#include "../check.h"
#include "../json.h"
#include "client.h"
#include "gateway.h"
#include "servers.h"

#define CALL_T "{'name':'u_t','arguments':{}}" /* only reads */
#define CALL_W "{'name':'u_w','arguments':{}}"

static struct client c;
static struct answer *a;

static struct sent *begin(const char *server, const char *version, const char *params)
{
        gateway_start(server, "");
        servers_keep("tools/call");
        client_open(&c, version, "{}");
        client_ask(&c, 100, "tools/list", "");
        a = client_ask(&c, 1, "tools/call", params);
        return servers_await("tools/call");
}

static void check_error(void)
{
        gateway_pass_ms(1000);
        cr_assert_not_null(client_answer(&c, a, 1), "%s", gateway_log());
        cr_assert(json_at(c.stream != NULL ? c.stream->json : a->json, "error") != NULL);
        cr_assert_null(strstr(json_text_at(a->json, "error/message"), "example"),
                       "no address reaches a client");
}

static void check_done(void)
{
        gateway_pass_ms(5000);
        sent_result(servers_await("tools/call"), "'content':[]");
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "result"), "%s", gateway_log());
}

TEST_FOR_EACH(failures, of_a_connection_are_told_in_words_of_ours)
{
        sent_fail(begin(HTTP, version, CALL_W), HTTP_FAULT_CUT, true);
        check_error();
        check_int(servers_count("tools/call"), 1);
        gateway_stop();
}

Test(failures, what_only_reads_is_sent_once_more)
{
        sent_fail(begin(HTTP, "2025-06-18", CALL_T), HTTP_FAULT_CUT, true);
        check_done();
        gateway_stop();
}

Test(failures, what_was_not_sent_is_sent_once_more)
{
        sent_fail(begin(HTTP, "2025-06-18", CALL_W), HTTP_FAULT_CUT, false);
        check_done();
        gateway_stop();
}

Test(failures, statuses_are_told)
{
        static const unsigned statuses[] = {400, 401, 403, 405, 413, 418, 500, 301, 204, 201};

        gateway_start(HTTP, "");
        servers_keep("tools/call");
        client_open(&c, "2025-06-18", "{}");
        for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
                a = client_ask(&c, (int)i + 1, "tools/call", CALL_W);
                sent_status(servers_await("tools/call"), statuses[i], "<html>secret</html>");
                for (int tries = 0; tries < 3 && servers_find("tools/call") != NULL; tries++)
                        sent_status(servers_await("tools/call"), statuses[i],
                                    "<html>secret</html>");
                gateway_pass_ms(1000);
                cr_assert_not_null(json_at(client_answer(&c, a, (int)i + 1), "error"), "%u %s",
                                   statuses[i], gateway_log());
                cr_assert_null(strstr(json_text_at(a->json, "error/message"), "secret"));
        }
        gateway_stop();
}

Test(failures, a_session_that_the_server_has_forgotten_is_opened_again_unseen)
{
        struct sent *call = begin(HTTP, "2025-06-18", CALL_W);

        sent_status(call, 404, "");
        check_int(servers_count("initialize"), 2);
        check_done();
        gateway_stop();
}

Test(failures, retry_after_keeps_us_away)
{
        struct sent *call = begin(HTTP, "2025-06-18", CALL_W);

        sent_status_later(call, 429, 60);
        check_error();
        a = client_ask(&c, 1, "tools/call", CALL_W);
        check_error();
        check_int(servers_count("tools/call"), 1);
        gateway_pass_ms(61000);
        a = client_ask(&c, 1, "tools/call", CALL_W);
        check_done();
        gateway_stop();
}

Test(failures, three_in_a_row_open_the_breaker_and_one_try_closes_it)
{
        gateway_start(HTTP, "");
        servers_keep("tools/call");
        client_open(&c, "2025-06-18", "{}");
        for (int i = 0; i < 3; i++) {
                a = client_ask(&c, 1, "tools/call", CALL_W);
                sent_status(servers_await("tools/call"), 503, "");
                check_error();
        }
        a = client_ask(&c, 1, "tools/call", CALL_W);
        check_error();
        check_int(servers_count("tools/call"), 3);
        gateway_pass_ms(60000);
        a = client_ask(&c, 1, "tools/call", CALL_W);
        check_done();
        a = client_ask(&c, 1, "tools/call", CALL_W);
        check_done();
        gateway_stop();
}

Test(failures, a_server_that_is_away_is_left_out_and_tried_again)
{
        unsigned n;

        gateway_start(HTTP, "");
        servers_keep("initialize");
        c.version = "2025-06-18";
        a = client_ask(&c, 0, "initialize", "{'protocolVersion':'2025-06-18','capabilities':{}}");
        sent_fail(servers_await("initialize"), HTTP_FAULT_AWAY, false);
        gateway_pass_ms(2000);
        cr_assert_not_null(client_answer(&c, a, 0));
        snprintf(c.session, sizeof(c.session), "%s", answer_header(a, "Mcp-Session-Id"));
        client_say(&c, "{'jsonrpc':'2.0','method':'notifications/initialized'}");
        client_listen(&c, NULL);
        for (int i = 0; i < 4; i++) {
                struct sent *sent;

                client_ask(&c, 1, "tools/list", "");
                gateway_pass_ms(3000);
                if ((sent = servers_find("initialize")) != NULL)
                        sent_fail(sent, HTTP_FAULT_AWAY, false);
        }
        n = servers_count("initialize");
        cr_assert_geq(n, 3, "%s", gateway_log());
        servers_keep_no_more("initialize");
        gateway_pass_ms(60000);
        cr_assert_not_null(client_hears(&c, NULL, "notifications/tools/list_changed"), "%s",
                           gateway_log());
        gateway_stop();
}

TEST_OVER_EACH(failures, silence_past_timeout_s_is_an_error_and_a_cancel)
{
        char with_timeout[200];
        int n = (int)strlen(server);

        snprintf(with_timeout, sizeof(with_timeout), "%.*s,'timeout_s':20}", n - 1, server);
        (void)begin(with_timeout, "2025-06-18", CALL_W);
        gateway_pass_ms(25000);
        check_error();
        check_int(servers_count("notifications/cancelled"), 1);
        gateway_stop();
}

TEST_OVER_EACH(failures, whoever_shows_progress_is_not_silent)
{
        char text[300], with_timeout[200];
        struct sent *call;

        snprintf(with_timeout, sizeof(with_timeout), "%.*s,'timeout_s':20}",
                 (int)strlen(server) - 1, server);
        call = begin(with_timeout, "2025-06-18", CALL_W);
        snprintf(text, sizeof(text),
                 "{'jsonrpc':'2.0','method':'notifications/progress','params':{'progressToken':%d,"
                 "'progress':1}}",
                 (int)json_integer_value(json_at(call->msg, "id")));
        for (int i = 0; i < 4; i++) {
                gateway_pass_ms(15000);
                sent_event(call, NULL, text);
        }
        sent_event_result(call, NULL, "'content':[]");
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "result"), "%s", gateway_log());
        gateway_stop();
}

Test(failures, an_answer_that_was_cut_is_fetched_from_where_it_stood)
{
        struct sent *call = begin(HTTP, "2025-06-18", CALL_W);
        struct sent *get;

        servers_keep("GET");
        sent_event(call, "7", "{'jsonrpc':'2.0','method':'notifications/odd'}");
        sent_fail(call, HTTP_FAULT_BROKEN, true);
        gateway_pass_ms(2000);
        get = servers_last("GET");
        cr_assert_not_null(strstr(get->http->headers, "Last-Event-ID: 7"), "%s", gateway_log());
        get->msg = json_incref(call->msg);
        sent_event_result(get, NULL, "'content':[]");
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "result"));
        check_int(servers_count("tools/call"), 1);
        gateway_stop();
}

Test(failures, it_is_not_fetched_for_ever)
{
        struct sent *call = begin(HTTP, "2025-06-18", CALL_W);

        servers_keep("GET");
        sent_event(call, "7", "{'jsonrpc':'2.0','method':'notifications/odd'}");
        sent_end(call);
        for (int i = 0; i < 20; i++) {
                struct sent *get;

                gateway_pass_ms(3000);
                while ((get = servers_find("GET")) != NULL)
                        sent_fail(get, HTTP_FAULT_CUT, true);
        }
        check_error();
        gateway_stop();
}

Test(failures, a_stream_that_ends_without_an_answer_is_an_error)
{
        struct sent *call = begin(HTTP, "2025-06-18", CALL_W);

        sent_text(call, "text/event-stream", ": hello\n\n");
        sent_end(call);
        check_error();
        gateway_stop();
}

Test(failures, a_last_event_that_lacks_its_end_is_read)
{
        struct sent *call = begin(HTTP, "2025-06-18", CALL_W);
        char text[200];
        int n = snprintf(text, sizeof(text),
                         "data: {\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{\"content\":[]}}",
                         (int)json_integer_value(json_at(call->msg, "id")));

        sent_bytes(call, "text/event-stream", text, (size_t)n);
        sent_end(call);
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "result"), "%s", gateway_log());
        gateway_stop();
}

Test(failures, what_is_no_json_is_an_error)
{
        struct sent *call = begin(HTTP, "2025-06-18", CALL_W);

        sent_text(call, "text/html", "<html>");
        sent_end(call);
        check_error();
        gateway_stop();
}

Test(failures, an_error_of_the_server_is_the_clients_to_read)
{
        sent_error(begin(HTTP, "2025-06-18", CALL_W), -32602, "that is wrong");
        cr_assert_str_eq(json_text_at(client_answer(&c, a, 1), "error/message"), "that is wrong");
        gateway_stop();
}

Test(failures, a_get_stream_is_no_must)
{
        gateway_start(HTTP, "");
        servers_keep("GET");
        client_open(&c, "2025-06-18", "{}");
        client_listen(&c, NULL);
        sent_status(servers_await("GET"), 405, "");
        gateway_pass_ms(60000);
        check_int(servers_count("GET"), 1);
        cr_assert_not_null(client_answer(&c, client_ask(&c, 1, "ping", ""), 1));
        gateway_stop();
}

Test(failures, a_get_stream_that_breaks_is_opened_again_where_it_stood)
{
        struct sent *get;

        gateway_start(HTTP, "");
        servers_keep("GET");
        client_open(&c, "2025-06-18", "{}");
        client_listen(&c, NULL);
        get = servers_await("GET");
        sent_event(get, "9", "{'jsonrpc':'2.0','method':'notifications/tools/list_changed'}");
        cr_assert_not_null(client_hears(&c, NULL, "notifications/tools/list_changed"));
        sent_fail(get, HTTP_FAULT_BROKEN, true);
        gateway_pass_ms(10000);
        get = servers_await("GET");
        cr_assert_not_null(strstr(get->http->headers, "Last-Event-ID: 9"));
        sent_status(get, 404, "");
        gateway_pass_ms(10000);
        cr_assert_not_null(client_answer(&c, client_ask(&c, 1, "tools/list", ""), 1));
        gateway_stop();
}

Test(failures, the_old_transport_without_its_stream_begins_anew)
{
        struct sent *call = begin(OLD_HTTP, "2025-06-18", CALL_T);

        sent_fail(servers_last("GET"), HTTP_FAULT_BROKEN, true);
        (void)call;
        gateway_pass_ms(5000);
        check_int(servers_count("initialize"), 2);
        check_done();
        gateway_stop();
}

Test(failures, the_old_transport_may_lead_nowhere)
{
        static const char *const endpoints[] = {"event: endpoint\ndata: http://else.example/m\n\n",
                                                "event: endpoint\ndata: \n\n", "data: 7\n\n"};

        gateway_start(OLD_HTTP, "'upstream_open_timeout_s':10");
        servers_keep("GET");
        c.version = "2025-06-18";
        a = client_ask(&c, 0, "initialize", "{'protocolVersion':'2025-06-18','capabilities':{}}");
        for (size_t i = 0; i < 3; i++) {
                struct sent *get = servers_find("GET");

                if (get == NULL)
                        break;
                sent_text(get, "text/event-stream", endpoints[i]);
                gateway_pass_ms(15000);
                client_send(&(const struct client_request){
                        .session = answer_header(a, "Mcp-Session-Id"),
                        .body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}"});
                gateway_pass_ms(1000);
        }
        cr_assert_not_null(client_answer(&c, a, 0));
        check_int(servers_count("initialize"), 0);
        gateway_stop();
}

Test(failures, a_url_that_is_of_the_old_transport_is_found_out)
{
        gateway_start("'u':{'url':'http://u.example/sse'}", "");
        servers_keep("initialize");
        servers_keep("server/discover");
        c.version = "2025-06-18";
        a = client_ask(&c, 0, "initialize", "{'protocolVersion':'2025-06-18','capabilities':{}}");
        for (int i = 0; i < 4; i++) {
                struct sent *sent = servers_find("initialize");

                if (sent == NULL)
                        sent = servers_find("server/discover");
                if (sent != NULL && strstr(sent->http->url, "/message") == NULL)
                        sent_status(sent, 405, "");
        }
        servers_keep_no_more("initialize");
        gateway_pass_ms(1000);
        cr_assert_geq(servers_count("GET"), 1, "%s", gateway_log());
        snprintf(c.session, sizeof(c.session), "%s", answer_header(a, "Mcp-Session-Id"));
        a = client_ask(&c, 1, "tools/call", CALL_T);
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "result"), "%s", gateway_log());
        gateway_stop();
}

Test(failures, a_stateless_server_that_has_become_another_is_found_out_again)
{
        struct sent *call;

        gateway_start(HTTP, "");
        servers_are(SERVERS_STATELESS);
        servers_keep("tools/call");
        client_open(&c, "2025-06-18", "{}");
        a = client_ask(&c, 1, "tools/call", CALL_T);
        call = servers_await("tools/call");
        servers_are(SERVERS_SESSION);
        sent_status(call, 400, "no session");
        check_done();
        cr_assert_geq(servers_count("initialize"), 2);
        gateway_stop();
}

Test(failures, headers_that_a_tool_wants_are_learned)
{
        struct sent *call;

        gateway_start(HTTP, "");
        servers_are(SERVERS_STATELESS);
        servers_keep("tools/call");
        servers_keep("tools/list");
        client_open(&c, "2025-06-18", "{}");
        a = client_ask(&c, 1, "tools/call", "{'name':'u_t','arguments':{'region':'eu'}}");
        call = servers_find("tools/call");
        if (call == NULL) {
                sent_honestly(servers_await("tools/list"));
                call = servers_await("tools/call");
        }
        sent_error(call, -32020, "HeaderMismatch");
        sent_result(servers_await("tools/list"),
                    "'tools':[{'name':'t','inputSchema':{'type':'object','properties':{'region':{"
                    "'type':'string','x-mcp-header':'Region'}}}}]");
        call = servers_await("tools/call");
        cr_assert_not_null(strstr(call->http->headers, "Mcp-Param-Region: eu"), "%s",
                           call->http->headers);
        sent_result(call, "'content':[]");
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "result"));
        gateway_stop();
}

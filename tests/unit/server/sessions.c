/* Sessions: their streams and what is sent again, their ends, and who may have how many. */
#include "../check.h"
#include "../json.h"
#include "client.h"
#include "gateway.h"
#include "servers.h"

static struct client c, d;

static void say_log(const char *data)
{
        char text[400];

        snprintf(text, sizeof(text),
                 "{'jsonrpc':'2.0','method':'notifications/message','params':{'level':'error',"
                 "'data':'%s'}}",
                 data);
        servers_say(text);
}

static void hears_log(const char *data)
{
        const json_t *msg = client_hears(&c, NULL, "notifications/message");

        cr_assert_str_eq(json_text_at(msg, "params/data"), data);
}

Test(sessions, a_stream_goes_on_behind_the_event_that_was_heard_last)
{
        char id[64];

        gateway_start(HTTP, "");
        client_open(&c, "2025-06-18", "{}");
        client_listen(&c, NULL);
        say_log("one");
        hears_log("one");
        snprintf(id, sizeof(id), "%s", c.stream->event_id);
        say_log("two");
        say_log("three");
        answer_cut(c.stream);
        say_log("four");
        client_listen(&c, id);
        hears_log("two");
        hears_log("three");
        hears_log("four");
        say_log("five");
        hears_log("five");
        gateway_stop();
}

Test(sessions, what_came_while_no_stream_was_open_comes_by_the_next)
{
        gateway_start(HTTP, "");
        client_open(&c, "2025-06-18", "{}");
        client_listen(&c, NULL);
        answer_cut(c.stream);
        say_log("one");
        client_listen(&c, NULL);
        hears_log("one");
        gateway_stop();
}

Test(sessions, an_event_id_that_means_nothing_opens_a_stream_all_the_same)
{
        gateway_start(HTTP, "");
        client_open(&c, "2025-06-18", "{}");
        client_listen(&c, "whatever");
        client_listen(&c, "77-99");
        say_log("one");
        hears_log("one");
        gateway_stop();
}

Test(sessions, the_newest_of_several_streams_gets_what_nobody_asked_for)
{
        struct answer *older;

        gateway_start(HTTP, "");
        client_open(&c, "2025-06-18", "{}");
        client_listen(&c, NULL);
        older = c.stream;
        client_listen(&c, NULL);
        say_log("one");
        hears_log("one");
        cr_assert_null(answer_event(older));
        gateway_stop();
}

Test(sessions, the_oldest_events_go_when_there_are_too_many)
{
        char data[120];

        gateway_start(HTTP, "'replay_max_bytes':2000");
        client_open(&c, "2025-06-18", "{}");
        client_listen(&c, NULL);
        say_log("first");
        hears_log("first");
        answer_cut(c.stream);
        for (int i = 0; i < 40; i++) {
                snprintf(data, sizeof(data), "%d%0100d", i, 0);
                say_log(data);
        }
        client_listen(&c, c.stream->event_id);
        snprintf(data, sizeof(data), "1%0100d", 0);
        cr_assert_str_neq(
                json_text_at(client_hears(&c, NULL, "notifications/message"), "params/data"), data);
        while (client_hears(&c, NULL, "notifications/message") != NULL)
                snprintf(data, sizeof(data), "%s", json_text_at(c.stream->json, "params/data"));
        cr_assert_eq(strncmp(data, "390", 3), 0);
        gateway_stop();
}

Test(sessions, delete_ends_it_with_its_streams_and_calls)
{
        struct answer *a, *call;

        gateway_start(HTTP, "");
        servers_keep("tools/call");
        client_open(&c, "2025-06-18", "{}");
        client_listen(&c, NULL);
        call = client_ask(&c, 1, "tools/call", "{'name':'u_t','arguments':{}}");
        a = client_send(&(const struct client_request){.method = "DELETE", .session = c.session});
        gateway_settle();
        check_int(answer_status(a), 204);
        cr_assert(c.stream->is_over);
        cr_assert_not_null(json_at(client_answer(&c, call, 1), "error"));
        check_int(servers_count("DELETE"), 1);
        check_int(answer_status(client_ask(&c, 2, "ping", "")), 404);
        gateway_stop();
}

Test(sessions, an_idle_one_expires_and_one_with_a_stream_does_not)
{
        gateway_start(HTTP, "'session_idle_s':60");
        client_open(&c, "2025-06-18", "{}");
        client_open(&d, "2025-06-18", "{}");
        client_listen(&d, NULL);
        gateway_pass_ms(61000);
        check_int(answer_status(client_ask(&c, 1, "ping", "")), 404);
        check_int(answer_status(client_ask(&d, 1, "ping", "")), 200);
        cr_assert_not_null(strstr(gateway_log(), "session expired"));
        gateway_stop();
}

Test(sessions, a_call_that_nobody_hears_does_not_keep_it)
{
        struct answer *a;

        gateway_start(HTTP, "'session_idle_s':60");
        servers_keep("tools/call");
        client_open(&c, "2025-06-18", "{}");
        a = client_ask(&c, 1, "tools/call", "{'name':'u_t','arguments':{}}");
        gateway_pass_ms(70000);
        check_int(answer_status(a), 200);
        answer_cut(a);
        gateway_pass_ms(61000);
        check_int(answer_status(client_ask(&c, 2, "ping", "")), 404);
        gateway_stop();
}

Test(sessions, one_more_than_a_user_may_have_ends_the_longest_idle)
{
        struct client e;

        gateway_start(HTTP, "'sessions_per_user_max':2");
        client_open(&c, "2025-06-18", "{}");
        client_open(&d, "2025-06-18", "{}");
        memset(&e, 0, sizeof(e));
        client_open(&e, "2025-06-18", "{}");
        check_int(answer_status(client_ask(&c, 1, "ping", "")), 404);
        check_int(answer_status(client_ask(&d, 1, "ping", "")), 200);
        check_int(answer_status(client_ask(&e, 1, "ping", "")), 200);
        gateway_stop();
}

Test(sessions, where_all_are_in_use_a_newcomer_is_told_to_come_later)
{
        struct answer *a;

        gateway_start(HTTP, "'sessions_max':1");
        client_open(&c, "2025-06-18", "{}");
        client_listen(&c, NULL);
        a = client_send(&(const struct client_request){
                .body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{"
                        "\"protocolVersion\":\"2025-06-18\",\"capabilities\":{}}}"});
        gateway_settle();
        check_int(answer_status(a), 503);
        answer_cut(c.stream);
        client_open(&d, "2025-06-18", "{}");
        check_int(answer_status(client_ask(&c, 1, "ping", "")), 404);
        gateway_stop();
}

Test(sessions, the_sse_eras_ends_with_its_stream)
{
        struct answer *a;

        gateway_start(HTTP, "");
        client_open(&c, SSE, "{}");
        a = client_ask(&c, 1, "ping", "");
        check_int(answer_status(a), 202);
        cr_assert_not_null(client_answer(&c, a, 1));
        say_log("one");
        hears_log("one");
        answer_cut(c.stream);
        check_int(answer_status(client_ask(&c, 2, "ping", "")), 404);
        check_int(servers_count("DELETE"), 1);
        gateway_stop();
}

Test(sessions, what_is_wrong_with_a_request_is_said_before_anything_else)
{
        static const struct client_expect wrong[] = {
                {{.body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"}, 400},
                {{.session = "none", .body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"},
                 404},
                {{.method = "GET", .session = "none"}, 404},
                {{.method = "GET"}, 400},
                {{.method = "GET", .accept = "application/json"}, 406},
                {{.method = "GET", .version = "1999-01-01"}, 400},
                {{.method = "GET", .version = STATELESS}, 405},
                {{.method = "DELETE"}, 400},
                {{.version = "1999-01-01",
                  .body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"},
                 400},
                {{.uri = "/message?sessionId=none", .body = "{}"}, 404},
                {{.uri = "/message", .body = "{}"}, 404},
                {{.body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\"}"}, 400},
                {{.body = "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\"}]"}, 400},
                {{.body = "7"}, 400},
                {{.body = ""}, 400},
        };

        gateway_start(HTTP, "");
        client_check_each(wrong, sizeof(wrong) / sizeof(wrong[0]));
        gateway_stop();
}

Test(sessions, one_session_is_initialized_once)
{
        gateway_start(HTTP, "");
        client_open(&c, SSE, "{}");
        client_ask(&c, 5, "initialize", "{'protocolVersion':'2024-11-05','capabilities':{}}");
        cr_assert_not_null(json_at(client_answer(&c, c.stream, 5), "error"));
        gateway_stop();
}

Test(sessions, calls_at_once_are_bounded_in_each)
{
        struct answer *a[3];

        gateway_start(HTTP, "'calls_per_session_max':2");
        servers_keep("tools/call");
        client_open(&c, "2025-06-18", "{}");
        for (int i = 0; i < 3; i++)
                a[i] = client_ask(&c, i + 1, "tools/call", "{'name':'u_t','arguments':{}}");
        check_int(answer_status(a[2]), 429);
        sent_result(servers_await("tools/call"), "'content':[]");
        sent_result(servers_await("tools/call"), "'content':[]");
        check_int(answer_status(a[0]), 200);
        check_int(answer_status(a[1]), 200);
        check_int(answer_status(client_ask(&c, 4, "ping", "")), 200);
        gateway_stop();
}

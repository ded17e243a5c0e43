/* What requests of the stateless era must carry, and what they are told. */
#include "../check.h"
#include "../json.h"
#include "client.h"
#include "gateway.h"
#include "servers.h"

static struct client c;

#define META                                                                                       \
        "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","                   \
        "\"io.modelcontextprotocol/clientInfo\":{\"name\":\"c\",\"version\":\"1\"},"               \
        "\"io.modelcontextprotocol/clientCapabilities\":{}}"

#define LIST "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{" META "}}"
#define CALL                                                                                       \
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/"                                        \
        "call\",\"params\":{\"name\":\"u_t\"," META "}}"

Test(stateless, what_is_wrong_is_refused_with_its_status)
{
        static const struct client_expect wrong[] = {
                /* a batch, a response, a notification */
                {{.version = STATELESS,
                  .body = "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}]"},
                 400},
                {{.version = STATELESS, .body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"},
                 400},
                {{.version = STATELESS,
                  .body = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}"},
                 202},
                /* no header for the method, another method, no name, another name */
                {{.version = STATELESS, .body = LIST}, 400},
                {{.version = STATELESS, .rpc_method = "tools/call", .body = LIST}, 400},
                {{.version = STATELESS, .rpc_method = "tools/call", .body = CALL}, 400},
                {{.version = STATELESS,
                  .rpc_method = "tools/call",
                  .rpc_name = "u_w",
                  .body = CALL},
                 400},
                /* no _meta */
                {{.version = STATELESS,
                  .rpc_method = "tools/list",
                  .body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{}}"},
                 400},
                /* a method of another era, or of none */
                {{.version = STATELESS,
                  .rpc_method = "resources/subscribe",
                  .body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/"
                          "subscribe\",\"params\":{\"uri\":\"r://a\"," META "}}"},
                 404},
                /* the answer is a stream that is not taken */
                {{.version = STATELESS,
                  .rpc_method = "subscriptions/listen",
                  .accept = "application/json",
                  .body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"subscriptions/"
                          "listen\",\"params\":{\"notifications\":{}," META "}}"},
                 406},
                /* and one that is right */
                {{.version = STATELESS, .rpc_method = "tools/list", .body = LIST}, 200},
        };

        gateway_start(HTTP, "");
        client_check_each(wrong, sizeof(wrong) / sizeof(wrong[0]));
        gateway_stop();
}

/* Of a client that wants log messages from warnings up; its server keeps it. */
static struct answer *call_with_log(const char *server)
{
        gateway_start(server, "");
        servers_are(SERVERS_SESSION);
        servers_keep("tools/call");
        client_open(&c, STATELESS, "{}");
        c.meta = ",'io.modelcontextprotocol/logLevel':'warning'";
        return client_ask(&c, 1, "tools/call", "{'name':'u_t','arguments':{}}");
}

Test(stateless, log_messages_come_to_who_wants_them)
{
        struct answer *a;
        struct sent *call;

        a = call_with_log(STDIO);
        call = servers_await("tools/call");
        cr_assert_str_eq(json_text_at(servers_last("logging/setLevel")->msg, "params/level"),
                         "warning");
        sent_event(call, NULL,
                   "{'jsonrpc':'2.0','method':'notifications/message','params':{'level':'info',"
                   "'data':'low'}}");
        sent_event(call, NULL,
                   "{'jsonrpc':'2.0','method':'notifications/message','params':{'level':'error',"
                   "'data':'high'}}");
        cr_assert_str_eq(json_text_at(client_hears(&c, a, "notifications/message"), "params/data"),
                         "high");
        sent_event_result(call, NULL, "'content':[]");
        cr_assert_not_null(client_answer(&c, a, 1));
        gateway_stop();
}

Test(stateless, over_http_they_may_come_by_the_stream_behind_the_answer)
{
        struct answer *a;
        struct sent *call;

        a = call_with_log(HTTP);
        call = servers_await("tools/call");
        sent_result(call, "'content':[]");
        cr_assert_null(client_answer(&c, a, 1), "the answer lingers");
        servers_say("{'jsonrpc':'2.0','method':'notifications/message','params':{'level':'error',"
                    "'data':'late'}}");
        gateway_pass_ms(50);
        cr_assert_not_null(client_hears(&c, a, "notifications/message"), "%s", gateway_log());
        cr_assert_not_null(client_answer(&c, a, 1));
        gateway_stop();
}

Test(stateless, its_standing_session_expires_as_others_do)
{
        gateway_start(STDIO, "'session_idle_s':60");
        client_open(&c, STATELESS, "{}");
        client_ask(&c, 1, "tools/list", "");
        check_int(world_child_n(), 1);
        gateway_pass_ms(130000);
        check_int(world_child_n(), 0);
        client_ask(&c, 2, "tools/list", "");
        check_int(world_child_n(), 1);
        gateway_stop();
}

Test(stateless, results_say_how_long_they_are_good)
{
        struct answer *a;

        gateway_start(STDIO, "'catalog_age_s':60");
        servers_are(SERVERS_SESSION);
        client_open(&c, STATELESS, "{}");
        client_ask(&c, 1, "tools/list",
                   ""); /* asked for while the server was greeted: old already */
        client_ask(&c, 2, "tools/list", "");
        gateway_pass_ms(20000);
        a = client_ask(&c, 3, "tools/list", "");
        cr_assert_not_null(client_answer(&c, a, 3));
        check_int(json_integer_value(json_at(a->json, "result/ttlMs")), 40000);
        gateway_stop();
}

Test(stateless, the_trace_of_a_request_goes_on)
{
        struct answer *a;

        gateway_start(HTTP, "");
        client_open(&c, STATELESS, "{}");
        c.meta = ",'traceparent':'00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'";
        a = client_ask(&c, 1, "tools/call", "{'name':'u_t','arguments':{}}");
        cr_assert_not_null(client_answer(&c, a, 1));
        cr_assert_not_null(strstr(servers_last("tools/call")->http->headers,
                                  "0af7651916cd43dd8448eb211c80319c"),
                           "%s", servers_last("tools/call")->http->headers);
        gateway_stop();
}

/* What one user, and all together, may have at once; and the gateway's end. */
#include "../check.h"
#include "../json.h"
#include "client.h"
#include "gateway.h"
#include "servers.h"

#include "mgw/base/alloc.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define CALL_T "{'name':'u_t','arguments':{}}"

static struct client c, d;
static struct answer *a;

Test(limits, calls_of_a_user_at_once)
{
        gateway_start(HTTP, "'calls_per_user_max':1");
        servers_keep("tools/call");
        client_open(&c, "2025-06-18", "{}");
        client_open(&d, "2025-06-18", "{}");
        client_ask(&c, 1, "tools/call", CALL_T);
        a = client_ask(&d, 1, "tools/call", CALL_T);
        check_int(answer_status(a), 429);
        cr_assert_str_eq(answer_header(a, "Retry-After"), "5");
        client_open(&d, STATELESS, "{}");
        check_int(answer_status(client_ask(&d, 1, "tools/call", CALL_T)), 429);
        gateway_stop();
}

Test(limits, messages_of_a_user_a_second)
{
        unsigned n_refused = 0;

        gateway_start(HTTP, "'calls_per_user_s':2");
        client_open(&c, "2025-06-18", "{}");
        for (int i = 0; i < 20; i++)
                n_refused += answer_status(client_ask(&c, i, "ping", "")) == 429;
        cr_assert_gt(n_refused, 5);
        gateway_pass_ms(5000);
        check_int(answer_status(client_ask(&c, 99, "ping", "")), 200);
        gateway_stop();
}

Test(limits, streams_of_a_user)
{
        gateway_start(HTTP, "'streams_per_user_max':1");
        servers_keep("tools/call");
        client_open(&c, "2025-06-18", "{}");
        client_listen(&c, NULL);
        a = client_send(&(const struct client_request){.method = "GET", .session = c.session});
        gateway_settle();
        check_int(answer_status(a), 429);
        a = client_send(&(const struct client_request){.method = "GET", .uri = "/sse"});
        gateway_settle();
        check_int(answer_status(a), 429);
        client_open(&d, STATELESS, "{}");
        check_int(answer_status(client_ask(&d, 1, "subscriptions/listen", "{'notifications':{}}")),
                  429);
        a = client_ask(&c, 1, "tools/call", CALL_T);
        gateway_pass_ms(5000);
        check_int(answer_status(a), 0);
        sent_result(servers_await("tools/call"), "'content':[]");
        check_int(answer_status(a), 200);
        gateway_stop();
}

Test(limits, memory_of_a_user)
{
        char *body = malloc(3 << 20);
        int n = sprintf(body,
                        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{\"x\":\"");

        gateway_start(HTTP, "'memory_per_user_max_bytes':1000000");
        client_open(&c, "2025-06-18", "{}");
        memset(body + n, 'x', (3 << 20) - n);
        a = client_send(&(const struct client_request){
                .session = c.session, .body = body, .n_body = 2 << 20});
        gateway_settle();
        check_int(answer_status(a), 429);
        free(body);
        gateway_stop();
}

static void begin_task(int id, int n)
{
        char fields[1000];

        a = client_ask(&c, id, "tools/call", CALL_T);
        snprintf(fields, sizeof(fields),
                 "'resultType':'task','taskId':'%0*d','status':'working','ttlMs':1000,"
                 "'createdAt':'2026-01-01T00:00:00Z','lastUpdatedAt':'2026-01-01T00:00:00Z'",
                 n, id);
        sent_result(servers_await("tools/call"), fields);
        cr_assert_str_neq(json_text_at(client_answer(&c, a, id), "result/taskId"), "");
}

Test(limits, what_is_noted_of_each_task_is_paid_for)
{
        uint64_t before;

        gateway_start(HTTP "},'policy':{'rules':[{'who':['*'],'allow':{'servers':['*']}}]", "");
        servers_are(SERVERS_STATELESS);
        servers_keep("tools/call");
        client_open(&c, STATELESS, "{'extensions':{'io.modelcontextprotocol/tasks':{}}}");
        begin_task(1, 1);
        before = world.context->ledger.by_kind[LEDGER_SESSION];
        begin_task(2, 500);
        begin_task(3, 1);
        cr_assert_geq(world.context->ledger.by_kind[LEDGER_SESSION], before + 500 + 2 * 250);
        gateway_stop();
}

/* initialize of a client whose name has so many bytes. */
static struct answer *open_named(size_t n)
{
        static const char before[] =
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{"
                "\"protocolVersion\":\"2025-06-18\",\"capabilities\":{},\"clientInfo\":{"
                "\"version\":\"1\",\"name\":\"";
        char *body = alloc_zeroed(sizeof(before) + n + sizeof("\"}}}"));
        struct answer *answer;

        strcpy(body, before);
        memset(body + strlen(before), 'n', n);
        strcat(body, "\"}}}");
        answer = client_send(&(const struct client_request){.body = body});
        free(body);
        gateway_settle();
        return answer;
}

Test(limits, what_is_on_its_way_to_servers_is_its_users)
{
        gateway_start("'a':{'url':'http://a.example/mcp'},'b':{'url':'http://b.example/mcp'}", "");
        servers_keep("initialize");
        servers_keep("server/discover");
        a = open_named(100000);
        gateway_pass_ms(3000);
        check_int(answer_status(a), 200);
        cr_assert_geq(world.context->ledger.by_kind[LEDGER_CALL], 2 * 100000);
        gateway_stop();
}

Test(limits, a_client_says_so_much_of_itself)
{
        gateway_start(HTTP, "");
        a = open_named(300000);
        check_int(json_integer_value(json_at(answer_json(a), "error/code")), -32602);
        check_int(servers_count("initialize"), 0);
        check_int(answer_status(open_named(200000)), 200);
        gateway_stop();
}

Test(limits, a_client_that_does_not_read_its_stream_loses_it)
{
        static char data[60000];
        char *text;

        gateway_start(HTTP, "'stream_queue_max_bytes':100000");
        client_open(&c, "2025-06-18", "{}");
        client_listen(&c, NULL);
        c.stream->does_not_read = true;
        memset(data, 'x', sizeof(data) - 1);
        cr_assert(asprintf(&text,
                           "{'jsonrpc':'2.0','method':'notifications/message','params':{'level':"
                           "'error','data':'%s'}}",
                           data) > 0);
        for (int i = 0; i < 20; i++)
                servers_say(text);
        free(text);
        c.stream->does_not_read = false;
        gateway_pass_ms(1000);
        cr_assert(c.stream->is_over || answer_is_closed(c.stream));
        check_int(answer_status(client_ask(&c, 1, "ping", "")), 200);
        gateway_stop();
}

Test(limits, connections_at_once)
{
        struct answer *more[3];

        gateway_start(HTTP, "'connections_max':2");
        for (int i = 0; i < 3; i++)
                more[i] = client_connect();
        gateway_settle();
        answer_cut(more[0]);
        a = client_send(&(const struct client_request){.method = "GET", .uri = "/health"});
        gateway_settle();
        check_int(answer_status(a), 0);
        answer_cut(more[1]);
        answer_cut(more[2]);
        gateway_pass_ms(1000);
        check_int(answer_status(a), 200);
        gateway_stop();
}

/* ---- the end ---- */

TEST_OVER_EACH(limits, at_the_end_calls_may_finish_and_nothing_new_begins)
{
        gateway_start(server, "");
        servers_keep("tools/call");
        client_open(&c, "2025-06-18", "{}");
        client_open(&d, "2025-06-18", "{}");
        client_listen(&c, NULL);
        a = client_ask(&c, 1, "tools/call", CALL_T);
        struct sent *call = servers_await("tools/call");

        gateway_signal(SIGTERM);
        cr_assert_not(gateway_is_over());
        check_int(answer_status(client_send(
                          &(const struct client_request){.method = "GET", .uri = "/ready"})),
                  0);
        gateway_settle();
        check_int(answer_status(client_ask(&c, 2, "tools/call", CALL_T)), 503);
        sent_event_result(call, NULL, "'content':[]");
        cr_assert_not_null(client_answer(&c, a, 1), "%s", gateway_log());
        gateway_pass_ms(30000);
        cr_assert(gateway_is_over(), "%s", gateway_log());
        check_int(gateway_stop(), 0);
}

Test(limits, calls_that_do_not_end_in_time_are_cut)
{
        gateway_start(HTTP, "'drain_s':10");
        servers_keep("tools/call");
        client_open(&c, "2025-06-18", "{}");
        a = client_ask(&c, 1, "tools/call", CALL_T);
        gateway_signal(SIGTERM);
        gateway_pass_ms(9000);
        cr_assert_not(gateway_is_over());
        gateway_pass_ms(5000);
        cr_assert(gateway_is_over());
        check_int(gateway_stop(), 0);
}

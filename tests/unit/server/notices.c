/* What goes by without an answer: progress, cancels, logs, and what is subscribed to. */
#include "../check.h"
#include "../json.h"
#include "client.h"
#include "gateway.h"
#include "servers.h"

#define CALL_T "{'name':'u_t','arguments':{}}"
#define CALL_T_WITH_TOKEN "{'name':'u_t','arguments':{},'_meta':{'progressToken':'mine'}}"

static struct client c;
static struct answer *a;
static struct sent *call;

static void begin(const char *server, const char *version)
{
        gateway_start(server, "");
        servers_keep("tools/call");
        servers_are(SERVERS_SESSION);
        client_open(&c, version, "{}");
        c.meta = ",'progressToken':'mine'"; /* of a stateless client */
        a = client_ask(&c, 1, "tools/call",
                       strcmp(version, STATELESS) == 0 ? CALL_T : CALL_T_WITH_TOKEN);
        call = servers_await("tools/call");
}

static void say_progress(int progress)
{
        char text[300];

        snprintf(text, sizeof(text),
                 "{'jsonrpc':'2.0','method':'notifications/progress','params':{'progressToken':%d,"
                 "'progress':%d,'total':10}}",
                 (int)json_integer_value(json_at(call->msg, "params/_meta/progressToken")),
                 progress);
        sent_event(call, NULL, text);
}

TEST_OVER_EACH(notices, progress_comes_under_the_clients_token)
{
        const json_t *msg;

        begin(server, "2025-06-18");
        say_progress(3);
        msg = client_hears(&c, a, "notifications/progress");
        cr_assert_str_eq(json_text_at(msg, "params/progressToken"), "mine", "%s", gateway_log());
        check_int(json_integer_value(json_at(msg, "params/total")), 10);
        gateway_stop();
}

TEST_FOR_EACH(notices, progress_comes_before_its_answer)
{
        begin(STDIO, version);
        say_progress(3);
        cr_assert_not_null(client_hears(&c, a, "notifications/progress"));
        sent_event_result(call, NULL, "'content':[]");
        cr_assert_not_null(client_answer(&c, a, 1));
        gateway_stop();
}

TEST_OVER_EACH(notices, a_cancel_reaches_the_server_under_its_id)
{
        begin(server, "2025-06-18");
        client_say(&c, "{'jsonrpc':'2.0','method':'notifications/cancelled','params':{'requestId':"
                       "1,'reason':'enough'}}");
        check_int(json_integer_value(json_at(servers_last("notifications/cancelled")->msg,
                                             "params/requestId")),
                  json_integer_value(json_at(call->msg, "id")));
        client_say(&c, "{'jsonrpc':'2.0','method':'notifications/cancelled','params':{'requestId':"
                       "99}}");
        check_int(servers_count("notifications/cancelled"), 1);
        gateway_stop();
}

TEST_OVER_EACH(notices, a_log_message_within_a_call_comes_with_it)
{
        begin(server, "2025-06-18");
        sent_event(call, NULL,
                   "{'jsonrpc':'2.0','method':'notifications/message','params':{'level':'error',"
                   "'data':'x'}}");
        cr_assert_not_null(client_hears(&c, a, "notifications/message"), "%s", gateway_log());
        gateway_stop();
}

TEST_OVER_EACH(notices, a_level_reaches_the_servers_that_log)
{
        gateway_start(server, "");
        servers_are(SERVERS_SESSION);
        client_open(&c, "2025-06-18", "{}");
        a = client_ask(&c, 1, "logging/setLevel", "{'level':'warning'}");
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "result"));
        cr_assert_str_eq(json_text_at(servers_last("logging/setLevel")->msg, "params/level"),
                         "warning");
        a = client_ask(&c, 2, "logging/setLevel", "{'level':'loud'}");
        cr_assert_not_null(json_at(client_answer(&c, a, 2), "error"));
        gateway_stop();
}

TEST_OVER_EACH(notices, what_is_subscribed_to_is_told_until_it_is_not)
{
        gateway_start(server, "");
        servers_are(SERVERS_SESSION);
        client_open(&c, "2025-06-18", "{}");
        client_listen(&c, NULL);
        a = client_ask(&c, 1, "resources/subscribe", "{'uri':'r://a'}");
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "result"), "%s", gateway_log());
        servers_say("{'jsonrpc':'2.0','method':'notifications/resources/updated','params':{'uri':"
                    "'r://a'}}");
        cr_assert_str_eq(json_text_at(client_hears(&c, NULL, "notifications/resources/updated"),
                                      "params/uri"),
                         "r://a");
        a = client_ask(&c, 2, "resources/unsubscribe", "{'uri':'r://a'}");
        cr_assert_not_null(json_at(client_answer(&c, a, 2), "result"));
        check_int(servers_count("resources/unsubscribe"), 1);
        gateway_stop();
}

Test(notices, a_subscription_outlives_the_servers_session)
{
        gateway_start(STDIO, "");
        servers_are(SERVERS_SESSION);
        client_open(&c, "2025-06-18", "{}");
        client_listen(&c, NULL);
        client_ask(&c, 1, "resources/subscribe", "{'uri':'r://a'}");
        client_ask(&c, 2, "logging/setLevel", "{'level':'warning'}");
        check_int(servers_count("resources/subscribe"), 1);
        world_child_exit(world_child_ago(0), 0, "exited with code 0");
        gateway_pass_ms(5000);
        client_ask(&c, 3, "tools/call", "{'name':'u_t','arguments':{}}");
        check_int(servers_count("resources/subscribe"), 2);
        check_int(servers_count("logging/setLevel"), 2);
        gateway_stop();
}

Test(notices, what_cannot_be_read_is_skipped)
{
        static const char *const odd[] = {
                "7",
                "{'jsonrpc':'2.0'}",
                "{'jsonrpc':'2.0','method':'notifications/odd','params':{'x':1}}",
                "{'jsonrpc':'2.0','id':1,'meth",
                "{'jsonrpc':'2.0','id':12345,'result':{}}",
                "{'jsonrpc':'2.0','id':{},'result':{}}",
                "[{'jsonrpc':'2.0','method':'notifications/tools/list_changed'},7]",
                "{'jsonrpc':'2.0','method':'notifications/message','params':7}",
                "{'jsonrpc':'2.0','method':'notifications/resources/updated'}",
                "[]",
        };

        begin(STDIO, "2025-06-18");
        for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
                sent_event(call, NULL, odd[i]);
        sent_event_result(call, NULL, "'content':[]");
        gateway_pass_ms(1000);
        cr_assert_not_null(client_answer(&c, a, 1), "%s", gateway_log());
        gateway_stop();
}

Test(notices, an_answer_that_cannot_be_read_is_an_error_of_its_call)
{
        char text[200];

        begin(STDIO, "2025-06-18");
        snprintf(text, sizeof(text), "{'jsonrpc':'2.0','id':%d,'result':{'content':[}}",
                 (int)json_integer_value(json_at(call->msg, "id")));
        sent_event(call, NULL, text);
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "error"));
        gateway_stop();
}

Test(notices, a_question_that_cannot_be_read_is_answered_so)
{
        begin(STDIO, "2025-06-18");
        sent_event(call, NULL, "{'jsonrpc':'2.0','id':'q','method':'roots/list','params':{'a':}}");
        cr_assert_not_null(json_at(servers_last("reply")->msg, "error"));
        gateway_stop();
}

/* ---- too many at once ---- */

#define LIST_CHANGED "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}"

static unsigned n_heard(struct client *client)
{
        unsigned n = 0;

        while (client_hears(client, NULL, "notifications/tools/list_changed") != NULL)
                n++;
        return n;
}

/* An array of so many, the answer to the call behind them. */
static char *array_of(unsigned n)
{
        size_t size = n * sizeof(LIST_CHANGED) + 200;
        char *text = malloc(size), *p = text;

        *p++ = '[';
        for (unsigned i = 0; i < n; i++)
                p += sprintf(p, "%s,", LIST_CHANGED);
        snprintf(p, size - (size_t)(p - text),
                 "{\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{\"content\":[]}}]",
                 (int)json_integer_value(json_object_get(call->msg, "id")));
        return text;
}

TEST_OVER_EACH(notices, of_an_array_no_more_is_taken_than_a_turn_may_bring_but_its_answers)
{
        char *text;
        unsigned n;

        begin(server, "2025-06-18");
        client_listen(&c, NULL);
        text = array_of(20000);
        servers_say(text);
        free(text);
        cr_assert_not_null(client_answer(&c, a, 1), "%s", gateway_log());
        n = n_heard(&c);
        cr_assert_geq(n, 10, "%u", n);
        cr_assert_leq(n, 256, "%u", n);
        cr_assert_not_null(strstr(gateway_log(), "an array of too many"));
        gateway_stop();
}

#define N_SHARING 20
#define N_LINES 600

/* What one program says to all takes turns as all that it makes does. */
Test(notices, a_program_that_speaks_to_many_takes_many_turns)
{
        static struct client clients[N_SHARING];
        uint64_t n_turns;

        gateway_start(SHARED, "");
        servers_are(SERVERS_SESSION);
        for (int i = 0; i < N_SHARING; i++) {
                client_open(&clients[i], "2025-06-18", "{}");
                client_listen(&clients[i], NULL);
        }
        n_turns = loop_turn_no(world.context->loop);
        for (int i = 0; i < N_LINES; i++)
                world_child_line(world_child_ago(0), STR(LIST_CHANGED));
        gateway_settle();
        n_turns = loop_turn_no(world.context->loop) - n_turns;
        cr_assert_geq(n_turns, N_SHARING * N_LINES / 256, "%llu turns",
                      (unsigned long long)n_turns);
        for (int i = 0; i < N_SHARING; i++)
                check_int(n_heard(&clients[i]), N_LINES);
        gateway_stop();
}

/* A notification with so much in it. */
static struct str long_notice(const char *method, const char *key)
{
        static char text[1100000];
        int n = snprintf(text, sizeof(text),
                         "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/%s\",\"params\":"
                         "{\"%s\":\"x:%0*d\"}}",
                         method, key, 1000000, 0);

        return (struct str){text, (size_t)n};
}

Test(notices, what_all_who_share_a_program_are_told_is_short)
{
        static struct client clients[2];

        gateway_start(SHARED, "");
        servers_are(SERVERS_SESSION);
        for (int i = 0; i < 2; i++) {
                client_open(&clients[i], "2025-06-18", "{}");
                client_listen(&clients[i], NULL);
        }
        world_child_line(world_child_ago(0), long_notice("tools/list_changed", "why"));
        world_child_line(world_child_ago(0), long_notice("resources/updated", "uri"));
        gateway_settle();
        for (int i = 0; i < 2; i++) {
                const json_t *msg =
                        client_hears(&clients[i], NULL, "notifications/tools/list_changed");

                cr_assert_not_null(msg, "%s", gateway_log());
                cr_assert_null(json_object_get(msg, "params"));
        }
        cr_assert_not_null(strstr(gateway_log(), "it has over 64 kB"), "%s", gateway_log());
        gateway_stop();
}

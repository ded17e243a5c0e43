/* What clients of the stateless era listen for. */
#include "../check.h"
#include "../json.h"
#include "client.h"
#include "gateway.h"
#include "servers.h"

#define LISTEN                                                                                     \
        "{'notifications':{'toolsListChanged':true,'resourceSubscriptions':['r://a','r://b']}}"
#define UPDATED                                                                                    \
        "{'jsonrpc':'2.0','method':'notifications/resources/updated','params':{'uri':'r://a'}}"
#define CHANGED "{'jsonrpc':'2.0','method':'notifications/tools/list_changed'}"

static struct client c;
static struct answer *a;

static void begin(const char *server, enum servers_era era)
{
        gateway_start(server, "");
        servers_are(era);
        client_open(&c, STATELESS, "{}");
        a = client_ask(&c, 1, "subscriptions/listen", LISTEN);
}

TEST_OVER_EACH(subscriptions, to_a_session_server_are_acknowledged_and_told)
{
        const json_t *msg;

        begin(server, SERVERS_SESSION);
        msg = client_hears(&c, a, "notifications/subscriptions/acknowledged");
        cr_assert_not_null(msg, "%s", gateway_log());
        check_json_is(json_at(msg, "params/notifications/resourceSubscriptions"),
                      "['r://a','r://b']");
        check_int(servers_count("resources/subscribe"), 2);
        servers_say(UPDATED);
        msg = client_hears(&c, a, "notifications/resources/updated");
        cr_assert_not_null(msg);
        servers_say(CHANGED);
        cr_assert_not_null(client_hears(&c, a, "notifications/tools/list_changed"));
        answer_cut(a);
        check_int(servers_count("resources/unsubscribe"), 2);
        gateway_stop();
}

static void stateless(const char *server)
{
        begin(server, SERVERS_STATELESS);
        gateway_pass_ms(1000);
        cr_assert_not_null(client_hears(&c, a, "notifications/subscriptions/acknowledged"), "%s",
                           gateway_log());
        cr_assert_geq(servers_count("subscriptions/listen"), 1);
        gateway_stop();
}

Test(subscriptions, to_a_stateless_server_over_http_are_acknowledged)
{
        stateless(HTTP);
}

Test(subscriptions, to_a_stateless_program_are_acknowledged)
{
        stateless(STDIO);
}

Test(subscriptions, of_a_session_client_reach_a_stateless_server)
{
        const json_t *filter;

        gateway_start(HTTP, "");
        servers_are(SERVERS_STATELESS);
        client_open(&c, "2025-06-18", "{}");
        client_listen(&c, NULL);
        a = client_ask(&c, 1, "resources/subscribe", "{'uri':'r://a'}");
        gateway_pass_ms(1000);
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "result"), "%s", gateway_log());
        filter = json_at(servers_last("subscriptions/listen")->msg, "params/notifications");
        check_json_is(json_at(filter, "resourceSubscriptions"), "['r://a']");
        servers_listen_say(UPDATED);
        cr_assert_not_null(client_hears(&c, NULL, "notifications/resources/updated"), "%s",
                           gateway_log());
        a = client_ask(&c, 2, "resources/unsubscribe", "{'uri':'r://a'}");
        gateway_pass_ms(1000);
        cr_assert_not_null(json_at(client_answer(&c, a, 2), "result"));
        gateway_stop();
}

Test(subscriptions, a_stream_of_changes_that_ends_is_opened_again)
{
        unsigned n;

        gateway_start(HTTP, "");
        servers_are(SERVERS_STATELESS);
        client_open(&c, "2025-06-18", "{}");
        client_listen(&c, NULL);
        gateway_pass_ms(1000);
        n = servers_count("subscriptions/listen");
        cr_assert_geq(n, 1);
        sent_end(servers_last("subscriptions/listen"));
        gateway_pass_ms(3000);
        cr_assert_gt(servers_count("subscriptions/listen"), n);
        sent_fail(servers_last("subscriptions/listen"), HTTP_FAULT_CUT, true);
        gateway_pass_ms(10000);
        cr_assert_gt(servers_count("subscriptions/listen"), n + 1);
        gateway_stop();
}

Test(subscriptions, what_a_server_does_not_acknowledge_is_refused)
{
        gateway_start(HTTP, "");
        servers_are(SERVERS_STATELESS);
        client_open(&c, "2025-06-18", "{}");
        client_listen(&c, NULL);
        gateway_pass_ms(1000);
        servers_keep("subscriptions/listen");
        a = client_ask(&c, 1, "resources/subscribe", "{'uri':'r://a'}");
        gateway_pass_ms(1000);
        sent_error(servers_await("subscriptions/listen"), -32603, "no");
        gateway_pass_ms(60000);
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "error"), "%s", gateway_log());
        gateway_stop();
}

Test(subscriptions, two_that_want_the_same_are_one_to_the_server)
{
        struct answer *b;

        begin(HTTP, SERVERS_SESSION);
        b = client_ask(&c, 2, "subscriptions/listen", LISTEN);
        cr_assert_not_null(client_hears(&c, b, "notifications/subscriptions/acknowledged"));
        answer_cut(a);
        check_int(servers_count("resources/unsubscribe"), 0);
        servers_say(UPDATED);
        cr_assert_not_null(client_hears(&c, b, "notifications/resources/updated"));
        answer_cut(b);
        check_int(servers_count("resources/unsubscribe"), 2);
        gateway_stop();
}

Test(subscriptions, what_is_refused_or_not_answered_is_not_honoured)
{
        gateway_start(HTTP, "'upstream_open_timeout_s':10");
        servers_are(SERVERS_SESSION);
        servers_keep("resources/subscribe");
        client_open(&c, STATELESS, "{}");
        a = client_ask(&c, 1, "subscriptions/listen", LISTEN);
        sent_error(servers_await("resources/subscribe"), -32603, "no");
        cr_assert_null(client_hears(&c, a, "notifications/subscriptions/acknowledged"));
        gateway_pass_ms(11000);
        const json_t *msg = client_hears(&c, a, "notifications/subscriptions/acknowledged");

        cr_assert_not_null(msg);
        cr_assert_null(json_at(msg, "params/notifications/resourceSubscriptions"));
        gateway_stop();
}

Test(subscriptions, end_with_a_result_when_the_gateway_goes_down)
{
        begin(HTTP, SERVERS_SESSION);
        gateway_signal(15);
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "result"), "%s", gateway_log());
        cr_assert(a->is_over);
        gateway_stop();
}

Test(subscriptions, what_is_asked_wrongly_is_refused)
{
        static const char *const wrong[] = {
                "",
                "{'notifications':7}",
                "{'notifications':{'toolsListChanged':7}}",
                "{'notifications':{'resourceSubscriptions':[7]}}",
                "{'notifications':{'taskIds':['t']}}",
        };

        gateway_start(HTTP, "");
        client_open(&c, STATELESS, "{}");
        for (int i = 0; i < 5; i++) {
                a = client_ask(&c, i + 1, "subscriptions/listen", wrong[i]);
                cr_assert_not_null(json_at(client_answer(&c, a, i + 1), "error"), "%d", i);
        }
        gateway_stop();
}

#define TASKS "{'extensions':{'io.modelcontextprotocol/tasks':{}}}"

Test(subscriptions, a_task_is_told_of_to_its_user)
{
        struct sent *call;
        char id[200], params[400];
        const json_t *msg;

        gateway_start(HTTP, "");
        servers_are(SERVERS_STATELESS);
        servers_keep("tools/call");
        servers_keep("tasks/get");
        servers_keep("server/discover");
        client_open(&c, STATELESS, TASKS);
        a = client_ask(&c, 1, "tools/call", "{'name':'u_t','arguments':{}}");
        sent_result(servers_await("server/discover"),
                    "'supportedVersions':['2026-07-28'],'capabilities':{'tools':{},'extensions':{"
                    "'io.modelcontextprotocol/tasks':{}}}");
        call = servers_await("tools/call");
        sent_result(call,
                    "'resultType':'task','taskId':'k','status':'working','ttlMs':1000,"
                    "'createdAt':'2026-01-01T00:00:00Z','lastUpdatedAt':'2026-01-01T00:00:00Z'");
        msg = client_answer(&c, a, 1);
        snprintf(id, sizeof(id), "%s", json_text_at(msg, "result/taskId"));
        cr_assert_str_neq(id, "", "%s", gateway_log());
        cr_assert_str_neq(id, "k");
        snprintf(params, sizeof(params), "{'notifications':{'taskIds':['%s']}}", id);
        a = client_ask(&c, 2, "subscriptions/listen", params);
        gateway_pass_ms(1000);
        cr_assert_not_null(client_hears(&c, a, "notifications/subscriptions/acknowledged"));
        servers_listen_say("{'jsonrpc':'2.0','method':'notifications/tasks','params':{'taskId':'k',"
                           "'status':'completed'}}");
        msg = client_hears(&c, a, "notifications/tasks");
        cr_assert_str_eq(json_text_at(msg, "params/taskId"), id, "%s", gateway_log());
        snprintf(params, sizeof(params), "{'taskId':'%s'}", id);
        a = client_ask(&c, 3, "tasks/get", params);
        cr_assert_str_eq(json_text_at(servers_await("tasks/get")->msg, "params/taskId"), "k");
        sent_result(servers_await("tasks/get"), "'taskId':'k','status':'completed'");
        cr_assert_str_eq(json_text_at(client_answer(&c, a, 3), "result/taskId"), id);
        a = client_ask(&c, 4, "tasks/get", "{'taskId':'aaaa.0.k'}");
        cr_assert_not_null(json_at(client_answer(&c, a, 4), "error"));
        gateway_stop();
}

/* So long a URI, each time another. */
static void subscribe_long(struct client *client, int id)
{
        static char params[8300];

        snprintf(params, sizeof(params), "{'uri':'r://%08d%0*d'}", id, 8000, 0);
        cr_assert_not_null(
                client_answer(client, client_ask(client, id, "resources/subscribe", params), id),
                "%s", gateway_log());
}

static uint64_t n_kept(void)
{
        return world.context->ledger.by_kind[LEDGER_SUBSCRIPTION];
}

TEST_OVER_EACH(subscriptions, of_a_session_are_paid_for)
{
        uint64_t before;

        gateway_start(server, "");
        servers_are(SERVERS_SESSION);
        client_open(&c, "2025-11-25", "{}");
        before = n_kept();
        for (int id = 1; id <= 20; id++)
                subscribe_long(&c, id);
        cr_assert_geq(n_kept(), before + (uint64_t)20 * 8000, "%llu", (unsigned long long)n_kept());
        cr_assert_not_null(client_answer(&c,
                                         client_ask(&c, 21, "resources/unsubscribe",
                                                    "{'uri':'r://x'}"), /* that is not there */
                                         21));
        client_send(&(struct client_request){.method = "DELETE", .session = c.session});
        gateway_settle();
        gateway_pass_ms(20000);
        check_int(n_kept(), before);
        gateway_stop();
}

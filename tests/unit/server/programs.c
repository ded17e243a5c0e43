/* Servers that are programs: their starts, their ends, and who shares them. */
#include "../check.h"
#include "../json.h"
#include "client.h"
#include "gateway.h"
#include "servers.h"

#include <errno.h>

#define CALL_T "{'name':'u_t','arguments':{}}"
#define CALL_W "{'name':'u_w','arguments':{}}"

static struct client c, d;
static struct answer *a;

static void check_result(void)
{
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "result"), "%s", gateway_log());
}

/* A call has a result, soon. */
static void check_served(void)
{
        a = client_ask(&c, 1, "tools/call", CALL_T);
        gateway_pass_ms(2000);
        check_result();
}

static void check_error(void)
{
        gateway_pass_ms(2000);
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "error"), "%s", gateway_log());
}

Test(programs, one_that_ends_is_started_again_when_it_is_needed)
{
        gateway_start(STDIO, "");
        client_open(&c, "2025-06-18", "{}");
        check_int(world_child_n(), 1);
        world_child_exit(world_child_ago(0), 256, "exited with code 1");
        gateway_pass_ms(30000);
        check_served();
        gateway_stop();
}

Test(programs, what_was_on_its_way_fails_with_one_that_ends)
{
        gateway_start(STDIO, "");
        servers_keep("tools/call");
        client_open(&c, "2025-06-18", "{}");
        a = client_ask(&c, 1, "tools/call", CALL_W);
        servers_await("tools/call");
        world_child_error_line(world_child_ago(0), STR("I am dying"));
        world_child_exit(world_child_ago(0), 9, "was killed by SIGKILL");
        check_error();
        cr_assert_not_null(strstr(gateway_log(), "I am dying"));
        gateway_stop();
}

Test(programs, what_only_reads_is_sent_once_more)
{
        gateway_start(STDIO, "");
        servers_keep("tools/call");
        client_open(&c, "2025-06-18", "{}");
        client_ask(&c, 9, "tools/list", "");
        a = client_ask(&c, 1, "tools/call", CALL_T);
        servers_await("tools/call");
        world_child_exit(world_child_ago(0), 9, "was killed by SIGKILL");
        gateway_pass_ms(2000);
        sent_result(servers_await("tools/call"), "'content':[]");
        check_result();
        gateway_stop();
}

Test(programs, one_that_cannot_be_started_is_left_out)
{
        gateway_start(STDIO, "");
        world_child_start_errno = ENOENT;
        client_open(&c, "2025-06-18", "{}");
        a = client_ask(&c, 1, "tools/call", CALL_T);
        check_error();
        world_child_start_errno = 0;
        gateway_pass_ms(60000);
        check_served();
        gateway_stop();
}

Test(programs, what_one_does_not_read_is_an_error_until_it_does)
{
        gateway_start(STDIO, "");
        servers_keep("tools/call");
        client_open(&c, "2025-06-18", "{}");
        client_ask(&c, 9, "tools/list", "");
        world_child_ago(0)->is_full = true;
        a = client_ask(&c, 1, "tools/call", CALL_W);
        check_error();
        world_child_drain(world_child_ago(0));
        a = client_ask(&c, 1, "tools/call", CALL_T);
        sent_result(servers_await("tools/call"), "'content':[]");
        check_result();
        gateway_stop();
}

Test(programs, no_more_run_than_may)
{
        gateway_start(STDIO, "'children_max':1");
        client_open(&c, "2025-06-18", "{}");
        client_open(&d, "2025-06-18", "{}");
        check_int(world_child_n(), 1);
        a = client_ask(&d, 1, "tools/call", CALL_T);
        gateway_pass_ms(2000);
        cr_assert_not_null(json_at(client_answer(&d, a, 1), "error"), "%s", gateway_log());
        gateway_stop();
}

Test(programs, one_more_of_a_user_ends_the_users_longest_idle)
{
        gateway_start(STDIO, "'children_per_user_max':1");
        client_open(&c, "2025-06-18", "{}");
        gateway_pass_ms(1000);
        client_open(&d, "2025-06-18", "{}");
        gateway_pass_ms(1000);
        check_int(world_child_n(), 1);
        a = client_ask(&d, 1, "tools/call", CALL_T);
        gateway_pass_ms(2000);
        cr_assert_not_null(json_at(client_answer(&d, a, 1), "result"), "%s", gateway_log());
        gateway_stop();
}

Test(programs, one_that_is_idle_for_long_is_ended)
{
        gateway_start("'u':{'command':'/u','idle_s':60}", "");
        client_open(&c, "2025-06-18", "{}");
        client_ask(&c, 9, "tools/list", "");
        check_int(world_child_n(), 1);
        gateway_pass_ms(70000);
        check_int(world_child_n(), 0);
        check_served();
        gateway_stop();
}

Test(programs, a_session_that_ends_ends_its_program)
{
        gateway_start(STDIO, "");
        client_open(&c, "2025-06-18", "{}");
        client_send(&(const struct client_request){.method = "DELETE", .session = c.session});
        gateway_settle();
        gateway_pass_ms(60000);
        check_int(world_child_n(), 0);
        gateway_stop();
}

/* npx and uvx fetch what they are to run, which the next start then finds. */
static void leave_while_it_starts(void)
{
        const char *id;

        gateway_start("'u':{'command':'/u','start_timeout_s':60}", "");
        servers_keep("initialize");
        c.version = SSE;
        c.stream = client_send(&(const struct client_request){.method = "GET", .uri = "/sse"});
        gateway_settle();
        id = strstr(answer_body(c.stream).p, "sessionId=") + 10;
        snprintf(c.session, sizeof(c.session), "%.*s", (int)strcspn(id, "\n"), id);
        client_ask(&c, 1, "initialize", "{'protocolVersion':'2024-11-05','capabilities':{}}");
        servers_await("initialize");
        answer_cut(c.stream);
        check_int(world_child_n(), 1);
}

Test(programs, one_that_is_starting_when_its_session_ends_may_finish_its_start)
{
        leave_while_it_starts();
        world_child_error_line(world_child_ago(0), STR("fetching"));
        servers_say("{'jsonrpc':'2.0','method':'notifications/odd'}");
        check_int(world_child_n(), 1);
        sent_honestly(servers_await("initialize"));
        check_int(world_child_n(), 0);
        cr_assert_not_null(strstr(gateway_log(), "fetching"));
        gateway_stop();
}

Test(programs, but_not_for_ever)
{
        leave_while_it_starts();
        gateway_pass_ms(59000);
        check_int(world_child_n(), 1);
        gateway_pass_ms(2000);
        check_int(world_child_n(), 0);
        gateway_stop();
}

Test(programs, one_that_ends_while_it_starts_is_told_in_the_log)
{
        leave_while_it_starts();
        world_child_exit(world_child_ago(0), 256, "exited with code 1");
        cr_assert_not_null(strstr(gateway_log(), "exited with code 1"));
        gateway_stop();
}

TEST_FOR_EACH(programs, a_shared_one_serves_all_sessions)
{
        gateway_start(SHARED, "");
        client_open(&c, version, "{}");
        client_open(&d, "2025-06-18", "{}");
        a = client_ask(&c, 1, "tools/call", CALL_T);
        gateway_pass_ms(1);
        check_result();
        a = client_ask(&d, 1, "tools/call", CALL_T);
        cr_assert_not_null(json_at(client_answer(&d, a, 1), "result"), "%s", gateway_log());
        check_int(world_child_n(), 1);
        check_int(servers_count("initialize"), 1);
        gateway_stop();
}

Test(programs, one_shared_by_a_user_serves_that_users_sessions)
{
        gateway_start("'u':{'command':'/u','scope':'user'}", "");
        client_open(&c, "2025-06-18", "{}");
        client_open(&d, STATELESS, "{}");
        a = client_ask(&d, 1, "tools/call", CALL_T);
        gateway_pass_ms(1);
        cr_assert_not_null(json_at(client_answer(&d, a, 1), "result"), "%s", gateway_log());
        check_int(world_child_n(), 1);
        gateway_stop();
}

Test(programs, a_shared_one_tells_all_that_its_lists_have_changed)
{
        gateway_start(SHARED, "");
        client_open(&c, "2025-06-18", "{}");
        client_open(&d, "2025-06-18", "{}");
        client_listen(&c, NULL);
        client_listen(&d, NULL);
        client_ask(&c, 1, "tools/list", "");
        servers_say("{'jsonrpc':'2.0','method':'notifications/tools/list_changed'}");
        cr_assert_not_null(client_hears(&c, NULL, "notifications/tools/list_changed"));
        cr_assert_not_null(client_hears(&d, NULL, "notifications/tools/list_changed"));
        gateway_stop();
}

Test(programs, what_two_have_subscribed_to_at_a_shared_one_stays_until_both_are_gone)
{
        gateway_start(SHARED, "");
        client_open(&c, "2025-06-18", "{}");
        client_open(&d, "2025-06-18", "{}");
        client_listen(&c, NULL);
        client_listen(&d, NULL);
        client_ask(&c, 1, "resources/subscribe", "{'uri':'r://a'}");
        client_ask(&d, 1, "resources/subscribe", "{'uri':'r://a'}");
        servers_say("{'jsonrpc':'2.0','method':'notifications/resources/updated','params':{'uri':"
                    "'r://a'}}");
        cr_assert_not_null(client_hears(&c, NULL, "notifications/resources/updated"));
        cr_assert_not_null(client_hears(&d, NULL, "notifications/resources/updated"));
        client_ask(&c, 2, "resources/unsubscribe", "{'uri':'r://a'}");
        check_int(servers_count("resources/unsubscribe"), 0);
        client_send(&(const struct client_request){.method = "DELETE", .session = d.session});
        gateway_settle();
        check_int(servers_count("resources/unsubscribe"), 1);
        gateway_stop();
}

Test(programs, a_shared_one_that_ends_is_started_again_for_all)
{
        gateway_start(SHARED, "");
        client_open(&c, "2025-06-18", "{}");
        client_open(&d, "2025-06-18", "{}");
        client_listen(&c, NULL);
        world_child_exit(world_child_ago(0), 256, "exited with code 1");
        gateway_pass_ms(30000);
        a = client_ask(&d, 1, "tools/call", CALL_T);
        gateway_pass_ms(2000);
        cr_assert_not_null(json_at(client_answer(&d, a, 1), "result"), "%s", gateway_log());
        check_int(servers_count("initialize"), 2);
        gateway_stop();
}

Test(programs, a_shared_one_asks_the_client_whose_call_it_is)
{
        struct sent *call;
        const json_t *asked;
        char reply[300];

        gateway_start(SHARED, "");
        servers_keep("tools/call");
        client_open(&c, "2025-06-18", "{'roots':{}}");
        client_open(&d, "2025-06-18", "{}");
        a = client_ask(&c, 1, "tools/call", CALL_T);
        call = servers_await("tools/call");
        sent_event(call, NULL, "{'jsonrpc':'2.0','id':'q','method':'roots/list'}");
        asked = client_hears(&c, a, "roots/list");
        cr_assert_not_null(asked, "%s", gateway_log());
        snprintf(reply, sizeof(reply), "{'jsonrpc':'2.0','id':'%s','result':{'roots':[]}}",
                 json_text_at(asked, "id"));
        client_say(&c, reply);
        cr_assert_str_eq(json_text_at(servers_last("reply")->msg, "id"), "q");
        client_ask(&d, 1, "tools/call", CALL_T);
        sent_event(call, NULL, "{'jsonrpc':'2.0','id':'r','method':'roots/list'}");
        cr_assert_not_null(json_at(servers_last("reply")->msg, "error"),
                           "of two calls nobody knows whose it is");
        gateway_stop();
}

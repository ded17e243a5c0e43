/* The configuration is read again while all goes on. */
#include "../check.h"
#include "../json.h"
#include "client.h"
#include "gateway.h"
#include "servers.h"
#include "users.h"

#define U "'u':{'url':'http://u.example/mcp'}"
#define V "'v':{'url':'http://v.example/mcp'}"
#define U_THERE "'u':{'url':'http://there.example/mcp'}"
#define RELOADS 100

static struct client c, d;
static struct answer *a;

static const char *call_of(const char *tool)
{
        static char params[100];

        snprintf(params, sizeof(params), "{'name':'%s','arguments':{}}", tool);
        return params;
}

/* The tool answers now. */
static bool is_served(struct client *who, int id, const char *tool)
{
        struct answer *one = client_ask(who, id, "tools/call", call_of(tool));

        gateway_pass_ms(3000);
        return json_at(client_answer(who, one, id), "result") != NULL;
}

static bool is_listed(struct client *who, int id, const char *tool)
{
        struct answer *one = client_ask(who, id, "tools/list", "");
        const json_t *tools, *entry;
        size_t i;

        gateway_pass_ms(3000);
        tools = json_at(client_answer(who, one, id), "result/tools");
        json_array_foreach ((json_t *)tools, i, entry)
                if (strcmp(json_text_at(entry, "name"), tool) == 0)
                        return true;
        return false;
}

static bool is_logged(const char *text)
{
        return strstr(gateway_log(), text) != NULL;
}

static void open_with_stream(const char *version)
{
        client_open(&c, version, "{}");
        if (strcmp(version, STATELESS) == 0)
                c.stream = client_ask(&c, 90, "subscriptions/listen",
                                      "{'notifications':{'toolsListChanged':true}}");
        else if (strcmp(version, SSE) != 0)
                client_listen(&c, NULL);
}

/* ---- what is not touched ---- */

TEST_OVER_EACH(reload, a_call_to_a_server_that_stays_goes_on_and_so_do_streams)
{
        char with[200], without[200];
        struct sent *call;

        snprintf(without, sizeof(without), "%s", server);
        snprintf(with, sizeof(with), V ",%s", server);
        gateway_start(without, "");
        servers_keep("tools/call");
        open_with_stream("2025-11-25");
        a = client_ask(&c, 1, "tools/call", call_of("u_t"));
        call = servers_await("tools/call");
        for (int i = 0; i < RELOADS; i++)
                gateway_reload(i % 2 == 0 ? with : without, "");
        gateway_pass_ms(1000);
        check_int(servers_count("tools/call"), 1);
        cr_assert_not(answer_is_closed(c.stream));
        sent_result(call, "'content':[]");
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "result"), "%s", gateway_log());
        cr_assert_not(answer_is_closed(c.stream));
        gateway_stop();
}

Test(reload, a_server_keeps_its_session_wherever_it_comes_to_stand)
{
        gateway_start(U "," V, "");
        client_open(&c, "2025-11-25", "{}");
        gateway_reload(V "," U, "");
        cr_assert(is_served(&c, 1, "u_t"));
        cr_assert(is_served(&c, 2, "v_t"));
        check_int(servers_count("initialize"), 2);
        check_int(servers_count("DELETE"), 0);
        gateway_stop();
}

/* ---- servers that come ---- */

TEST_FOR_EACH(reload, tools_of_a_new_server_are_told_and_there)
{
        gateway_start(U, "");
        open_with_stream(version);
        cr_assert(is_listed(&c, 1, "u_t"));
        gateway_reload(U "," V, "");
        cr_assert_not_null(client_hears(&c, c.stream, "notifications/tools/list_changed"), "%s",
                           gateway_log());
        cr_assert(is_listed(&c, 2, "v_t"), "%s", gateway_log());
        cr_assert(is_served(&c, 3, "v_t"));
        cr_assert(is_served(&c, 4, "u_t"));
        gateway_reload(U, "");
        cr_assert_not_null(client_hears(&c, c.stream, "notifications/tools/list_changed"));
        cr_assert_not(is_listed(&c, 5, "v_t"));
        gateway_stop();
}

Test(reload, the_first_server_comes_to_clients_that_are_there)
{
        gateway_start("", "");
        client_open(&c, "2025-11-25", "{}");
        cr_assert_not(is_listed(&c, 1, "u_t"));
        gateway_reload(U, "");
        cr_assert(is_listed(&c, 2, "u_t"));
        cr_assert(is_served(&c, 3, "u_t"));
        gateway_stop();
}

/* ---- servers that change, or go ---- */

TEST_OVER_EACH(reload, a_changed_server_begins_anew)
{
        char changed[200];

        snprintf(changed, sizeof(changed), "%.*s,'timeout_s':50}", (int)strlen(server) - 1, server);
        gateway_start(server, "");
        client_open(&c, "2025-11-25", "{}");
        cr_assert(is_served(&c, 1, "u_t"));
        for (int i = 0; i < 3; i++) {
                gateway_reload(i % 2 == 0 ? changed : server, "");
                cr_assert(is_served(&c, 2 + i, "u_t"), "%s", gateway_log());
        }
        cr_assert_geq(servers_count("initialize"), 4);
        gateway_stop();
}

Test(reload, the_next_call_goes_where_the_entry_says)
{
        gateway_start(U, "");
        client_open(&c, "2025-11-25", "{}");
        cr_assert(is_served(&c, 1, "u_t"));
        gateway_reload(U_THERE, "");
        cr_assert(is_served(&c, 2, "u_t"));
        cr_assert_str_eq(servers_last("tools/call")->http->url, "http://there.example/mcp");
        cr_assert(is_logged("[upstream] u: changed"));
        gateway_stop();
}

TEST_FOR_EACH(reload, a_call_to_a_server_that_goes_may_end)
{
        struct sent *call;

        gateway_start(U "," V, "'drain_s':5");
        servers_keep("tools/call");
        client_open(&c, version, "{}");
        a = client_ask(&c, 1, "tools/call", call_of("v_t"));
        call = servers_await("tools/call");
        gateway_reload(U, "'drain_s':5");
        gateway_pass_ms(4000);
        sent_result(call, "'content':[]");
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "result"), "%s", gateway_log());
        gateway_pass_ms(1000);
        gateway_stop();
}

TEST_OVER_EACH(reload, a_list_may_come_from_a_server_that_goes)
{
        struct sent *call;

        gateway_start(server, "'drain_s':5");
        client_open(&c, "2025-11-25", "{}");
        servers_keep("tools/call");
        a = client_ask(&c, 1, "tools/call", call_of("u_t"));
        call = servers_await("tools/call");
        servers_keep("prompts/list");
        (void)client_ask(&c, 2, "prompts/list", "");
        gateway_reload(V, "'drain_s':5");
        sent_honestly(servers_await("prompts/list"));
        sent_result(call, "'content':[]");
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "result"), "%s", gateway_log());
        gateway_stop();
}

TEST_FOR_EACH(reload, else_it_is_told_why_there_will_be_no_answer)
{
        gateway_start(U "," V, "'drain_s':5");
        servers_keep("tools/call");
        client_open(&c, version, "{}");
        a = client_ask(&c, 1, "tools/call", call_of("v_t"));
        servers_await("tools/call");
        d = (struct client){0};
        client_open(&d, version, "{}");
        struct answer *changed = client_ask(&d, 1, "tools/call", call_of("u_t"));
        gateway_reload(U_THERE, "'drain_s':5");
        gateway_pass_ms(4000);
        cr_assert_null(client_answer(&c, a, 1));
        gateway_pass_ms(1500);
        cr_assert_str_eq(json_text_at(client_answer(&c, a, 1), "error/message"),
                         "upstream v: it has been taken out of the configuration", "%s",
                         gateway_log());
        cr_assert_str_eq(json_text_at(client_answer(&d, changed, 1), "error/message"),
                         "upstream u: its configuration has changed while it was at work: call "
                         "again");
        gateway_stop();
}

Test(reload, what_is_subscribed_to_is_subscribed_to_at_the_changed_server)
{
        gateway_start(U, "");
        servers_are(SERVERS_SESSION);
        client_open(&c, "2025-11-25", "{}");
        client_listen(&c, NULL);
        a = client_ask(&c, 1, "resources/subscribe", "{'uri':'r://a'}");
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "result"));
        gateway_reload(U_THERE, "");
        gateway_pass_ms(3000);
        check_int(servers_count("resources/subscribe"), 2);
        cr_assert_str_eq(servers_last("resources/subscribe")->http->url,
                         "http://there.example/mcp");
        gateway_stop();
}

Test(reload, who_listens_to_what_is_the_changed_servers_is_to_listen_anew)
{
        struct answer *other;

        gateway_start(U "," V, "");
        servers_are(SERVERS_SESSION);
        client_open(&c, STATELESS, "{}");
        a = client_ask(&c, 1, "subscriptions/listen",
                       "{'notifications':{'resourceSubscriptions':['r://a']}}");
        other = client_ask(&c, 2, "subscriptions/listen",
                           "{'notifications':{'toolsListChanged':true}}");
        gateway_pass_ms(3000);
        cr_assert_not_null(client_hears(&c, a, "notifications/subscriptions/acknowledged"));
        gateway_reload(U_THERE ",'v':{'url':'http://v.example/other'}", "");
        gateway_pass_ms(3000);
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "result"), "%s", gateway_log());
        cr_assert_not(answer_is_closed(other));
        gateway_stop();
}

/* ---- who may what ---- */

#define RULED(rule) U "},'policy':{'rules':[{'who':['*']," rule "}]"

TEST_FOR_EACH(reload, what_the_policy_says_holds_for_the_next_call)
{
        users_start(RULED("'allow':{'servers':['*']}"), "");
        c = (struct client){.authorization = users_ada};
        open_with_stream(version);
        cr_assert(is_served(&c, 1, "u_t"));
        users_reload(RULED("'allow':{'tools':['u_w']}"), "");
        cr_assert_not_null(client_hears(&c, c.stream, "notifications/tools/list_changed"));
        cr_assert_not(is_served(&c, 2, "u_t"));
        cr_assert(is_served(&c, 3, "u_w"));
        cr_assert_not(is_listed(&c, 4, "u_t"));
        users_reload(U, "");
        cr_assert(is_served(&c, 5, "u_t"));
        gateway_stop();
}

Test(reload, who_is_taken_out_of_the_file_goes_at_once)
{
        users_start(U, "");
        c = (struct client){.authorization = users_ada};
        open_with_stream("2025-11-25");
        users_forget();
        users_add(users_bob, "bob@example.com", 30);
        users_reload(U, "");
        cr_assert(answer_is_closed(c.stream));
        check_int(answer_status(client_ask(&c, 1, "tools/list", "")), 401);
        d = (struct client){.authorization = users_bob};
        client_open(&d, "2025-11-25", "{}");
        cr_assert(is_served(&d, 1, "u_t"));
        gateway_stop();
}

Test(reload, who_was_anybody_is_nobody_where_there_are_users)
{
        char settings[300];

        gateway_start(U, "");
        open_with_stream("2025-11-25");
        snprintf(settings, sizeof(settings), "'auth':{'tokens_file':'%s'}",
                 gateway_file("t.json", "{'users':[]}"));
        gateway_reload(U, settings);
        cr_assert(answer_is_closed(c.stream));
        check_int(answer_status(client_ask(&c, 1, "tools/list", "")), 401);
        gateway_reload(U, "");
        client_open(&c, "2025-11-25", "{}");
        cr_assert(is_served(&c, 1, "u_t"));
        gateway_stop();
}

Test(reload, a_program_that_is_still_starting_ends_with_its_entry)
{
        gateway_start(U, "");
        client_open(&c, "2025-11-25", "{}");
        servers_keep("initialize");
        gateway_reload(U ",'p':{'command':'/p','start_timeout_s':60}", "");
        a = client_ask(&c, 1, "tools/list", "");
        gateway_pass_ms(1000);
        check_int(world_child_n(), 1);
        gateway_reload(U, "");
        check_int(world_child_n(), 0);
        gateway_pass_ms(120000);
        gateway_stop();
}

/* ---- faults ---- */

Test(reload, a_fault_leaves_all_as_it_was_and_is_told)
{
        gateway_start(U, "");
        open_with_stream("2025-11-25");
        gateway_reload(U "," V, "'drain_s':-1");
        cr_assert(is_logged("/c:1: gateway.drain_s: must be a number from 0 to 10000000"), "%s",
                  gateway_log());
        cr_assert(is_logged("the configuration stays as it was"));
        gateway_reload("'u':{'url':'http://u.example/mcp','timeout_s':'x'}", "");
        cr_assert(is_logged("/c:1: mcpServers.u.timeout_s"), "%s", gateway_log());
        gateway_reload("'u':{", "");
        gateway_reload(U, "'auth':{'tokens_file':'/nowhere/t.json'}");
        cr_assert(is_logged("/nowhere/t.json: cannot be read"));
        cr_assert_not(answer_is_closed(c.stream));
        check_int(servers_count("initialize"), 1);
        cr_assert_not(is_listed(&c, 1, "v_t"));
        cr_assert(is_served(&c, 2, "u_t"));
        gateway_stop();
}

Test(reload, what_holds_until_the_end_is_told)
{
        gateway_start(U, "");
        client_open(&c, "2025-11-25", "{}");
        gateway_reload(U, "'connections_max':7,'keepalive_s':5");
        cr_assert(is_logged("gateway.connections_max: stays as it was until mgw is started again"));
        open_with_stream("2025-11-25");
        gateway_pass_ms(6000);
        (void)client_hears(&c, NULL, "nothing");
        cr_assert_geq(c.stream->n_comments, 1);
        gateway_stop();
}

/* Which era servers are spoken to in, whichever their clients are of, and what becomes of those
 * that cannot be. */
#include "../check.h"
#include "../json.h"
#include "client.h"
#include "gateway.h"
#include "servers.h"

#define CALL_T "{'name':'u_t','arguments':{}}"

static struct client c;

static void check_call(void)
{
        struct answer *a = client_ask(&c, 1, "tools/call", CALL_T);
        const json_t *answer = client_answer(&c, a, 1);

        cr_assert_str_eq(json_text_at(answer, "result/content/0/text"), "done", "%s",
                         gateway_log());
}

static void check_no_call(void)
{
        struct answer *a = client_ask(&c, 2, "tools/call", CALL_T);

        gateway_pass_ms(30000);
        cr_assert_not_null(json_at(client_answer(&c, a, 2), "error"), "%s", gateway_log());
}

static void each(const char *server, enum servers_era era, const char *version)
{
        gateway_start(server, "");
        servers_are(era);
        client_open(&c, version, "{}");
        check_call();
        gateway_stop();
}

TEST_OVER_EACH(handshake, session_clients_reach_session_servers)
{
        each(server, SERVERS_SESSION, "2025-11-25");
}

TEST_OVER_EACH(handshake, session_clients_reach_servers_of_both)
{
        each(server, SERVERS_ALL, "2025-11-25");
}

TEST_OVER_EACH(handshake, stateless_clients_reach_session_servers)
{
        each(server, SERVERS_SESSION, STATELESS);
}

TEST_OVER_EACH(handshake, stateless_clients_reach_servers_of_both)
{
        each(server, SERVERS_ALL, STATELESS);
}

TEST_OVER_EACH(handshake, sse_clients_reach_session_servers)
{
        each(server, SERVERS_SESSION, SSE);
}

Test(handshake, session_clients_reach_stateless_servers_over_http)
{
        each(HTTP, SERVERS_STATELESS, "2025-11-25");
}

Test(handshake, session_clients_reach_stateless_servers_over_stdio)
{
        each(STDIO, SERVERS_STATELESS, "2025-11-25");
}

Test(handshake, session_clients_reach_stateless_servers_that_are_shared)
{
        each(SHARED, SERVERS_STATELESS, "2025-11-25");
}

Test(handshake, stateless_clients_reach_stateless_servers_over_http)
{
        each(HTTP, SERVERS_STATELESS, STATELESS);
}

Test(handshake, stateless_clients_reach_stateless_servers_over_stdio)
{
        each(STDIO, SERVERS_STATELESS, STATELESS);
}

Test(handshake, sse_clients_reach_stateless_servers)
{
        each(HTTP, SERVERS_STATELESS, SSE);
}

Test(handshake, what_was_found_out_comes_first_the_next_time)
{
        gateway_start(HTTP, "");
        servers_are(SERVERS_STATELESS);
        client_open(&c, "2025-11-25", "{}");
        check_int(servers_count("initialize"), 1);
        client_open(&c, "2025-11-25", "{}");
        check_int(servers_count("initialize"), 1);
        check_int(servers_count("server/discover"), 2);
        gateway_stop();
}

Test(handshake, a_silent_answer_to_discover_is_not_waited_for_long)
{
        gateway_start(HTTP, "");
        servers_are(SERVERS_SESSION);
        servers_keep("server/discover");
        client_open(&c, STATELESS, "{}");
        struct answer *a = client_ask(&c, 1, "tools/call", CALL_T);

        check_int(servers_count("initialize"), 0);
        gateway_pass_ms(5000);
        check_int(servers_count("initialize"), 1);
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "result"), "%s", gateway_log());
        gateway_stop();
}

Test(handshake, a_program_that_dies_of_discover_is_started_again_without_it)
{
        gateway_start(STDIO, "");
        servers_are(SERVERS_SESSION);
        servers_keep("server/discover");
        client_open(&c, STATELESS, "{}");
        struct answer *a = client_ask(&c, 1, "tools/call", CALL_T);
        struct sent *discover = servers_await("server/discover");

        world_child_exit(discover->child, 256, "exited with code 1");
        gateway_pass_ms(2000);
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "result"), "%s", gateway_log());
        gateway_stop();
}

Test(handshake, a_server_that_answers_late_is_told_of_when_it_has_come)
{
        gateway_start(HTTP, "");
        servers_keep("initialize");
        c.version = "2025-06-18";
        struct answer *a = client_ask(&c, 0, "initialize",
                                      "{'protocolVersion':'2025-06-18','capabilities':{}}");

        gateway_pass_ms(2000);
        cr_assert_not_null(json_at(client_answer(&c, a, 0), "result"));
        snprintf(c.session, sizeof(c.session), "%s", answer_header(a, "Mcp-Session-Id"));
        client_say(&c, "{'jsonrpc':'2.0','method':'notifications/initialized'}");
        client_listen(&c, NULL);
        cr_assert_null(client_hears(&c, NULL, "notifications/tools/list_changed"));
        sent_honestly(servers_await("initialize"));
        cr_assert_not_null(client_hears(&c, NULL, "notifications/tools/list_changed"));
        check_call();
        gateway_stop();
}

Test(handshake, a_server_that_never_answers_is_left_out)
{
        gateway_start(HTTP, "'upstream_open_timeout_s':10");
        servers_keep("initialize");
        servers_keep("server/discover");
        c.version = "2025-06-18";
        struct answer *a = client_ask(&c, 0, "initialize",
                                      "{'protocolVersion':'2025-06-18','capabilities':{}}");

        gateway_pass_ms(2000);
        snprintf(c.session, sizeof(c.session), "%s", answer_header(a, "Mcp-Session-Id"));
        check_no_call();
        gateway_stop();
}

static void takes(const char *fields)
{
        gateway_start(HTTP, "");
        servers_are(SERVERS_SESSION);
        servers_keep("initialize");
        c.version = "2025-06-18";
        struct answer *a = client_ask(&c, 0, "initialize",
                                      "{'protocolVersion':'2025-06-18','capabilities':{}}");

        sent_result(servers_await("initialize"), fields);
        gateway_pass_ms(2000);
        snprintf(c.session, sizeof(c.session), "%s", answer_header(a, "Mcp-Session-Id"));
        check_call();
        gateway_stop();
}

Test(handshake, a_server_that_names_a_version_of_its_own_is_served_all_the_same)
{
        takes("'protocolVersion':'1999-01-01','capabilities':{}");
}

Test(handshake, and_so_is_one_that_names_none)
{
        takes("'capabilities':{}");
}

Test(handshake, an_older_version_is_spoken)
{
        gateway_start(HTTP, "");
        servers_are(SERVERS_SESSION);
        servers_keep("initialize");
        c.version = "2025-11-25";
        struct answer *a = client_ask(&c, 0, "initialize",
                                      "{'protocolVersion':'2025-11-25','capabilities':{}}");

        sent_result(servers_await("initialize"),
                    "'protocolVersion':'2024-11-05','capabilities':{'tools':{}},'serverInfo':{"
                    "'name':'f','version':'1'},'instructions':'do'");
        cr_assert_str_eq(json_text_at(client_answer(&c, a, 0), "result/instructions"), "do");
        snprintf(c.session, sizeof(c.session), "%s", answer_header(a, "Mcp-Session-Id"));
        check_call();
        cr_assert_not_null(strstr(servers_last("tools/call")->http->headers, "Mcp-Session-Id: s"));
        gateway_stop();
}

Test(handshake, one_that_is_said_to_be_of_an_era_is_not_asked_for_the_other)
{
        gateway_start("'u':{'url':'http://u.example/mcp','era':'session'}", "");
        client_open(&c, STATELESS, "{}");
        check_call();
        check_int(servers_count("server/discover"), 0);
        gateway_stop();
}

Test(handshake, one_that_sends_us_back_and_forth_is_left_out)
{
        gateway_start(HTTP, "");
        servers_keep("initialize");
        servers_keep("server/discover");
        c.version = "2025-06-18";
        struct answer *a = client_ask(&c, 0, "initialize",
                                      "{'protocolVersion':'2025-06-18','capabilities':{}}");

        for (int i = 0; i < 6; i++) {
                struct sent *sent = servers_find("initialize");

                if (sent != NULL)
                        sent_error(sent, -32022, "other");
                if ((sent = servers_find("server/discover")) != NULL)
                        sent_result(sent, "'supportedVersions':['2025-06-18']");
        }
        gateway_pass_ms(2000);
        cr_assert_not_null(client_answer(&c, a, 0));
        cr_assert_lt(servers_count("initialize"), 5);
        gateway_stop();
}

TEST_FOR_EACH(handshake, instructions_of_several_stand_under_their_names)
{
        gateway_start("'u':{'url':'http://u.example/mcp'},'v':{'command':'/v'}", "");
        client_open(&c, version, "{}");
        check_call();
        struct answer *a = client_ask(&c, 5, "tools/call", "{'name':'v_t','arguments':{}}");

        cr_assert_not_null(json_at(client_answer(&c, a, 5), "result"));
        gateway_stop();
}

Test(handshake, discover_tells_all_that_is_offered)
{
        gateway_start(HTTP, "");
        client_open(&c, STATELESS, "{}");
        struct answer *a = client_ask(&c, 1, "server/discover", "");
        const json_t *result = json_at(client_answer(&c, a, 1), "result");

        cr_assert_not_null(json_at(result, "capabilities/prompts"));
        cr_assert_not_null(json_at(result, "capabilities/completions"));
        cr_assert(json_is_array(json_at(result, "supportedVersions")));
        gateway_stop();
}

/* What operators are told of calls and streams, by how they ended. */
#include "../check.h"
#include "../json.h"
#include "client.h"
#include "gateway.h"
#include "servers.h"
#include "users.h"

#include <signal.h>

static struct client c;
static struct answer *a;

static bool has_line(const char *line)
{
        char whole[400];
        struct str body;
        int n = snprintf(whole, sizeof(whole), "\n%s\n", line);

        a = client_send(&(const struct client_request){
                .method = "GET", .uri = "/metrics", .is_inside = true});
        gateway_settle();
        body = answer_body(a);
        return memmem(body.p, body.n, whole, (size_t)n) != NULL;
}

static const char *all_lines(void)
{
        return answer_body(a).p;
}

#define check_line(line)                                                                           \
        do {                                                                                       \
                bool has_it = has_line(line);                                                      \
                cr_assert(has_it, "%s is not in\n%s", line, all_lines());                          \
        } while (0)

#define CALL_T "{'name':'u_t','arguments':{}}"
#define CALL_W "{'name':'u_w','arguments':{}}"
#define ANSWERED "mcp_client_operation_duration_seconds_count{mcp_method_name="
#define ENDED "mgw_calls_ended_total{server=\"u\",method=\"tools/call\","

/* Whose lists are known. */
static void begin(const char *server, const char *version)
{
        gateway_start(server, "");
        c = (struct client){0};
        client_open(&c, version, "{}");
        cr_assert_not_null(client_answer(&c, client_ask(&c, 1, "tools/list", ""), 1));
}

TEST_FOR_EACH(metrics, calls_are_counted_by_server_tool_and_outcome)
{
        begin(HTTP, version);
        cr_assert_not_null(client_answer(&c, client_ask(&c, 2, "tools/call", CALL_T), 2));
        servers_keep("tools/call");
        (void)client_ask(&c, 3, "tools/call", CALL_T);
        sent_error(servers_await("tools/call"), -32099, "no");
        (void)client_ask(&c, 4, "tools/call", CALL_W);
        sent_result(servers_await("tools/call"), "'content':[],'isError':true");
        check_line(ENDED "tool=\"u_t\",outcome=\"ok\"} 1");
        check_line(ENDED "tool=\"u_t\",outcome=\"error\"} 1");
        check_line(ENDED "tool=\"u_w\",outcome=\"tool_error\"} 1");
        check_line(ANSWERED "\"tools/list\",server=\"u\"} 1");
        check_line(ANSWERED "\"tools/call\",server=\"u\"} 1");
        check_line(ANSWERED "\"tools/call\",server=\"u\",error_type=\"error\"} 1");
        check_line(ANSWERED "\"tools/call\",server=\"u\",error_type=\"tool_error\"} 1");
        check_line("mgw_calls_ended_total{method=\"tools/list\",outcome=\"ok\"} 1");
        check_line("mcp_server_operation_duration_seconds_count{mcp_method_name=\"tools/call\","
                   "gen_ai_tool_name=\"u_w\",server=\"u\",error_type=\"tool_error\"} 1");
        gateway_stop();
}

TEST_FOR_EACH(metrics, a_name_that_clients_make_up_is_no_label)
{
        begin(HTTP, version);
        (void)client_ask(&c, 2, "tools/call", "{'name':'u_made_up','arguments':{}}");
        cr_assert(!has_line(ENDED "tool=\"u_made_up\",outcome=\"ok\"} 1"));
        check_line(ENDED "tool=\"other\",outcome=\"ok\"} 1");
        gateway_stop();
}

TEST_OVER_EACH(metrics, a_server_that_is_silent_for_too_long_is_a_timeout)
{
        char with_timeout[200];
        int n = (int)strlen(server);

        snprintf(with_timeout, sizeof(with_timeout), "%.*s,'timeout_s':20}", n - 1, server);
        begin(with_timeout, "2025-06-18");
        servers_keep("tools/call");
        (void)client_ask(&c, 2, "tools/call", CALL_T);
        gateway_pass_ms(21000);
        check_line(ENDED "tool=\"u_t\",outcome=\"timeout\"} 1");
        check_line("mcp_server_operation_duration_seconds_bucket{mcp_method_name=\"tools/call\","
                   "gen_ai_tool_name=\"u_t\",server=\"u\",error_type=\"timeout\",le=\"30\"} 1");
        gateway_stop();
}

Test(metrics, who_cancels_or_leaves_has_cancelled)
{
        begin(HTTP, "2025-06-18");
        servers_keep("tools/call");
        (void)client_ask(&c, 2, "tools/call", CALL_T);
        client_say(&c, "{'jsonrpc':'2.0','method':'notifications/cancelled','params':{"
                       "'requestId':2}}");
        check_line(ENDED "tool=\"u_t\",outcome=\"cancelled\"} 1");
        (void)client_ask(&c, 3, "tools/call", CALL_T);
        client_send(&(const struct client_request){.method = "DELETE", .session = c.session});
        check_line(ENDED "tool=\"u_t\",outcome=\"cancelled\"} 2");
        gateway_stop();
}

#define RULES(...) HTTP "},'policy':{'rules':[" #__VA_ARGS__ "]"

TEST_FOR_EACH(metrics, what_policy_denies_is_denied_and_no_server_was_asked)
{
        users_start(RULES({'who' : ['*'], 'allow' : {'tools' : ['u_t']}}), "");
        c = (struct client){.authorization = users_ada};
        client_open(&c, version, "{}");
        cr_assert_not_null(client_answer(&c, client_ask(&c, 1, "tools/list", ""), 1));
        (void)client_ask(&c, 2, "tools/call", CALL_W);
        check_line("mgw_calls_ended_total{method=\"tools/call\",tool=\"u_w\",outcome=\"denied\"} "
                   "1");
        gateway_stop();
}

/* ---- streams ---- */

#define OPEN "mgw_streams_open{kind="
#define OVER "mgw_streams_ended_total{kind="

Test(metrics, a_stream_is_counted_by_its_kind_and_by_what_ended_it)
{
        begin(HTTP, "2025-06-18");
        client_listen(&c, NULL);
        check_line(OPEN "\"get\"} 1");
        answer_cut(c.stream);
        gateway_settle();
        check_line(OPEN "\"get\"} 0");
        check_line(OVER "\"get\",cause=\"client\"} 1");
        client_listen(&c, NULL);
        client_send(&(const struct client_request){.method = "DELETE", .session = c.session});
        check_line(OVER "\"get\",cause=\"session\"} 1");
        gateway_stop();
}

Test(metrics, a_stream_that_its_client_takes_up_elsewhere_is_replaced)
{
        char id[64];

        begin(HTTP, "2025-11-25");
        client_listen(&c, NULL);
        (void)answer_event(c.stream);
        snprintf(id, sizeof(id), "%s", c.stream->event_id);
        cr_assert_str_neq(id, "", "%.*s", STR_ARG(answer_body(c.stream)));
        client_listen(&c, id);
        check_line(OVER "\"get\",cause=\"replaced\"} 1");
        check_line(OPEN "\"get\"} 1");
        gateway_stop();
}

Test(metrics, an_answer_that_has_become_a_stream_is_one)
{
        begin(HTTP, "2025-06-18");
        servers_keep("tools/call");
        a = client_ask(&c, 2, "tools/call", CALL_T);
        gateway_pass_ms(20000);
        check_line(OPEN "\"post\"} 1");
        sent_honestly(servers_await("tools/call"));
        check_line(OVER "\"post\",cause=\"answered\"} 1");
        gateway_stop();
}

TEST_FOR_EACH(metrics, whose_token_is_gone_has_no_stream_any_more)
{
        bool is_sse = strcmp(version, SSE) == 0, is_stateless = strcmp(version, STATELESS) == 0;

        users_start(HTTP, "");
        c = (struct client){.authorization = users_ada};
        client_open(&c, version, "{}");
        if (is_stateless)
                (void)client_ask(&c, 1, "subscriptions/listen",
                                 "{'notifications':{'toolsListChanged':true}}");
        else if (!is_sse)
                client_listen(&c, NULL);
        users_forget();
        users_add(users_bob, "bob@example.com", 30);
        gateway_signal(SIGHUP);
        gateway_settle();
        check_line(is_sse         ? OVER "\"sse\",cause=\"login\"} 1"
                   : is_stateless ? OVER "\"listen\",cause=\"login\"} 1"
                                  : OVER "\"get\",cause=\"login\"} 1");
        gateway_stop();
}

Test(metrics, keep_alives_tell_how_late_they_went)
{
        begin(HTTP, "2025-06-18");
        client_listen(&c, NULL);
        gateway_pass_ms(60000);
        check_line("mgw_keepalives_total 2");
        check_line("mgw_keepalive_delay_seconds_bucket{le=\"0.01\"} 2");
        gateway_stop();
}

/* ---- the rest ---- */

Test(metrics, a_call_that_waits_for_its_clients_input_is_suspended)
{
        gateway_start(HTTP, "");
        servers_keep("tools/call");
        servers_are(SERVERS_SESSION);
        c = (struct client){0};
        client_open(&c, STATELESS, "{'elicitation':{}}");
        a = client_ask(&c, 1, "tools/call", CALL_T);
        sent_event(servers_await("tools/call"), NULL,
                   "{'jsonrpc':'2.0','id':'e','method':'elicitation/create','params':{'message':"
                   "'which?','requestedSchema':{'type':'object','properties':{}}}}");
        check_line("mgw_calls_suspended 1");
        gateway_pass_ms(3600000);
        check_line("mgw_calls_suspended 0");
        gateway_stop();
}

Test(metrics, an_upstream_that_is_left_alone_is_not_up)
{
        begin(HTTP, "2025-06-18");
        servers_keep("tools/call");
        check_line("mgw_upstream_up{server=\"u\"} 1");
        for (int i = 0; i < 3; i++) {
                (void)client_ask(&c, 2 + i, "tools/call", CALL_W);
                sent_fail(servers_await("tools/call"), HTTP_FAULT_AWAY, true);
        }
        check_line("mgw_upstream_up{server=\"u\"} 0");
        check_line("mgw_upstream_breaker_state{server=\"u\"} 1");
        check_line("mgw_upstream_failures_total{server=\"u\"} 3");
        gateway_stop();
}

/* What servers ask clients: on its way there, back, and where it cannot go. */
#include "../check.h"
#include "../json.h"
#include "client.h"
#include "gateway.h"
#include "servers.h"

#define ALL "{'elicitation':{},'sampling':{},'roots':{'listChanged':true}}"
#define CALL_T "{'name':'u_t','arguments':{}}"
#define SAMPLING                                                                                   \
        "{'jsonrpc':'2.0','id':'q','method':'sampling/createMessage','params':{'messages':[],"     \
        "'maxTokens':1,'_meta':{'progressToken':'theirs'}}}"
#define SAMPLED "'role':'assistant','model':'m','content':{'type':'text','text':'x'}"
#define ELICIT                                                                                     \
        "{'message':'which?','requestedSchema':{'type':'object','properties':{'a':{'type':"        \
        "'string'}}}}"
#define ELICITATION "{'jsonrpc':'2.0','id':'e','method':'elicitation/create','params':" ELICIT "}"

#define STATE_SIZE 1000

static struct client c;
static struct answer *a;
static struct sent *call;

static void begin(const char *server, const char *version, const char *capabilities)
{
        gateway_start(server, "");
        servers_keep("tools/call");
        servers_are(SERVERS_SESSION);
        client_open(&c, version, capabilities);
        a = client_ask(&c, 1, "tools/call", CALL_T);
        call = servers_await("tools/call");
}

/* For the retry. */
static void keep_state(const json_t *answer, char state[STATE_SIZE])
{
        snprintf(state, STATE_SIZE, "%s", json_text_at(answer, "result/requestState"));
}

static struct answer *retry(int id, const char *state, const char *responses)
{
        char params[2000];

        snprintf(params, sizeof(params),
                 "{'name':'u_t','arguments':{},'requestState':'%s','inputResponses':%s}", state,
                 responses);
        return client_ask(&c, id, "tools/call", params);
}

TEST_OVER_EACH(questions, a_session_client_is_asked_within_its_call_and_its_reply_goes_back)
{
        const json_t *asked;
        char reply[400];

        begin(server, "2025-06-18", ALL);
        sent_event(call, NULL, SAMPLING);
        asked = client_hears(&c, a, "sampling/createMessage");
        cr_assert_not_null(asked, "%s", gateway_log());
        cr_assert_str_neq(json_text_at(asked, "id"), "q", "ids there are ours");
        snprintf(reply, sizeof(reply), "{'jsonrpc':'2.0','id':'%s','result':{" SAMPLED "}}",
                 json_text_at(asked, "id"));
        check_int(answer_status(client_say(&c, reply)), 202);
        cr_assert_str_eq(json_text_at(servers_last("reply")->msg, "id"), "q");
        cr_assert_str_eq(json_text_at(servers_last("reply")->msg, "result/model"), "m");
        sent_event_result(call, NULL, "'content':[]");
        cr_assert_not_null(client_answer(&c, a, 1));
        gateway_stop();
}

Test(questions, progress_of_the_client_goes_back_under_the_servers_token)
{
        const json_t *asked;
        char text[400];

        begin(HTTP, "2025-06-18", ALL);
        sent_event(call, NULL, SAMPLING);
        asked = client_hears(&c, a, "sampling/createMessage");
        snprintf(text, sizeof(text),
                 "{'jsonrpc':'2.0','method':'notifications/progress','params':{'progress':1,"
                 "'progressToken':'%s'}}",
                 json_text_at(asked, "params/_meta/progressToken"));
        client_say(&c, text);
        cr_assert_str_eq(
                json_text_at(servers_last("notifications/progress")->msg, "params/progressToken"),
                "theirs");
        gateway_stop();
}

Test(questions, what_a_server_takes_back_is_taken_back_from_the_client)
{
        const json_t *asked;
        char id[64];

        begin(HTTP, "2025-06-18", ALL);
        sent_event(call, NULL, SAMPLING);
        asked = client_hears(&c, a, "sampling/createMessage");
        snprintf(id, sizeof(id), "%s", json_text_at(asked, "id"));
        client_listen(&c, NULL);
        sent_event(
                call, NULL,
                "{'jsonrpc':'2.0','method':'notifications/cancelled','params':{'requestId':'q'}}");
        cr_assert_str_eq(
                json_text_at(client_hears(&c, NULL, "notifications/cancelled"), "params/requestId"),
                id);
        gateway_stop();
}

Test(questions, what_the_client_has_not_declared_it_is_not_asked)
{
        begin(HTTP, "2025-06-18", "{}");
        sent_event(call, NULL, SAMPLING);
        cr_assert_null(client_hears(&c, a, "sampling/createMessage"));
        cr_assert_not_null(json_at(servers_last("reply")->msg, "error"));
        gateway_stop();
}

Test(questions, whoever_takes_no_stream_cannot_be_asked)
{
        gateway_start(HTTP, "");
        servers_keep("tools/call");
        client_open(&c, "2025-06-18", ALL);
        a = client_send(&(const struct client_request){
                .session = c.session,
                .accept = "application/json",
                .body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
                        "\"params\":{\"name\":\"u_t\",\"arguments\":{}}}"});
        sent_event(servers_await("tools/call"), NULL, SAMPLING);
        cr_assert_not_null(json_at(servers_last("reply")->msg, "error"));
        gateway_stop();
}

Test(questions, outside_a_call_the_client_is_asked_by_its_stream)
{
        gateway_start(HTTP, "");
        client_open(&c, "2025-06-18", ALL);
        client_listen(&c, NULL);
        servers_say(SAMPLING);
        cr_assert_not_null(client_hears(&c, NULL, "sampling/createMessage"));
        answer_cut(c.stream);
        servers_say(SAMPLING);
        cr_assert_not_null(json_at(servers_last("reply")->msg, "error"), "no stream is open");
        gateway_stop();
}

TEST_OVER_EACH(questions, a_ping_is_answered_by_the_gateway)
{
        begin(server, "2025-06-18", "{}");
        sent_event(call, NULL, "{'jsonrpc':'2.0','id':7,'method':'ping'}");
        check_json_is(servers_last("reply")->msg, "{'jsonrpc':'2.0','id':7,'result':{}}");
        gateway_stop();
}

Test(questions, what_is_not_known_here_is_the_clients_to_answer)
{
        begin(HTTP, "2025-06-18", ALL);
        sent_event(call, NULL, "{'jsonrpc':'2.0','id':7,'method':'odd/thing'}");
        cr_assert_not_null(client_hears(&c, a, "odd/thing"));
        gateway_stop();
}

Test(questions, the_roots_of_a_session_client_are_asked_for)
{
        const json_t *asked;
        char reply[300];

        begin(HTTP, "2025-06-18", ALL);
        sent_event(call, NULL, "{'jsonrpc':'2.0','id':9,'method':'roots/list'}");
        asked = client_hears(&c, a, "roots/list");
        snprintf(reply, sizeof(reply),
                 "{'jsonrpc':'2.0','id':'%s','error':{'code':-1,'message':'no'}}",
                 json_text_at(asked, "id"));
        client_say(&c, reply);
        check_int(json_integer_value(json_at(servers_last("reply")->msg, "id")), 9);
        client_say(&c, "{'jsonrpc':'2.0','method':'notifications/roots/list_changed'}");
        check_int(servers_count("notifications/roots/list_changed"), 1);
        gateway_stop();
}

Test(questions, those_of_a_call_that_is_over_are_refused)
{
        begin(HTTP, "2025-06-18", ALL);
        sent_event(call, NULL, SAMPLING);
        check_int(servers_count("reply"), 0);
        sent_event_result(call, NULL, "'content':[]");
        cr_assert_not_null(json_at(servers_last("reply")->msg, "error"));
        gateway_stop();
}

Test(questions, those_of_a_server_that_is_gone_are_forgotten)
{
        const json_t *asked;
        char reply[200];

        begin(STDIO, "2025-06-18", ALL);
        sent_event(call, NULL, SAMPLING);
        asked = client_hears(&c, a, "sampling/createMessage");
        snprintf(reply, sizeof(reply), "{'jsonrpc':'2.0','id':'%s','result':{" SAMPLED "}}",
                 json_text_at(asked, "id"));
        world_child_exit(call->child, 0, "exited with code 0");
        gateway_settle();
        check_int(answer_status(client_say(&c, reply)), 202);
        check_int(servers_count("reply"), 0);
        gateway_stop();
}

/* ---- clients of the stateless era ---- */

TEST_OVER_EACH(questions, a_stateless_client_is_answered_with_what_it_has_to_bring)
{
        const json_t *result;
        char state[STATE_SIZE], responses[600];

        begin(server, STATELESS, ALL);
        sent_event(call, NULL, ELICITATION);
        result = json_at(client_answer(&c, a, 1), "result");
        cr_assert_str_eq(json_text_at(result, "resultType"), "input_required");
        cr_assert_str_eq(json_text_at(result, "inputRequests/mgw-1/method"), "elicitation/create");
        snprintf(state, sizeof(state), "%s", json_text_at(result, "requestState"));
        snprintf(responses, sizeof(responses), "%s",
                 "{'mgw-1':{'action':'accept','content':{'a':'b'}}}");
        a = retry(2, state, responses);
        cr_assert_str_eq(json_text_at(servers_last("reply")->msg, "result/content/a"), "b");
        check_int(servers_count("tools/call"), 1);
        sent_event_result(call, NULL, "'content':[]");
        cr_assert_str_eq(json_text_at(client_answer(&c, a, 2), "result/resultType"), "complete");
        a = retry(3, state, responses);
        cr_assert_not_null(json_at(client_answer(&c, a, 3), "error"), "a state is good for once");
        gateway_stop();
}

/* A client without sessions has asked, and is to bring what the server asks for. */
static void begin_asked(const char *server, char kept[STATE_SIZE])
{
        begin(server, STATELESS, ALL);
        sent_event(call, NULL, ELICITATION);
        keep_state(client_answer(&c, a, 1), kept);
}

Test(questions, what_a_retry_lacks_is_asked_for_again)
{
        char state[STATE_SIZE];

        begin_asked(HTTP, state);
        a = retry(2, state, "{'other':{}}");
        cr_assert_str_eq(json_text_at(client_answer(&c, a, 2), "result/resultType"),
                         "input_required");
        cr_assert_str_neq(json_text_at(a->json, "result/requestState"), state);
        keep_state(a->json, state);
        a = retry(3, state, "{'mgw-1':{'action':'decline'}}");
        cr_assert_str_eq(json_text_at(servers_last("reply")->msg, "result/action"), "decline");
        gateway_stop();
}

Test(questions, an_answer_that_comes_meanwhile_waits_for_the_retry)
{
        char state[STATE_SIZE];

        begin_asked(HTTP, state);
        sent_event_result(call, NULL, "'content':[]");
        a = retry(2, state, "{}");
        cr_assert_str_eq(json_text_at(client_answer(&c, a, 2), "result/resultType"), "complete");
        gateway_stop();
}

/* The server's entry changes while the client is asked. */
Test(questions, an_answer_of_a_server_that_goes_waits_for_the_retry)
{
        char state[STATE_SIZE];

        begin_asked(HTTP, state);
        sent_event_result(call, NULL, "'content':[]");
        gateway_reload("'u':{'url':'http://there.example/mcp'}", "");
        gateway_pass_ms(60000);
        a = retry(2, state, "{}");
        cr_assert_str_eq(json_text_at(client_answer(&c, a, 2), "result/resultType"), "complete");
        gateway_pass_ms(1000);
        gateway_stop();
}

Test(questions, whoever_comes_back_for_a_server_that_has_gone_is_told)
{
        char state[STATE_SIZE];

        begin_asked(HTTP, state);
        gateway_reload("'u':{'url':'http://there.example/mcp'}", "");
        gateway_pass_ms(60000);
        a = retry(2, state, "{}");
        cr_assert_not_null(
                strstr(json_text_at(client_answer(&c, a, 2), "error/message"), "has changed"));
        gateway_pass_ms(1000);
        gateway_stop();
}

Test(questions, whoever_does_not_come_back_in_time_has_given_up)
{
        char state[STATE_SIZE];

        begin_asked(STDIO, state);
        gateway_pass_ms(601000);
        check_int(servers_count("notifications/cancelled"), 1);
        cr_assert_not_null(json_at(servers_last("reply")->msg, "error"));
        a = retry(2, state, "{}");
        cr_assert_not_null(json_at(client_answer(&c, a, 2), "error"));
        gateway_stop();
}

Test(questions, of_many_that_wait_the_oldest_is_given_up)
{
        gateway_start(HTTP, "'calls_per_user_max':3");
        servers_keep("tools/call");
        servers_are(SERVERS_SESSION);
        client_open(&c, STATELESS, ALL);
        for (int i = 1; i <= 3; i++) {
                a = client_ask(&c, i, "tools/call", CALL_T);
                sent_event(servers_await("tools/call"), NULL, ELICITATION);
                cr_assert_not_null(client_answer(&c, a, i), "%d: %s", i, gateway_log());
                servers_last("tools/call")->is_answered = true;
        }
        check_int(servers_count("notifications/cancelled"), 1);
        gateway_stop();
}

/* c and another, whose server asks in the middle of a call. */
static void begin_two_addresses(const char *settings, struct client *other)
{
        gateway_start(HTTP, settings);
        servers_keep("tools/call");
        servers_are(SERVERS_SESSION);
        client_open(other, STATELESS, ALL);
        client_open(&c, STATELESS, ALL);
}

Test(questions, without_users_what_waits_is_given_up_of_its_own_address)
{
        struct client other = {.address = "127.0.0.2"};

        begin_two_addresses("'calls_per_user_max':3", &other);
        for (int i = 0; i < 4; i++) {
                struct client *from = i == 0 ? &other : &c;

                a = client_ask(from, i, "tools/call", CALL_T);
                sent_event(servers_await("tools/call"), NULL, ELICITATION);
                cr_assert_not_null(client_answer(from, a, i), "%d: %s", i, gateway_log());
                servers_last("tools/call")->is_answered = true;
                check_int(servers_count("notifications/cancelled"), i < 3 ? 0 : 1);
        }
        gateway_stop();
}

Test(questions, without_users_each_address_is_asked_as_much)
{
        struct client other = {.address = "127.0.0.2"};

        begin_two_addresses("'calls_per_user_max':1", &other);
        client_ask(&other, 1, "tools/call", CALL_T);
        sent_event(servers_await("tools/call"), NULL, ELICITATION);
        servers_last("tools/call")->is_answered = true;
        a = client_ask(&c, 2, "tools/call", CALL_T);
        sent_event(servers_await("tools/call"), NULL, ELICITATION);
        check_int(servers_count("reply"), 0);
        cr_assert_str_eq(json_text_at(client_answer(&c, a, 2), "result/resultType"),
                         "input_required");
        gateway_stop();
}

Test(questions, a_stateless_client_is_not_asked_for_what_it_cannot)
{
        begin(HTTP, STATELESS, "{}");
        sent_event(call, NULL, ELICITATION);
        cr_assert_not_null(json_at(servers_last("reply")->msg, "error"));
        sent_event_result(call, NULL, "'content':[]");
        cr_assert_not_null(client_answer(&c, a, 1));
        gateway_stop();
}

Test(questions, a_state_of_another_request_is_refused)
{
        char params[2000];

        begin(HTTP, STATELESS, ALL);
        sent_event(call, NULL, ELICITATION);
        snprintf(params, sizeof(params), "{'name':'u_w','arguments':{},'requestState':'%s'}",
                 json_text_at(client_answer(&c, a, 1), "result/requestState"));
        a = client_ask(&c, 2, "tools/call", params);
        cr_assert_not_null(json_at(client_answer(&c, a, 2), "error"));
        a = retry(3, "made up", "{}");
        cr_assert_not_null(json_at(client_answer(&c, a, 3), "error"));
        gateway_stop();
}

/* ---- servers of the stateless era ---- */

static void begin_stateless(const char *server, const char *version, const char *capabilities)
{
        gateway_start(server, "");
        servers_keep("tools/call");
        servers_are(SERVERS_STATELESS);
        client_open(&c, version, capabilities);
        a = client_ask(&c, 1, "tools/call", CALL_T);
        call = servers_await("tools/call");
}

#define INPUT_REQUIRED                                                                             \
        "'resultType':'input_required','requestState':'s','inputRequests':{'k':{'method':"         \
        "'elicitation/create','params':" ELICIT "}}"

Test(questions, a_result_that_asks_becomes_a_question_to_a_session_client)
{
        const json_t *asked;
        char reply[300];
        struct sent *again;

        begin_stateless(HTTP, "2025-06-18", ALL);
        sent_result(call, INPUT_REQUIRED);
        asked = client_hears(&c, a, "elicitation/create");
        cr_assert_not_null(asked, "%s", gateway_log());
        snprintf(reply, sizeof(reply),
                 "{'jsonrpc':'2.0','id':'%s','result':{'action':'accept','content':{'a':'b'}}}",
                 json_text_at(asked, "id"));
        client_say(&c, reply);
        again = servers_await("tools/call");
        cr_assert_str_eq(json_text_at(again->msg, "params/requestState"), "s");
        cr_assert_str_eq(json_text_at(again->msg, "params/inputResponses/k/content/a"), "b");
        sent_result(again, "'content':[]");
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "result"));
        gateway_stop();
}

Test(questions, a_stateless_client_gets_the_question_of_a_stateless_server_itself)
{
        char state[STATE_SIZE];
        struct sent *again;

        begin_stateless(STDIO, STATELESS, ALL);
        sent_result(call, INPUT_REQUIRED);
        cr_assert_str_eq(json_text_at(client_answer(&c, a, 1), "result/inputRequests/k/method"),
                         "elicitation/create");
        keep_state(a->json, state);
        cr_assert_str_neq(state, "s", "it is sealed");
        a = retry(2, state, "{'k':{'action':'decline'}}");
        again = servers_await("tools/call");
        cr_assert_str_eq(json_text_at(again->msg, "params/requestState"), "s");
        sent_result(again, "'content':[]");
        cr_assert_not_null(json_at(client_answer(&c, a, 2), "result"));
        gateway_stop();
}

Test(questions, a_session_client_that_cannot_be_asked_gets_an_error)
{
        begin_stateless(HTTP, "2025-06-18", "{}");
        sent_result(call, INPUT_REQUIRED);
        gateway_pass_ms(1000);
        cr_assert_not_null(client_answer(&c, a, 1), "%s", gateway_log());
        cr_assert_not_null(json_at(a->json, "error"));
        gateway_stop();
}

Test(questions, a_server_that_asks_for_nothing_is_asked_again)
{
        begin_stateless(HTTP, "2025-06-18", ALL);
        sent_result(call, "'resultType':'input_required','requestState':'s1'");
        gateway_pass_ms(5000);
        sent_result(servers_await("tools/call"), "'content':[]");
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "result"));
        gateway_stop();
}

Test(questions, a_server_that_asks_for_ever_is_not_followed_for_ever)
{
        begin_stateless(HTTP, "2025-06-18", ALL);
        for (int i = 0; i < 60 && servers_find("tools/call") != NULL; i++) {
                sent_result(servers_await("tools/call"),
                            "'resultType':'input_required','requestState':'s'");
                gateway_pass_ms(5000);
        }
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "error"));
        gateway_stop();
}

/* ---- what is kept meanwhile ---- */

static uint64_t n_held(void)
{
        return world.context->ledger.by_kind[LEDGER_CALL];
}

/* So much text in it. */
static const char *long_fields(const char *before, size_t n, const char *after)
{
        static char text[400000];
        size_t n_before = (size_t)snprintf(text, sizeof(text), "%s", before);

        memset(text + n_before, 'x', n);
        snprintf(text + n_before + n, sizeof(text) - n_before - n, "%s", after);
        return text;
}

#define LONG 300000
#define LONG_RESULT long_fields("'content':[{'type':'text','text':'", LONG, "'}]")

Test(questions, an_answer_that_waits_for_the_retry_is_paid_for)
{
        char state[STATE_SIZE];
        uint64_t before;

        begin_asked(HTTP, state);
        before = n_held();
        sent_event_result(call, NULL, LONG_RESULT);
        cr_assert_geq(n_held(), before + LONG);
        a = retry(2, state, "{}");
        cr_assert_not_null(json_at(client_answer(&c, a, 2), "result/content"));
        cr_assert_lt(n_held(), before);
        gateway_stop();
}

Test(questions, an_answer_that_there_is_no_room_for_does_not_wait)
{
        enum { N = 4 };
        static char states[N][STATE_SIZE];

        gateway_start(HTTP, "'memory_per_user_max_bytes':1000000");
        servers_keep("tools/call");
        servers_are(SERVERS_SESSION);
        client_open(&c, STATELESS, ALL);
        for (int i = 0; i < N; i++) {
                a = client_ask(&c, i, "tools/call", CALL_T);
                call = servers_await("tools/call");
                sent_event(call, NULL, ELICITATION);
                keep_state(client_answer(&c, a, i), states[i]);
                sent_event_result(call, NULL, LONG_RESULT);
        }
        cr_assert_lt(n_held(), 1000000);
        a = retry(N, states[N - 1], "{}");
        cr_assert_not_null(strstr(json_text_at(client_answer(&c, a, N), "error/message"),
                                  "no memory for the answer"),
                           "%s", gateway_log());
        a = retry(N + 1, states[0], "{}");
        cr_assert_not_null(json_at(client_answer(&c, a, N + 1), "result/content"));
        gateway_stop();
}

Test(questions, what_a_stateless_server_asks_is_paid_for)
{
        uint64_t before;

        gateway_start(HTTP, "");
        servers_keep("tools/call");
        servers_are(SERVERS_STATELESS);
        client_open(&c, "2025-11-25", ALL);
        a = client_ask(&c, 1, "tools/call", CALL_T);
        call = servers_await("tools/call");
        before = n_held();
        sent_result(call,
                    long_fields("'resultType':'input_required','inputRequests':{'k':{'method':"
                                "'elicitation/create','params':" ELICIT "}},'requestState':'",
                                LONG, "'"));
        cr_assert_not_null(client_hears(&c, a, "elicitation/create"), "%s", gateway_log());
        cr_assert_geq(n_held(), before + LONG);
        gateway_stop();
}

/* What the policy has to say beside yes and no: limits, cuts, what is heard, what is said of
 * servers. */
#include "../check.h"
#include "../json.h"
#include "client.h"
#include "gateway.h"
#include "servers.h"
#include "users.h"

#include "mgw/base/alloc.h"

#include <stdlib.h>
#include <string.h>

static struct client c, d;
static struct answer *a;

#define TWO "'a':{'url':'http://a.example/mcp'},'b':{'url':'http://b.example/mcp'}},"
#define RULES(...) TWO "'policy':{'rules':[" #__VA_ARGS__ "]"

#define CALL "{'name':'a_t','arguments':{}}"

static void open_ada(const char *version)
{
        c = (struct client){.authorization = users_ada};
        client_open(&c, version, "{}");
}

/* ---- limits ---- */

static void begin_with_two_a_minute(const char *version)
{
        users_start(RULES({
                            'who' : ['*'],
                            'allow' : {'servers' : ['*']},
                            'limits' : {'calls_per_minute' : 2}
                    }),
                    "");
        open_ada(version);
}

TEST_FOR_EACH(policy, too_many_calls_of_a_tool_are_told_when_there_is_room)
{
        const json_t *msg;

        begin_with_two_a_minute(version);
        for (int i = 1; i <= 2; i++)
                cr_assert_not_null(json_at(
                        client_answer(&c, client_ask(&c, i, "tools/call", CALL), i), "result"));
        gateway_pass_ms(20000);
        a = client_ask(&c, 3, "tools/call", CALL);
        if (strcmp(version, SSE) != 0) {
                check_int(answer_status(a), 429);
                cr_assert_str_eq(answer_header(a, "Retry-After"), "40");
        }
        msg = client_answer(&c, a, 3);
        check_int(json_integer_value(json_at(msg, "error/code")), -32000);
        check_int(json_integer_value(json_at(msg, "error/data/retryAfterSeconds")), 40);
        cr_assert_str_eq(json_text_at(msg, "error/message"),
                         "too many calls of this tool: call it again in 40 seconds");
        check_int(servers_count("tools/call"), 2);

        /* another tool, another user, a minute later */
        cr_assert_not_null(json_at(
                client_answer(&c, client_ask(&c, 4, "tools/call", "{'name':'b_t','arguments':{}}"),
                              4),
                "result"));
        d = (struct client){.authorization = users_bob};
        client_open(&d, version, "{}");
        cr_assert_not_null(
                json_at(client_answer(&d, client_ask(&d, 1, "tools/call", CALL), 1), "result"));
        gateway_pass_ms(40000);
        cr_assert_not_null(
                json_at(client_answer(&c, client_ask(&c, 5, "tools/call", CALL), 5), "result"));
        gateway_stop();
}

/* As long as the text is that a client has made up. */
static char *named(const char *before, size_t n, const char *after)
{
        char *text = alloc_zeroed(strlen(before) + n + strlen(after) + 1);

        strcpy(text, before);
        memset(text + strlen(before), 'n', n);
        strcat(text, after);
        return text;
}

static void check_refused(const char *method, char *params)
{
        const json_t *msg = client_answer(&c, client_ask(&c, 7, method, params), 7);

        check_int(json_integer_value(json_at(msg, "error/code")), -32602);
        cr_assert_not_null(strstr(json_text_at(msg, "error/message"), "too long"), "%s",
                           json_text_at(msg, "error/message"));
        free(params);
}

TEST_FOR_EACH(policy, a_long_name_is_counted_and_looked_for_nowhere)
{
        begin_with_two_a_minute(version);
        check_refused("tools/call", named("{'name':'a_", 1023, "','arguments':{}}"));
        check_refused("resources/read", named("{'uri':'a:", 16383, "'}"));
        check_refused("completion/complete", named("{'ref':{'type':'ref/resource','uri':'a:", 16383,
                                                   "'},'argument':{'name':'x','value':''}}"));
        if (strcmp(version, STATELESS) == 0)
                check_refused(
                        "subscriptions/listen",
                        named("{'notifications':{'resourceSubscriptions':['a:", 16383, "']}}"));
        gateway_stop();
}

Test(policy, in_a_batch_the_status_is_of_all)
{
        users_start(RULES({
                            'who' : ['*'],
                            'allow' : {'servers' : ['*']},
                            'limits' : {'calls_per_day' : 1}
                    }),
                    "");
        open_ada("2025-03-26");
        a = client_say(&c, "[{'jsonrpc':'2.0','id':1,'method':'tools/call','params':" CALL "},"
                           "{'jsonrpc':'2.0','id':2,'method':'tools/call','params':" CALL "}]");
        check_int(answer_status(a), 200);
        cr_assert_str_eq(answer_header(a, "Retry-After"), "");
        check_int(servers_count("tools/call"), 1);
        gateway_stop();
}

/* ---- results ---- */

static char big[400000];

TEST_FOR_EACH(policy, a_result_that_is_too_long_is_cut)
{
        const json_t *msg;
        char *fields;

        users_start(RULES({
                            'who' : ['*'],
                            'allow' : {'servers' : ['a']},
                            'limits' : {'result_max_bytes' : 1000}
                    },
                          {'who' : ['*'], 'allow' : {'servers' : [ 'b', 'gateway' ]}}),
                    "");
        memset(big, 'x', sizeof(big) - 1);
        cr_assert(asprintf(&fields, "'content':[{'type':'text','text':'%s'}]", big) >= 0);
        servers_keep("tools/call");
        open_ada(version);
        a = client_ask(&c, 1, "tools/call", CALL);
        sent_result(servers_await("tools/call"), fields);
        msg = client_answer(&c, a, 1);
        check_int(strlen(json_text_at(msg, "result/content/0/text")), 1000);
        cr_assert_not_null(strstr(json_text_at(msg, "result/content/1/text"),
                                  "The gateway has cut this result"));

        a = client_ask(&c, 2, "tools/call", "{'name':'b_t','arguments':{}}");
        sent_result(servers_await("tools/call"), fields);
        msg = client_answer(&c, a, 2);
        check_int(strlen(json_text_at(msg, "result/content/0/text")), sizeof(big) - 1);
        free(fields);
        gateway_stop();
}

/* ---- what is heard ---- */

#define SAYS(method, params) "{'jsonrpc':'2.0','method':'" method "','params':" params "}"

Test(policy, of_what_one_may_not_see_one_does_not_hear)
{
        users_start(RULES({
                            'who' : ['*'],
                            'allow' : {'servers' : ['a'], 'tools' : ['*'], 'resources' : ['r://x*']}
                    }),
                    "");
        open_ada("2025-06-18");
        client_listen(&c, NULL);
        check_int(servers_count("initialize"), 1); /* of two servers */
        servers_say(SAYS("notifications/prompts/list_changed", "{}"));
        servers_say(SAYS("notifications/resources/updated", "{'uri':'r://a'}"));
        cr_assert_null(client_hears(&c, NULL, "notifications/prompts/list_changed"));
        cr_assert_null(client_hears(&c, NULL, "notifications/resources/updated"));
        servers_say(SAYS("notifications/resources/updated", "{'uri':'r://xa'}"));
        cr_assert_not_null(client_hears(&c, NULL, "notifications/resources/updated"));
        servers_say(SAYS("notifications/tools/list_changed", "{}"));
        cr_assert_not_null(client_hears(&c, NULL, "notifications/tools/list_changed"));
        gateway_stop();
}

static void check_read(const char *uri, bool is_allowed)
{
        static int id;
        char params[100];

        snprintf(params, sizeof(params), "{'uri':'%s'}", uri);
        id++;
        cr_assert_eq(json_at(client_answer(&c, client_ask(&c, id, "resources/read", params), id),
                             "result") != NULL,
                     is_allowed, "%s", uri);
}

/* Spelt otherwise it is the same to its server. */
TEST_FOR_EACH(policy, what_is_denied_is_so_in_any_spelling)
{
        static const char *const spellings[] = {"r://h/secret/a",
                                                "r://h/%73ecret/a",
                                                "r://h/open/../secret/a",
                                                "r://h/./secret/a",
                                                "r://h/open/%2e%2e/secret/a",
                                                "r://h//secret/a",
                                                "r://h/open%2fb/../../secret/a",
                                                "r://h/a%2fb/../secret/a",
                                                "r://h/\\\\secret/a",
                                                "R://h/secret/a",
                                                "file:///s/secret",
                                                "file:///s/secret?x",
                                                "file:/s/secret",
                                                "FILE://localhost/s/sec\\tret",
                                                "file:////s//secret#x"};

        users_start(RULES({
                            'who' : ['*'],
                            'deny' : {'resources' : [ 'r://h/secret/*', 'file:///s/secret' ]}
                    },
                          {'who' : ['*'], 'allow' : {'servers' : ['a']}}),
                    "");
        open_ada(version);
        for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++)
                check_read(spellings[i], false);
        check_int(servers_count("resources/read"), 0);
        check_read("r://h/open/a%2520b", true);
        check_read("r://h/of/https://other.example//x", true);
        gateway_stop();
}

/* Whoever keeps its list from coming gains nothing by it. */
TEST_FOR_EACH(policy, what_a_template_denies_is_so_before_it_is_known)
{
        users_start(RULES({'who' : ['*'], 'deny' : {'templates' : ['r://h/{x}']}},
                          {'who' : ['*'], 'allow' : {'servers' : ['a']}}),
                    "");
        servers_keep("resources/templates/list");
        open_ada(version);
        a = client_ask(&c, 1, "resources/read", "{'uri':'r://h/k'}");
        gateway_pass_ms(20000);
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "error"), "%s", gateway_log());
        check_int(servers_count("resources/read"), 0);
        gateway_stop();
}

/* To a file system "//" is "/", and ".." takes back what stands before both. */
TEST_FOR_EACH(policy, nothing_leads_out_of_what_is_allowed)
{
        users_start(RULES({
                            'who' : ['*'],
                            'allow' : {
                                    'servers' : ['a'],
                                    'resources' : [ 'file:///srv/*', 'r://h/of/https://*' ]
                            }
                    }),
                    "");
        open_ada(version);
        check_read("file:///srv//../etc/shadow", false);
        check_read("file:///srv/%2f../etc/shadow", false);
        check_read("file:///srv/a%2f..%2f../etc/shadow", false);
        check_read("file:///srv/\\\\../etc/shadow", false);
        check_int(servers_count("resources/read"), 0);
        check_read("file:///srv/a/../b", true);
        check_read("file:///srv//b?x", true);
        check_read("r://h/of/https://other.example", true);
        gateway_stop();
}

/* Some servers look at the method before they look for an id. */
TEST_FOR_EACH(policy, a_request_without_an_id_goes_nowhere)
{
        if (strcmp(version, STATELESS) == 0)
                return;
        users_start(RULES({'who' : ['*'], 'allow' : {'tools' : ['a_t']}}), "");
        open_ada(version);
        check_int(answer_status(client_say(&c, SAYS("tools/call", "{'name':'secret'}"))), 202);
        client_say(&c, SAYS("tools/call", CALL));
        client_say(&c, SAYS("resources/read", "{'uri':'r://x'}"));
        client_say(&c, SAYS("unheard/of", "{}"));
        client_say(&c, SAYS("notifications/unheard/of", "{}"));
        check_int(servers_count("tools/call"), 0);
        check_int(servers_count("resources/read"), 0);
        check_int(servers_count("unheard/of"), 0);
        check_int(servers_count("notifications/unheard/of"), 1);
        gateway_stop();
}

/* A ref of both kinds is not judged by one and asked by the other. */
Test(policy, what_is_completed_is_what_was_judged)
{
        users_start(RULES({'who' : ['*'], 'allow' : {'prompts' : ['a_p']}}), "");
        open_ada("2025-06-18");
        cr_assert_not_null(client_answer(
                &c,
                client_ask(&c, 1, "completion/complete",
                           "{'ref':{'type':'ref/resource','name':'a_p','uri':'r://{x}'},"
                           "'argument':{'name':'x','value':''}}"),
                1));
        cr_assert_null(json_at(servers_last("completion/complete")->msg, "params/ref/uri"));
        gateway_stop();
}

/* ---- what is said of servers ---- */

TEST_FOR_EACH(policy, a_server_that_is_not_for_one_is_not_spoken_of)
{
        const char *text;
        const json_t *msg;

        users_start(RULES({'who' : ['bob@example.com'], 'allow' : {'servers' : ['*']}},
                          {'who' : ['*'], 'allow' : {'servers' : [ 'gateway', 'b' ]}}),
                    "");
        open_ada(version);
        msg = client_answer(
                &c, client_ask(&c, 1, "tools/call", "{'name':'gateway_status','arguments':{}}"), 1);
        text = json_text_at(msg, "result/content/0/text");
        cr_assert_not_null(strstr(text, " of 1 ready"), "%s", text);
        cr_assert_null(strstr(text, "server a"), "%s", text);
        gateway_stop();
}

Test(policy, who_may_nothing_is_told_nothing)
{
        const json_t *msg;

        users_start(RULES({'who' : ['bob@example.com'], 'allow' : {'servers' : ['*']}}), "");
        open_ada("2025-06-18");
        check_int(servers_count("initialize"), 0);
        msg = client_answer(&c, client_ask(&c, 1, "tools/list", ""), 1);
        check_json_is(json_at(msg, "result/tools"), "[]");
        msg = client_answer(&c, client_ask(&c, 2, "tools/call", CALL), 2);
        cr_assert_str_eq(json_text_at(msg, "error/message"), "tools/call: unknown name: a_t");
        msg = client_answer(
                &c, client_ask(&c, 3, "tools/call", "{'name':'nothing','arguments':{}}"), 3);
        cr_assert_str_eq(json_text_at(msg, "error/message"), "tools/call: unknown name: nothing");
        gateway_stop();
}

Test(policy, what_a_server_could_is_not_said_to_whom_it_is_not_for)
{
        const json_t *msg;

        users_start(RULES({'who' : ['bob@example.com'], 'allow' : {'servers' : ['*']}},
                          {'who' : ['*'], 'allow' : {'servers' : ['gateway']}}),
                    "");
        open_ada(STATELESS);
        msg = client_answer(&c, client_ask(&c, 1, "server/discover", ""), 1);
        cr_assert_null(json_at(msg, "result/capabilities/prompts"));
        cr_assert_not_null(json_at(msg, "result/capabilities/tools"));
        c.authorization = users_bob;
        msg = client_answer(&c, client_ask(&c, 2, "server/discover", ""), 2);
        cr_assert_not_null(json_at(msg, "result/capabilities/prompts"));
        gateway_stop();
}

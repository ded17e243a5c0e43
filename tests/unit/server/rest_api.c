/* REST APIs as servers: what they offer, and what becomes of a call. */
#include "../check.h"
#include "../json.h"
#include "client.h"
#include "gateway.h"
#include "servers.h"

#define DESCRIPTION                                                                                \
        "{'base_url':'http://api.example/v1','tools':{"                                            \
        "'find':{'description':'Finds.','inputSchema':{'type':'object','properties':{'q':{"        \
        "'type':'string'},'page':{'type':'string'}}},'annotations':{'readOnlyHint':true},"         \
        "'method':'GET','path':'/things{?q}','query':{'page':'{page}'},'paging':{'items':"         \
        "'/items','token':'/next','argument':'page','pages_max':3},'result':'/items',"             \
        "'errors':{'404':'there is no such thing'}},"                                              \
        "'add':{'description':'Adds.','inputSchema':{'type':'object','properties':{'t':{"          \
        "'type':'string'}},'required':['t']},'method':'POST','path':'/things','body':{'t':"        \
        "'{t}'}}}}"

static struct client c;
static struct answer *a;

static void begin(const char *version, const char *more)
{
        char server[500];

        snprintf(server, sizeof(server), "'u':{'rest':'%s'%s}",
                 gateway_file("api.json", DESCRIPTION), more);
        gateway_start(server, "");
        servers_keep("GET");
        servers_keep("POST");
        client_open(&c, version, "{}");
}

/* Its POSTs carry JSON that is no message: their method is "reply". */
static struct sent *call(const char *tool, const char *arguments)
{
        char params[300];

        servers_keep("reply");
        snprintf(params, sizeof(params), "{'name':'u_%s','arguments':%s}", tool, arguments);
        a = client_ask(&c, 1, "tools/call", params);
        gateway_settle();
        return servers_find("GET") != NULL ? servers_find("GET") : servers_find("reply");
}

static void reply(struct sent *sent, const char *json)
{
        char text[400];

        cr_assert_not_null(sent, "%s", gateway_log());
        snprintf(text, sizeof(text), "%s", json);
        for (char *p = text; *p != '\0'; p++)
                *p = *p == '\'' ? '"' : *p;
        sent_text(sent, "application/json", text);
        sent_end(sent);
}

static const json_t *result(void)
{
        const json_t *found;

        gateway_pass_ms(1);
        found = json_at(client_answer(&c, a, 1), "result");
        cr_assert_not_null(found, "%s", gateway_log());
        return found;
}

TEST_FOR_EACH(rest_api, its_tools_are_listed_and_its_answers_are_results)
{
        struct sent *get;

        begin(version, "");
        a = client_ask(&c, 1, "tools/list", "");
        gateway_pass_ms(1);
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "result/tools/0"));
        get = call("find", "{'q':'a b'}");
        cr_assert_str_eq(get->http->url, "http://api.example/v1/things?q=a%20b");
        reply(get, "{'items':[1,2]}");
        cr_assert_str_eq(json_text_at(result(), "content/0/text"), "[1,2]");
        gateway_stop();
}

Test(rest_api, pages_are_fetched_to_the_last)
{
        begin("2025-06-18", "");
        reply(call("find", "{}"), "{'items':[1],'next':'p2'}");
        cr_assert_not_null(strstr(servers_await("GET")->http->url, "page=p2"));
        reply(servers_await("GET"), "{'items':[2]}");
        cr_assert_str_eq(json_text_at(result(), "content/0/text"), "[1,2]");
        gateway_stop();
}

Test(rest_api, a_body_is_made_of_the_arguments)
{
        struct sent *post;

        begin("2025-06-18", "");
        post = call("add", "{'t':'x'}");
        cr_assert_str_eq(post->http->method, "POST");
        check_json_is(post->msg, "{'t':'x'}");
        reply(post, "{'id':7}");
        cr_assert_null(json_at(result(), "isError"));
        gateway_stop();
}

Test(rest_api, what_is_asked_wrongly_is_not_asked)
{
        begin("2025-06-18", "");
        cr_assert_null(call("add", "{}"));
        cr_assert(json_is_true(json_at(result(), "isError")));
        cr_assert_null(call("add", "{'t':7}"));
        cr_assert(json_is_true(json_at(result(), "isError")));
        a = client_ask(&c, 1, "tools/call", "{'name':'u_none','arguments':{}}");
        gateway_pass_ms(1);
        cr_assert_not_null(client_answer(&c, a, 1));
        gateway_stop();
}

Test(rest_api, its_errors_are_results_that_say_so)
{
        static const unsigned statuses[] = {400, 401, 404, 429, 500, 503, 301, 204};

        begin("2025-06-18", "");
        for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
                struct sent *get = call("find", "{}");

                if (get == NULL)
                        break; /* it is being left alone */
                sent_status(get, statuses[i], "{\"message\":\"words of the API\"}");
                gateway_pass_ms(1);
                cr_assert_not_null(client_answer(&c, a, 1), "%u: %s", statuses[i], gateway_log());
                if (statuses[i] == 404)
                        cr_assert_not_null(strstr(json_text_at(a->json, "result/content/0/text"),
                                                  "there is no such thing"));
        }
        gateway_stop();
}

Test(rest_api, its_failures_are_told)
{
        begin("2025-06-18", "");
        sent_fail(call("find", "{}"), HTTP_FAULT_CUT, true);
        gateway_pass_ms(2000);
        if (servers_find("GET") != NULL)
                sent_fail(servers_await("GET"), HTTP_FAULT_CUT, true);
        gateway_pass_ms(2000);
        cr_assert_not_null(client_answer(&c, a, 1), "%s", gateway_log());
        reply(call("find", "{}"), "{'items':");
        gateway_pass_ms(1000);
        cr_assert_not_null(client_answer(&c, a, 1));
        gateway_stop();
}

Test(rest_api, a_silent_one_is_not_waited_for_for_ever)
{
        begin("2025-06-18", ",'timeout_s':20");
        cr_assert_not_null(call("find", "{}"));
        gateway_pass_ms(25000);
        cr_assert_not_null(client_answer(&c, a, 1), "%s", gateway_log());
        gateway_stop();
}

Test(rest_api, a_client_that_cancels_ends_the_request)
{
        struct sent *get;

        begin("2025-06-18", "");
        get = call("find", "{}");
        client_say(&c,
                   "{'jsonrpc':'2.0','method':'notifications/cancelled','params':{'requestId':1}}");
        cr_assert(get->http->is_over);
        gateway_stop();
}

Test(rest_api, it_is_called_with_a_token_where_it_wants_one)
{
        struct sent *fetch;

        begin("2025-06-18", ",'oauth':{'token_url':'http://t.example/token','client_id':'i',"
                            "'client_secret':'s'}");
        cr_assert_null(call("find", "{}"));
        fetch = servers_await("POST");
        reply(fetch, "{'access_token':'t1'}");
        cr_assert_not_null(strstr(servers_await("GET")->http->headers, "Bearer t1"));
        sent_status(servers_await("GET"), 401, "");
        reply(servers_await("POST"), "{'access_token':'t2'}");
        reply(servers_await("GET"), "{'items':[]}");
        cr_assert_not_null(result());
        gateway_stop();
}

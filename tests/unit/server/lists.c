/* The lists of all servers as one: fetched, merged, paged, kept, and told of when they change. */
#include "../check.h"
#include "../json.h"
#include "client.h"
#include "gateway.h"
#include "servers.h"

#define TWO "'u':{'url':'http://u.example/mcp'},'v':{'command':'/v'}"

static struct client c;

static const json_t *list(int id, const char *method, const char *key, const char *params)
{
        struct answer *a = client_ask(&c, id, method, params);
        char path[64];

        gateway_pass_ms(1);
        snprintf(path, sizeof(path), "result/%s", key);
        return json_at(client_answer(&c, a, id), path);
}

static void check_has(const json_t *array, const char *key, const char *value, bool is_there)
{
        bool found = false;

        for (size_t i = 0; i < json_array_size(array); i++)
                found |= strcmp(json_text_at(json_array_get(array, i), key), value) == 0;
        cr_assert_eq(found, is_there, "%s %s; %s", value, is_there ? "is missing" : "is there",
                     gateway_log());
}

TEST_FOR_EACH(lists, those_of_all_servers_are_one)
{
        const json_t *all;

        gateway_start(TWO, "");
        client_open(&c, version, "{}");
        all = list(1, "tools/list", "tools", "");
        check_has(all, "name", "u_t", true);
        check_has(all, "name", "v_w", true);
        all = list(2, "prompts/list", "prompts", "");
        check_has(all, "name", "u_p", true);
        all = list(4, "resources/templates/list", "resourceTemplates", "");
        check_int(json_array_size(all), 2);
        gateway_stop();
}

TEST_FOR_EACH(lists, a_uri_that_two_servers_have_is_shown_as_two)
{
        char params[2][200];
        const json_t *all;

        gateway_start(TWO, "");
        client_open(&c, version, "{}");
        all = list(1, "resources/list", "resources", "");
        check_int(json_array_size(all), 2);
        for (size_t i = 0; i < 2; i++)
                snprintf(params[i], sizeof(params[i]), "{'uri':'%s'}",
                         json_text_at(json_array_get(all, i), "uri"));
        cr_assert_str_neq(params[0], params[1]);
        cr_assert_not_null(client_answer(&c, client_ask(&c, 2, "resources/read", params[0]), 2));
        cr_assert_not_null(servers_last("resources/read")->http);
        cr_assert_not_null(client_answer(&c, client_ask(&c, 3, "resources/read", params[1]), 3));
        cr_assert_not_null(servers_last("resources/read")->child);
        cr_assert_str_eq(json_text_at(servers_last("resources/read")->msg, "params/uri"), "r://a");
        gateway_stop();
}

TEST_OVER_EACH(lists, a_servers_pages_are_fetched_to_the_last)
{
        const json_t *all;
        struct answer *a;

        gateway_start(server, "'builtin_tools':false");
        servers_keep("tools/list");
        servers_are(SERVERS_SESSION);
        client_open(&c, "2025-06-18", "{}");
        a = client_ask(&c, 1, "tools/list", "");
        sent_result(servers_await("tools/list"),
                    "'tools':[{'name':'one','inputSchema':{'type':'object'}}],'nextCursor':'2'");
        cr_assert_str_eq(json_text_at(servers_await("tools/list")->msg, "params/cursor"), "2");
        sent_result(servers_await("tools/list"),
                    "'tools':[{'name':'two','inputSchema':{'type':'object'}}]");
        all = json_at(client_answer(&c, a, 1), "result/tools");
        check_has(all, "name", "u_one", true);
        check_has(all, "name", "u_two", true);
        gateway_stop();
}

Test(lists, pages_without_an_end_are_not_followed_for_ever)
{
        struct answer *a;

        gateway_start(HTTP, "");
        servers_keep("tools/list");
        client_open(&c, "2025-06-18", "{}");
        a = client_ask(&c, 1, "tools/list", "");
        for (int i = 0; i < 3000 && servers_find("tools/list") != NULL; i++)
                sent_result(servers_await("tools/list"), "'tools':[],'nextCursor':'same'");
        gateway_pass_ms(2000);
        cr_assert_not_null(client_answer(&c, a, 1));
        gateway_stop();
}

Test(lists, what_is_known_is_not_asked_for_again_until_it_is_old)
{
        gateway_start(HTTP, "'catalog_age_s':60");
        client_open(&c, "2025-06-18", "{}");
        list(1, "tools/list", "tools", "");
        list(2, "tools/list", "tools", "");
        check_int(servers_count("tools/list"), 1);
        gateway_pass_ms(61000);
        list(3, "tools/list", "tools", "");
        check_int(servers_count("tools/list"), 2);
        gateway_stop();
}

TEST_OVER_EACH(lists, what_has_changed_is_told_and_asked_for_again)
{
        gateway_start(server, "");
        servers_are(SERVERS_SESSION);
        client_open(&c, "2025-06-18", "{}");
        client_listen(&c, NULL);
        list(1, "tools/list", "tools", "");
        servers_say("{'jsonrpc':'2.0','method':'notifications/tools/list_changed'}");
        cr_assert_not_null(client_hears(&c, NULL, "notifications/tools/list_changed"));
        list(2, "tools/list", "tools", "");
        check_int(servers_count("tools/list"), 2);
        gateway_stop();
}

Test(lists, a_silent_server_is_left_out_and_told_of_when_it_has_come)
{
        const json_t *all;
        struct answer *a;

        gateway_start(TWO, "");
        servers_keep("tools/list");
        client_open(&c, "2025-06-18", "{}");
        client_listen(&c, NULL);
        a = client_ask(&c, 1, "tools/list", "");
        sent_honestly(servers_await("tools/list"));
        cr_assert_null(client_answer(&c, a, 1));
        gateway_pass_ms(2000);
        all = json_at(client_answer(&c, a, 1), "result/tools");
        cr_assert_eq((json_array_size(all) - 2) % 3, 0, "one server's, and our own three");
        sent_honestly(servers_await("tools/list"));
        cr_assert_not_null(client_hears(&c, NULL, "notifications/tools/list_changed"));
        servers_keep_no_more("tools/list");
        all = list(2, "tools/list", "tools", "");
        check_has(all, "name", "u_t", true);
        check_has(all, "name", "v_t", true);
        gateway_stop();
}

Test(lists, a_server_that_refuses_has_none)
{
        const json_t *all;
        struct answer *a;

        gateway_start(TWO, "");
        servers_keep("tools/list");
        client_open(&c, "2025-06-18", "{}");
        a = client_ask(&c, 1, "tools/list", "");
        sent_error(servers_await("tools/list"), -32603, "no");
        sent_honestly(servers_await("tools/list"));
        all = json_at(client_answer(&c, a, 1), "result/tools");
        check_int(json_array_size(all), 3 + 2);
        gateway_stop();
}

Test(lists, many_are_shown_by_pages)
{
        static const char *const made_up[] = {
                "{'cursor':'made up'}", "{'cursor':'0'}",    "{'cursor':'1'}",
                "{'cursor':'2499'}",    "{'cursor':'3000'}", "{'cursor':'18446744073709551000'}",
        };
        const json_t *result;
        struct answer *a;
        char cursor[200] = "", params[300];
        size_t n = 0;
        struct buf tools;

        gateway_start(HTTP, "'builtin_tools':false");
        servers_keep("tools/list");
        client_open(&c, "2025-06-18", "{}");
        a = client_ask(&c, 1, "tools/list", "");
        buf_init(&tools, 64u << 20);
        buf_add_str(&tools, STR("'tools':["));
        for (int i = 0; i < 2500; i++)
                buf_addf(&tools, "%s{'name':'t%d','inputSchema':{'type':'object'}}", i ? "," : "",
                         i);
        buf_add_str(&tools, STR("]"));
        buf_add(&tools, "", 1);
        sent_result(servers_await("tools/list"), buf_bytes(&tools).p);
        buf_finish(&tools);
        for (int id = 1; id < 100; id++) {
                result = json_at(client_answer(&c, a, id), "result");
                cr_assert_not_null(result);
                n += json_array_size(json_at(result, "tools"));
                snprintf(cursor, sizeof(cursor), "%s", json_text_at(result, "nextCursor"));
                if (cursor[0] == '\0')
                        break;
                snprintf(params, sizeof(params), "{'cursor':'%s'}", cursor);
                a = client_ask(&c, id + 1, "tools/list", params);
        }
        check_int(n, 2500);
        a = client_ask(&c, 776, "tools/list", "{'cursor':''}");
        cr_assert_str_neq(json_text_at(client_answer(&c, a, 776), "result/nextCursor"), "",
                          "the first page");
        for (size_t i = 0; i < sizeof(made_up) / sizeof(made_up[0]); i++) {
                a = client_ask(&c, 777, "tools/list", made_up[i]);
                cr_assert_not_null(json_at(client_answer(&c, a, 777), "error"), "%s", made_up[i]);
        }
        gateway_stop();
}

Test(lists, a_name_that_two_have_is_the_firsts)
{
        gateway_start(
                "'u':{'url':'http://u.example/mcp','prefix':''},'v':{'command':'/v','prefix':''}",
                "");
        client_open(&c, "2025-06-18", "{}");
        check_has(list(1, "tools/list", "tools", ""), "name", "t", true);
        cr_assert_not_null(strstr(gateway_log(), "two servers offer"));
        cr_assert_not_null(client_answer(
                &c, client_ask(&c, 2, "tools/call", "{'name':'t','arguments':{}}"), 2));
        cr_assert_not_null(servers_last("tools/call")->http);
        gateway_stop();
}

TEST_FOR_EACH(lists, what_is_called_finds_its_owner)
{
        static const struct {
                const char *method, *params, *member;
        } calls[] = {
                {"prompts/get", "{'name':'u_p'}", "result/messages"},
                {"resources/read", "{'uri':'r://a'}", "result/contents"},
                {"resources/read", "{'uri':'r://other'}", "result/contents"},
                {"completion/complete",
                 "{'ref':{'type':'ref/prompt','name':'u_p'},'argument':{'name':'a','value':'b'}}",
                 "result/completion"},
                {"completion/complete",
                 "{'ref':{'type':'ref/resource','uri':'r://{x}'},'argument':{'name':'x','value':"
                 "'b'}}",
                 "result/completion"},
        };

        gateway_start(HTTP, "");
        client_open(&c, version, "{}");
        for (int i = 0; i < 5; i++) {
                struct answer *a = client_ask(&c, i + 1, calls[i].method, calls[i].params);

                cr_assert_not_null(json_at(client_answer(&c, a, i + 1), calls[i].member), "%d %s",
                                   i, gateway_log());
        }
        gateway_stop();
}

TEST_FOR_EACH(lists, what_is_nobodys_is_an_error)
{
        static const char *const calls[][2] = {
                {"tools/call", "{'name':'w_none','arguments':{}}"},
                {"tools/call", "{'name':'none','arguments':{}}"},
                {"tools/call", "{'name':7}"},
                {"prompts/get", "{'name':'x_p'}"},
                {"prompts/get", "{}"},
                {"resources/read", "{'uri':'other://a'}"},
                {"resources/read", "{}"},
                {"completion/complete", "{}"},
                {"completion/complete", "{'ref':{'type':'ref/prompt','name':'none'}}"},
                {"odd/method", "{}"},
        };

        gateway_start(TWO, "");
        client_open(&c, version, "{}");
        for (int i = 0; i < 10; i++) {
                struct answer *a = client_ask(&c, i + 1, calls[i][0], calls[i][1]);

                cr_assert_not_null(json_at(client_answer(&c, a, i + 1), "error"), "%d %s", i,
                                   gateway_log());
        }
        gateway_stop();
}

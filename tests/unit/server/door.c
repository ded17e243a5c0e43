/* Paths, methods, origins and users: who is let in to what. */
#include "../check.h"
#include "../json.h"
#include "client.h"
#include "gateway.h"
#include "servers.h"
#include "users.h"

#include <signal.h>

static struct client c;

static struct answer *send_it(struct client_request r)
{
        struct answer *a = client_send(&r);

        gateway_settle();
        return a;
}

static bool body_has(struct answer *a, const char *text)
{
        struct str body = answer_body(a);

        return memmem(body.p, body.n, text, strlen(text)) != NULL;
}

Test(door, each_path_has_its_methods)
{
        static const struct client_expect asked[] = {
                {{.method = "GET", .uri = "/nothing"}, 404},
                {{.method = "GET", .uri = "/health"}, 200},
                {{.method = "GET", .uri = "/health/"}, 200},
                {{.method = "HEAD", .uri = "/health"}, 200},
                {{.method = "GET", .uri = "/ready"}, 200},
                {{.method = "POST", .uri = "/health"}, 405},
                {{.method = "PUT", .uri = "/mcp"}, 405},
                {{.method = "HEAD", .uri = "/mcp"}, 405},
                {{.method = "OPTIONS", .uri = "/mcp"}, 204},
                {{.method = "GET", .uri = "/metrics"}, 404},
                {{.method = "GET", .uri = "/metrics", .is_inside = true}, 200},
                {{.uri = "/admin/announce"}, 404},
                {{.uri = "/admin/announce", .is_inside = true, .body = "{}"}, 400},
                {{.content_type = "text/plain", .body = "{}"}, 415},
        };

        gateway_start(HTTP, "");
        for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
                struct answer *a = send_it(asked[i].r);

                cr_assert_eq(answer_status(a), asked[i].status, "%zu: %u", i, answer_status(a));
        }
        gateway_stop();
}

Test(door, the_methods_of_a_path_are_told)
{
        gateway_start(HTTP, "");
        cr_assert_str_eq(answer_header(send_it((struct client_request){.method = "PUT"}), "Allow"),
                         "OPTIONS, POST, GET, DELETE");
        gateway_stop();
}

Test(door, browsers_are_let_in_from_where_it_is_said)
{
        struct client_request r = {.method = "GET", .uri = "/health"};

        gateway_start(HTTP, "'allowed_origins':['https://ours.example']");
        r.origin = "https://evil.example";
        check_int(answer_status(send_it(r)), 403);
        r.origin = "https://ours.example";
        cr_assert_str_eq(answer_header(send_it(r), "Access-Control-Allow-Origin"),
                         "https://ours.example");
        r.origin = "http://localhost:3000";
        check_int(answer_status(send_it(r)), 200);
        gateway_stop();
}

Test(door, pages_of_our_own_are_let_in)
{
        struct client_request r = {.method = "GET", .uri = "/health"};

        gateway_start(HTTP, "'public_url':'https://mcp.example.com:8443/deep'");
        r.origin = "https://mcp.example.com:8443";
        check_int(answer_status(send_it(r)), 200);
        cr_assert_str_eq(answer_header(send_it(r), "Access-Control-Allow-Origin"), "");
        r.origin = "https://mcp.example.com";
        check_int(answer_status(send_it(r)), 403);
        r.origin = "https://mcp.example.com:8443/deep";
        check_int(answer_status(send_it(r)), 403);
        r.origin = "null";
        check_int(answer_status(send_it(r)), 403);
        gateway_stop();
}

Test(door, metrics_and_health_tell_what_there_is)
{
        struct answer *a;

        gateway_start(HTTP, "");
        client_open(&c, "2025-06-18", "{}");
        client_listen(&c, NULL);
        a = send_it((struct client_request){.method = "GET", .uri = "/metrics", .is_inside = true});
        cr_assert(body_has(a, "\nmgw_sessions 1\n"));
        cr_assert(body_has(a, "\nmgw_streams 1\n"));
        cr_assert(body_has(a, "mgw_turn_seconds_bucket{le=\"+Inf\"}"));
        a = send_it((struct client_request){.method = "GET", .uri = "/health", .is_inside = true});
        check_int(json_integer_value(json_at(answer_json(a), "sessions")), 1);
        a = send_it((struct client_request){.method = "GET", .uri = "/health"});
        check_json_is(answer_json(a), "{'status':'ok'}");
        gateway_stop();
}

Test(door, an_announcement_reaches_each_stream)
{
        struct answer *a;

        gateway_start(HTTP, "");
        client_open(&c, "2025-06-18", "{}");
        client_listen(&c, NULL);
        a = send_it((struct client_request){.uri = "/admin/announce",
                                            .is_inside = true,
                                            .body = "{\"message\":\"soon\",\"level\":\"warning\","
                                                    "\"user\":\"nobody@example.com\"}"});
        check_json_is(answer_json(a), "{'streams':0}");
        a = send_it((struct client_request){
                .uri = "/admin/announce", .is_inside = true, .body = "{\"message\":\"soon\"}"});
        check_json_is(answer_json(a), "{'streams':1}");
        cr_assert_str_eq(
                json_text_at(client_hears(&c, NULL, "notifications/message"), "params/data"),
                "soon");
        gateway_stop();
}

Test(door, an_announcement_to_a_user_reaches_all_of_their_streams)
{
        static struct client ada[2], bob;
        struct answer *a;

        users_start(HTTP, "");
        bob.authorization = users_bob;
        client_open(&bob, "2025-06-18", "{}");
        client_listen(&bob, NULL);
        for (size_t i = 0; i < 2; i++) {
                ada[i].authorization = users_ada;
                client_open(&ada[i], "2025-06-18", "{}");
                client_listen(&ada[i], NULL);
        }
        a = send_it((struct client_request){
                .uri = "/admin/announce",
                .is_inside = true,
                .body = "{\"message\":\"soon\",\"user\":\"ada@example.com\"}"});
        check_json_is(answer_json(a), "{'streams':2}");
        cr_assert_not_null(client_hears(&ada[0], NULL, "notifications/message"));
        cr_assert_not_null(client_hears(&ada[1], NULL, "notifications/message"));
        cr_assert_null(client_hears(&bob, NULL, "notifications/message"));
        a = send_it((struct client_request){
                .uri = "/admin/announce",
                .is_inside = true,
                .body = "{\"message\":\"soon\",\"user\":\"ada@example.com\",\"once\":true}"});
        check_json_is(answer_json(a), "{'streams':1}");
        gateway_stop();
}

Test(door, without_users_it_is_open_to_this_machine_alone)
{
        struct client_request r = {.method = "GET", .address = "192.0.2.1"};

        gateway_start(HTTP, "");
        check_int(answer_status(send_it(r)), 403);
        r.address = "::1";
        check_int(answer_status(send_it(r)), 400);
        r.uri = "/health";
        r.address = "192.0.2.1";
        check_int(answer_status(send_it(r)), 200);
        gateway_stop();
}

Test(door, it_is_open_to_all_where_that_is_said)
{
        gateway_start(HTTP, "'auth':{'anonymous':true}");
        check_int(answer_status(send_it(
                          (struct client_request){.method = "GET", .address = "192.0.2.1"})),
                  400);
        gateway_stop();
}

/* ---- users ---- */

Test(door, users_are_known_by_their_tokens)
{
        struct answer *a;

        users_start(HTTP, "");
        a = send_it((struct client_request){.method = "GET"});
        check_int(answer_status(a), 401);
        cr_assert_str_eq(answer_header(a, "WWW-Authenticate"), "Bearer");
        a = send_it((struct client_request){.method = "GET", .authorization = "Bearer wrong"});
        check_int(answer_status(a), 401);
        cr_assert_str_eq(answer_header(a, "WWW-Authenticate"), "Bearer error=\"invalid_token\"");
        c.authorization = users_ada;
        client_open(&c, "2025-06-18", "{}");
        cr_assert_not_null(client_answer(&c, client_ask(&c, 1, "ping", ""), 1));
        c.authorization = users_bob;
        check_int(answer_status(client_ask(&c, 1, "ping", "")), 404);
        gateway_stop();
}

Test(door, who_loses_the_token_loses_the_session)
{
        users_start(STDIO, "");
        c.authorization = users_ada;
        client_open(&c, "2025-06-18", "{}");
        client_listen(&c, NULL);
        users_forget();
        users_add(users_bob, "bob@example.com", 30);
        gateway_signal(SIGHUP);
        cr_assert(c.stream->is_over, "%s", gateway_log());
        check_int(answer_status(client_ask(&c, 1, "ping", "")), 401);
        gateway_file("tokens.json", "no JSON");
        gateway_signal(SIGHUP);
        cr_assert_not_null(strstr(gateway_log(), "the configuration stays as it was"));
        gateway_stop();
}

Test(door, a_token_that_expires_ends_what_it_opened)
{
        users_start(HTTP, "");
        users_add(users_ada, "cy@example.com", 1);
        gateway_signal(SIGHUP);
        c.authorization = users_ada;
        client_open(&c, "2025-06-18", "{}");
        client_listen(&c, NULL);
        gateway_pass_ms(INT64_C(23) * 3600 * 1000);
        cr_assert_not(c.stream->is_over);
        gateway_pass_ms(INT64_C(3700) * 1000);
        cr_assert(c.stream->is_over, "%s", gateway_log());
        check_int(answer_status(client_ask(&c, 1, "ping", "")), 401);
        gateway_stop();
}

Test(door, each_user_has_a_standing_session_and_programs_of_ones_own)
{
        struct client d = {0};

        users_start("'u':{'command':'/u','scope':'user'}", "");
        c.authorization = users_ada;
        d.authorization = users_bob;
        client_open(&c, STATELESS, "{}");
        client_open(&d, STATELESS, "{}");
        cr_assert_not_null(client_answer(
                &c, client_ask(&c, 1, "tools/call", "{'name':'u_t','arguments':{}}"), 1));
        check_int(world_child_n(), 1);
        cr_assert_not_null(client_answer(
                &d, client_ask(&d, 1, "tools/call", "{'name':'u_t','arguments':{}}"), 1));
        check_int(world_child_n(), 2);
        gateway_stop();
}

Test(door, one_program_for_all_users_asks_whom_it_answers)
{
        struct client d = {0};

        users_start(SHARED, "");
        c.authorization = users_ada;
        d.authorization = users_bob;
        client_open(&c, "2025-06-18", "{}");
        client_open(&d, "2025-06-18", "{}");
        client_listen(&c, NULL);
        client_listen(&d, NULL);
        check_int(world_child_n(), 1);
        servers_say("{'jsonrpc':'2.0','method':'notifications/message','params':{'level':'error',"
                    "'data':'whose?'}}");
        cr_assert_null(client_hears(&c, NULL, "notifications/message"),
                       "what names no call is given to nobody");
        gateway_stop();
}

Test(door, an_account_of_ones_own_is_sent_along)
{
        users_start("'u':{'url':'http://u.example/mcp','per_user':true,'users':{"
                    "'ada@example.com':{'headers':{'X-Key':'adas'}}}}",
                    "");
        c.authorization = users_ada;
        client_open(&c, "2025-06-18", "{}");
        client_ask(&c, 1, "tools/call", "{'name':'u_t','arguments':{}}");
        cr_assert_not_null(strstr(servers_last("tools/call")->http->headers, "X-Key: adas"));
        c.authorization = users_bob;
        c.session[0] = '\0';
        client_open(&c, "2025-06-18", "{}");
        cr_assert_not_null(json_at(
                client_answer(&c, client_ask(&c, 1, "tools/call", "{'name':'u_t','arguments':{}}"),
                              1),
                "error"));
        check_int(servers_count("tools/call"), 1);
        gateway_stop();
}

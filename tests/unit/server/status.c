/* The status page: for whom it is there, what its feed tells, and what it costs at most. */
#include "../../../app/status/status_inside.h"
#include "../check.h"
#include "../json.h"
#include "client.h"
#include "gateway.h"
#include "servers.h"
#include "users.h"
#include "visitor.h"

#include "mgw/wire/form.h"

#define N_MANY (STATUS_ROWS_MAX + 30)
#define INITIALIZE                                                                                 \
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{"                     \
        "\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},\"clientInfo\":{\"name\":%s,"      \
        "\"version\":\"1\"}}}"
#define CALL_ECHO CALL_ECHO_WITH("")
#define CALL_ECHO_WITH(meta)                                                                       \
        "{'jsonrpc':'2.0','id':1,'method':'tools/call','params':{'name':'echo','arguments':{"      \
        "'message':'hello'},'_meta':{" meta                                                        \
        "'io.modelcontextprotocol/protocolVersion':'2026-07-28',"                                  \
        "'io.modelcontextprotocol/clientInfo':{'name':'x','version':'1'},"                         \
        "'io.modelcontextprotocol/clientCapabilities':{}}}}"

static struct client c;
static struct visitor v;
static struct answer *a, *feed;

static struct answer *get(const char *uri, bool is_inside)
{
        struct answer *answer = client_send(&(const struct client_request){
                .method = "GET", .uri = uri, .is_inside = is_inside});

        gateway_settle();
        return answer;
}

/* The newest event of that name; NULL: none has come. Borrowed until the next call. */
static const json_t *newest(struct answer *of, const char *name)
{
        static json_t *found;
        const json_t *event;

        json_decref(found);
        found = NULL;
        while ((event = answer_event(of)) != NULL)
                if (strcmp(of->event_name, name) == 0) {
                        json_decref(found);
                        found = json_incref((json_t *)event);
                }
        return found;
}

static void watch(void)
{
        feed = get("/status/events", true);
        check_int(answer_status(feed), 200);
}

/* A client that calls itself so: a text of JSON. Its GET stream is open. */
static struct answer *open_as(const char *name)
{
        char *body, session[200];
        struct answer *answer;

        cr_assert_gt(asprintf(&body, INITIALIZE, name), 0);
        answer = client_send(&(const struct client_request){.body = body});
        gateway_settle();
        check_int(answer_status(answer), 200);
        snprintf(session, sizeof(session), "%s", answer_header(answer, "Mcp-Session-Id"));
        free(body);
        answer = client_send(&(const struct client_request){.method = "GET", .session = session});
        gateway_settle();
        return answer;
}

/* ---- for whom ---- */

Test(status, it_is_there_by_the_inside_port_alone)
{
        static const char *const uris[] = {"/", "/status/page.css", "/status/page.js",
                                           "/status/events"};

        gateway_start(HTTP, "");
        for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
                check_int(answer_status(get(uris[i], true)), 200);
                check_int(answer_status(get(uris[i], false)), 404);
        }
        a = client_send(&(const struct client_request){.uri = "/status/mcp", .body = "{}"});
        gateway_settle();
        check_int(answer_status(a), 404);
        gateway_stop();
}

Test(status, the_page_lets_in_nothing_but_what_is_its_own)
{
        gateway_start(HTTP, "");
        a = get("/", true);
        cr_assert_str_eq(answer_header(a, "Content-Type"), "text/html; charset=utf-8");
        cr_assert_str_eq(answer_header(a, "Content-Security-Policy"),
                         "default-src 'none'; style-src 'self'; script-src 'self'; connect-src "
                         "'self'; img-src 'self' data:; form-action 'none'; frame-ancestors "
                         "'none'; base-uri 'none'");
        cr_assert_str_eq(answer_header(a, "X-Frame-Options"), "DENY");
        cr_assert_str_eq(answer_header(a, "Cache-Control"), "no-store");
        gateway_stop();
}

static void sign_in(const char *header)
{
        struct buf form;

        visitor_open(&v, "/oauth/sign-in?to=/");
        buf_init(&form, 16384);
        check_int(form_add(&form, "csrf", visitor_field(&v, "csrf")), 0);
        check_int(form_add(&form, "to", "/"), 0);
        check_int(form_add(&form, "token", header + strlen("Bearer ")), 0);
        check_int(buf_add(&form, "", 1), 0);
        v.origin = "https://mcp.example.com";
        check_int(answer_status(visitor_send(&v, "/oauth/sign-in", buf_bytes(&form).p)), 200);
        cr_assert_str_eq(answer_header(v.page, "Refresh"), "0;url=/");
        buf_finish(&form);
}

#define ADMINS                                                                                     \
        HTTP "},'policy':{'groups':{'admins':['ada@example.com']},'rules':[{'who':['*'],'allow':{" \
             "'servers':['*']}}]"

Test(status, outside_it_is_for_admins_who_are_signed_in)
{
        users_start(ADMINS, ",'public_url':'https://mcp.example.com'");
        check_int(answer_status(get("/status/events", false)), 404);
        visitor_open(&v, "/");
        check_int(answer_status(v.page), 200);
        cr_assert(visitor_sees(&v, "Paste your token"), "they sign in first");
        sign_in(users_ada);
        visitor_open(&v, "/");
        cr_assert(visitor_sees(&v, "/status/page.js"));
        check_int(answer_status(visitor_open(&v, "/status/events")), 200);
        cr_assert_str_eq(json_text_at(newest(v.page, "viewer"), "user"), "ada@example.com");
        visitor_finish(&v);

        v = (struct visitor){.address = NULL};
        sign_in(users_bob);
        check_int(answer_status(visitor_open(&v, "/")), 404);
        check_int(answer_status(visitor_open(&v, "/status/events")), 404);
        visitor_finish(&v);
        gateway_stop();
}

#define OUTSIDE ",'public_url':'https://mcp.example.com'"

/* Ada, outside: her page and its feed. */
static void watch_outside(void)
{
        users_start(ADMINS, OUTSIDE);
        sign_in(users_ada);
        visitor_open(&v, "/");
        feed = visitor_open(&v, "/status/events");
        check_int(answer_status(feed), 200);
        cr_assert_not_null(newest(feed, "snapshot"));
}

/* Within the time in which streams that come are told, and nothing more. */
static void check_told_no_more(void)
{
        gateway_pass_ms(300);
        cr_assert(feed->is_over);
        cr_assert_null(answer_event(feed));
        visitor_finish(&v);
        gateway_stop();
}

static void sign_out(void)
{
        struct buf form;

        visitor_open(&v, "/connect");
        buf_init(&form, 16384);
        check_int(form_add(&form, "csrf", visitor_field(&v, "csrf")), 0);
        check_int(buf_add(&form, "", 1), 0);
        check_int(answer_status(visitor_send(&v, "/oauth/sign-out", buf_bytes(&form).p)), 200);
        buf_finish(&form);
}

Test(status, who_signs_out_is_told_no_more)
{
        watch_outside();
        sign_out();
        check_told_no_more();
}

Test(status, who_is_no_admin_any_more_is_told_no_more)
{
        watch_outside();
        users_reload(HTTP "},'policy':{'groups':{'admins':['bob@example.com']},'rules':[{'who':['*'"
                          "],'allow':{'servers':['*']}}]",
                     OUTSIDE);
        check_told_no_more();
}

Test(status, whose_token_is_gone_is_told_no_more)
{
        watch_outside();
        users_forget();
        users_add(users_bob, "bob@example.com", 30);
        users_reload(ADMINS, OUTSIDE);
        check_told_no_more();
}

Test(status, who_has_looked_loses_the_sessions_with_the_token_all_the_same)
{
        watch_outside();
        c = (struct client){.authorization = users_ada};
        client_open(&c, "2025-06-18", "{}");
        client_listen(&c, NULL);
        users_forget();
        users_add(users_bob, "bob@example.com", 30);
        users_reload(ADMINS, OUTSIDE);
        cr_assert(c.stream->is_over);
        visitor_finish(&v);
        gateway_stop();
}

Test(status, by_the_inside_port_a_path_that_is_not_there_is_told_which_are)
{
        gateway_start(HTTP, "");
        a = get("/nothing", true);
        check_int(answer_status(a), 404);
        cr_assert_null(memmem(answer_body(a).p, answer_body(a).n, "/mcp", 4));
        cr_assert_not_null(memmem(answer_body(a).p, answer_body(a).n, "/metrics", 8));
        a = get("/nothing", false);
        check_int(answer_status(a), 404);
        cr_assert_null(memmem(answer_body(a).p, answer_body(a).n, "/metrics", 8));
        gateway_stop();
}

Test(status, without_such_a_group_it_is_not_outside)
{
        users_start(HTTP "},'policy':{'rules':[{'who':['group:admins'],'allow':{'servers':['*']}}]",
                    ",'public_url':'https://mcp.example.com'");
        check_int(answer_status(get("/", false)), 404);
        gateway_stop();
}

Test(status, pages_of_others_get_nothing)
{
        static const struct client_expect asked[] = {
                {{.method = "GET", .uri = "/", .is_inside = true, .fetch_site = "cross-site"}, 200},
                {{.method = "GET",
                  .uri = "/status/page.js",
                  .is_inside = true,
                  .fetch_site = "cross-site"},
                 404},
                {{.method = "GET",
                  .uri = "/status/events",
                  .is_inside = true,
                  .fetch_site = "same-site"},
                 404},
                {{
                         .method = "GET",
                         .uri = "/status/events",
                         .is_inside = true,
                         .origin = "http://localhost:3000",
                 },
                 404},
        };

        gateway_start(HTTP, "");
        client_check_each(asked, sizeof(asked) / sizeof(asked[0]));
        gateway_stop();
}

/* ---- what it tells ---- */

Test(status, a_stream_that_comes_and_goes_is_told_at_once)
{
        gateway_start(HTTP, "");
        watch();
        check_int(json_integer_value(json_at(newest(feed, "snapshot"), "streams/n")), 0);
        a = open_as("\"Cursor\"");
        gateway_pass_ms(300);
        const json_t *snapshot = newest(feed, "snapshot");
        check_int(json_integer_value(json_at(snapshot, "streams/n")), 1);
        cr_assert_str_eq(json_text_at(snapshot, "streams/rows/0/client/0"), "Cursor");
        cr_assert_str_eq(json_text_at(snapshot, "streams/rows/0/kind"), "get");
        cr_assert_str_eq(json_text_at(snapshot, "streams/rows/0/user"), "anonymous");
        answer_cut(a);
        gateway_pass_ms(300);
        check_int(json_integer_value(json_at(newest(feed, "snapshot"), "streams/n")), 0);
        gateway_stop();
}

Test(status, who_has_no_session_says_its_name_with_what_it_listens_for)
{
        const json_t *snapshot;

        gateway_start(HTTP, "");
        watch();
        client_open(&c, STATELESS, "{}");
        a = client_ask(&c, 1, "subscriptions/listen",
                       "{'notifications':{'toolsListChanged':true}}");
        gateway_pass_ms(300);
        snapshot = newest(feed, "snapshot");
        cr_assert_str_eq(json_text_at(snapshot, "streams/rows/0/kind"), "listen");
        cr_assert_str_eq(json_text_at(snapshot, "streams/rows/0/client/0"), "c");
        answer_cut(a);
        gateway_pass_ms(300);
        snapshot = newest(feed, "snapshot");
        cr_assert_str_eq(json_text_at(snapshot, "ends/streams/0/client"), "c");
        gateway_stop();
}

Test(status, a_snapshot_comes_every_two_seconds_and_none_where_nobody_watches)
{
        unsigned n = 0;

        gateway_start(HTTP, "");
        watch();
        (void)newest(feed, "snapshot");
        gateway_pass_ms(20000);
        while (answer_event(feed) != NULL)
                n += strcmp(feed->event_name, "snapshot") == 0;
        check_int(n, 10);
        answer_cut(feed);
        gateway_stop();
}

Test(status, streams_that_come_fast_are_told_together)
{
        unsigned n = 0;

        gateway_start(HTTP, "'streams_per_user_max':0,'sessions_per_user_max':0");
        watch();
        (void)newest(feed, "snapshot");
        for (int i = 0; i < N_MANY; i++)
                open_as("\"x\"");
        gateway_pass_ms(300);
        while (answer_event(feed) != NULL)
                n++;
        cr_assert_leq(n, 3, "%u", n);
        gateway_stop();
}

Test(status, of_many_streams_the_newest_are_shown)
{
        const json_t *snapshot;

        gateway_start(HTTP, "'streams_per_user_max':0,'sessions_per_user_max':0");
        for (int i = 0; i < N_MANY; i++) {
                open_as(i == 0 ? "\"the first\"" : i == N_MANY - 1 ? "\"the last\"" : "\"x\"");
                gateway_pass_ms(2);
        }
        watch();
        snapshot = newest(feed, "snapshot");
        check_int(json_integer_value(json_at(snapshot, "streams/n")), N_MANY);
        check_int(json_array_size(json_at(snapshot, "streams/rows")), STATUS_ROWS_MAX);
        cr_assert_str_eq(json_text_at(snapshot, "streams/rows/0/client/0"), "the last");
        gateway_stop();
}

#define SNAPSHOT_MAX_BYTES (256u << 10) /* docs/status.md */

Test(status, a_snapshot_is_bounded_whatever_clients_call_themselves)
{
        char name[1000] = "\"", *text;

        gateway_start(HTTP, "'streams_per_user_max':0,'sessions_per_user_max':0");
        for (int i = 0; i < 300; i++)
                strcat(name, "\\\"");
        strcat(name, "\"");
        for (int i = 0; i < N_MANY; i++)
                answer_cut(open_as(name));
        for (int i = 0; i < N_MANY; i++)
                open_as(name);
        watch();
        text = json_dumps(newest(feed, "snapshot"), JSON_COMPACT);
        cr_assert_gt(strlen(text), STATUS_ROWS_MAX * 160);
        cr_assert_lt(strlen(text), SNAPSHOT_MAX_BYTES);
        free(text);
        gateway_stop();
}

Test(status, names_that_lie_are_texts_and_no_more)
{
        char *name;
        struct str body;
        const json_t *snapshot;

        gateway_start(HTTP, "'streams_per_user_max':0,'sessions_per_user_max':0");
        open_as("\"</script><img src=x onerror=alert(1)>\"");
        open_as("\"a\\n\\ndata: {}\\u0000\\u001b[31m\"");
        open_as("{\"no\":\"text\"}");
        cr_assert_gt(asprintf(&name, "\"%0*d\"", 100000, 7), 0);
        open_as(name);
        free(name);
        watch();
        snapshot = newest(feed, "snapshot");
        check_int(json_integer_value(json_at(snapshot, "streams/n")), 4);
        body = answer_body(feed);
        cr_assert_lt(body.n, 30000);
        cr_assert_null(memmem(body.p, body.n, "\x1b", 1));
        cr_assert_null(memmem(body.p, body.n, "data: {}", 8));
        gateway_stop();
}

Test(status, secrets_of_the_configuration_are_not_told)
{
        struct str body;

        gateway_start("'u':{'url':'http://SECRET@u.example:8443/SECRET/mcp?key=SECRET','headers':{"
                      "'Authorization':'Bearer SECRET'}},'p':{'command':'/bin/p','args':['SECRET'],"
                      "'env':{'KEY':'SECRET'}}",
                      "'state_key':'SECRET-SECRET-SECRET-SECRET-SECRET'");
        watch();
        body = answer_body(feed);
        cr_assert_null(memmem(body.p, body.n, "SECRET", 6));
        cr_assert_not_null(memmem(body.p, body.n, "[\"state_key\",\"(set)\",false]", 27));
        const json_t *config = newest(feed, "config");
        cr_assert_str_eq(json_text_at(config, "servers/rows/0/target"), "http://u.example:8443");
        cr_assert_str_eq(json_text_at(config, "servers/rows/1/target"), "p");
        gateway_stop();
}

Test(status, how_upstreams_fare_is_told)
{
        const json_t *row;

        gateway_start(HTTP, "");
        client_open(&c, "2025-06-18", "{}");
        client_ask(&c, 2, "tools/list", "");
        client_ask(&c, 1, "tools/call", "{'name':'u_t','arguments':{}}");
        watch();
        row = json_at(newest(feed, "snapshot"), "upstreams/rows/0");
        cr_assert_str_eq(json_text_at(row, "name"), "u");
        cr_assert_str_eq(json_text_at(row, "state"), "up");
        cr_assert_gt(json_integer_value(json_at(row, "answers")), 0);
        cr_assert_geq(json_integer_value(json_at(row, "latency_us")), 0);
        cr_assert_gt(json_integer_value(json_at(row, "tools")), 0);
        cr_assert_null(json_at(row, "fault"));
        gateway_stop();
}

static void start_with_many_servers(void)
{
        char *many = strdup(""), *more;

        for (int i = 0; i < N_MANY; i++) {
                cr_assert_gt(asprintf(&more, "%s%s's%d':{'url':'http://s%d.example/mcp'}", many,
                                      i > 0 ? "," : "", i, i),
                             0);
                free(many);
                many = more;
        }
        gateway_start(many, "'streams_per_user_max':0,'sessions_per_user_max':0");
        free(many);
}

/* The last one alone is not well. */
Test(status, of_many_upstreams_those_that_are_not_well_come_first)
{
        const json_t *upstreams;

        start_with_many_servers();
        servers_keep("tools/call");
        client_open(&c, "2025-06-18", "{}");
        client_ask(&c, 2, "tools/list", "");
        client_ask(&c, 1, "tools/call", "{'name':'s129_w','arguments':{}}");
        sent_fail(servers_await("tools/call"), HTTP_FAULT_CUT, true);
        watch();
        upstreams = json_at(newest(feed, "snapshot"), "upstreams");
        check_int(json_integer_value(json_at(upstreams, "n")), N_MANY);
        check_int(json_integer_value(json_at(upstreams, "n_well")), N_MANY - 1);
        check_int(json_array_size(json_at(upstreams, "rows")), STATUS_ROWS_MAX);
        cr_assert_str_eq(json_text_at(upstreams, "rows/0/name"), "s129");
        cr_assert_str_eq(json_text_at(upstreams, "rows/0/state"), "failing");
        cr_assert_str_eq(json_text_at(upstreams, "rows/1/name"), "s0");
        gateway_stop();
}

/* docs/status.md tells of it. */
Test(status, a_snapshot_is_small_however_much_there_is)
{
        char *name, *text;

        cr_assert_gt(asprintf(&name, "\"%0*d\"", 100, 7), 0);
        start_with_many_servers();
        for (int i = 0; i < 2 * N_MANY; i++) {
                a = open_as(name);
                if (i % 2 == 0)
                        answer_cut(a);
        }
        free(name);
        gateway_pass_ms(INT64_C(3600) * 1000);
        watch();
        text = json_dumps(newest(feed, "snapshot"), JSON_COMPACT);
        cr_assert_lt(strlen(text), 64000, "%zu", strlen(text));
        free(text);
        gateway_stop();
}

/* ---- who watches ---- */

Test(status, few_may_watch_at_once)
{
        struct answer *watches[8];

        gateway_start(HTTP, "");
        for (size_t i = 0; i < 8; i++) {
                watches[i] = get("/status/events", true);
                check_int(answer_status(watches[i]), 200);
        }
        a = get("/status/events", true);
        check_int(answer_status(a), 503);
        cr_assert_str_eq(answer_header(a, "Retry-After"), "10");
        answer_cut(watches[3]);
        check_int(answer_status(get("/status/events", true)), 200);
        gateway_stop();
}

Test(status, one_who_watches_leaves_room_for_others)
{
        watch_outside();
        for (int i = 0; i < 7; i++)
                check_int(answer_status(visitor_open(&v, "/status/events")), 200);
        check_int(answer_status(visitor_open(&v, "/status/events")), 503);
        check_int(answer_status(get("/status/events", true)), 200);
        visitor_finish(&v);
        gateway_stop();
}

Test(status, a_watch_ends_after_a_minute_in_order)
{
        gateway_start(HTTP, "");
        watch();
        gateway_pass_ms(59000);
        cr_assert_not(feed->is_over);
        gateway_pass_ms(4000);
        cr_assert(feed->is_over);
        gateway_stop();
}

Test(status, who_does_not_read_is_told_no_more)
{
        struct str body;

        gateway_start(HTTP, "'streams_per_user_max':0,'sessions_per_user_max':0,"
                            "'answer_timeout_s':3600");
        for (int i = 0; i < STATUS_ROWS_MAX; i++)
                open_as("\"a client with a name that takes some room in each of these rows\"");
        watch();
        feed->does_not_read = true;
        gateway_pass_ms(55000);
        answer_read(feed);
        body = answer_body(feed);
        cr_assert_lt(body.n, 1u << 20, "%zu", body.n);
        gateway_stop();
}

/* ---- tools are tried ---- */

static unsigned try_body(const char *text, const char *origin, const char *type, bool is_inside)
{
        struct json_t *json = json_from(text);
        char *body = json_dumps(json, 0);

        a = client_send(&(const struct client_request){
                .uri = "/status/mcp",
                .is_inside = is_inside,
                .origin = origin,
                .content_type = type,
                .version = STATELESS,
                .rpc_method = "tools/call",
                .rpc_name = "echo",
                .body = body,
        });
        gateway_settle();
        free(body);
        json_decref(json);
        return answer_status(a);
}

static unsigned try(const char *origin, const char *type, bool is_inside)
{
        return try_body(CALL_ECHO, origin, type, is_inside);
}

Test(status, what_is_no_trace_context_goes_no_further)
{
        gateway_start(HTTP, "'log_level':'debug'");
        check_int(try_body(CALL_ECHO_WITH("'traceparent':'x',"), "http://localhost", NULL, true),
                  200);
        check_int(try_body(CALL_ECHO_WITH("'traceparent':'00-4bf92f3577b34da6a3ce929d0e0e4736-"
                                          "00f067aa0ba902b7-01\\r\\nX-Evil: 1',"),
                           "http://localhost", NULL, true),
                  200);
        cr_assert_null(strstr(gateway_log(), "Evil"));
        check_int(try_body(CALL_ECHO_WITH("'traceparent':'00-4bf92f3577b34da6a3ce929d0e0e4736-"
                                          "00f067aa0ba902b7-01',"),
                           "http://localhost", NULL, true),
                  200);
        cr_assert_not_null(strstr(gateway_log(), "4bf92f3577b34da6a3ce929d0e0e4736"));
        gateway_stop();
}

/* A stream would go on after its user has signed out. */
Test(status, nothing_but_tools_is_asked_for_by_the_page)
{
        static const char listen[] =
                "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"subscriptions/listen\",\"params\":{"
                "\"notifications\":{\"toolsListChanged\":true},\"_meta\":{"
                "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
                "\"io.modelcontextprotocol/clientInfo\":{\"name\":\"x\",\"version\":\"1\"},"
                "\"io.modelcontextprotocol/clientCapabilities\":{}}}}";

        gateway_start(HTTP, "");
        a = client_send(&(const struct client_request){.uri = "/status/mcp",
                                                       .is_inside = true,
                                                       .origin = "http://localhost",
                                                       .accept = "text/event-stream",
                                                       .version = STATELESS,
                                                       .rpc_method = "subscriptions/listen",
                                                       .body = listen});
        gateway_settle();
        check_int(answer_status(a), 403);
        check_int(json_integer_value(json_at(answer_json(a), "id")), 7);
        cr_assert(a->is_over);
        gateway_stop();
}

Test(status, a_tool_is_run_for_the_page_itself_alone)
{
        gateway_start(HTTP, "");
        check_int(try("http://localhost", NULL, true), 200);
        cr_assert_str_eq(json_text_at(answer_json(a), "result/content/0/text"), "hello");
        check_int(try(NULL, NULL, true), 403);
        check_int(try("http://localhost:1", NULL, true), 404);
        check_int(try("https://localhost", NULL, true), 404);
        check_int(try("http://evil.example", NULL, true), 403);
        check_int(try("null", NULL, true), 403);
        check_int(try("http://localhost", "text/plain", true), 415);
        check_int(try("http://localhost", NULL, false), 404);
        gateway_stop();
}

Test(status, a_tool_is_run_as_the_policy_has_it)
{
        users_start(HTTP "},'policy':{'rules':[{'who':['ada@example.com'],'allow':{'servers':['*']}"
                         "}]",
                    "");
        check_int(try("http://localhost", NULL, true), 200);
        check_int(json_integer_value(json_at(answer_json(a), "error/code")), -32602);
        gateway_stop();

        users_start(HTTP "},'policy':{'rules':[{'who':['operator@inside'],'allow':{'tools':['echo'"
                         "]}}]",
                    "");
        check_int(try("http://localhost", NULL, true), 200);
        cr_assert_str_eq(json_text_at(answer_json(a), "result/content/0/text"), "hello");
        gateway_stop();
}

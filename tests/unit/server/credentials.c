/* Access tokens for servers that want one: fetched, sent along, renewed, refused. */
#include "../check.h"
#include "../json.h"
#include "client.h"
#include "gateway.h"
#include "servers.h"

#include <sys/stat.h>
#include <unistd.h>

#define GUARDED                                                                                    \
        "'u':{'url':'http://u.example/mcp','oauth':{'token_url':'http://t.example/token',"         \
        "'client_id':'i','client_secret':'long_s3cret','scope':'a b'%s}}"
#define CALL_T "{'name':'u_t','arguments':{}}"

static struct client c;
static struct answer *a;

static void begin(const char *more)
{
        char server[400];

        snprintf(server, sizeof(server), GUARDED, more);
        gateway_start(server, "");
        servers_keep("POST");
        c.version = "2025-06-18";
        a = client_ask(&c, 0, "initialize", "{'protocolVersion':'2025-06-18','capabilities':{}}");
}

static void give_token(const char *json)
{
        struct sent *fetch = servers_await("POST");
        char text[400];

        snprintf(text, sizeof(text), "%s", json);
        for (char *p = text; *p != '\0'; p++)
                *p = *p == '\'' ? '"' : *p;
        sent_text(fetch, "application/json", text);
        sent_end(fetch);
}

static void go_on(void)
{
        gateway_pass_ms(2000);
        cr_assert_not_null(client_answer(&c, a, 0), "%s", gateway_log());
        snprintf(c.session, sizeof(c.session), "%s", answer_header(a, "Mcp-Session-Id"));
}

static void check_call(void)
{
        a = client_ask(&c, 1, "tools/call", CALL_T);
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "result"), "%s", gateway_log());
}

Test(credentials, nothing_goes_to_a_server_before_there_is_a_token)
{
        const char *form;

        begin("");
        check_int(servers_count("initialize"), 0);
        form = servers_await("POST")->http->body;
        cr_assert_not_null(strstr(form, "grant_type=client_credentials"));
        cr_assert_not_null(strstr(form, "client_secret=long_s3cret"));
        give_token("{'access_token':'t1','expires_in':3600}");
        cr_assert_not_null(strstr(servers_last("initialize")->http->headers, "Bearer t1"));
        go_on();
        check_call();
        check_int(servers_count("POST"), 1);
        gateway_stop();
}

Test(credentials, a_token_is_renewed_before_it_expires)
{
        begin("");
        give_token("{'access_token':'t1','expires_in':3600}");
        go_on();
        check_call();
        gateway_pass_ms(3600 * 1000);
        a = client_ask(&c, 2, "tools/call", CALL_T);
        give_token("{'access_token':'t2','expires_in':3600}");
        cr_assert_not_null(strstr(servers_last("tools/call")->http->headers, "Bearer t2"));
        gateway_stop();
}

Test(credentials, a_token_that_is_refused_is_renewed_once)
{
        begin("");
        give_token("{'access_token':'t1'}");
        go_on();
        servers_keep("tools/call");
        a = client_ask(&c, 1, "tools/call", CALL_T);
        sent_status(servers_await("tools/call"), 401, "");
        give_token("{'access_token':'t2'}");
        cr_assert_not_null(strstr(servers_await("tools/call")->http->headers, "Bearer t2"));
        sent_status(servers_await("tools/call"), 401, "");
        check_int(servers_count("POST"), 2);
        gateway_pass_ms(1000);
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "error"));
        gateway_stop();
}

/* Its first refresh token is r1, of a file. */
static void begin_filed(char path[200], const char *more)
{
        char settings[300];

        snprintf(path, 200, "%s", gateway_file("refresh", "r1\n"));
        snprintf(settings, sizeof(settings), "%s,'refresh_token_file':'%s'", more, path);
        begin(settings);
}

Test(credentials, a_new_refresh_token_is_kept)
{
        char kept[100] = "", path[200];
        FILE *file;

        begin_filed(path, ",'refresh_token':'r1'");
        cr_assert_not_null(strstr(servers_await("POST")->http->body, "refresh_token=r1"));
        give_token("{'access_token':'t1','expires_in':120,'refresh_token':'r2'}");
        go_on();
        file = fopen(path, "r");
        cr_assert_not_null(fgets(kept, sizeof(kept), file));
        fclose(file);
        cr_assert_str_eq(kept, "r2\n");
        gateway_pass_ms(120 * 1000);
        a = client_ask(&c, 1, "tools/call", CALL_T);
        cr_assert_not_null(strstr(servers_await("POST")->http->body, "refresh_token=r2"));
        gateway_stop();
}

Test(credentials, a_refresh_token_that_another_has_put_into_the_file_is_used)
{
        char path[200];

        begin_filed(path, "");
        give_token("{'access_token':'t1','expires_in':120,'refresh_token':'r2'}");
        go_on();
        (void)gateway_file("refresh", "r3\n");
        gateway_pass_ms(120 * 1000);
        a = client_ask(&c, 1, "tools/call", CALL_T);
        cr_assert_not_null(strstr(servers_await("POST")->http->body, "refresh_token=r3"));
        gateway_stop();
}

Test(credentials, a_refresh_token_that_could_not_be_kept_is_used_all_the_same)
{
        char path[200];

        begin_filed(path, "");
        cr_assert_eq(unlink(path), 0);
        cr_assert_eq(mkdir(path, 0700), 0); /* nothing takes the place of a folder */
        give_token("{'access_token':'t1','expires_in':120,'refresh_token':'r2'}");
        go_on();
        cr_assert_not_null(strstr(gateway_log(), "cannot be kept"));
        cr_assert_eq(rmdir(path), 0);
        (void)gateway_file("refresh", "r1\n");
        gateway_pass_ms(120 * 1000);
        a = client_ask(&c, 1, "tools/call", CALL_T);
        cr_assert_not_null(strstr(servers_await("POST")->http->body, "refresh_token=r2"));
        gateway_stop();
}

static void refused(void)
{
        go_on();
        a = client_ask(&c, 1, "tools/call", CALL_T);
        gateway_pass_ms(1000);
        sent_fail(servers_await("POST"), HTTP_FAULT_AWAY, false);
        cr_assert_not_null(json_at(client_answer(&c, a, 1), "error"), "%s", gateway_log());
        cr_assert_null(strstr(gateway_log(), "s3cret"));
        cr_assert_null(strstr(json_text_at(a->json, "error/message"), "example"));
        gateway_stop();
}

Test(credentials, an_error_of_the_endpoint_is_told_without_secrets)
{
        begin("");
        struct sent *fetch = servers_await("POST");
        static const char text[] =
                "{\"error\":\"invalid_grant\",\"error_description\":\"long_s3cret is bad\"}";

        world_http_head(fetch->http, 400, "application/json", NULL, -1);
        world_http_body(fetch->http, STR(text));
        sent_end(fetch);
        cr_assert_not_null(strstr(gateway_log(), "invalid_grant"));
        refused();
}

Test(credentials, an_endpoint_that_is_away_is_told)
{
        begin("");
        sent_fail(servers_await("POST"), HTTP_FAULT_AWAY, false);
        refused();
}

Test(credentials, an_answer_without_a_token_is_none)
{
        begin("");
        give_token("{'token_type':'bearer'}");
        refused();
}

Test(credentials, nor_is_one_that_is_too_long)
{
        static char big[70000];

        begin("");
        memset(big, ' ', sizeof(big));
        sent_bytes(servers_await("POST"), "application/json", big, sizeof(big));
        refused();
}

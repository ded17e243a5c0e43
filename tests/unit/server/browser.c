/* Signing in by a token that is pasted, and signing out, as a browser sees it. */
#include "../check.h"
#include "gateway.h"
#include "servers.h"
#include "users.h"
#include "visitor.h"

#include "mgw/wire/form.h"

static struct visitor v;

static void check_header(const char *name, const char *value)
{
        cr_assert_str_eq(answer_header(v.page, name), value, "%s: %s", name,
                         answer_header(v.page, name));
}

/* The token as the form has it. */
static const char *pasted(const char *header)
{
        return header + strlen("Bearer ");
}

static struct answer *send_token(const char *token, const char *to)
{
        struct buf form;
        struct answer *a;

        buf_init(&form, 16384);
        check_int(form_add(&form, "csrf", visitor_field(&v, "csrf")), 0);
        check_int(form_add(&form, "to", to), 0);
        check_int(form_add(&form, "token", token), 0);
        check_int(buf_add(&form, "", 1), 0);
        a = visitor_send(&v, "/oauth/sign-in", buf_bytes(&form).p);
        buf_finish(&form);
        return a;
}

static void sign_in(const char *header, const char *to)
{
        visitor_open(&v, "/oauth/sign-in");
        check_int(answer_status(send_token(pasted(header), to)), 200);
        cr_assert(visitor_sees(&v, "You are signed in as"), "%s", gateway_log());
}

static void stop(void)
{
        visitor_finish(&v);
        gateway_stop();
}

Test(browser, pages_say_how_they_may_be_used)
{
        users_start(HTTP, ",'public_url':'https://mcp.example.com'");
        check_int(answer_status(visitor_open(&v, "/oauth/sign-in")), 200);
        check_header("Content-Type", "text/html; charset=utf-8");
        check_header("Content-Security-Policy",
                     "default-src 'none'; style-src 'self'; form-action 'self'; "
                     "frame-ancestors 'none'; base-uri 'none'");
        check_header("X-Frame-Options", "DENY");
        check_header("X-Content-Type-Options", "nosniff");
        check_header("Referrer-Policy", "same-origin");
        check_header("Cache-Control", "no-store");
        cr_assert(visitor_sees(&v, "<html lang=\"en\">"));
        cr_assert(visitor_sees(&v, "MCP gateway at mcp.example.com"));
        cr_assert_not(visitor_sees(&v, "<script"));
        stop();
}

Test(browser, a_token_that_is_pasted_signs_in)
{
        users_start(HTTP, ",'public_url':'https://mcp.example.com'");
        v.origin = "https://mcp.example.com";
        sign_in(users_ada, "/connect/mail?x=1&y=%22");
        check_header("Refresh", "0;url=/connect/mail?x=1&y=%22");
        cr_assert(visitor_sees(&v, "<strong>ada@example.com</strong>"));
        cr_assert_not_null(visitor_cookie(&v, "__Host-mgw"));
        cr_assert_not_null(strstr(gateway_log(), "[login] signed in user=ada@example.com"));
        cr_assert_null(strstr(gateway_log(), pasted(users_ada)), "a secret in the log");
        stop();
}

Test(browser, cookies_are_for_this_host_by_tls_alone)
{
        users_start(HTTP, ",'public_url':'https://mcp.example.com'");
        visitor_open(&v, "/oauth/sign-in");
        cr_assert(str_has_prefix(str_from(answer_header(v.page, "Set-Cookie")),
                                 STR("__Host-mgw-browser=")));
        cr_assert_not_null(strstr(answer_header(v.page, "Set-Cookie"),
                                  "; Path=/; Max-Age=28800; HttpOnly; SameSite=Lax; Secure"));
        stop();
}

Test(browser, on_this_machine_cookies_need_no_tls)
{
        users_start(HTTP, "");
        sign_in(users_ada, "/connect");
        cr_assert_not_null(visitor_cookie(&v, "mgw"));
        cr_assert_null(strstr(answer_header(v.page, "Set-Cookie"), "Secure"));
        stop();
}

Test(browser, leads_to_pages_of_ours_alone)
{
        static const char *const elsewhere[] = {
                "https://evil.example/connect",
                "//evil.example",
                "/\\evil.example",
                "/connect\\",
                "/oauth/sign-out",
                "/mcp",
                "connect",
                "",
                "/connect/../mcp",
                "/connect//x",
                "/connect\r\nX: y",
                "/connect#x",
                "/connect?\x01",
                "/CONNECT",
        };

        users_start(HTTP, "");
        for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
                sign_in(users_ada, elsewhere[i]);
                cr_assert_str_eq(answer_header(v.page, "Refresh"), "0;url=/connect", "%s",
                                 elsewhere[i]);
                gateway_pass_ms(1000);
        }
        check_int(answer_status(visitor_open(&v, "/oauth/sign-in?to=https%3A%2F%2Fevil.example")),
                  400);
        cr_assert_not(visitor_sees(&v, "evil.example"));
        stop();
}

Test(browser, a_long_path_comes_through_the_form)
{
        char to[4200];

        memset(to, 'a', sizeof(to) - 1);
        to[sizeof(to) - 1] = '\0';
        memcpy(to, "/oauth/authorize?x=", 19);
        users_start(HTTP, "");
        sign_in(users_ada, to);
        check_str(str_from(answer_header(v.page, "Refresh") + strlen("0;url=")), str_from(to));
        stop();
}

Test(browser, a_token_that_is_wrong_does_not)
{
        users_start(HTTP, "");
        visitor_open(&v, "/oauth/sign-in");
        check_int(answer_status(send_token("nonsense", "/connect")), 403);
        cr_assert(visitor_sees(&v, "This token is not known here."));
        cr_assert_null(visitor_cookie(&v, "mgw"));
        check_int(answer_status(send_token("a token with spaces", "/connect")), 403);
        check_int(answer_status(send_token("", "/connect")), 403);
        cr_assert_null(strstr(gateway_log(), "nonsense"), "a secret in the log");
        /* and the form is there for another try */
        check_int(answer_status(send_token(pasted(users_ada), "/connect")), 200);
        stop();
}

Test(browser, tries_of_an_address_are_counted)
{
        users_start(HTTP, "");
        visitor_open(&v, "/oauth/sign-in");
        for (int i = 0; i < 10; i++)
                check_int(answer_status(send_token("nonsense", "/connect")), 403);
        check_int(answer_status(send_token(pasted(users_ada), "/connect")), 429);
        v.address = "192.0.2.7";
        check_int(answer_status(send_token("nonsense", "/connect")), 403);
        v.address = NULL;
        gateway_pass_ms(2000);
        check_int(answer_status(send_token(pasted(users_ada), "/connect")), 200);
        stop();
}

Test(browser, a_form_of_another_browser_is_refused)
{
        struct visitor other = {0};
        char csrf[1000], form[2048];

        users_start(HTTP, "");
        visitor_open(&other, "/oauth/sign-in");
        snprintf(csrf, sizeof(csrf), "%s", visitor_field(&other, "csrf"));
        snprintf(form, sizeof(form), "csrf=%s&token=%s", csrf, pasted(users_ada));
        check_int(answer_status(visitor_send(&v, "/oauth/sign-in", form)), 403);
        cr_assert(visitor_sees(&v, "did not bring back the cookie"));
        visitor_open(&v, "/oauth/sign-in");
        check_int(answer_status(visitor_send(&v, "/oauth/sign-in", form)), 403);
        cr_assert(visitor_sees(&v, "another browser"));
        cr_assert_null(visitor_cookie(&v, "mgw"));
        visitor_finish(&other);
        stop();
}

Test(browser, a_form_is_good_for_one_path_and_for_a_time)
{
        char csrf[1000], form[2048];

        users_start(HTTP, "");
        visitor_open(&v, "/oauth/sign-in");
        snprintf(csrf, sizeof(csrf), "%s", visitor_field(&v, "csrf"));
        snprintf(form, sizeof(form), "csrf=%s", csrf);
        check_int(answer_status(visitor_send(&v, "/oauth/sign-out", form)), 403);
        check_int(answer_status(visitor_send(&v, "/oauth/sign-in", "csrf=mgw1.x")), 403);
        check_int(answer_status(visitor_send(&v, "/oauth/sign-in", "")), 403);
        check_int(answer_status(visitor_send(&v, "/oauth/sign-in", "csrf=%")), 400);
        snprintf(form, sizeof(form), "csrf=%s&csrf=%s", csrf, csrf);
        check_int(answer_status(visitor_send(&v, "/oauth/sign-in", form)), 400);
        gateway_pass_ms(INT64_C(8) * 3600 * 1000 + 1);
        snprintf(form, sizeof(form), "csrf=%s", csrf);
        check_int(answer_status(visitor_send(&v, "/oauth/sign-in", form)), 403);
        stop();
}

Test(browser, a_form_of_another_site_is_refused)
{
        users_start(HTTP, ",'public_url':'https://mcp.example.com'");
        visitor_open(&v, "/oauth/sign-in");
        v.origin = "https://evil.example";
        check_int(answer_status(send_token(pasted(users_ada), "/connect")), 403);
        cr_assert_null(visitor_cookie(&v, "__Host-mgw"));
        stop();
}

Test(browser, without_users_browsers_of_this_machine_are_let_in)
{
        gateway_start(HTTP, "");
        check_int(answer_status(visitor_open(&v, "/oauth/sign-in")), 200);
        cr_assert(visitor_sees(&v, "<strong>anonymous</strong>"));
        cr_assert_not_null(visitor_cookie(&v, "mgw"));
        v.address = "192.0.2.7";
        check_int(answer_status(visitor_open(&v, "/oauth/sign-in")), 403);
        cr_assert(visitor_sees(&v, "This gateway has no users"));
        stop();
}

/* The account of one would be that of all who come without a name. */
Test(browser, who_is_anonymous_connects_nothing)
{
        gateway_start("'u':{'url':'http://u.example/mcp','oauth':{}}",
                      "'public_url':'http://localhost:8080'");
        visitor_open(&v, "/oauth/sign-in");
        cr_assert(visitor_sees(&v, "<strong>anonymous</strong>"));
        check_int(answer_status(visitor_open(&v, "/connect")), 200);
        cr_assert(visitor_sees(&v, "No server here takes an account of yours."));
        cr_assert_not(visitor_sees(&v, "/connect/start"));
        stop();
}

/* The link to connect an account, from the page, as it is to be opened. */
static const char *link_to_connect(void)
{
        static char link[2000];
        const char *at = strstr(answer_body(v.page).p, "/connect/start?"), *end;
        size_t n = 0;

        cr_assert_not_null(at);
        for (end = strchr(at, '"'); at < end; at++) {
                link[n++] = *at;
                at += strncmp(at, "&amp;", 5) == 0 ? 4 : 0;
        }
        link[n] = '\0';
        return link;
}

/* A server that does not answer keeps nobody else from connecting. */
Test(browser, one_user_does_not_connect_too_many_at_once)
{
        char link[2000];

        users_start("'u':{'url':'http://u.example/mcp','oauth':{}}",
                    ",'public_url':'http://localhost:8080'");
        sign_in(users_ada, "/connect");
        servers_keep("GET");
        visitor_open(&v, "/connect");
        snprintf(link, sizeof(link), "%s", link_to_connect());
        for (int i = 0; i < 8; i++)
                check_int(answer_status(visitor_open(&v, link)), 0);
        check_int(answer_status(visitor_open(&v, link)), 503);
        cr_assert(visitor_sees(&v, "You are connecting too many accounts at once"));
        gateway_pass_ms(1000);
        gateway_pass_ms(60000);
        stop();
}

static unsigned ask_provider(const char *address)
{
        struct visitor stranger = {.address = address};
        unsigned status = answer_status(visitor_open(&stranger, "/oauth/sign-in"));

        visitor_finish(&stranger);
        return status;
}

Test(browser, one_address_does_not_take_the_places_of_all_who_sign_in)
{
        gateway_start(HTTP, "'public_url':'https://mcp.example.com','auth':{'login':{'issuer':"
                            "'https://id.example','client_id':'mgw'}}");
        servers_keep("GET"); /* the provider is silent */
        for (int i = 0; i < 34; i++)
                check_int(ask_provider("192.0.2.1"), i < 32 ? 0 : 503);
        check_int(ask_provider("192.0.2.2"), 0);
        stop();
}

Test(browser, one_user_signs_in_so_often_a_day)
{
        users_start(HTTP, "");
        for (int i = 0; i < 200; i++) {
                sign_in(users_ada, "/connect");
                gateway_pass_ms(1000); /* tries of an address are counted, too */
        }
        visitor_open(&v, "/oauth/sign-in");
        check_int(answer_status(send_token(pasted(users_ada), "/connect")), 429);
        cr_assert(visitor_sees(&v, "too often today"));
        gateway_pass_ms(1000);
        sign_in(users_bob, "/connect");
        stop();
}

/* Back from a provider, with a state of ours and a code of the visitor's own making. */
static unsigned bring_code(struct visitor *stranger)
{
        char uri[4096];
        const char *address = stranger->address, *location, *state;

        visitor_finish(stranger); /* with another browser each time */
        *stranger = (struct visitor){.address = address};
        visitor_open(stranger, "/oauth/sign-in");
        check_int(answer_status(stranger->page), 303);
        location = answer_header(stranger->page, "Location");
        state = strstr(location, "state=");
        cr_assert_not_null(state, "%s", location);
        snprintf(uri, sizeof(uri), "/oauth/callback?code=x&%.*s", (int)strcspn(state, "&"), state);
        return answer_status(visitor_open(stranger, uri));
}

Test(browser, one_address_does_not_have_a_provider_asked_without_end)
{
        static const char metadata[] =
                "{\"issuer\":\"https://id.example\",\"authorization_endpoint\":"
                "\"https://id.example/a\",\"token_endpoint\":\"https://id.example/t\","
                "\"jwks_uri\":\"https://id.example/jwks\"}";
        struct visitor stranger = {.address = "192.0.2.1"}, other = {.address = "192.0.2.2"};
        unsigned n = 0;

        gateway_start(HTTP, "'public_url':'https://mcp.example.com','auth':{'login':{'issuer':"
                            "'https://id.example','client_id':'mgw'}}");
        servers_keep("GET");
        servers_keep("POST");
        sent_text(servers_await("GET"), "application/json", metadata);
        sent_end(servers_last("GET"));
        gateway_settle();
        while (bring_code(&stranger) == 0) {
                sent_status(servers_await("POST"), 400, "{\"error\":\"invalid_grant\"}");
                gateway_settle();
                cr_assert_lt(++n, 200);
        }
        check_int(answer_status(stranger.page), 429);
        check_int(n, 100);
        check_int(bring_code(&other), 0);
        visitor_finish(&stranger);
        visitor_finish(&other);
        stop();
}

/* The authorization server, as its clients and their users see it. */
#include "../check.h"
#include "../json.h"
#include "client.h"
#include "gateway.h"
#include "servers.h"
#include "users.h"
#include "visitor.h"

#include "../../world/world.h"
#include "mgw/auth/authority.h"
#include "mgw/auth/pkce.h"
#include "mgw/base/base64.h"
#include "mgw/wire/form.h"

#include <signal.h>

#define URL "https://mcp.example.com"
#define WEB "https://app.example/cb"
#define LOOPBACK "http://localhost:8787/callback"
#define APP "cursor://anysphere.cursor-mcp/oauth/callback"

static struct visitor v;
static char verifier[PKCE_SIZE], challenge[PKCE_SIZE];
static char id[3000];

static const char *pasted(const char *header)
{
        return header + strlen("Bearer ");
}

static const char *form_of(const char *const *pairs)
{
        static char text[65536];
        struct buf form;

        buf_init(&form, sizeof(text) - 1);
        for (; pairs[0] != NULL; pairs += 2)
                check_int(form_add(&form, pairs[0], pairs[1]), 0);
        snprintf(text, sizeof(text), "%.*s", STR_ARG(buf_bytes(&form)));
        buf_finish(&form);
        return text;
}

#define FORM(...) form_of((const char *const[]){__VA_ARGS__, NULL})

static struct answer *post_form(const char *uri, const char *form, const char *authorization)
{
        struct answer *a = client_send(
                &(struct client_request){.uri = uri,
                                         .body = form,
                                         .authorization = authorization,
                                         .content_type = "application/x-www-form-urlencoded"});

        gateway_settle();
        return a;
}

/* ---- steps ---- */

static void start(void)
{
        setenv("MGW_AUTH_LOGIN_TOKENS", "true", 1);
        users_start(HTTP, ",'public_url':'" URL "'");
        servers_keep("GET");
        pkce_make(verifier, challenge);
}

static void stop(void)
{
        visitor_finish(&v);
        gateway_stop();
}

static void sign_in(const char *header)
{
        visitor_open(&v, "/oauth/sign-in");
        visitor_send(
                &v, "/oauth/sign-in",
                FORM("csrf", visitor_field(&v, "csrf"), "to", "/connect", "token", pasted(header)));
        cr_assert(visitor_sees(&v, "You are signed in as"), "%s", gateway_log());
}

static struct answer *register_client(const char *metadata)
{
        char text[4096];
        struct answer *a;

        snprintf(text, sizeof(text), "%s", metadata);
        for (char *p = text; *p != '\0'; p++)
                *p = *p == '\'' ? '"' : *p;
        a = client_send(&(struct client_request){.uri = "/oauth/register", .body = text});
        gateway_settle();
        return a;
}

static void need_client(const char *redirect)
{
        char metadata[512];
        struct answer *a;

        snprintf(metadata, sizeof(metadata),
                 "{'client_name':'Ap<p>','redirect_uris':['%s'],"
                 "'token_endpoint_auth_method':'none'}",
                 redirect);
        a = register_client(metadata);
        check_int(answer_status(a), 201);
        snprintf(id, sizeof(id), "%s",
                 json_string_value(json_object_get(answer_json(a), "client_id")));
}

/* What the client asks for, with other parameters in place of these, or none (""). */
static const char *asking(const char *redirect, const char *name, const char *value)
{
        static char uri[8192];
        const char *pairs[] = {"response_type",
                               "code",
                               "client_id",
                               id,
                               "redirect_uri",
                               redirect,
                               "code_challenge",
                               challenge,
                               "code_challenge_method",
                               "S256",
                               "state",
                               "s t&te",
                               "resource",
                               URL "/mcp",
                               "scope",
                               "mcp other",
                               NULL,
                               NULL,
                               NULL};
        size_t i;

        for (i = 0; pairs[i] != NULL && name != NULL && strcmp(pairs[i], name) != 0; i += 2)
                ;
        if (name != NULL && pairs[i] == NULL)
                pairs[i] = name;
        if (name != NULL)
                pairs[i + 1] = value;
        snprintf(uri, sizeof(uri), "/oauth/authorize?%s", form_of(pairs));
        return uri;
}

/* A parameter of the address that the page leads to, until the next call; "": none. */
static const char *led(const char *name)
{
        static char value[16384];
        const char *location = answer_header(v.page, "Location");
        const char *query = strchr(location, '?');
        struct form *form;

        value[0] = '\0';
        if (query == NULL)
                return value;
        check_int(form_read(&form, str_from(query + 1)), 0);
        if (form_get(form, name) != NULL)
                snprintf(value, sizeof(value), "%s", form_get(form, name));
        form_destroy(form);
        return value;
}

static struct answer *decide(const char *decision)
{
        char csrf[1024], asked[16384];

        snprintf(csrf, sizeof(csrf), "%s", visitor_field(&v, "csrf"));
        snprintf(asked, sizeof(asked), "%s", visitor_field(&v, "request"));
        return visitor_send(&v, "/oauth/consent",
                            FORM("csrf", csrf, "request", asked, "decision", decision));
}

static char code[8192];

static void need_code(const char *redirect)
{
        need_client(redirect);
        sign_in(users_ada);
        check_int(answer_status(visitor_open(&v, asking(redirect, NULL, NULL))), 200);
        check_int(answer_status(decide("allow")), 303);
        snprintf(code, sizeof(code), "%s", led("code"));
        cr_assert_str_not_empty(code);
}

static struct answer *exchange(void)
{
        return post_form("/oauth/token",
                         FORM("grant_type", "authorization_code", "code", code, "client_id", id,
                              "redirect_uri", WEB, "code_verifier", verifier, "resource",
                              URL "/mcp"),
                         NULL);
}

static char access_token[8192 + 7], refresh_token[8192];

static void take_tokens(struct answer *a)
{
        const json_t *tokens = answer_json(a);

        check_int(answer_status(a), 200);
        cr_assert_str_eq(answer_header(a, "Cache-Control"), "no-store");
        snprintf(access_token, sizeof(access_token), "Bearer %s",
                 json_string_value(json_object_get(tokens, "access_token")));
        snprintf(refresh_token, sizeof(refresh_token), "%s",
                 json_string_value(json_object_get(tokens, "refresh_token")));
}

static struct answer *renew(void)
{
        return post_form("/oauth/token",
                         FORM("grant_type", "refresh_token", "refresh_token", refresh_token,
                              "client_id", id),
                         NULL);
}

static void check_error(struct answer *a, unsigned status, const char *error)
{
        const char *got = json_string_value(json_object_get(answer_json(a), "error"));

        cr_assert_eq(answer_status(a), status, "%u: %.*s", answer_status(a),
                     STR_ARG(answer_body(a)));
        cr_assert_str_eq(got, error);
}

static unsigned ping(const char *authorization)
{
        struct client c = {.authorization = authorization};

        client_open(&c, STATELESS, "{}");
        return answer_status(client_ask(&c, 1, "tools/list", ""));
}

static void need_tokens(void)
{
        need_code(WEB);
        take_tokens(exchange());
        check_int(ping(access_token), 200);
}

/* ---- what it says of itself ---- */

static const char *const places[] = {
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/mcp",
        "/.well-known/oauth-authorization-server/sse",
        "/.well-known/openid-configuration",
        "/.well-known/openid-configuration/mcp",
        "/.well-known/openid-configuration/sse",
        "/mcp/.well-known/openid-configuration",
        "/sse/.well-known/openid-configuration",
};

#define N_PLACES (sizeof(places) / sizeof(places[0]))

Test(authorization, nothing_is_there_without_a_login)
{
        static const char *const posts[] = {"/oauth/token", "/oauth/revoke"};

        users_start(HTTP, ",'public_url':'" URL "'");
        for (size_t i = 0; i < N_PLACES; i++)
                check_int(answer_status(visitor_open(&v, places[i])), 404);
        check_int(answer_status(visitor_open(&v, "/oauth/authorize?client_id=x")), 404);
        for (size_t i = 0; i < 2; i++)
                check_int(answer_status(post_form(posts[i], "a=b", NULL)), 404);
        check_int(answer_status(register_client("{'redirect_uris':['" WEB "']}")), 404);
        stop();
}

Test(authorization, its_metadata_is_wherever_clients_look)
{
        start();
        for (size_t i = 0; i < N_PLACES; i++) {
                const json_t *m;

                check_int(answer_status(visitor_open(&v, places[i])), 200);
                m = answer_json(v.page);
                cr_assert_str_eq(json_string_value(json_object_get(m, "issuer")), URL);
                cr_assert_str_eq(json_string_value(json_object_get(m, "token_endpoint")),
                                 URL "/oauth/token");
                cr_assert_str_eq(
                        json_string_value(json_at(m, "code_challenge_methods_supported/0")),
                        "S256");
                cr_assert(json_is_true(
                        json_object_get(m, "authorization_response_iss_parameter_supported")));
                cr_assert_null(json_object_get(m, "jwks_uri"));
                cr_assert_null(json_object_get(m, "id_token_signing_alg_values_supported"));
        }
        stop();
}

/* ---- a whole login ---- */

Test(authorization, a_client_is_let_in)
{
        start();
        need_code(WEB);
        cr_assert(str_has_prefix(str_from(answer_header(v.page, "Location")), STR(WEB "?code=")));
        cr_assert_str_eq(led("state"), "s t&te");
        cr_assert_str_eq(led("iss"), URL);
        cr_assert_str_eq(answer_header(v.page, "Referrer-Policy"), "no-referrer");
        take_tokens(exchange());
        check_int(ping(access_token), 200);
        cr_assert_null(strstr(gateway_log(), code), "a secret in the log");
        cr_assert_null(strstr(gateway_log(), refresh_token), "a secret in the log");
        take_tokens(renew());
        check_int(ping(access_token), 200);
        stop();
}

Test(authorization, who_is_not_signed_in_does_so_first)
{
        start();
        need_client(WEB);
        visitor_open(&v, asking(WEB, NULL, NULL));
        cr_assert_neq(answer_status(v.page), 404);
        cr_assert_str_empty(led("code"));
        cr_assert_not(visitor_sees(&v, "Allow this program?"));
        stop();
}

Test(authorization, the_page_tells_what_a_client_says_and_where_it_leads)
{
        static const struct {
                const char *redirect, *policy, *words;
        } pages[] = {
                {WEB, "form-action 'self' https://app.example;", "<strong>app.example</strong>"},
                {LOOPBACK, "form-action 'self' http://localhost:8787;", "any program there"},
                {"http://[::1]:9/cb", "form-action 'self' http: https:;", "any program there"},
                {APP, "form-action 'self' cursor:;", "any application there"},
        };

        start();
        sign_in(users_ada);
        for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
                need_client(pages[i].redirect);
                visitor_open(&v, asking(pages[i].redirect, NULL, NULL));
                check_int(answer_status(v.page), 200);
                cr_assert(visitor_sees(&v, "Ap&lt;p&gt;"));
                cr_assert_not(visitor_sees(&v, "Ap<p>"));
                cr_assert(visitor_sees(&v, "nobody has checked"));
                cr_assert(visitor_sees(&v, "ada@example.com"));
                cr_assert(visitor_sees(&v, pages[i].words));
                cr_assert_not_null(
                        strstr(answer_header(v.page, "Content-Security-Policy"), pages[i].policy),
                        "%s", answer_header(v.page, "Content-Security-Policy"));
        }
        stop();
}

Test(authorization, who_does_not_allow_it_gives_nothing)
{
        start();
        need_client(APP);
        sign_in(users_ada);
        visitor_open(&v, asking(APP, NULL, NULL));
        check_int(answer_status(decide("deny")), 303);
        cr_assert_str_eq(led("error"), "access_denied");
        cr_assert_str_eq(led("state"), "s t&te");
        cr_assert_str_eq(led("iss"), URL);
        cr_assert_str_empty(led("code"));
        stop();
}

Test(authorization, what_was_allowed_is_asked_once_where_nobody_else_can_be_meant)
{
        start();
        need_code(WEB);
        check_int(answer_status(visitor_open(&v, asking(WEB, NULL, NULL))), 303);
        cr_assert_str_not_empty(led("code"));
        check_int(answer_status(visitor_open(&v, asking(WEB, "prompt", "none"))), 303);
        cr_assert_str_not_empty(led("code"));
        check_int(answer_status(visitor_open(&v, asking(WEB, "prompt", "consent"))), 200);
        sign_in(users_bob);
        check_int(answer_status(visitor_open(&v, asking(WEB, NULL, NULL))), 200);
        need_code(LOOPBACK);
        check_int(answer_status(visitor_open(&v, asking(LOOPBACK, NULL, NULL))), 200);
        stop();
}

Test(authorization, an_answer_is_taken_from_the_page_that_asked_alone)
{
        char csrf[1024], asked[16384];

        start();
        need_client(WEB);
        sign_in(users_ada);
        visitor_open(&v, asking(WEB, NULL, NULL));
        snprintf(csrf, sizeof(csrf), "%s", visitor_field(&v, "csrf"));
        snprintf(asked, sizeof(asked), "%s", visitor_field(&v, "request"));
        visitor_send(&v, "/oauth/consent", FORM("request", asked, "decision", "allow"));
        check_int(answer_status(v.page), 403);
        visitor_send(&v, "/oauth/consent", FORM("csrf", csrf, "decision", "allow"));
        check_int(answer_status(v.page), 400);
        asked[30] ^= 1;
        visitor_send(&v, "/oauth/consent",
                     FORM("csrf", csrf, "request", asked, "decision", "allow"));
        check_int(answer_status(v.page), 400);
        asked[30] ^= 1;
        /* another person at the same browser */
        sign_in(users_bob);
        visitor_open(&v, asking(WEB, NULL, NULL));
        snprintf(csrf, sizeof(csrf), "%s", visitor_field(&v, "csrf"));
        visitor_send(&v, "/oauth/consent",
                     FORM("csrf", csrf, "request", asked, "decision", "allow"));
        check_int(answer_status(v.page), 400);
        stop();
}

Test(authorization, a_page_that_was_left_open_is_too_old)
{
        start();
        need_client(WEB);
        sign_in(users_ada);
        visitor_open(&v, asking(WEB, NULL, NULL));
        gateway_pass_ms(601 * 1000);
        check_int(answer_status(decide("allow")), 400);
        stop();
}

/* ---- what is refused at the authorization endpoint ---- */

Test(authorization, nobody_is_led_to_an_address_that_is_not_the_clients)
{
        static const char *const others[] = {
                "https://app.example/cb/",     "https://app.example/CB",
                "https://app.example:8443/cb", "https://app.example/cb/../cb",
                "https://u@app.example/cb",    "https://app.example.evil.example/cb",
                "https://evil.example/cb",     "http://app.example/cb",
                "https://app.example/cb?x=y",  "javascript:alert(1)",
                "https://app.example/cb#x",
        };

        start();
        need_client(WEB);
        sign_in(users_ada);
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
                visitor_open(&v, asking(others[i], NULL, NULL));
                cr_assert_eq(answer_status(v.page), 400, "%s", others[i]);
                cr_assert_str_empty(answer_header(v.page, "Location"));
                cr_assert_not(visitor_sees(&v, "evil.example"));
        }
        visitor_open(&v, asking(WEB, "client_id", "nobody"));
        check_int(answer_status(v.page), 400);
        cr_assert_str_empty(answer_header(v.page, "Location"));
        visitor_open(&v, "/oauth/authorize");
        check_int(answer_status(v.page), 400);
        visitor_open(&v, "/oauth/authorize?client_id=%zz");
        check_int(answer_status(v.page), 400);
        stop();
}

Test(authorization, all_else_that_is_wrong_is_told_to_the_client)
{
        static const struct {
                const char *name, *value, *error;
        } bad[] = {
                {"response_type", "", "invalid_request"},
                {"response_type", "token", "unsupported_response_type"},
                {"response_type", "code id_token", "unsupported_response_type"},
                {"response_mode", "fragment", "invalid_request"},
                {"code_challenge", "", "invalid_request"},
                {"code_challenge", "short", "invalid_request"},
                {"code_challenge_method", "plain", "invalid_request"},
                {"code_challenge_method", "", "invalid_request"},
                {"request", "x", "request_not_supported"},
                {"request_uri", "x", "request_uri_not_supported"},
                {"resource", "https://other.example/mcp", "invalid_target"},
                {"resource", URL "/mcp/other", "invalid_target"},
                {"resource", URL ".evil.example", "invalid_target"},
                {"resource", URL "/mcp#x", "invalid_target"},
                {"prompt", "none login", "invalid_request"},
                {"prompt", "none", "login_required"},
        };

        start();
        need_client(LOOPBACK);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                visitor_open(&v, asking(LOOPBACK, bad[i].name, bad[i].value));
                cr_assert_eq(answer_status(v.page), 303, "%s=%s", bad[i].name, bad[i].value);
                cr_assert_str_eq(led("error"), bad[i].error, "%s=%s: %s", bad[i].name, bad[i].value,
                                 led("error"));
                cr_assert_str_eq(led("state"), "s t&te");
                cr_assert_str_eq(led("iss"), URL);
        }
        sign_in(users_ada);
        visitor_open(&v, asking(LOOPBACK, "prompt", "none"));
        cr_assert_str_eq(led("error"), "consent_required");
        stop();
}

/* ---- codes ---- */

Test(authorization, a_code_is_for_what_it_was_given_for)
{
        static const struct {
                const char *name, *value;
                unsigned status;
                const char *error;
        } bad[] = {
                {"code", "x", 400, "invalid_grant"},
                {"code", "", 400, "invalid_request"},
                {"redirect_uri", WEB "/", 400, "invalid_grant"},
                {"code_verifier", "", 400, "invalid_request"},
                {"code_verifier", "0123456789012345678901234567890123456789012", 400,
                 "invalid_grant"},
                {"resource", URL "/sse", 400, "invalid_target"},
                {"resource", "https://other.example", 400, "invalid_target"},
                {"grant_type", "", 400, "invalid_request"},
                {"grant_type", "password", 400, "unsupported_grant_type"},
                {"client_id", "", 401, "invalid_client"},
                {"client_id", "nobody", 401, "invalid_client"},
                {"client_secret", "x", 401, "invalid_client"},
        };

        start();
        need_code(WEB);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                const char *pairs[] = {"grant_type",
                                       "authorization_code",
                                       "code",
                                       code,
                                       "client_id",
                                       id,
                                       "redirect_uri",
                                       WEB,
                                       "code_verifier",
                                       verifier,
                                       "resource",
                                       URL "/mcp",
                                       NULL,
                                       NULL,
                                       NULL};
                size_t at = 0;

                while (pairs[at] != NULL && strcmp(pairs[at], bad[i].name) != 0)
                        at += 2;
                pairs[at] = bad[i].name;
                pairs[at + 1] = bad[i].value;
                check_error(post_form("/oauth/token", form_of(pairs), NULL), bad[i].status,
                            bad[i].error);
        }
        /* none of these has spoilt it */
        take_tokens(exchange());
        stop();
}

Test(authorization, a_code_is_for_its_client)
{
        start();
        need_code(WEB);
        need_client(WEB);
        check_error(exchange(), 400, "invalid_grant");
        stop();
}

Test(authorization, a_code_lives_a_minute)
{
        start();
        need_code(WEB);
        gateway_pass_ms(60 * 1000);
        check_error(exchange(), 400, "invalid_grant");
        stop();
}

Test(authorization, a_code_that_comes_twice_ends_what_it_gave)
{
        start();
        need_tokens();
        check_error(exchange(), 400, "invalid_grant");
        check_int(ping(access_token), 401);
        check_error(renew(), 400, "invalid_grant");
        cr_assert_not_null(strstr(gateway_log(), "ALARM"));
        stop();
}

Test(authorization, who_renews_without_end_does_not_fill_the_log)
{
        unsigned n = 0;

        start();
        need_tokens();
        for (int i = 0; i < 500; i++)
                take_tokens(renew());
        for (const char *p = gateway_log(); (p = strstr(p, "renewed its tokens")) != NULL; p++)
                n++;
        cr_assert(n > 0 && n <= 300, "%u lines", n);
        stop();
}

/* Each is kept for as long as it may last, as is the end of what was signed in. */
Test(authorization, one_user_lets_in_so_many_clients_a_day)
{
        start();
        need_code(WEB);
        for (int i = 2; i < 200; i++)
                check_int(answer_status(visitor_open(&v, asking(WEB, NULL, NULL))), 303);
        check_int(answer_status(visitor_open(&v, asking(WEB, NULL, NULL))), 400);
        cr_assert(visitor_sees(&v, "too many clients"));
        sign_in(users_bob);
        visitor_open(&v, asking(WEB, NULL, NULL));
        check_int(answer_status(decide("allow")), 303);
        cr_assert_str_not_empty(led("code"));
        /* nobody is forgotten for that */
        gateway_pass_ms(450 * 1000);
        sign_in(users_ada);
        gateway_pass_ms(60 * 1000);
        check_int(answer_status(visitor_open(&v, asking(WEB, NULL, NULL))), 400);
        gateway_pass_ms(400 * 1000);
        check_int(answer_status(visitor_open(&v, asking(WEB, NULL, NULL))), 303);
        stop();
}

Test(authorization, parameters_that_come_twice_are_refused)
{
        char form[32768];

        start();
        need_code(WEB);
        snprintf(form, sizeof(form), "%s&code=x",
                 FORM("grant_type", "authorization_code", "code", code, "client_id", id));
        check_error(post_form("/oauth/token", form, NULL), 400, "invalid_request");
        snprintf(form, sizeof(form), "%s&resource=x", FORM("client_id", id, "resource", URL));
        check_error(post_form("/oauth/token", form, NULL), 400, "invalid_target");
        check_error(post_form("/oauth/token", "%zz", NULL), 400, "invalid_request");
        stop();
}

/* ---- refresh tokens ---- */

Test(authorization, a_refresh_token_that_is_used_again_ends_the_login)
{
        char old[sizeof(refresh_token)];

        start();
        need_tokens();
        snprintf(old, sizeof(old), "%s", refresh_token);
        take_tokens(renew());
        /* a lost answer */
        snprintf(refresh_token, sizeof(refresh_token), "%s", old);
        take_tokens(renew());
        check_int(ping(access_token), 200);
        gateway_pass_ms(11 * 1000);
        snprintf(refresh_token, sizeof(refresh_token), "%s", old);
        check_error(renew(), 400, "invalid_grant");
        check_int(ping(access_token), 401);
        stop();
}

Test(authorization, a_refresh_token_may_ask_for_less_but_not_for_more)
{
        start();
        need_tokens();
        check_error(post_form("/oauth/token",
                              FORM("grant_type", "refresh_token", "refresh_token", refresh_token,
                                   "client_id", id, "scope", "mcp admin"),
                              NULL),
                    400, "invalid_scope");
        take_tokens(post_form("/oauth/token",
                              FORM("grant_type", "refresh_token", "refresh_token", refresh_token,
                                   "client_id", id, "scope", "mcp"),
                              NULL));
        check_error(post_form("/oauth/token",
                              FORM("grant_type", "refresh_token", "refresh_token", "x", "client_id",
                                   id),
                              NULL),
                    400, "invalid_grant");
        check_error(post_form("/oauth/token", FORM("grant_type", "refresh_token", "client_id", id),
                              NULL),
                    400, "invalid_request");
        stop();
}

Test(authorization, an_access_token_lives_an_hour_and_a_login_a_month)
{
        start();
        need_tokens();
        gateway_pass_ms(3600 * 1000);
        check_int(ping(access_token), 401);
        take_tokens(renew());
        check_int(ping(access_token), 200);
        gateway_pass_ms(INT64_C(30) * 86400 * 1000);
        check_error(renew(), 400, "invalid_grant");
        stop();
}

Test(authorization, an_access_token_is_no_refresh_token)
{
        start();
        need_tokens();
        snprintf(refresh_token, sizeof(refresh_token), "%s", access_token + 7);
        check_error(renew(), 400, "invalid_grant");
        snprintf(access_token, sizeof(access_token), "Bearer %s", code);
        check_int(ping(access_token), 401);
        stop();
}

/* ---- revocation ---- */

Test(authorization, a_client_ends_its_login)
{
        char first[3000];

        start();
        need_tokens();
        check_int(answer_status(
                          post_form("/oauth/revoke", FORM("token", "x", "client_id", id), NULL)),
                  200);
        check_error(post_form("/oauth/revoke", FORM("client_id", id), NULL), 400,
                    "invalid_request");
        snprintf(first, sizeof(first), "%s", id);
        need_client(WEB);
        check_error(post_form("/oauth/revoke", FORM("token", refresh_token, "client_id", id), NULL),
                    400, "invalid_grant");
        check_int(ping(access_token), 200);
        snprintf(id, sizeof(id), "%s", first);
        check_int(answer_status(post_form("/oauth/revoke",
                                          FORM("token", access_token + 7, "client_id", id,
                                               "token_type_hint", "access_token"),
                                          NULL)),
                  200);
        check_int(ping(access_token), 401);
        check_error(renew(), 400, "invalid_grant");
        stop();
}

static void open_streams(struct client clients[3], struct answer **listeningp)
{
        static const char *const versions[3] = {"2025-11-25", SSE, STATELESS};

        for (size_t i = 0; i < 3; i++) {
                clients[i] = (struct client){.authorization = access_token};
                client_open(&clients[i], versions[i], "{}");
        }
        client_listen(&clients[0], NULL);
        *listeningp = client_ask(&clients[2], 7, "subscriptions/listen",
                                 "{'notifications':{'toolsListChanged':true}}");
        gateway_settle();
}

/* Of the others that came by it too: the clock alone does not end them. */
Test(authorization, a_login_that_ends_takes_its_streams_along)
{
        struct client clients[3], others[3];
        struct answer *listening, *anothers;

        start();
        need_tokens();
        open_streams(others, &anothers);
        need_tokens();
        open_streams(clients, &listening);
        for (size_t i = 0; i < 2; i++)
                cr_assert_not(answer_is_closed(clients[i].stream), "%zu", i);
        cr_assert_not(answer_is_closed(listening));
        check_int(answer_status(post_form("/oauth/revoke",
                                          FORM("token", refresh_token, "client_id", id), NULL)),
                  200);
        gateway_settle();
        for (size_t i = 0; i < 2; i++) {
                cr_assert(answer_is_closed(clients[i].stream), "%zu", i);
                cr_assert_not(answer_is_closed(others[i].stream), "%zu", i);
        }
        cr_assert(answer_is_closed(listening));
        cr_assert_not(answer_is_closed(anothers));
        stop();
}

/* So it does with its user's token, where that came of the file, though the clients have others. */
Test(authorization, who_is_taken_out_of_the_file_takes_their_logins_along)
{
        struct client clients[3];
        char carol[200];
        struct answer *listening;

        start();
        need_tokens();
        open_streams(clients, &listening);
        check_int(ping(access_token), 200);
        users_forget();
        users_add(carol, "carol@example.com", 30);
        gateway_signal(SIGHUP);
        gateway_settle();
        check_int(ping(access_token), 401);
        check_error(renew(), 400, "invalid_grant");
        for (size_t i = 0; i < 2; i++)
                cr_assert(answer_is_closed(clients[i].stream), "%zu", i);
        cr_assert(answer_is_closed(listening));
        stop();
}

/* A client that listens has no reason to renew its access token. */
Test(authorization, a_stream_lives_as_long_as_its_login)
{
        struct client clients[3];
        struct answer *listening;

        start();
        need_tokens();
        open_streams(clients, &listening);
        for (int hour = 0; hour < 3; hour++)
                gateway_pass_ms(3600 * 1000);
        check_int(ping(access_token), 401);
        for (size_t i = 0; i < 2; i++)
                cr_assert_not(answer_is_closed(clients[i].stream), "%zu", i);
        cr_assert_not(answer_is_closed(listening));
        stop();
}

/* ---- clients ---- */

Test(authorization, all_of_cursors_addresses_are_registered_at_once)
{
        struct answer *a;

        start();
        a = register_client("{'client_name':'Cursor','redirect_uris':['" APP "','" LOOPBACK
                            "','https://www.cursor.com/agents/mcp/oauth/callback'],"
                            "'grant_types':['authorization_code','refresh_token'],"
                            "'response_types':['code'],'token_endpoint_auth_method':'none',"
                            "'something_else':{'x':1}}");
        check_int(answer_status(a), 201);
        cr_assert_str_eq(answer_header(a, "Cache-Control"), "no-store");
        check_int(json_array_size(json_object_get(answer_json(a), "redirect_uris")), 3);
        cr_assert_null(json_object_get(answer_json(a), "client_secret"));
        stop();
}

Test(authorization, a_client_with_a_secret_shows_it)
{
        char secret[100], basic[8192];
        struct answer *a;
        struct buf pair, text;

        start();
        a = register_client("{'redirect_uris':['" WEB "']}");
        check_int(answer_status(a), 201);
        check_int(json_integer_value(json_object_get(answer_json(a), "client_secret_expires_at")),
                  0);
        snprintf(secret, sizeof(secret), "%s",
                 json_string_value(json_object_get(answer_json(a), "client_secret")));
        snprintf(id, sizeof(id), "%s",
                 json_string_value(json_object_get(answer_json(a), "client_id")));
        check_error(post_form("/oauth/token", FORM("grant_type", "refresh_token", "client_id", id),
                              NULL),
                    401, "invalid_client");
        check_error(post_form("/oauth/token",
                              FORM("grant_type", "refresh_token", "client_id", id, "client_secret",
                                   "wrong"),
                              NULL),
                    401, "invalid_client");
        check_error(post_form("/oauth/token",
                              FORM("grant_type", "refresh_token", "client_id", id, "client_secret",
                                   secret),
                              NULL),
                    400, "invalid_request");
        buf_init(&pair, sizeof(basic));
        buf_init(&text, sizeof(basic));
        (void)buf_addf(&pair, "%s:%s", id, secret);
        (void)base64_encode(&text, BASE64_STANDARD, buf_bytes(&pair));
        snprintf(basic, sizeof(basic), "Basic %.*s", STR_ARG(buf_bytes(&text)));
        check_error(post_form("/oauth/token", FORM("grant_type", "refresh_token"), basic), 400,
                    "invalid_request");
        a = post_form("/oauth/token", FORM("grant_type", "refresh_token"), "Basic eDp5");
        check_error(a, 401, "invalid_client");
        cr_assert_str_eq(answer_header(a, "WWW-Authenticate"), "Basic realm=\"mgw\"");
        check_error(post_form("/oauth/token", FORM("client_id", "x"), basic), 400,
                    "invalid_request");
        check_error(post_form("/oauth/token", FORM("client_secret", secret), basic), 400,
                    "invalid_request");
        check_error(post_form("/oauth/token", FORM("grant_type", "x"), "Basic ?"), 401,
                    "invalid_client");
        buf_finish(&pair);
        buf_finish(&text);
        stop();
}

Test(authorization, ten_thousand_registrations_hold_nothing)
{
        uint64_t before;
        unsigned n_refused = 0;

        start();
        need_client(WEB);
        before = world.context->ledger.bytes;
        for (int i = 0; i < 10000; i++) {
                struct answer *a = register_client("{'redirect_uris':['" WEB "']}");

                if (answer_status(a) == 429)
                        n_refused++;
                else
                        check_int(answer_status(a), 201);
                clients_end();
        }
        cr_assert_gt(n_refused, 0, "an address that registers without end is slowed down");
        check_int(world.context->ledger.bytes, before);
        cr_assert_null(world.context->authority->client_documents.documents);
        stop();
}

Test(authorization, registration_can_be_switched_off)
{
        setenv("MGW_AUTH_LOGIN_REGISTRATION", "false", 1);
        start();
        check_error(register_client("{'redirect_uris':['" WEB "']}"), 403, "access_denied");
        visitor_open(&v, places[0]);
        cr_assert_null(json_object_get(answer_json(v.page), "registration_endpoint"));
        stop();
}

/* ---- clients whose id is a document's address ---- */

#define DOCUMENT "https://client.example/mcp.json"

static void serve(unsigned status, const char *text)
{
        struct http_request *r = world_http_ago(0);
        char *copy = strdup(text);

        cr_assert_not_null(r);
        for (char *p = copy; *p != '\0'; p++)
                *p = *p == '\'' ? '"' : *p;
        world_http_head(r, status, "application/json", NULL, -1);
        world_http_body(r, str_from(copy));
        world_http_end(r, NULL);
        free(copy);
        gateway_settle();
}

#define GOOD_DOCUMENT                                                                              \
        "{'client_id':'" DOCUMENT "','client_name':'Inspector','redirect_uris':['" WEB "']}"

Test(authorization, a_client_is_known_by_its_document)
{
        struct visitor other = {0};
        struct answer *page;

        start();
        sign_in(users_ada);
        snprintf(id, sizeof(id), "%s", DOCUMENT);
        page = visitor_open(&v, asking(WEB, NULL, NULL));
        check_int(answer_status(page), 0);
        cr_assert_str_eq(world_http_ago(0)->url, DOCUMENT);
        /* who comes meanwhile waits for the same */
        visitor_open(&other, asking(WEB, "prompt", "none"));
        check_int(world_http_n(), 1);
        serve(200, GOOD_DOCUMENT);
        check_int(answer_status(page), 200);
        cr_assert(visitor_sees(&v, "<strong>client.example</strong>"));
        cr_assert(visitor_sees(&v, "Inspector"));
        check_int(answer_status(other.page), 400); /* a stranger's: it sees where it would lead */
        check_int(answer_status(decide("allow")), 303);
        snprintf(code, sizeof(code), "%s", led("code"));
        take_tokens(exchange());
        check_int(ping(access_token), 200);
        /* kept for five minutes at least */
        gateway_pass_ms(299 * 1000);
        check_int(answer_status(visitor_open(&v, asking(WEB, NULL, NULL))), 303);
        gateway_pass_ms(2 * 1000);
        check_int(answer_status(visitor_open(&v, asking(WEB, NULL, NULL))), 0);
        serve(200, GOOD_DOCUMENT);
        check_int(answer_status(v.page), 303);
        visitor_finish(&other);
        stop();
}

Test(authorization, documents_that_are_none_of_the_clients)
{
        static const struct {
                unsigned status;
                const char *text;
        } bad[] = {
                {404, GOOD_DOCUMENT},
                {301, GOOD_DOCUMENT},
                {200, "no JSON"},
                {200, "[]"},
                {200, "{'client_id':'https://client.example/other','redirect_uris':['" WEB "']}"},
                {200, "{'client_id':'" DOCUMENT "','redirect_uris':['" WEB "'],"
                      "'client_secret':'x'}"},
                {200, "{'client_id':'" DOCUMENT "','redirect_uris':['" WEB "'],"
                      "'token_endpoint_auth_method':'client_secret_basic'}"},
                {200, "{'client_id':'" DOCUMENT "'}"},
                {200, "{'client_id':'" DOCUMENT "','redirect_uris':['https://evil.example/']}"},
        };

        start();
        sign_in(users_ada);
        snprintf(id, sizeof(id), "%s", DOCUMENT);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                visitor_open(&v, asking(WEB, NULL, NULL));
                serve(bad[i].status, bad[i].text);
                cr_assert_eq(answer_status(v.page), 400, "%zu: %u", i, answer_status(v.page));
                cr_assert_str_empty(answer_header(v.page, "Location"));
                /* a failure is remembered for a moment */
                visitor_open(&v, asking(WEB, NULL, NULL));
                check_int(answer_status(v.page), 400);
                check_int(world_http_n(), 0);
                gateway_pass_ms(10 * 1000);
        }
        stop();
}

/* For a document of its own each time; the status it is answered with, 0: it is being fetched. */
static unsigned ask_for_document(const char *address)
{
        static unsigned n;
        struct visitor stranger = {.address = address};
        unsigned status;

        snprintf(id, sizeof(id), "https://client.example/%u", n++);
        status = answer_status(visitor_open(&stranger, asking(WEB, NULL, NULL)));
        visitor_finish(&stranger);
        return status;
}

Test(authorization, one_address_has_few_documents_fetched_at_once)
{
        start();
        for (int i = 0; i < 5; i++)
                check_int(ask_for_document("192.0.2.1"), i < 3 ? 0 : 502);
        check_int(ask_for_document("192.0.2.2"), 0);
        check_int(world_http_n(), 4);
        serve(404, "");
        check_int(ask_for_document("192.0.2.1"), 502);
        check_int(ask_for_document("192.0.2.2"), 0);
        /* who has not answered in time is not waited for */
        gateway_pass_ms(6 * 1000);
        check_int(world_http_n(), 0);
        check_int(ask_for_document("192.0.2.1"), 0);
        stop();
}

Test(authorization, documents_of_strangers_are_few_at_once)
{
        char address[16];

        start();
        for (int i = 0; i < 26; i++) {
                snprintf(address, sizeof(address), "192.0.2.%d", i / 3);
                check_int(ask_for_document(address), i < 24 ? 0 : 502);
        }
        check_int(world_http_n(), 24);
        stop();
}

Test(authorization, ids_that_point_inside_are_not_fetched)
{
        static const char *const ids[] = {
                "http://client.example/c",     "https://client.example",
                "https://client.example/../c", "https://u@client.example/c",
                "https://client.example/c#x",  "file:///etc/passwd",
                "https://[::ffff:10.0.0.1]/c", "gopher://10.0.0.1/c",
        };

        start();
        for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
                snprintf(id, sizeof(id), "%s", ids[i]);
                visitor_open(&v, asking(WEB, NULL, NULL));
                cr_assert_eq(answer_status(v.page), 400, "%s", ids[i]);
                check_int(world_http_n(), 0);
        }
        stop();
}

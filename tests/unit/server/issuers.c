/* Users who come by tokens of an issuer: they are made, live while something of theirs does, and
 * go. Requests that wait for keys. */
#include "../auth/signer.c"

#include "../check.h"
#include "../json.h"
#include "client.h"
#include "gateway.h"
#include "mgw/auth/issuer.h"
#include "mgw/base/clock.h"
#include "servers.h"

#define ISSUER                                                                                     \
        "'public_url':'https://mcp.example.com','sessions_max':100000,"                            \
        "'auth':{'jwt':[{'issuer':'https://id.example','jwks_url':'https://id.example/jwks'}]}"
#define INITIALIZE                                                                                 \
        "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":"                      \
        "{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},"                                 \
        "\"clientInfo\":{\"name\":\"t\",\"version\":\"1\"}}}"
#define KEYS "GET"

static struct sent *keys_are_asked_for(void)
{
        return servers_await(KEYS);
}

static void give_keys(enum jwt_algorithm algorithm, const char *kid)
{
        struct sent *fetch = keys_are_asked_for();
        json_t *set = json_pack("{s:[o]}", "keys", signer_jwk(signer_key(algorithm), kid));
        char *text = json_dumps(set, JSON_COMPACT);

        sent_text(fetch, "application/json", text);
        sent_end(fetch);
        json_decref(set);
        free(text);
}

static void begin(const char *servers)
{
        gateway_start(servers, ISSUER);
        servers_keep(KEYS);
}

static const char *token_scope = "";

/* "Bearer ..." of a token for that user, good for so long from now; valid until the next call. */
static const char *token_of(const char *email, const char *kid, enum jwt_algorithm algorithm,
                            int64_t life_s)
{
        static char header[4096];
        char *head =
                alloc_format("{\"alg\":\"%s\",\"kid\":\"%s\"}", jwt_algorithm_name(algorithm), kid);
        char *claims =
                alloc_format("{\"iss\":\"https://id.example\",\"email\":\"%s\",\"aud\":"
                             "\"https://mcp.example.com/mcp\",\"scope\":\"%s\","
                             "\"exp\":%lld}",
                             email, token_scope, (long long)(clock_wall_ms() / 1000 + life_s));
        char *token = signer_sign(signer_key(algorithm), algorithm, head, claims);

        snprintf(header, sizeof(header), "Bearer %s", token);
        free(head);
        free(claims);
        free(token);
        return header;
}

static struct answer *ask_from(const char *address, const char *authorization)
{
        struct answer *a = client_send(&(struct client_request){
                .address = address, .authorization = authorization, .body = INITIALIZE});

        gateway_settle();
        return a;
}

static struct answer *ask(const char *authorization)
{
        return ask_from(NULL, authorization);
}

/* Is nothing known of them any more? */
static bool is_forgotten(const char *email)
{
        struct user *user = user_of_email(world.context->users, str_from(email), 1);
        bool is = user->n_holders == 1 && user->share == NULL && user->token_until_ms == 1;

        user_let_go(user);
        return is;
}

/* Some come back with another token. */
static void one_comes(unsigned round, unsigned i)
{
        struct answer *a;
        char email[64];

        snprintf(email, sizeof(email), "u%u.%u@example.com", round, i);
        a = ask(token_of(email, "k", JWT_ES256, 120));
        cr_assert_eq(answer_status(a), 200, "%u %s", answer_status(a), gateway_log());
        if (i % 3 == 0)
                check_int(answer_status(ask(token_of(email, "k", JWT_ES256, 121))), 200);
}

Test(issuers, thousands_of_users_come_and_go)
{
        const unsigned n = 700, n_rounds = 4;
        uint64_t held = 0;

        begin("");
        give_keys(JWT_ES256, "k");
        for (unsigned round = 0; round < n_rounds; round++) {
                for (unsigned i = 0; i < n; i++)
                        one_comes(round, i);
                cr_assert_geq(world.context->stats.n_sessions, n);
                /* their tokens expire, so their sessions end; then they are forgotten */
                gateway_pass_ms(300 * 1000);
                check_int(world.context->stats.n_sessions, 0);
                cr_assert(is_forgotten("u0.0@example.com"));
                cr_assert(is_forgotten("u0.699@example.com"));
                if (round == 0)
                        held = world.context->ledger.bytes;
                check_int(world.context->ledger.bytes, held);
        }
        gateway_stop();
}

/* With all that a session may hold: programs, streams, calls. */
TEST_OVER_EACH(issuers, a_user_who_goes_leaves_nothing_behind)
{
        struct client c = {.version = "2025-11-25"};
        char authorization[4096];
        struct answer *a;

        begin(server);
        give_keys(JWT_ES256, "k");
        servers_keep_no_more(KEYS);
        snprintf(authorization, sizeof(authorization), "%s",
                 token_of("ada@example.com", "k", JWT_ES256, 60));
        c.authorization = authorization;
        client_open(&c, "2025-11-25", "{}");
        client_listen(&c, NULL);
        a = client_ask(&c, 1, "tools/call", "{'name':'u_t','arguments':{}}");
        cr_assert_not_null(client_answer(&c, a, 1), "%s", gateway_log());
        servers_keep("tools/call");
        client_ask(&c, 2, "tools/call", "{'name':'u_t','arguments':{}}");
        gateway_pass_ms(1000);
        cr_assert_not(is_forgotten("ada@example.com"));
        gateway_pass_ms(400 * 1000);
        check_int(world.context->stats.n_sessions, 0);
        cr_assert_not_null(strstr(gateway_log(), "its user has no valid token any more"));
        gateway_pass_ms(400 * 1000);
        cr_assert(is_forgotten("ada@example.com"), "%s", gateway_log());
        gateway_stop();
}

/* By one issuer's endpoint a token of the other's is not seen. */
Test(issuers, a_token_is_exchanged_where_its_issuer_is_meant)
{
        char authorization[4096];

        gateway_start("'u':{'url':'http://u.example/mcp','oauth':{'token_exchange':{'token_url':"
                      "'https://j.example/t','issuer':'https://j.example'}}}",
                      "'public_url':'https://mcp.example.com','auth':{'jwt':[{'issuer':"
                      "'https://id.example','jwks_url':'https://id.example/jwks'},{'issuer':"
                      "'https://j.example','jwks_url':'https://j.example/jwks'}]}");
        servers_keep(KEYS);
        servers_keep("POST");
        snprintf(authorization, sizeof(authorization), "%s",
                 token_of("ada@example.com", "k", JWT_ES256, 600));
        ask(authorization);
        give_keys(JWT_ES256, "k");
        gateway_pass_ms(3000);
        check_int(servers_count("POST"), 0);
        check_int(servers_count("initialize"), 0);
        cr_assert_not_null(strstr(gateway_log(), "no token of an issuer"), "%s", gateway_log());
        gateway_stop();
}

#define SCOPED                                                                                     \
        "'u':{'url':'http://u.example/mcp'}},'policy':{'rules':[{'who':['*'],"                     \
        "'allow':{'servers':['u']},'scopes':['s']}]"
#define CALL_T "'name':'u_t','arguments':{}"

/* Each user's calls, by a token with the scope and by one without. */
static char with[4096], without[4096];

static void begin_scoped(void)
{
        begin(SCOPED);
        token_scope = "s";
        snprintf(with, sizeof(with), "%s", token_of("ada@example.com", "k", JWT_ES256, 600));
        token_scope = "";
        snprintf(without, sizeof(without), "%s", token_of("ada@example.com", "k", JWT_ES256, 600));
        ask(with);
        give_keys(JWT_ES256, "k");
        servers_keep_no_more(KEYS);
        servers_are(SERVERS_STATELESS);
        servers_keep("tools/call");
}

Test(issuers, a_task_is_not_reached_without_the_scope_of_its_tool)
{
        struct client c = {.authorization = with};
        char params[400];
        struct answer *a;

        begin_scoped();
        servers_keep("server/discover");
        client_open(&c, STATELESS, "{'extensions':{'io.modelcontextprotocol/tasks':{}}}");
        a = client_ask(&c, 1, "tools/call", "{" CALL_T "}");
        sent_result(servers_await("server/discover"),
                    "'supportedVersions':['2026-07-28'],'capabilities':{'tools':{},'extensions':{"
                    "'io.modelcontextprotocol/tasks':{}}}");
        sent_result(servers_await("tools/call"),
                    "'resultType':'task','taskId':'k','status':'working','ttlMs':1000,"
                    "'createdAt':'2026-01-01T00:00:00Z','lastUpdatedAt':'2026-01-01T00:00:00Z'");
        snprintf(params, sizeof(params), "{'taskId':'%s'}",
                 json_text_at(client_answer(&c, a, 1), "result/taskId"));
        c.authorization = without;
        cr_assert_not_null(
                json_at(client_answer(&c, client_ask(&c, 2, "tasks/get", params), 2), "error"));
        check_int(servers_count("tasks/get"), 0);
        c.authorization = with;
        client_ask(&c, 3, "tasks/get", params);
        check_int(servers_count("tasks/get"), 1);
        gateway_stop();
}

Test(issuers, a_call_does_not_go_on_without_its_scope)
{
        struct client c = {.authorization = with};
        char state[4096], params[5000];
        struct answer *a;

        begin_scoped();
        servers_are(SERVERS_SESSION);
        client_open(&c, STATELESS, "{'elicitation':{'form':{}}}");
        a = client_ask(&c, 1, "tools/call", "{" CALL_T "}");
        sent_event(servers_await("tools/call"), NULL,
                   "{'jsonrpc':'2.0','id':7,'method':'elicitation/create','params':{'message':'m',"
                   "'requestedSchema':{'type':'object','properties':{}}}}");
        snprintf(state, sizeof(state), "%s",
                 json_text_at(client_answer(&c, a, 1), "result/requestState"));
        cr_assert_str_neq(state, "");
        snprintf(params, sizeof(params),
                 "{" CALL_T ",'requestState':'%s','inputResponses':{'mgw-1':{'action':'accept',"
                 "'content':{}}}}",
                 state);
        c.authorization = without;
        cr_assert_not_null(
                json_at(client_answer(&c, client_ask(&c, 2, "tools/call", params), 2), "error"));
        check_int(servers_count("reply"), 0);
        c.authorization = with;
        client_ask(&c, 3, "tools/call", params);
        check_int(servers_count("reply"), 1);
        gateway_stop();
}

Test(issuers, a_request_is_held_until_the_keys_have_come)
{
        struct answer *first, *second, *third;

        begin("");
        first = ask(token_of("ada@example.com", "k", JWT_ES256, 600));
        second = ask(token_of("bob@example.com", "k", JWT_ES256, 600));
        third = ask(token_of("bob@example.com", "other", JWT_ES384, 600));
        check_int(answer_status(first), 0);
        answer_cut(second); /* its client does not wait */
        give_keys(JWT_ES256, "k");
        gateway_settle();
        check_int(answer_status(first), 200);
        check_int(answer_status(third), 401);
        check_int(servers_count(KEYS), 1);
        gateway_stop();
}

Test(issuers, a_request_is_held_for_so_long)
{
        struct answer *a;

        begin("");
        a = ask(token_of("ada@example.com", "k", JWT_ES256, 600));
        (void)keys_are_asked_for();
        gateway_pass_ms(4000);
        check_int(answer_status(a), 0);
        gateway_pass_ms(2000);
        check_int(answer_status(a), 503);
        check_str(str_from(answer_header(a, "Retry-After")), STR("5"));
        /* while nobody is asked, nobody waits */
        check_int(answer_status(ask(token_of("ada@example.com", "k", JWT_ES256, 600))), 503);
        gateway_pass_ms(3000);
        give_keys(JWT_ES256, "k");
        check_int(answer_status(ask(token_of("ada@example.com", "k", JWT_ES256, 600))), 200);
        gateway_stop();
}

Test(issuers, one_address_has_a_part_of_the_requests_that_are_held)
{
        struct answer *answers[ISSUER_WAITS_PER_SHARE_MAX + 1];
        const char *authorization;

        begin("");
        authorization = token_of("ada@example.com", "k", JWT_ES256, 600);
        for (size_t i = 0; i <= ISSUER_WAITS_PER_SHARE_MAX; i++)
                answers[i] = ask(authorization);
        check_int(answer_status(answers[0]), 0);
        check_int(answer_status(answers[ISSUER_WAITS_PER_SHARE_MAX]), 503);
        check_int(answer_status(ask_from("192.0.2.7", authorization)), 0);
        answer_cut(answers[1]);
        gateway_settle();
        check_int(answer_status(ask(authorization)), 0);
        give_keys(JWT_ES256, "k");
        gateway_settle();
        check_int(answer_status(answers[0]), 200);
        gateway_stop();
}

/* The same token with another signature. */
static const char *forged(const char *authorization, char *copy, size_t size)
{
        char *at;

        snprintf(copy, size, "%s", authorization);
        at = strrchr(copy, '.') + 10;
        *at = *at == 'A' ? 'B' : 'A';
        return copy;
}

Test(issuers, one_address_does_not_have_signatures_looked_at_without_end)
{
        char copy[2000];
        unsigned n = 0;
        const char *bad, *good;

        begin("");
        give_keys(JWT_ES256, "k");
        gateway_settle();
        for (int i = 0; i < 60; i++) /* each has its signature looked at */
                check_int(answer_status(ask(token_of("ada@example.com", "k", JWT_ES256, 600 + i))),
                          200);
        good = token_of("ada@example.com", "k", JWT_ES256, 600);
        check_int(answer_status(ask(good)), 200);
        bad = forged(good, copy, sizeof(copy));
        for (int i = 0; i < 60; i++)
                n += answer_status(ask(bad)) == 401;
        check_int(n, 50);
        check_int(answer_status(ask(bad)), 503);
        check_int(answer_status(ask_from("192.0.2.7", bad)), 401);
        check_int(answer_status(ask(good)), 200);
        gateway_pass_ms(1000);
        check_int(answer_status(ask(bad)), 401);
        gateway_stop();
}

Test(issuers, more_requests_are_not_held)
{
        const char *authorization;
        char address[20];

        begin("");
        authorization = token_of("ada@example.com", "k", JWT_ES256, 600);
        for (unsigned i = 0; i <= ISSUER_WAITS_MAX; i++) {
                snprintf(address, sizeof(address), "192.0.2.%u", i % 100);
                check_int(answer_status(ask_from(address, authorization)),
                          i < ISSUER_WAITS_MAX ? 0 : 503);
        }
        gateway_stop();
}

Test(issuers, a_request_that_is_held_may_bring_its_body_later_and_too_much_of_it)
{
        static char big[300000];
        struct answer *whole, *much;

        begin("");
        memset(big, ' ', sizeof(big) - 1);
        memcpy(big, INITIALIZE, sizeof(INITIALIZE) - 1);
        whole = client_send(&(struct client_request){
                .authorization = token_of("ada@example.com", "k", JWT_ES256, 600), .body = big});
        much = client_send(&(struct client_request){
                .authorization = token_of("ada@example.com", "k", JWT_ES256, 600),
                .method = "GET",
                .accept = "text/event-stream",
                .body = INITIALIZE});
        check_int(answer_status(whole), 0);
        give_keys(JWT_ES256, "k");
        gateway_settle();
        check_int(answer_status(whole), 200);
        check_int(answer_status(much), 400); /* a GET without a session */
        gateway_stop();
}

Test(issuers, keys_are_asked_for_again_in_a_while_and_for_a_new_one_at_once)
{
        begin("");
        give_keys(JWT_ES256, "k");
        check_int(answer_status(ask(token_of("ada@example.com", "k", JWT_ES256, 600))), 200);
        for (int i = 0; i < 3; i++) {
                struct answer *a = ask(token_of("ada@example.com", "k2", JWT_ES384, 600));

                if (i == 0)
                        give_keys(JWT_ES256, "k"); /* it is not there yet */
                gateway_settle();
                check_int(answer_status(a), 401);
        }
        check_int(servers_count(KEYS), 2);
        gateway_pass_ms(31 * 1000);
        ask(token_of("ada@example.com", "k2", JWT_ES384, 600));
        give_keys(JWT_ES384, "k2");
        check_int(answer_status(ask(token_of("ada@example.com", "k2", JWT_ES384, 600))), 200);
        /* the first is no key any more, and what was found good by it is not either */
        check_int(answer_status(ask(token_of("ada@example.com", "k", JWT_ES256, 569))), 401);
        check_int(servers_count(KEYS), 3);
        gateway_pass_ms(3601 * 1000);
        check_int(servers_count(KEYS), 4);
        gateway_stop();
}

Test(issuers, an_issuer_that_is_away_keeps_its_keys)
{
        begin("");
        give_keys(JWT_ES256, "k");
        gateway_pass_ms(3601 * 1000);
        sent_fail(keys_are_asked_for(), HTTP_FAULT_AWAY, false);
        check_int(answer_status(ask(token_of("ada@example.com", "k", JWT_ES256, 600))), 200);
        gateway_pass_ms(2001);
        sent_status(keys_are_asked_for(), 500, "");
        check_int(answer_status(ask(token_of("bob@example.com", "k", JWT_ES256, 600))), 200);
        gateway_stop();
}

/* The gateway ends while something is held, and while keys are on their way. */
Test(issuers, the_end_waits_for_no_keys)
{
        begin("");
        ask(token_of("ada@example.com", "k", JWT_ES256, 600));
        gateway_stop();
}

/* ---- read again ---- */

#define OTHER_GROUPS                                                                               \
        "'public_url':'https://mcp.example.com','sessions_max':100000,"                            \
        "'auth':{'jwt':[{'issuer':'https://id.example','jwks_url':'https://id.example/jwks',"      \
        "'groups':['staff']}]}"

Test(issuers, who_came_by_one_that_has_changed_is_judged_anew)
{
        struct client c = {0};
        char authorization[4096];

        begin(HTTP);
        give_keys(JWT_ES256, "k");
        servers_keep_no_more("GET");
        snprintf(authorization, sizeof(authorization), "%s",
                 token_of("ada@example.com", "k", JWT_ES256, 600));
        c.authorization = authorization;
        client_open(&c, "2025-11-25", "{}");
        client_listen(&c, NULL);
        gateway_reload(HTTP, ISSUER); /* as it was */
        cr_assert_not(answer_is_closed(c.stream), "%s", gateway_log());
        check_int(world.context->stats.n_sessions, 1);
        servers_keep(KEYS);
        gateway_reload(HTTP, OTHER_GROUPS);
        cr_assert(answer_is_closed(c.stream));
        check_int(world.context->stats.n_sessions, 0);
        give_keys(JWT_ES256, "k");
        check_int(answer_status(ask(authorization)), 403);
        gateway_reload(HTTP, "");
        check_int(answer_status(ask(authorization)), 200); /* anybody is */
        gateway_stop();
}

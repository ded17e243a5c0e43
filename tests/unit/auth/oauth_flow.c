#include "mgw/auth/oauth_flow.h"

#include "../check.h"
#include "mgw/auth/oauth_discovery.h"
#include "mgw/auth/oauth_registration.h"
#include "world.h"

#include <stdlib.h>
#include <string.h>

Test(oauth_flow, the_address_that_a_browser_is_sent_to)
{
        char url[] = "https://as.example/a?tenant=x", id[] = "c&d", resource[] = "https://m/mcp";
        const struct oauth_party party = {
                .authorization_url = url, .client_id = id, .resource = resource};
        char *const params[] = {(char[]){"prompt=consent"}, (char[]){"no value"}, NULL};
        struct buf out;

        buf_init(&out, 4096);
        check_int(oauth_flow_authorization_url(&out, &party, "https://g/cb", "st", "ch", NULL,
                                               params),
                  0);
        check_str(buf_bytes(&out),
                  STR("https://as.example/a?tenant=x&response_type=code&client_id=c%26d&"
                      "redirect_uri=https%3A%2F%2Fg%2Fcb&state=st&code_challenge=ch&"
                      "code_challenge_method=S256&resource=https%3A%2F%2Fm%2Fmcp&prompt=consent"));
        buf_finish(&out);
}

static void check_known(const char *url, bool has_path, bool is_behind, const char *want)
{
        char *known = oauth_discovery_well_known(url, "n", has_path, is_behind);

        check_str(str_from(known), str_from(want));
        free(known);
}

Test(oauth_flow, well_known_addresses)
{
        check_known("https://a.example", true, false, "https://a.example/.well-known/n");
        check_known("https://a.example/", true, false, "https://a.example/.well-known/n");
        check_known("https://a.example/x/y", true, false, "https://a.example/.well-known/n/x/y");
        check_known("https://a.example/x/", true, false, "https://a.example/.well-known/n/x");
        check_known("https://a.example/x", false, false, "https://a.example/.well-known/n");
        check_known("https://a.example/x", true, true, "https://a.example/x/.well-known/n");
        check_known("https://a.example/x?q=/y", true, false, "https://a.example/.well-known/n/x");
}

Test(oauth_flow, claims_of_an_id_token)
{
        /* {"sub":"7","email":"ada@example.com","bad":"a b"} */
        static const char token[] =
                "e30.eyJzdWIiOiI3IiwiZW1haWwiOiJhZGFAZXhhbXBsZS5jb20iLCJiYWQiOiJhIGIifQ.x";
        char *email = oauth_flow_id_token_claim(token, "email");

        cr_assert_str_eq(email, "ada@example.com");
        free(email);
        cr_assert_null(oauth_flow_id_token_claim(token, "bad"));
        cr_assert_null(oauth_flow_id_token_claim(token, "none"));
        cr_assert_null(oauth_flow_id_token_claim("e30", "sub"));
        cr_assert_null(oauth_flow_id_token_claim("a.!!.b", "sub"));
        cr_assert_null(oauth_flow_id_token_claim(NULL, "sub"));
}

static const char *take_registration(struct oauth_party *party, const char *text)
{
        json_t *answer = json_loads(text, 0, NULL);
        const char *fault = oauth_registration_take(party, answer);

        json_decref(answer);
        return fault;
}

Test(oauth_flow, answers_to_a_registration)
{
        struct oauth_party party = {.takes_basic = true};

        cr_assert_null(take_registration(&party, "{\"client_id\": \"c\"}"));
        check_int(party.auth, OAUTH_CLIENT_PUBLIC);
        cr_assert_null(
                take_registration(&party, "{\"client_id\": \"c\", \"client_secret\": \"s\"}"));
        check_int(party.auth, OAUTH_CLIENT_BASIC);
        cr_assert_null(take_registration(&party, "{\"client_id\": \"c\", \"client_secret\": \"s\", "
                                                 "\"token_endpoint_auth_method\": \"none\"}"));
        cr_assert_null(party.client_secret);
        cr_assert_not_null(take_registration(&party, "{}"));
        cr_assert_not_null(take_registration(&party, "{\"client_id\": \"a b\"}"));
        cr_assert_not_null(
                take_registration(&party, "{\"client_id\": \"c\", \"client_secret\": \"\"}"));
        oauth_party_finish(&party);
}

static const char *fault;

static void on_registered(void *owner, const char *why)
{
        fault = why;
        world_told(owner, 0);
}

/* A server names ever new ones, and what is kept of each stays. */
Test(oauth_flow, so_many_authorization_servers_are_registered_with)
{
        static char issuer[] = "https://as.example", endpoint[] = "https://as.example/r";
        struct oauth_party party = {.issuer = issuer, .registration_url = endpoint};
        struct rate rate = {.full_at_us = INT64_MAX / 2}; /* used up for long */
        struct world w;
        struct oauth_registrar registrar = {.public_url = WORLD_URL, .rate = &rate};

        world_open(&w, false);
        registrar.store = w.context.store;
        cr_assert_not_null(oauth_registration_start(NULL, &registrar, &(struct config_oauth){0},
                                                    &party, on_registered, &w));
        world_wait(&w);
        cr_assert_str_eq(fault, "it has named too many authorization servers today");
        cr_assert_null(party.client_id);
        world_close(&w);
}

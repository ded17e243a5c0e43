#include "mgw/config/config.h"

#include "../check.h"
#include "mgw/base/strv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct config config;
static char path[] = "/tmp/mgw-oauth-XXXXXX.json", api[] = "/tmp/mgw-oauth-api-XXXXXX.json";
static char *faults;

static void put(int fd, const char *text)
{
        cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
        close(fd);
}

static void start(void)
{
        put(mkstemps(api, 5), "{\"base_url\": \"https://a.example\", \"tools\": {\"t\": "
                              "{\"description\": \"d\", \"method\": \"GET\", \"path\": \"/\"}}}");
        close(mkstemps(path, 5));
}

static void finish(void)
{
        unlink(path);
        unlink(api);
        config_finish(&config);
        free(faults);
}

/* where: the keys of the entry beside "oauth". */
static int load(const char *gateway, const char *where, const char *oauth)
{
        size_t size;
        FILE *f = fopen(path, "w"), *err;
        int r;

        fprintf(f, "{\"gateway\": {%s}, \"mcpServers\": {\"a\": {%s, \"oauth\": %s}}}", gateway,
                where, oauth);
        fclose(f);
        config_finish(&config);
        free(faults);
        err = open_memstream(&faults, &size);
        r = config_load(&config, path, err);
        fclose(err);
        return r;
}

#define PUBLIC "\"public_url\": \"https://mcp.example.com\""
#define MCP "\"url\": \"https://a.example/mcp\""

static const struct config_oauth *loaded(const char *where, const char *oauth)
{
        check_int(load(PUBLIC, where, oauth), 0);
        cr_assert_str_eq(faults, "");
        return config.servers[0]->account.oauth;
}

static const char *rest(void)
{
        static char where[128];

        snprintf(where, sizeof(where), "\"rest\": \"%s\"", api);
        return where;
}

TestSuite(config_oauth, .init = start, .fini = finish);

Test(config_oauth, what_users_connect)
{
        const struct config_oauth *oauth = loaded(MCP, "{}");

        check_int(oauth->connects, true);
        cr_assert_null(oauth->issuer);
        check_int(loaded(MCP, "{\"client_id\": \"c\", \"client_secret\": \"s\", "
                              "\"issuer\": \"https://i.example\"}")
                          ->connects,
                  true);
        check_int(loaded(MCP, "{\"scopes\": [\"read\"]}")->connects, true);
        check_int(loaded(rest(), "{\"issuer\": \"https://i.example\"}")->connects, true);
        check_int(loaded(rest(), "{\"authorization_url\": \"https://i/a\", \"token_url\": "
                                 "\"https://i/t\", \"client_id\": \"c\"}")
                          ->connects,
                  true);
}

/* A server that is not honest would name one of its own. */
Test(config_oauth, a_secret_without_its_issuer_is_told)
{
        check_int(load(PUBLIC, MCP, "{\"client_id\": \"c\", \"client_secret\": \"s\"}"), 0);
        cr_assert_not_null(
                strstr(faults, "\"client_secret\" goes to whatever authorization server"), "%s",
                faults);
}

Test(config_oauth, what_the_gateway_has_itself)
{
        check_int(loaded(MCP, "{\"token_url\": \"https://i/t\", \"client_id\": \"c\", "
                              "\"client_secret\": \"s\"}")
                          ->connects,
                  false);
        check_int(loaded(MCP, "{\"preset\": \"google\", \"client_id\": \"c\", \"refresh_token\": "
                              "\"r\"}")
                          ->connects,
                  false);
}

Test(config_oauth, a_preset_fills_in_what_is_not_said)
{
        const struct config_oauth *oauth =
                loaded(rest(), "{\"preset\": \"google\", \"client_id\": \"c\", "
                               "\"authorization_params\": {\"prompt\": \"x\", \"hd\": \"e\"}}");
        const char *const *params = (const char *const *)oauth->authorization_params;

        cr_assert_str_eq(oauth->issuer, "https://accounts.google.com");
        cr_assert_str_eq(oauth->token_url, "https://oauth2.googleapis.com/token");
        cr_assert_eq(strv_count(params), 3); /* and not include_granted_scopes */
        cr_assert_str_eq(params[0], "prompt=x");
        cr_assert_str_eq(params[2], "access_type=offline");
        oauth = loaded(rest(), "{\"preset\": \"google\", \"client_id\": \"c\", \"issuer\": "
                               "\"https://other.example\"}");
        cr_assert_str_eq(oauth->issuer, "https://other.example");
        cr_assert_null(oauth->token_url);
}

Test(config_oauth, an_exchange_of_tokens)
{
        const struct config_oauth *oauth =
                loaded(MCP, "{\"token_exchange\": {\"token_url\": \"https://i/t\", \"audience\": "
                            "\"a\"}}");

        check_int(oauth->connects, false);
        cr_assert_str_eq(oauth->exchange->audience, "a");
        cr_assert_eq(load(PUBLIC ", \"auth\": {\"jwt\": [{\"issuer\": \"https://i\"}, {\"issuer\": "
                                 "\"https://j\"}]}",
                          MCP,
                          "{\"token_exchange\": {\"token_url\": \"https://i/t\", \"issuer\": "
                          "\"https://j\"}}"),
                     0, "%s", faults);
        cr_assert_neq(load(PUBLIC
                           ", \"auth\": {\"jwt\": [{\"issuer\": \"https://i\"}, {\"issuer\": "
                           "\"https://j\"}]}",
                           MCP, "{\"token_exchange\": {\"token_url\": \"https://i/t\"}}"),
                      0);
        cr_assert_not_null(strstr(faults, ":1: mcpServers.a.oauth.token_exchange.issuer: must be"),
                           "%s", faults);
}

static void check_fault(const char *where, const char *oauth, const char *want)
{
        cr_assert_neq(load(PUBLIC, where, oauth), 0, "%s", oauth);
        cr_assert_not_null(strstr(faults, want), "want \"%s\" in:\n%s", want, faults);
}

Test(config_oauth, faults)
{
        check_fault(MCP, "7", "must be an object with");
        check_fault(MCP, "{\"preset\": \"gogle\"}", "not known: there is \"google\"");
        check_fault(MCP, "{\"preset\": \"google\"}", "needs \"client_id\": google registers");
        check_fault(rest(), "{\"scopes\": [\"x\"]}", "a REST API does not name its own");
        check_fault(MCP, "{\"scopes\": [\"x\"], \"scope\": \"x\"}", "takes \"scopes\", an array");
        check_fault(MCP, "{\"authorization_url\": \"https://i/a\", \"client_id\": \"c\"}",
                    "needs \"token_url\" beside");
        check_fault(MCP, "{\"scopes\": [\"x\"], \"token_url\": \"https://i/t\"}",
                    "needs \"authorization_url\" beside");
        check_fault(MCP, "{\"issuer\": \"i.example\"}", "\"issuer\" must begin with http");
        check_fault(MCP, "{\"issuer\": 7}", "oauth.issuer");
        check_fault(MCP, "{\"token_exchange\": {}}", "needs \"token_url\" in its");
        check_fault(MCP, "{\"token_exchange\": {\"url\": \"x\"}}", "oauth.token_exchange.url");
        cr_assert_neq(load("", MCP, "{}"), 0);
        cr_assert_not_null(strstr(faults, ":1: gateway.public_url: say at which address browsers"));
}

#include "mgw/config/config.h"

#include "../check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct config config;
static char dir[] = "/tmp/mgw-accounts-XXXXXX";
static char path[64];
static char *faults;

static const char *beside(const char *name)
{
        static char file[128];

        snprintf(file, sizeof(file), "%s/%s", dir, name);
        return file;
}

static void put(const char *name, const char *text)
{
        FILE *f = fopen(beside(name), "w");

        fputs(text, f);
        fclose(f);
        chmod(beside(name), 0600);
}

static void start(void)
{
        cr_assert_not_null(mkdtemp(dir));
        snprintf(path, sizeof(path), "%s/mgw.json", dir);
}

static void finish(void)
{
        static const char *const names[] = {"mgw.json", "token", "api.json"};

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                unlink(beside(names[i]));
        rmdir(dir);
        config_finish(&config);
        free(faults);
}

/* The entries of mcpServers. */
static int load(const char *entries)
{
        size_t size;
        FILE *err = open_memstream(&faults, &size), *f = fopen(path, "w");
        int r;

        fprintf(f, "{\"mcpServers\": {%s}}", entries);
        fclose(f);
        r = config_load(&config, path, err);
        fclose(err);
        return r;
}

static void check_loads(const char *entries)
{
        check_int(load(entries), 0);
        cr_assert_str_eq(faults, "");
}

/* The faults must hold "<path>:<line>: <rest>". */
static void check_fault(unsigned line, const char *rest)
{
        char want[400];

        snprintf(want, sizeof(want), "%s:%u: %s", path, line, rest);
        cr_assert_not_null(strstr(faults, want), "want \"%s\" in:\n%s", want, faults);
}

static void check_lines(char *const *lines, const char *want)
{
        char all[400] = "";

        for (; lines != NULL && *lines != NULL; lines++)
                snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s|", *lines);
        cr_assert_str_eq(all, want);
}

#define OAUTH "\"token_url\": \"https://a/token\", \"client_id\": \"id\""

TestSuite(config_account, .init = start, .fini = finish);

Test(config_account, a_users_own_wins_and_the_rest_is_everybodys)
{
        setenv("ADAS_TOKEN", "ada's", 1);
        check_loads("\"a\": {\"url\": \"http://a\", \"headers\": {\"X-Team\": \"all\","
                    " \"authorization\": \"Bearer all\"}, \"users\": {"
                    "  \"ada@example.com\": {\"headers\": {\"Authorization\": \"Bearer "
                    "${env:ADAS_TOKEN}\"}},"
                    "  \"bob@example.com\": {\"oauth\": {" OAUTH ", \"client_secret\": \"s\"}},"
                    "  \"cy@example.com\": {\"headers\": {\"x-team\": \"cy\"}}}}");
        check_int(config.servers[0]->n_users, 3);
        check_lines(config.servers[0]->account.headers, "X-Team: all|authorization: Bearer all|");
        cr_assert_null(config.servers[0]->account.oauth);
        cr_assert_str_eq(config.servers[0]->users[0].email, "ada@example.com");
        check_lines(config.servers[0]->users[0].headers,
                    "Authorization: Bearer ada's|X-Team: all|");
        check_lines(config.servers[0]->users[1].headers, "X-Team: all|");
        cr_assert_not_null(config.servers[0]->users[1].oauth);
        check_lines(config.servers[0]->users[2].headers, "x-team: cy|authorization: Bearer all|");
        cr_assert_not(config.servers[0]->per_user);
}

Test(config_account, a_header_of_ones_own_takes_the_place_of_everybodys_tokens)
{
        const struct config_server *s;

        check_loads("\"a\": {\"url\": \"http://a\", \"oauth\": {" OAUTH
                    ", \"client_secret\": \"s\"}, \"users\": {"
                    "\"ada\": {\"headers\": {\"authorization\": \"Basic x\"}}, \"bob\": {}}}");
        s = config.servers[0];
        cr_assert_null(s->users[0].oauth);
        cr_assert_eq(s->users[1].oauth, s->account.oauth);
}

Test(config_account, variables_of_a_child_are_of_the_user_too)
{
        check_loads("\"a\": {\"command\": \"x\", \"env\": {\"KEY\": \"all\", \"key\": \"1\"},"
                    " \"users\": {\"ada\": {\"env\": {\"KEY\": \"ada\"}}}, \"per_user\": true}");
        check_lines(config.servers[0]->users[0].env, "KEY=ada|key=1|");
        cr_assert(config.servers[0]->per_user);
}

Test(config_account, a_users_oauth_needs_only_what_differs)
{
        const struct config_oauth *oauth;

        put("token", "ada's\r\n");
        check_loads(
                "\"a\": {\"url\": \"http://a\", \"per_user\": true, \"oauth\": {" OAUTH
                ", \"scope\": \"x\"}, \"users\": {"
                " \"ada\": {\"oauth\": {\"refresh_token_file\": \"token\"}},"
                " \"bob\": {\"oauth\": {\"refresh_token\": \"bob's\", \"client_id\": \"b\"}}}}");
        oauth = config.servers[0]->users[0].oauth;
        cr_assert_str_eq(oauth->token_url, "https://a/token");
        cr_assert_str_eq(oauth->client_id, "id");
        cr_assert_str_eq(oauth->scope, "x");
        cr_assert_str_eq(oauth->refresh_token, "ada's");
        cr_assert_str_eq(oauth->refresh_token_file, beside("token"));
        cr_assert_str_eq(config.servers[0]->users[1].oauth->client_id, "b");
        cr_assert_str_eq(config.servers[0]->users[1].oauth->refresh_token, "bob's");
}

Test(config_account, faults_below_a_user_have_file_line_and_key)
{
        unsetenv("NOT_THERE");
        cr_assert(load("\n\"a\": {\"url\": \"http://a\", \"users\": {\n"
                       "  \"ada@example.com\": {\n"
                       "   \"env\": {},\n"
                       "   \"headers\": {\"X\": \"${env:NOT_THERE}\"}},\n"
                       "  \"bob@example.com\": {\"oauth\": {\"token_url\": \"http://a\",\n"
                       "   \"secret\": \"\"}},\n"
                       "  \"c d\": {},\n"
                       "  \"e\": 7}},\n"
                       "\"b\": {\"command\": \"x\", \"users\": {\n"
                       " \"ada@example.com\": {\n"
                       "  \"headers\": {}}}},\n"
                       "\"c\": {\"command\": \"x\",\n"
                       " \"users\": []},\n"
                       "\"d\": {\"command\": \"x\",\n"
                       " \"per_user\": true},\n"
                       "\"e\": {\"command\": \"x\",\n"
                       " \"per_user\": \"yes\"},\n"
                       "\"f\": {\"command\": \"x\",\n"
                       " \"oauth\": {}},\n"
                       "\"g\": {\"command\": \"x\", \"scope\": \"shared\",\n"
                       " \"users\": {\"ada\": {}}}\n") < 0);
        check_fault(4, "mcpServers.a.users.ada@example.com.env: not known: a user has \"headers\" "
                       "and \"oauth\" here");
        check_fault(5, "mcpServers.a.users.ada@example.com.headers: the environment variable "
                       "NOT_THERE is not set");
        check_fault(6, "mcpServers.a.users.bob@example.com.oauth: needs \"client_id\"");
        check_fault(6, "mcpServers.a.users.bob@example.com.oauth: needs \"refresh_token\" or");
        check_fault(7, "mcpServers.a.users.bob@example.com.oauth.secret: not known");
        check_fault(8, "mcpServers.a.users.c d: a user's name is made of visible characters");
        check_fault(9, "mcpServers.a.users.e: must be an object");
        check_fault(12,
                    "mcpServers.b.users.ada@example.com.headers: not known: a user has \"env\"");
        check_fault(14, "mcpServers.c.users: must be an object");
        check_fault(16, "mcpServers.d.per_user: needs \"users\"");
        check_fault(18, "mcpServers.e.per_user: must be true or false");
        check_fault(20, "mcpServers.f.oauth: does not go with \"command\"");
        check_fault(22, "mcpServers.g.users: does not go with \"scope\": \"shared\"");
}

Test(config_account, two_credentials_in_one_place_are_told)
{
        cr_assert(load("\n\"a\": {\"url\": \"http://a\",\n"
                       " \"headers\": {\"AUTHORIZATION\": \"x\"},\n"
                       " \"oauth\": {" OAUTH ", \"client_secret\": \"s\"}}") < 0);
        check_fault(4, "mcpServers.a.oauth: does not go with an \"Authorization\" among");
}

Test(config_account, without_an_own_one_a_user_needs_a_token_that_is_everybodys)
{
        cr_assert(load("\n\"a\": {\"url\": \"http://a\", \"per_user\": true, \"oauth\": {" OAUTH
                       "},\n \"users\": {\"ada\": {},\n \"bob\": {\"oauth\": {}}}}") < 0);
        check_fault(3, "mcpServers.a.users.ada.oauth: needs \"refresh_token\" or");
        check_fault(4, "mcpServers.a.users.bob.oauth: needs \"refresh_token\" or");
}

Test(config_account, the_file_of_a_refresh_token_is_newer_than_the_configuration)
{
        put("token", "  newer\n");
        check_int(load("\"a\": {\"url\": \"http://a\", \"oauth\": {" OAUTH
                       ", \"refresh_token\": \"old\", \"refresh_token_file\": \"token\"}}"),
                  -EINVAL); /* a blank is no part of a token */
        check_fault(1, "mcpServers.a.oauth.refresh_token_file: ");
        config_finish(&config);
        free(faults);
        put("token", "newer\n");
        check_loads("\"a\": {\"url\": \"http://a\", \"oauth\": {" OAUTH
                    ", \"refresh_token\": \"old\", \"refresh_token_file\": \"token\"}}");
        cr_assert_str_eq(config.servers[0]->account.oauth->refresh_token, "newer");
}

Test(config_account, the_file_need_not_be_there_when_the_configuration_has_the_first_token)
{
        check_loads("\"a\": {\"url\": \"http://a\", \"oauth\": {" OAUTH
                    ", \"refresh_token\": \"first\", \"refresh_token_file\": \"token\"}}");
        cr_assert_str_eq(config.servers[0]->account.oauth->refresh_token, "first");
        cr_assert_str_eq(config.servers[0]->account.oauth->refresh_token_file, beside("token"));
}

Test(config_account, what_is_wrong_with_the_file_is_told)
{
        char want[400];

        put("token", "one\ntwo\n");
        chmod(beside("token"), 0640);
        cr_assert(load("\n\"a\": {\"url\": \"http://a\", \"oauth\": {" OAUTH ",\n"
                       " \"refresh_token_file\": \"token\"}},\n"
                       "\"b\": {\"url\": \"http://a\", \"oauth\": {" OAUTH ",\n"
                       " \"refresh_token_file\": \"gone\"}},\n"
                       "\"c\": {\"url\": \"http://a\", \"oauth\": {" OAUTH ",\n"
                       " \"refresh_token\": \"x\", \"refresh_token_file\": \"no/where\"}},\n"
                       "\"d\": {\"url\": \"http://a\", \"users\": {\"ada\": {\"oauth\": {" OAUTH
                       ",\n \"refresh_token_file\": \"token\"}}}}") < 0);
        snprintf(want, sizeof(want), "%s: others can read this file: chmod 600", beside("token"));
        cr_assert_not_null(strstr(faults, want), "%s", faults);
        check_fault(3, "mcpServers.a.oauth.refresh_token_file: ");
        cr_assert_not_null(strstr(faults, "/token must hold a refresh token and nothing else"));
        check_fault(5, "mcpServers.b.oauth.refresh_token_file: ");
        cr_assert_not_null(strstr(faults, "/gone cannot be read: No such file"));
        check_fault(7, "mcpServers.c.oauth.refresh_token_file: ");
        cr_assert_not_null(strstr(faults, "/no/where: its folder must be writable, for what "));
        check_fault(9, "mcpServers.d.users.ada.oauth.refresh_token_file: ");
        cr_assert_not_null(strstr(faults, "/token stands in another \"oauth\" too"));
}

#include "../check.h"
#include "loading.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct config config;
static char *faults;

/* auth.login in JSON with single quotes, and what stands beside "auth". */
static int load(const char *login, const char *beside)
{
        char text[2048];

        snprintf(text, sizeof(text), "{'gateway': {%s 'auth': {'login': %s}}}", beside, login);
        return loading_quoted(&config, text, &faults);
}

static void finish(void)
{
        config_finish(&config);
        free(faults);
}

static void check_fault(const char *login, const char *beside, const char *want)
{
        check_int(load(login, beside), -EINVAL);
        cr_assert_not_null(strstr(faults, want), "want \"%s\" in:\n%s", want, faults);
        finish();
}

#define PUBLIC "'public_url': 'https://mcp.example.com',"

Test(config_login, nothing_said)
{
        check_int(load("{}", ""), 0);
        cr_assert_str_empty(config.login.issuer);
        cr_assert_str_eq(config.login.scopes[0], "openid");
        cr_assert_str_eq(config.login.claim_email, "email");
        cr_assert_null(config.login.domains);
        check_int(config.login.browser_ms, 8 * 3600 * 1000);
        finish();
}

Test(config_login, everything_said)
{
        setenv("LOGIN_SECRET", "s3cret", 1);
        check_int(load("{'issuer': 'https://idp.example/realms/x', 'client_id': 'mgw', "
                       "'client_secret': '${LOGIN_SECRET}', 'scopes': ['openid', 'groups'], "
                       "'claims': {'email': 'upn', 'subject': 'oid', 'groups': 'roles'}, "
                       "'domains': ['example.com', 'example.org'], 'groups': ['dev'], "
                       "'browser_s': 600}",
                       PUBLIC),
                  0);
        cr_assert_str_eq(config.login.issuer, "https://idp.example/realms/x");
        cr_assert_str_eq(config.login.client_id, "mgw");
        cr_assert_str_eq(config.login.client_secret, "s3cret");
        cr_assert_str_eq(config.login.scopes[1], "groups");
        cr_assert_null(config.login.scopes[2]);
        cr_assert_str_eq(config.login.claim_email, "upn");
        cr_assert_str_eq(config.login.claim_subject, "oid");
        cr_assert_str_eq(config.login.claim_groups, "roles");
        cr_assert_str_eq(config.login.domains[1], "example.org");
        cr_assert_str_eq(config.login.groups[0], "dev");
        check_int(config.login.browser_ms, 600000);
        finish();
}

Test(config_login, from_the_environment)
{
        setenv("MGW_AUTH_LOGIN_CLIENT_SECRET", "other", 1);
        setenv("MGW_AUTH_LOGIN_CLAIMS_EMAIL", "upn", 1);
        check_int(load("{'issuer': 'http://127.0.0.1:9000', 'client_id': 'mgw'}", PUBLIC), 0);
        cr_assert_str_eq(config.login.client_secret, "other");
        cr_assert_str_eq(config.login.claim_email, "upn");
        finish();
}

Test(config_login, faults)
{
        static const char *const issuers[] = {
                "http://idp.example",
                "https://idp.example/?x",
                "https://idp.example#f",
                "https://user@idp.example",
                "idp.example",
                "ftp://idp.example",
                "http://localhost.evil.test",
                "https://",
        };

        for (size_t i = 0; i < sizeof(issuers) / sizeof(issuers[0]); i++) {
                char login[128];

                snprintf(login, sizeof(login), "{'issuer': '%s', 'client_id': 'x'}", issuers[i]);
                check_fault(login, PUBLIC, "gateway.auth.login.issuer: must be https://");
        }
        check_fault("{'issuer': 'https://idp.example'}", PUBLIC,
                    "gateway.auth.login: needs \"client_id\"");
        check_fault("{'issuer': 'https://idp.example', 'client_id': 'x'}", "",
                    "gateway.auth.login: needs \"public_url\"");
        check_fault("{'issuer': 'https://idp.example', 'client_id': 'x', 'scopes': ['email']}",
                    PUBLIC, "gateway.auth.login.scopes: must have \"openid\"");
        check_fault("{'issuer': 'https://idp.example', 'client_id': 'x'}",
                    "'public_url': 'http://mcp.example.com',",
                    "gateway.public_url: must be https://");
        check_fault("{'issuer': 'https://accounts.google.com', 'client_id': 'x'}", PUBLIC,
                    "gateway.auth.login: needs \"domains\"");
        check_fault("{'domains': ['example.com']}", PUBLIC,
                    "gateway.auth.login.domains: means nothing without auth.login.issuer");
        check_fault("{'isuer': 'https://idp.example'}", PUBLIC,
                    "gateway.auth.login.isuer: no such setting");
        check_fault("'https://idp.example'", PUBLIC, "gateway.auth.login: must be an object");
        check_fault("{'claims': {'email': ''}}", PUBLIC,
                    "gateway.auth.login.claims.email: must be the name of a claim");
}

#include "../check.h"
#include "loading.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct config config;
static char *faults;

/* auth.jwt in JSON with single quotes, and what stands beside "auth". */
static int load(const char *jwt, const char *beside)
{
        char text[2048];

        snprintf(text, sizeof(text), "{'gateway': {%s 'auth': {'jwt': %s}}}", beside, jwt);
        return loading_quoted(&config, text, &faults);
}

static void finish(void)
{
        config_finish(&config);
        free(faults);
}

#define PUBLIC "'public_url': 'https://mcp.example.com',"

static void check_fault(const char *jwt, const char *want)
{
        check_int(load(jwt, PUBLIC), -EINVAL);
        cr_assert_not_null(strstr(faults, want), "want \"%s\" in:\n%s", want, faults);
        finish();
}

Test(config_jwt, an_issuer_is_enough)
{
        const struct config_jwt *jwt;

        check_int(load("[{'issuer': 'https://id.example'}]", PUBLIC), 0);
        check_int(config.n_jwt, 1);
        jwt = &config.jwt[0];
        cr_assert_str_eq(jwt->issuer, "https://id.example");
        cr_assert_str_eq(jwt->audiences[0], "https://mcp.example.com/mcp");
        cr_assert_str_eq(jwt->audiences[1], "https://mcp.example.com/sse");
        cr_assert_str_eq(jwt->audiences[2], "https://mcp.example.com");
        cr_assert_null(jwt->audiences[3]);
        cr_assert_null(jwt->jwks_url);
        cr_assert_null(jwt->algorithms);
        cr_assert_null(jwt->typ);
        check_int(jwt->skew_ms, 60000);
        cr_assert_str_eq(jwt->claim_email, "email");
        cr_assert_str_eq(jwt->claim_subject, "sub");
        cr_assert_str_eq(jwt->claim_groups, "groups");
        cr_assert_null(jwt->claim_scope);
        cr_assert_null(jwt->domains);
        finish();
}

Test(config_jwt, everything_said)
{
        const struct config_jwt *jwt;

        setenv("ISSUER_HOST", "id.example", 1);
        check_int(load("[{'issuer': 'https://${ISSUER_HOST}', 'audience': ['api://mgw'], "
                       "'jwks_url': 'http://127.0.0.1:8/keys?p=x', 'algorithms': ['ES256'], "
                       "'typ': 'at+jwt', 'skew_s': 0.5, 'claims': {'email': 'upn', "
                       "'subject': 'oid', 'groups': 'roles', 'scope': 'scp'}, "
                       "'domains': ['example.com'], 'groups': ['staff']}, "
                       "{'issuer': 'http://localhost:8080/realms/x'}]",
                       PUBLIC),
                  0);
        check_int(config.n_jwt, 2);
        jwt = &config.jwt[0];
        cr_assert_str_eq(jwt->issuer, "https://id.example");
        cr_assert_str_eq(jwt->audiences[0], "api://mgw");
        cr_assert_null(jwt->audiences[1]);
        cr_assert_str_eq(jwt->jwks_url, "http://127.0.0.1:8/keys?p=x");
        cr_assert_str_eq(jwt->algorithms[0], "ES256");
        cr_assert_str_eq(jwt->typ, "at+jwt");
        check_int(jwt->skew_ms, 500);
        cr_assert_str_eq(jwt->claim_email, "upn");
        cr_assert_str_eq(jwt->claim_subject, "oid");
        cr_assert_str_eq(jwt->claim_groups, "roles");
        cr_assert_str_eq(jwt->claim_scope, "scp");
        cr_assert_str_eq(jwt->domains[0], "example.com");
        cr_assert_str_eq(jwt->groups[0], "staff");
        finish();
}

Test(config_jwt, faults_are_told)
{
        check_fault("{}", "gateway.auth.jwt: must be an array of objects");
        check_fault("['x']", "gateway.auth.jwt.0: must be an object");
        check_fault("[{}]", "gateway.auth.jwt.0: needs \"issuer\"");
        check_fault("[{'issuer': 'id.example'}]", "gateway.auth.jwt.0.issuer: must be https://");
        check_fault("[{'issuer': 'http://id.example'}]", "gateway.auth.jwt.0.issuer: must be");
        check_fault("[{'issuer': 'https://a.example'}, {'issuer': 'https://a.example'}]",
                    "gateway.auth.jwt.1: another has its \"issuer\"");
        check_fault("[{'issuer': 'https://a.example', 'algorithms': ['HS256']}]",
                    "gateway.auth.jwt.0.algorithms: \"HS256\": must be of RS256");
        check_fault("[{'issuer': 'https://a.example', 'algorithms': ['none']}]", "\"none\"");
        check_fault("[{'issuer': 'https://a.example', 'jwks_url': 'http://id.example/k'}]",
                    "gateway.auth.jwt.0.jwks_url: must be https://");
        check_fault("[{'issuer': 'https://a.example', 'audience': 'x'}]",
                    "gateway.auth.jwt.0.audience: must be an array of strings");
        check_fault("[{'issuer': 'https://a.example', 'skew_s': 601}]",
                    "gateway.auth.jwt.0.skew_s: must be a number from 0 to 600");
        check_fault("[{'issuer': 'https://a.example', 'claims': {'mail': 'x'}}]",
                    "gateway.auth.jwt.0.claims.mail: not known");
        check_fault("[{'issuer': 'https://a.example', 'claims': {'email': ''}}]",
                    "gateway.auth.jwt.0.claims.email: must be the name of a claim");
        check_fault("[{'issuer': 'https://a.example', 'jwksurl': 'x'}]",
                    "gateway.auth.jwt.0.jwksurl: not known: an issuer has");
}

Test(config_jwt, clients_must_know_where_mgw_is)
{
        check_int(load("[{'issuer': 'https://id.example'}]", ""), -EINVAL);
        cr_assert_not_null(strstr(faults, "gateway.auth.jwt: needs \"public_url\""), "%s", faults);
        finish();
}

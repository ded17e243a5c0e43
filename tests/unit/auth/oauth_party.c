#include "mgw/auth/oauth_party.h"

#include "../check.h"
#include "mgw/auth/oauth_url.h"
#include "mgw/config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ISSUER "https://as.example/tenant"
#define SERVER "https://mcp.example/team/mcp"

static struct oauth_party party;

static const char sound[] =
        "{'issuer': '" ISSUER "', 'authorization_endpoint': 'https://as.example/a', "
        "'token_endpoint': 'https://as.example/t', 'code_challenge_methods_supported': ['S256']}";

/* With ' for ". */
static json_t *json_of(const char *text)
{
        char *copy = strdup(text);
        json_t *value;

        for (char *c = copy; *c != '\0'; c++)
                *c = *c == '\'' ? '"' : *c;
        value = json_loads(copy, 0, NULL);
        cr_assert_not_null(value, "%s", copy);
        free(copy);
        return value;
}

/* changed: NULL, or the member that gets this value; value NULL: it is not there. */
static const char *take(const char *member, const char *value)
{
        json_t *metadata = json_of(sound), *other = value != NULL ? json_of(value) : NULL;
        const char *fault;

        oauth_party_finish(&party);
        if (member != NULL && value == NULL)
                json_object_del(metadata, member);
        else if (member != NULL)
                json_object_set(metadata, member, json_array_get(other, 0));
        fault = oauth_party_take_metadata(&party, metadata, ISSUER, false);
        json_decref(metadata);
        json_decref(other);
        return fault;
}

Test(oauth_party, metadata_of_its_issuer_are_taken)
{
        cr_assert_null(take(NULL, NULL));
        cr_assert_str_eq(party.issuer, ISSUER);
        cr_assert_str_eq(party.token_url, "https://as.example/t");
        check_int(party.takes_basic, true);
        check_int(party.takes_public, false);
        check_int(party.sends_iss, false);
        cr_assert_null(take("token_endpoint_auth_methods_supported", "[['none']]"));
        check_int(party.takes_public, true);
        check_int(party.takes_basic, false);
        cr_assert_null(take("authorization_response_iss_parameter_supported", "[true]"));
        check_int(party.sends_iss, true);
        oauth_party_finish(&party);
}

Test(oauth_party, a_slash_behind_the_host_is_the_same_issuer)
{
        static const struct {
                const char *said, *asked;
                bool fits;
        } cases[] = {
                {"https://as.example/", "https://as.example", true},
                {"https://as.example", "https://as.example/", true},
                {"https://as.example:8443/", "https://as.example:8443", true},
                {"https://as.example//", "https://as.example/", false},
                {"https://as.example?", "https://as.example", false},
                {"https://as.example/?", "https://as.example?", false},
                {"https://as.example", "https://as.exampl/", false},
                {"https://as.exampl", "https://as.example", false},
                {"https://as.example/a/", "https://as.example/a", false},
                {"https://as.example/a", "https://as.example/a/", false},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                json_t *metadata = json_of(sound);
                const char *fault;

                json_object_set_new(metadata, "issuer", json_string(cases[i].said));
                fault = oauth_party_take_metadata(&party, metadata, cases[i].asked, false);
                cr_assert_eq(fault == NULL, cases[i].fits, "%s for %s", cases[i].said,
                             cases[i].asked);
                if (cases[i].fits)
                        cr_assert_str_eq(party.issuer, cases[i].said, "as it says it in iss");
                oauth_party_finish(&party);
                json_decref(metadata);
        }
}

Test(oauth_party, metadata_that_lie_or_lack_are_refused)
{
        static const char *const cases[][2] = {
                {"issuer", NULL},
                {"issuer", "['https://as.example']"},
                {"issuer", "['https://AS.example/tenant']"},
                {"issuer", "['https://as.example/tenant/']"},
                {"issuer", "[7]"},
                {"code_challenge_methods_supported", NULL},
                {"code_challenge_methods_supported", "[['plain']]"},
                {"code_challenge_methods_supported", "['S256']"},
                {"token_endpoint", NULL},
                {"token_endpoint", "['http://as.example/t']"},
                {"token_endpoint", "['https://user@as.example/t']"},
                {"token_endpoint", "['https://as.example/t#x']"},
                {"authorization_endpoint", "['javascript:alert(1)']"},
                {"authorization_endpoint", "['https:///a']"},
                {"authorization_endpoint", "['//as.example/a']"},
                {"authorization_endpoint", "['https://as.example/a b']"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                cr_assert_not_null(take(cases[i][0], cases[i][1]), "%s = %s", cases[i][0],
                                   cases[i][1]);
        oauth_party_finish(&party);
}

Test(oauth_party, an_endpoint_that_is_none_is_not_there)
{
        cr_assert_null(take("registration_endpoint", "['file:///etc/passwd']"));
        cr_assert_null(party.registration_url);
        oauth_party_finish(&party);
}

static void check_resource(const char *resource, const char *url, bool fits)
{
        json_t *metadata =
                json_pack("{s:s, s:[s], s:[s, s]}", "resource", resource, "authorization_servers",
                          ISSUER, "scopes_supported", "read", "write");
        char *issuer = NULL;
        const char *fault = oauth_party_take_resource(&party, metadata, url, &issuer);

        cr_assert_eq(fault == NULL, fits, "%s for %s: %s", resource, url, fault);
        if (fits) {
                cr_assert_str_eq(issuer, ISSUER);
                cr_assert_str_eq(party.scope, "read write");
        }
        free(issuer);
        json_decref(metadata);
        oauth_party_finish(&party);
}

Test(oauth_party, a_resource_must_be_the_servers)
{
        check_resource(SERVER, SERVER, true);
        check_resource("https://mcp.example", SERVER, true);
        check_resource("https://mcp.example/team/", SERVER, true);
        check_resource("https://mcp.example:443/team", SERVER, false);
        check_resource("https://mcp.example/team/mcp2", SERVER, false);
        check_resource("https://mcp.example/te", SERVER, false);
        check_resource("https://mcp.example:8443/team/mcp", SERVER, false);
        check_resource("http://mcp.example/team/mcp", SERVER, false);
        check_resource("https://mcp.example.evil.example/team/mcp", SERVER, false);
        check_resource("https://evil.example/team/mcp", SERVER, false);
}

Test(oauth_party, is_kept_with_a_grant)
{
        struct oauth_party read = {0};
        json_t *record;

        cr_assert_null(take(NULL, NULL));
        party.client_id = strdup("c");
        party.client_secret = strdup("s");
        party.auth = OAUTH_CLIENT_BASIC;
        record = oauth_party_json(&party);
        check_int(oauth_party_read(&read, record), 0);
        cr_assert_str_eq(read.issuer, ISSUER);
        cr_assert_str_eq(read.client_secret, "s");
        check_int(read.auth, OAUTH_CLIENT_BASIC);
        json_object_del(record, "token_url");
        check_int(oauth_party_read(&read, record), -EINVAL);
        json_decref(record);
        oauth_party_finish(&read);
        oauth_party_finish(&party);
}

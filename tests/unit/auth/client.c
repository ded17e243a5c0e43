#include "mgw/auth/client.h"

#include "../check.h"

#include <stdlib.h>
#include <string.h>

static const struct sealed_keys keys = {.key = "0123456789abcdef0123456789abcde"};
static const struct sealed_keys others = {.key = "another key that also has 32 by"};

#define CURSOR                                                                                     \
        "{'client_name':'Cursor','redirect_uris':['cursor://anysphere.cursor-mcp/oauth/callback'," \
        "'http://localhost:8787/callback','https://www.cursor.com/agents/mcp/oauth/callback'],"    \
        "'grant_types':['authorization_code','refresh_token'],'response_types':['code'],"          \
        "'token_endpoint_auth_method':'none','software_id':'x','logo_uri':7}"

static json_t *json_of(const char *text)
{
        char *copy = strdup(text);
        json_t *value;

        for (char *p = copy; *p != '\0'; p++)
                *p = *p == '\'' ? '"' : *p;
        value = json_loads(copy, JSON_DECODE_ANY, NULL);
        cr_assert_not_null(value, "%s", copy);
        free(copy);
        return value;
}

static struct client *registered(const char *text, struct client_fault *fault)
{
        json_t *metadata = json_of(text);
        struct client *client = client_register(&keys, metadata, fault);

        json_decref(metadata);
        return client;
}

Test(client, all_of_cursors_addresses_are_registered_at_once)
{
        struct client_fault fault;
        struct client *client = registered(CURSOR, &fault), *again;

        cr_assert_not_null(client);
        cr_assert_lt(strlen(client->id), 1000);
        again = client_from_id(&keys, str_from(client->id));
        cr_assert_not_null(again);
        cr_assert_str_eq(again->name, "Cursor");
        cr_assert_str_eq(again->key, client->key);
        check_int(again->auth, CLIENT_AUTH_NONE);
        check_int(again->kind, CLIENT_REGISTERED);
        cr_assert(client_has_redirect(again, STR("cursor://anysphere.cursor-mcp/oauth/callback")));
        cr_assert(client_has_redirect(again, STR("http://localhost:50000/callback")));
        cr_assert(client_has_redirect(again,
                                      STR("https://www.cursor.com/agents/mcp/oauth/callback")));
        cr_assert_not(client_has_redirect(again, STR("https://www.cursor.com/other")));
        cr_assert_null(client_from_id(&others, str_from(client->id)));
        client->id[20] ^= 1;
        cr_assert_null(client_from_id(&keys, str_from(client->id)));
        client_let_go(again);
        client_let_go(client);
}

Test(client, two_registrations_are_two_clients)
{
        struct client_fault fault;
        struct client *a = registered(CURSOR, &fault), *b = registered(CURSOR, &fault);

        cr_assert_str_neq(a->id, b->id);
        cr_assert_str_neq(a->key, b->key);
        client_let_go(a);
        client_let_go(b);
}

Test(client, a_secret_is_made_of_the_id)
{
        struct client_fault fault;
        struct client *client = registered("{'redirect_uris':['https://a.example/cb']}", &fault);
        struct sealed_keys rotated = others;
        char *secret = client_secret(&keys, client), *other;

        check_int(client->auth, CLIENT_AUTH_SECRET);
        check_int(strlen(secret), 43);
        cr_assert(client_has_secret(&keys, client, str_from(secret)));
        cr_assert_not(client_has_secret(&others, client, str_from(secret)));
        memcpy(rotated.old_key, keys.key, sizeof(keys.key));
        rotated.has_old_key = true;
        cr_assert(client_has_secret(&rotated, client, str_from(secret)));
        cr_assert_not(client_has_secret(&keys, client, STR("")));
        cr_assert_not(client_has_secret(&keys, client, STR("x")));
        secret[0] ^= 1;
        cr_assert_not(client_has_secret(&keys, client, str_from(secret)));
        client_let_go(client);
        client = registered("{'redirect_uris':['https://a.example/cb']}", &fault);
        other = client_secret(&keys, client);
        secret[0] ^= 1;
        cr_assert_not(client_has_secret(&keys, client, str_from(secret)));
        free(other);
        free(secret);
        client_let_go(client);
}

Test(client, what_cannot_be_registered)
{
        static const struct {
                const char *metadata, *error;
        } bad[] = {
                {"[]", "invalid_client_metadata"},
                {"'x'", "invalid_client_metadata"},
                {"{}", "invalid_redirect_uri"},
                {"{'redirect_uris':[]}", "invalid_redirect_uri"},
                {"{'redirect_uris':'https://a.example/cb'}", "invalid_redirect_uri"},
                {"{'redirect_uris':[7]}", "invalid_redirect_uri"},
                {"{'redirect_uris':['https://a.example/cb','http://a.example/cb']}",
                 "invalid_redirect_uri"},
                {"{'redirect_uris':['javascript:alert(1)']}", "invalid_redirect_uri"},
                {"{'redirect_uris':['https://a.example/cb#x']}", "invalid_redirect_uri"},
                {"{'redirect_uris':['https://u@a.example/cb']}", "invalid_redirect_uri"},
                {"{'redirect_uris':['a:1','a:1','a:1','a:1','a:1','a:1','a:1','a:1','a:1','a:1',"
                 "'a:1','a:1','a:1','a:1','a:1','a:1','a:1']}",
                 "invalid_redirect_uri"},
                {"{'redirect_uris':['a:1'],'grant_types':['client_credentials']}",
                 "invalid_client_metadata"},
                {"{'redirect_uris':['a:1'],'grant_types':'authorization_code'}",
                 "invalid_client_metadata"},
                {"{'redirect_uris':['a:1'],'response_types':['token']}", "invalid_client_metadata"},
                {"{'redirect_uris':['a:1'],'token_endpoint_auth_method':'private_key_jwt'}",
                 "invalid_client_metadata"},
                {"{'redirect_uris':['a:1'],'token_endpoint_auth_method':7}",
                 "invalid_client_metadata"},
                {"{'redirect_uris':['a:1'],'token_endpoint_auth_method':'tls_client_auth'}",
                 "invalid_client_metadata"},
                {"{'redirect_uris':['a:1'],'jwks':{},'jwks_uri':'https://a.example/k'}",
                 "invalid_client_metadata"},
        };

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct client_fault fault = {.error = "none"};

                cr_assert_null(registered(bad[i].metadata, &fault), "%s", bad[i].metadata);
                cr_assert_str_eq(fault.error, bad[i].error, "%s", bad[i].metadata);
                cr_assert_str_not_empty(fault.why);
        }
}

Test(client, one_that_says_too_much_is_refused)
{
        struct client_fault fault = {.error = "none"};
        char text[4096];
        size_t n = (size_t)snprintf(text, sizeof(text), "{'redirect_uris':[");

        for (int i = 0; i < 4; i++)
                n += (size_t)snprintf(text + n, sizeof(text) - n, "%s'https://a.example/%0500d'",
                                      i > 0 ? "," : "", i);
        snprintf(text + n, sizeof(text) - n, "]}");
        cr_assert_null(registered(text, &fault));
        cr_assert_str_eq(fault.error, "invalid_client_metadata");
}

Test(client, a_name_is_shown_as_it_reads)
{
        struct client_fault fault;
        struct client *client = registered(
                "{'redirect_uris':['a:1'],'client_name':'a\\u202eb\\u0007c\\u200bd\\u00e4'}",
                &fault);

        cr_assert_str_eq(client->name, "a?b?cd\xc3\xa4");
        client_let_go(client);
        client = registered("{'redirect_uris':['a:1'],'client_name':["
                            "'x']}",
                            &fault);
        cr_assert_str_empty(client->name);
        client_let_go(client);
}

Test(client, ids_that_are_addresses_of_documents)
{
        static const struct {
                const char *id;
                bool is, is_in_private;
        } ids[] = {
                {"https://a.example/client.json", true, true},
                {"https://a.example:8443/c?x=y", true, true},
                {"https://localhost/c", true, true},
                {"http://localhost:9/c", false, true},
                {"http://a.example/c", false, false},
                {"https://a.example", false, false},
                {"https://a.example/", false, false},
                {"https://a.example?x", false, false},
                {"https://a.example/c#x", false, false},
                {"https://u:p@a.example/c", false, false},
                {"https://a.example/../c", false, false},
                {"https://a.example/%2e%2e/c", false, false},
                {"https://10.0.0.1\\@a.example/c", false, false},
                {"cursor://a/b", false, false},
                {"mgw", false, false},
        };

        for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
                cr_assert_eq(client_id_is_document(str_from(ids[i].id), false), ids[i].is, "%s",
                             ids[i].id);
                cr_assert_eq(client_id_is_document(str_from(ids[i].id), true), ids[i].is_in_private,
                             "%s", ids[i].id);
        }
}

Test(client, what_a_document_may_say)
{
        static const struct {
                const char *metadata;
                int auth; /* -1: refused */
        } documents[] = {
                {"{'redirect_uris':['https://a.example/cb']}", CLIENT_AUTH_NONE},
                {"{'redirect_uris':['https://a.example/cb'],'token_endpoint_auth_method':"
                 "'client_secret_basic'}",
                 -1},
                {"{'redirect_uris':['https://a.example/cb'],'token_endpoint_auth_method':"
                 "'private_key_jwt'}",
                 -1},
                {"{'redirect_uris':['https://a.example/cb'],'token_endpoint_auth_method':"
                 "'private_key_jwt','jwks_uri':'http://a.example/k'}",
                 -1},
                {"{'redirect_uris':['https://a.example/cb'],'token_endpoint_auth_method':"
                 "'private_key_jwt','jwks_uri':'https://a.example/k'}",
                 CLIENT_AUTH_KEY},
                {"{'redirect_uris':['https://a.example/cb'],'token_endpoint_auth_method':"
                 "'private_key_jwt','jwks':{'keys':[]}}",
                 CLIENT_AUTH_KEY},
        };

        for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
                json_t *metadata = json_of(documents[i].metadata);
                struct client_fault fault;
                struct client *client = client_from_metadata(CLIENT_DOCUMENT, "https://a.example/c",
                                                             metadata, &fault);

                check_int(client != NULL ? (int)client->auth : -1, documents[i].auth);
                client_let_go(client);
                json_decref(metadata);
        }
}

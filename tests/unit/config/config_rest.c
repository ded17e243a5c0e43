#include "mgw/config/config.h"

#include "../check.h"
#include "mgw/rest/rest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct config config;
static char dir[] = "/tmp/mgw-rest-XXXXXX";
static char *faults;

static void write_file(const char *name, const char *text)
{
        char path[80];
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", dir, name);
        f = fopen(path, "w");
        cr_assert_not_null(f);
        fputs(text, f);
        fclose(f);
}

/* Loads a configuration with the entry "api", beside the description api.json. */
static int load(const char *entry, const char *description)
{
        char text[1000], path[80];
        size_t size;
        FILE *err = open_memstream(&faults, &size);
        int r;

        cr_assert_not_null(mkdtemp(dir));
        write_file("api.json", description);
        snprintf(text, sizeof(text), "{\"mcpServers\": {\n\"api\": {%s}}}", entry);
        write_file("mgw.json", text);
        snprintf(path, sizeof(path), "%s/mgw.json", dir);
        r = config_load(&config, path, err);
        fclose(err);
        unlink(path);
        snprintf(path, sizeof(path), "%s/api.json", dir);
        unlink(path);
        rmdir(dir);
        return r;
}

static void finish(void)
{
        config_finish(&config);
        free(faults);
}

static void check_fault(const char *file, unsigned line, const char *rest)
{
        char want[400];

        snprintf(want, sizeof(want), "%s/%s:%u: %s", dir, file, line, rest);
        cr_assert_not_null(strstr(faults, want), "want \"%s\" in:\n%s", want, faults);
}

static const char sound[] = "{\"base_url\": \"https://a\",\n\"tools\": {\n\"t\": {\n"
                            "\"description\": \"d\",\n\"method\": \"GET\",\n\"path\": \"/\"}}}";

TestSuite(config_rest, .fini = finish);

Test(config_rest, a_description_lies_beside_the_configuration)
{
        check_int(load("\"rest\": \"api.json\", \"type\": \"rest\", \"base_url\": \"http://b\", "
                       "\"headers\": {\"X-Key\": \"k\"}, \"timeout_s\": 2, \"prefix\": \"\", "
                       "\"oauth\": {\"token_url\": \"http://t\", \"client_id\": \"i\", "
                       "\"refresh_token\": \"r\"}",
                       sound),
                  0);
        check_int(config.n_servers, 1);
        check_int(config.servers[0]->kind, CONFIG_SERVER_REST);
        cr_assert_not_null(config.servers[0]->rest);
        check_int(config.servers[0]->answer_timeout_ms, 2000);
        check_int(config.servers[0]->timeout_ms, 0);
        check_str(str_from(config.servers[0]->account.headers[0]), STR("X-Key: k"));
        check_str(str_from(config.servers[0]->account.oauth->token_url), STR("http://t"));
        check_str(str_from(config.servers[0]->account.oauth->refresh_token), STR("r"));
        cr_assert_null(config.servers[0]->account.oauth->client_secret);
}

Test(config_rest, an_answer_may_take_a_minute)
{
        check_int(load("\"rest\": \"api.json\"", sound), 0);
        check_int(config.servers[0]->answer_timeout_ms, 60000);
        cr_assert_null(config.servers[0]->account.oauth);
}

Test(config_rest, a_fault_in_the_description_has_its_file_and_line)
{
        check_int(load("\"rest\": \"api.json\"",
                       "{\"base_url\": \"https://a\",\n\"tools\": {\n\"t\": {\n"
                       "\"description\": \"d\",\n\"method\": \"GET\",\n\"path\": \"/{x}\"}}}"),
                  -EINVAL);
        check_fault("api.json", 6, "tools.t.path: {x}: inputSchema.properties has no");
}

Test(config_rest, a_description_that_is_no_json_has_its_line_too)
{
        check_int(load("\"rest\": \"api.json\"", "{\n\"tools\": {,}}"), -EINVAL);
        cr_assert_not_null(strstr(faults, "api.json:2:"), "%s", faults);
}

Test(config_rest, a_description_that_is_not_there_is_told_where_it_is_named)
{
        check_int(load("\n\"rest\": \"other.json\"", sound), -EINVAL);
        check_fault("mgw.json", 3, "mcpServers.api.rest: ");
        cr_assert_not_null(strstr(faults, "/other.json cannot be read: No such file"), "%s",
                           faults);
}

Test(config_rest, a_fault_in_oauth_is_told)
{
        check_int(load("\"rest\": \"api.json\",\n\"oauth\": {\"token_url\": \"t\",\n\"key\": \"\"}",
                       sound),
                  -EINVAL);
        check_fault("mgw.json", 4, "mcpServers.api.oauth.key: not known");
        check_fault("mgw.json", 3, "mcpServers.api.oauth: needs \"client_id\"");
        check_fault("mgw.json", 3, "mcpServers.api.oauth: \"token_url\" must begin with http");
        check_fault("mgw.json", 3, "mcpServers.api.oauth: needs \"refresh_token\" or");
}

Test(config_rest, an_openapi_document_may_stand_in_its_place)
{
        check_int(
                load("\"openapi\": \"api.json\", \"base_url\": \"http://b\", \"include\": [\"a*\"]",
                     "{\"openapi\": \"3.1.0\", \"paths\": {\"/\": {\"get\": {\"operationId\": "
                     "\"a1\"}}, \"/{x}\": {\"get\": {\"operationId\": \"b\"}}}}"),
                0);
        check_int(config.servers[0]->kind, CONFIG_SERVER_REST);
        cr_assert_not_null(config.servers[0]->rest);
}

static void check_told(const char *rest)
{
        char want[400];

        snprintf(want, sizeof(want), "%s/api.json: %s\n", dir, rest);
        cr_assert_not_null(strstr(faults, want), "want \"%s\" in:\n%s", want, faults);
}

Test(config_rest, an_operation_that_is_unsound_costs_itself)
{
        check_int(load("\"openapi\": \"api.json\", \"base_url\": \"http://a\"",
                       "{\"openapi\": \"3.1.0\", \"paths\": {\"/a b\": {\"get\": {}},\n"
                       "\"/a/{x}\": {\"get\": {\"operationId\": \"good\"}}}}"),
                  0);
        check_told("get_a_b: is left out: a character outside of {} that cannot stand in a URI");
        check_int(json_array_size(rest_tools(config.servers[0]->rest)), 1);
}

Test(config_rest, an_openapi_document_needs_to_be_somewhere)
{
        check_int(load("\"openapi\": \"api.json\"",
                       "{\"openapi\": \"3.1.0\", \"servers\": [{\"url\": \"/v1\"}], "
                       "\"paths\": {}}"),
                  -EINVAL);
        check_told("the document: needs \"base_url\", here or in the server's entry");
}

Test(config_rest, a_document_may_be_yaml)
{
        check_int(load("\"openapi\": \"api.json\", \"security\": {\"k\": \"x=1\"}",
                       "# pets\nopenapi: 3.1.0\nservers: [{url: 'https://a'}]\npaths:\n  /on:\n"
                       "    get: {operationId: yes, responses: {404: {description: none}}}\n"
                       "components: {securitySchemes: {k: {type: apiKey, in: query, name: k}}}"),
                  0);
        check_int(json_array_size(rest_tools(config.servers[0]->rest)), 1);
        check_str(str_from(config.servers[0]->account.security[0]), STR("k=x=1"));
}

Test(config_rest, a_document_that_is_cut_off_has_its_line)
{
        check_int(load("\"openapi\": \"api.json\"", "\xef\xbb\xbf{\n\"openapi\": \"3.1.0\",\n"),
                  -EINVAL);
        cr_assert_not_null(strstr(faults, "api.json:3:1: is no JSON"), "%s", faults);
}

Test(config_rest, each_user_may_have_credentials_for_the_schemes)
{
        check_int(load("\"openapi\": \"api.json\", \"security\": {\"k\": \"all\"}, \"users\": "
                       "{\"ada\": {\"security\": {\"k\": \"a\"}}, \"bob\": {\"headers\": {}}}",
                       "{\"swagger\": \"2.0\", \"host\": \"a\", \"paths\": {}, "
                       "\"securityDefinitions\": {\"k\": {\"type\": \"basic\"}}}"),
                  0);
        check_str(str_from(config.servers[0]->users[0].security[0]), STR("k=a"));
        check_str(str_from(config.servers[0]->users[1].security[0]), STR("k=all"));
}

Test(config_rest, a_scheme_that_is_not_there_is_a_fault)
{
        check_int(load("\"openapi\": \"api.json\", \"security\": {\"other\": \"x\"}",
                       "{\"openapi\": \"3.0.0\", \"servers\": [{\"url\": \"https://a\"}], "
                       "\"paths\": {}}"),
                  -EINVAL);
        check_told("security: there is no scheme \"other\" that could be used");
}

Test(config_rest, all_faults_of_a_description_are_told_at_once)
{
        check_int(load("\"rest\": \"api.json\"",
                       "{\"base_url\": \"ftp://a\",\n\"tools\": {\n\"t\": {\n"
                       "\"description\": \"d\",\n\"method\": \"HEAD\",\n\"path\": \"x\"},\n"
                       "\"u\": {\n\"colour\": 1}}}"),
                  -EINVAL);
        check_fault("api.json", 1, "base_url: must begin with http");
        check_fault("api.json", 5, "tools.t.method: must be GET");
        check_fault("api.json", 6, "tools.t.path: must begin with '/'");
        check_fault("api.json", 8, "tools.u.colour: not known");
        check_fault("api.json", 7, "tools.u: needs \"path\"");
}

Test(config_rest, tools_that_are_called_the_same_are_a_fault)
{
        static const char tools[] = "{\"base_url\": \"https://a\", \"tools\": {"
                                    "\"echo\": {\"description\": \"d\", \"method\": \"GET\", "
                                    "\"path\": \"/\"}, \"x\": {\"description\": \"d\", "
                                    "\"method\": \"GET\", \"path\": \"/\"}}}";

        check_int(load("\"rest\": \"api.json\", \"prefix\": \"\"},\n"
                       "\"b\": {\"rest\": \"api.json\", \"prefix\": \"\", \"exclude\": "
                       "[\"echo\"]},\n"
                       "\"c\": {\"url\": \"http://c\",\n\"tools\": {\n\"y\": {\"name\": "
                       "\"x\"}, \"z\": {\"name\": \"z\"}}},\n"
                       "\"d\": {\"rest\": \"api.json\",\n\"tools\": {\"x\": {\"name\": "
                       "\"z\"}}",
                       tools),
                  -EINVAL);
        check_fault("mgw.json", 2,
                    "mcpServers.api: its tool echo would be called echo, as one of "
                    "the gateway's own (\"builtin_tools\"): give it another name");
        check_fault("mgw.json", 3, "mcpServers.b: its tool x would be called x, as one of api: ");
        check_fault("mgw.json", 6,
                    "mcpServers.c.tools: its tool y would be called x, as one of api");
        check_fault("mgw.json", 8,
                    "mcpServers.d.tools: its tool x would be called z, as one of c: ");
}

Test(config_rest, tools_with_names_of_their_own_are_no_fault)
{
        check_int(load("\"rest\": \"api.json\"},\n"
                       "\"b\": {\"rest\": \"api.json\", \"prefix\": \"\", \"tools\": {\"t\": "
                       "{\"name\": \"echo\"}}}},\n"
                       "\"gateway\": {\"builtin_tools\": false},\n\"$schema\": {\"x\": {",
                       sound),
                  0);
        check_int(config.n_servers, 2);
}

Test(config_rest, one_of_the_two_is_enough)
{
        check_int(load("\"rest\": \"api.json\",\n\"openapi\": \"api.json\"", sound), -EINVAL);
        check_fault("mgw.json", 3, "mcpServers.api.openapi: does not go with \"rest\"");
}

Test(config_rest, keys_of_other_kinds_do_not_go_with_it)
{
        check_int(load("\"rest\": \"api.json\",\n\"cwd\": \"/\",\n\"url\": \"http://a\"", sound),
                  -EINVAL);
        check_fault("mgw.json", 3, "mcpServers.api.cwd: does not go with \"rest\"");
        check_fault("mgw.json", 4, "mcpServers.api.url: does not go with \"rest\"");
}

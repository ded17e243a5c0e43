/* What the bridge makes is held against the JSON schema of its receiver's revision. */
#include "mgw/mcp/bridge.h"
#include "mgw/schema/schema.h"
#include "mgw/wire/rpc.h"

#include "../check.h"
#include "../json.h"

#include <stdio.h>

#define KEY(name) "'io.modelcontextprotocol/" name "'"
#define META                                                                                       \
        KEY("protocolVersion")                                                                     \
        ": '2026-07-28', " KEY("clientInfo") ": {'name': 'c', 'version': "                         \
                                             "'1'}, " KEY("clientCapabilities")

/* ---- against a schema ---- */

static json_t *definitions(const char *revision, const char **keyp)
{
        char path[500];
        json_error_t error;
        json_t *all, *definitions;

        snprintf(path, sizeof(path), "%s/%s.schema.json", MCP_SCHEMAS, revision);
        all = json_load_file(path, 0, &error);
        cr_assert_not_null(all, "%s: %s", path, error.text);
        *keyp = json_object_get(all, "$defs") != NULL ? "$defs" : "definitions";
        definitions = json_incref(json_object_get(all, *keyp));
        json_decref(all);
        return definitions;
}

/* Is value a (say) "Tool" of that revision? The reason it is not is in why. */
static char why_not[400];

static bool is_a(const char *revision, const char *name, const json_t *value)
{
        const char *key;
        json_t *all = definitions(revision, &key);
        json_t *json =
                json_pack("{s:o, s:o}", "$ref", json_sprintf("#/%s/%s", key, name), key, all);
        struct schema *schema;
        int r;

        cr_assert_not_null(json_object_get(all, name), "%s has no %s", revision, name);
        check_int(schema_create(json, &schema, why_not, sizeof(why_not)), 0);
        json_decref(json);
        r = schema_check(schema, value, why_not, sizeof(why_not));
        schema_destroy(schema);
        cr_assert(r == 0 || r == SCHEMA_E_INVALID, "%s", why_not);
        return r == 0;
}

static void check_is(const char *revision, const char *name, const json_t *value)
{
        cr_assert(is_a(revision, name, value), "no %s of %s: %s", name, revision, why_not);
}

/* Takes the value, which must equal the text. */
static void check_json(json_t *value, const char *text)
{
        json_t *want = json_from(text);
        char *got = json_dumps(value, JSON_ENCODE_ANY | JSON_SORT_KEYS);

        cr_assert(json_equal(value, want), "got %s, want %s", got, text);
        free(got);
        json_decref(want);
        json_decref(value);
}

static era_revision revision_of(const char *name)
{
        era_revision revision = 0;

        check_int(era_revision_find(str_from(name), &revision), 0);
        return revision;
}

/* ---- _meta ---- */

static const char *meta_fault(const char *params)
{
        json_t *json = json_from(params);
        const char *why = "";
        int r = bridge_check_meta(json, &why);

        json_decref(json);
        cr_assert_eq(r == 0, why[0] == '\0');
        cr_assert(r == 0 || r == BRIDGE_E_INVALID);
        return why;
}

Test(bridge, a_request_says_its_version_and_capabilities)
{
        static const char *const sound[] = {
                "{'_meta': {" META ": {}}}",
                "{'_meta': {" META ": {'roots': {}, 'x': 1}, 'progressToken': 1}}",
                "{'_meta': {" KEY("protocolVersion") ": '', " KEY("clientCapabilities") ": {}}}",
                "{'_meta': {" META ": {}, " KEY("logLevel") ": 'info'}}",
        };
        static const struct {
                const char *params, *word;
        } faults[] = {
                {"{}", "params._meta must"},
                {"{'_meta': 1}", "params._meta must"},
                {"{'_meta': {}}", "protocolVersion"},
                {"{'_meta': {" KEY("protocolVersion") ": 1}}", "protocolVersion"},
                {"{'_meta': {" KEY("protocolVersion") ": '2026-07-28'}}", "clientCapabilities"},
                {"{'_meta': {" META ": []}}", "clientCapabilities"},
                {"{'_meta': {" META ": {'sampling': true}}}", "clientCapabilities"},
                {"{'_meta': {" META ": {}, " KEY("logLevel") ": 'loud'}}", "logLevel"},
                {"{'_meta': {" META ": {}, " KEY("logLevel") ": 3}}", "logLevel"},
                {"{'_meta': {" KEY("protocolVersion") ": 'x', " KEY(
                         "clientCapabilities") ": {}, " KEY("clientInfo") ": {'name': 'c'}}}",
                 "clientInfo"},
        };

        for (size_t i = 0; i < sizeof(sound) / sizeof(sound[0]); i++)
                cr_assert_str_eq(meta_fault(sound[i]), "");
        for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
                cr_assert_not_null(strstr(meta_fault(faults[i].params), faults[i].word), "%s",
                                   faults[i].params);
        cr_assert_not_null(strstr(meta_fault("null"), "params._meta must"));
}

Test(bridge, what_a_request_says_of_its_client)
{
        json_t *params =
                json_from("{'_meta': {" META ": {'roots': {}}, " KEY("logLevel") ": 'warning'}}");

        check_json(json_incref(bridge_client_info(params)), "{'name': 'c', 'version': '1'}");
        check_json(json_incref(bridge_client_capabilities(params)), "{'roots': {}}");
        check_int(bridge_log_level(params), 3);
        json_decref(params);
        cr_assert_null(bridge_client_info(NULL));
        check_int(bridge_log_level(NULL), -1);
}

Test(bridge, a_session_clients_request_for_a_stateless_upstream)
{
        json_t *params = json_from("{'name': 't', '_meta': {'progressToken': 7, 'traceparent': 'x',"
                                   " " KEY("logLevel") ": 'debug'}}");
        json_t *info = json_from("{'name': 'c', 'version': '1', 'title': 'C'}");
        json_t *capabilities = json_from("{'roots': {'listChanged': true}, 'elicitation': {}}");
        json_t *request;

        check_int(bridge_set_meta(params, era_newest_stateless(), info, capabilities, 6), 0);
        check_json(
                json_incref(json_object_get(params, "_meta")),
                "{'progressToken': 7, 'traceparent': 'x', " KEY(
                        "protocolVersion") ": '2026-07-28', " KEY("clientInfo") ": {'name': "
                                                                                "'c', "
                                                                                "'version': "
                                                                                "'1', 'title': "
                                                                                "'C'}, " KEY(
                                                                                        "clientC"
                                                                                        "apabili"
                                                                                        "ties") ": "
                                                                                                "{'"
                                                                                                "ro"
                                                                                                "ot"
                                                                                                "s'"
                                                                                                ": "
                                                                                                "{'"
                                                                                                "li"
                                                                                                "st"
                                                                                                "Ch"
                                                                                                "an"
                                                                                                "ge"
                                                                                                "d'"
                                                                                                ": "
                                                                                                "tr"
                                                                                                "ue"
                                                                                                "},"
                                                                                                " "
                                                                                                "'e"
                                                                                                "li"
                                                                                                "ci"
                                                                                                "ta"
                                                                                                "ti"
                                                                                                "on"
                                                                                                "':"
                                                                                                " {"
                                                                                                "}}"
                                                                                                ","
                                                                                                " " KEY("logLevel") ": 'alert'}");
        request = json_pack("{s:s, s:i, s:s, s:O}", "jsonrpc", "2.0", "id", 1, "method",
                            "tools/call", "params", params);
        check_is("2026-07-28", "CallToolRequest", request);
        json_decref(request);
        /* what nobody said is not there, and what was there once is gone */
        check_int(bridge_set_meta(params, era_newest_stateless(), NULL, NULL, -1), 0);
        check_json(json_incref(json_object_get(params, "_meta")),
                   "{'progressToken': 7, 'traceparent': 'x', " KEY(
                           "protocolVersion") ": '2026-07-28', " KEY("clientCapabilities") ": {}}");
        json_decref(capabilities);
        json_decref(info);
        json_decref(params);
}

Test(bridge, a_stateless_clients_params_for_an_upstream_with_a_session)
{
        json_t *params = json_from("{'name': 't', 'requestState': 's', 'inputResponses': {},"
                                   " '_meta': {" META ": {}, " KEY("logLevel") ": 'info', " KEY(
                                           "related-task") ": {}, 'progressToken': 1}}");
        json_t *before = json_deep_copy(params);

        check_json(bridge_strip(params),
                   "{'name': 't', '_meta': {'progressToken': 1, " KEY("related-task") ": {}}}");
        cr_assert(json_equal(params, before));
        json_decref(params);
        json_decref(before);
        params = json_from("{'_meta': {" META ": {}}}");
        check_json(bridge_strip(params), "{}");
        json_decref(params);
        check_json(bridge_strip(NULL), "{}");
}

Test(bridge, what_is_beyond_the_core_stays_in_its_era)
{
        json_t *capabilities =
                json_from("{'tasks': {'list': {}}, 'roots': {}, 'experimental': {'a': {}},"
                          " 'extensions': {" KEY("tasks") ": {}, " KEY("ui") ": {}}}");
        json_t *before = json_deep_copy(capabilities);

        check_json(bridge_capabilities_across(capabilities), "{'roots': {}}");
        check_json(bridge_capabilities_across(NULL), "{}");
        cr_assert(json_equal(capabilities, before));
        json_decref(before);
        json_decref(capabilities);
}

Test(bridge, how_a_client_proves_who_it_is_stays_with_us)
{
        json_t *plain = json_from("{'roots': {}, 'extensions': {" KEY("ui") ": {'a': 1}}}");
        json_t *with = json_from("{'roots': {}, 'extensions': {" KEY("ui") ": {'a': 1}, " KEY(
                "oauth-client-credentials") ": {}, " KEY("enterprise-managed-"
                                                         "authorization") ": {}}}");
        json_t *along = bridge_capabilities_along(plain);

        cr_assert_eq(along, plain);
        json_decref(along);
        check_json(bridge_capabilities_along(with),
                   "{'roots': {}, 'extensions': {" KEY("ui") ": {'a': 1}}}");
        check_int(json_object_size(json_object_get(with, "extensions")), 3);
        cr_assert_null(bridge_capabilities_along(NULL));
        json_decref(with);
        json_decref(plain);
}

static json_t *added(const char *first, const char *second, bool is_stateless)
{
        json_t *all = json_from("{'tools': {}}"), *a = json_from(first), *b = json_from(second);
        json_t *before = json_deep_copy(a);

        check_int(bridge_add_extensions(all, a, is_stateless), 0);
        check_int(bridge_add_extensions(all, b, is_stateless), 0);
        cr_assert(json_equal(a, before), "what a server said has changed");
        json_decref(before);
        json_decref(a);
        json_decref(b);
        return all;
}

Test(bridge, extensions_of_several_servers_are_put_together)
{
        static const char one[] = "{'prompts': {}, 'extensions': {" KEY("ui") ": {'a': 1}, " KEY(
                "oauth-client-credentials") ": {}, 'x/broken': true}}";
        static const char two[] =
                "{'extensions': {" KEY("tasks") ": {}, " KEY("ui") ": {'a': 2, 'b': 2}},"
                                                                   " 'experimental': {'odd': {}}}";

        check_json(added(one, two, true),
                   "{'tools': {}, 'extensions': {" KEY("ui") ": {'a': 1, 'b': 2}, " KEY(
                           "tasks") ": {}}, 'experimental': {'odd': {}}}");
        check_json(added(one, two, false),
                   "{'tools': {}, 'extensions': {" KEY("ui") ": {'a': 1, 'b': 2}},"
                                                             " 'experimental': {'odd': {}}}");
        check_json(added("{}", "{'extensions': []}", true), "{'tools': {}}");
}

Test(bridge, tasks_are_an_extension)
{
        json_t *capability = bridge_tasks_capability();

        cr_assert(bridge_has_tasks(capability));
        cr_assert(!bridge_has_tasks(NULL));
        check_json(capability, "{'extensions': {" KEY("tasks") ": {}}}");
}

Test(bridge, a_result_may_be_a_task)
{
        json_t *task = json_from("{'resultType': 'task'}"), *other = json_from("{'resultType': 7}");

        cr_assert(bridge_is_task(task) && !bridge_is_task(other) && !bridge_is_task(NULL));
        json_decref(task);
        json_decref(other);
}

/* ---- answers ---- */

static json_t *finish_as(const char *method, const char *params, const char *answer)
{
        json_t *json = json_from(answer);
        json_t *client = json_from(params);
        json_t *inner = json_object_get(json, "result");
        json_t *before;
        json_t *info = json_from("{'name': 'gateway', 'version': '2'}");

        json_incref(inner);
        before = json_deep_copy(inner);
        check_int(bridge_finish(method, client, json, info, 5000), 0);
        cr_assert(inner == NULL || json_equal(inner, before),
                  "a result that others may hold has changed");
        json_decref(inner);
        json_decref(before);
        json_decref(info);
        json_decref(client);
        return json;
}

static json_t *finish(const char *method, const char *answer)
{
        return finish_as(method, "{}", answer);
}

#define OF_OURS "'_meta': {" KEY("serverInfo") ": {'name': 'gateway', 'version': '2'}}"
#define ANSWER "'jsonrpc': '2.0', 'id': 1"

Test(bridge, results_for_stateless_clients)
{
        static const struct {
                const char *method, *name, *result;
                bool is_cacheable;
        } cases[] = {
                {"tools/call", "CallToolResultResponse", "'content': []", false},
                {"prompts/get", "GetPromptResultResponse", "'messages': []", false},
                {"completion/complete", "CompleteResultResponse", "'completion': {'values': []}",
                 false},
                {"tools/list", "ListToolsResultResponse", "'tools': []", true},
                {"prompts/list", "ListPromptsResultResponse", "'prompts': []", true},
                {"resources/list", "ListResourcesResultResponse", "'resources': []", true},
                {"resources/templates/list", "ListResourceTemplatesResultResponse",
                 "'resourceTemplates': []", true},
                {"resources/read", "ReadResourceResultResponse", "'contents': []", true},
                {"server/discover", "DiscoverResultResponse",
                 "'supportedVersions': ['2026-07-28'], 'capabilities': {}", true},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                char text[500];
                json_t *answer;

                snprintf(text, sizeof(text), "{" ANSWER ", 'result': {%s}}", cases[i].result);
                answer = json_from(text);
                cr_assert_not(is_a("2026-07-28", cases[i].name, answer), "%s", cases[i].name);
                json_decref(answer);
                answer = finish(cases[i].method, text);
                check_is("2026-07-28", cases[i].name, answer);
                snprintf(text, sizeof(text),
                         "{" ANSWER ", 'result': {%s, 'resultType': 'complete', " OF_OURS "%s}}",
                         cases[i].result,
                         cases[i].is_cacheable ? ", 'ttlMs': 5000, 'cacheScope': 'private'" : "");
                check_json(answer, text);
        }
}

Test(bridge, results_of_stateless_upstreams_for_stateless_clients)
{
        /* its own lifetime is kept; what it shows to all may not be for all to see here */
        check_json(finish("resources/read",
                          "{'result': {'contents': [], 'resultType': 'complete', 'ttlMs': 7,"
                          " 'cacheScope': 'public', '_meta': {'a': 1, " KEY(
                                  "serverInfo") ": {'name': 'theirs', 'version': '1'}}}}"),
                   "{'result': {'contents': [], 'resultType': 'complete', 'ttlMs': 7,"
                   " 'cacheScope': 'private', '_meta': {'a': 1, " KEY(
                           "serverInfo") ": {'name': 'gateway', 'version': '2'}}}}");
        check_json(finish("resources/read",
                          "{'result': {'resultType': 'input_required', 'requestState': 's'}}"),
                   "{'result': {'resultType': 'input_required', 'requestState': 's', " OF_OURS
                   "}}");
        check_json(finish("tools/call", "{'result': {'resultType': 'task', 'taskId': 'x'}}"),
                   "{'result': {'resultType': 'task', 'taskId': 'x', " OF_OURS "}}");
        check_json(finish("tools/list", "{'result': {'tools': [], 'ttlMs': -1}}"),
                   "{'result': {'tools': [], 'ttlMs': 5000, 'cacheScope': 'private',"
                   " 'resultType': 'complete', " OF_OURS "}}");
}

Test(bridge, completions_for_stateless_clients_are_a_hundred_at_most)
{
        json_t *answer = json_from("{" ANSWER ", 'result': {'completion': {'values': []}}}");
        json_t *completion = json_object_get(json_object_get(answer, "result"), "completion");
        char *text;

        for (int i = 0; i < 101; i++)
                json_array_append_new(json_object_get(completion, "values"), json_string("x"));
        text = json_dumps(answer, 0);
        json_decref(answer);
        answer = finish("completion/complete", text);
        free(text);
        check_is("2026-07-28", "CompleteResultResponse", answer);
        completion = json_object_get(json_object_get(answer, "result"), "completion");
        check_int(json_array_size(json_object_get(completion, "values")), 100);
        cr_assert(json_is_true(json_object_get(completion, "hasMore")));
        json_decref(answer);
}

Test(bridge, errors_for_stateless_clients)
{
        static const struct {
                int code, want;
        } codes[] = {{-32002, -32602},
                     {-32602, -32602},
                     {-32000, -32000},
                     {-32603, -32603},
                     {-32020, -32020},
                     {-32021, -32021},
                     {-32022, -32022},
                     {-32023, -32603},
                     {-32099, -32603},
                     {-32100, -32100},
                     {7, 7}};

        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
                char text[200], want[200];

                snprintf(text, sizeof(text), "{'error': {'code': %d, 'message': 'm', 'data': 1}}",
                         codes[i].code);
                snprintf(want, sizeof(want), "{'error': {'code': %d, 'message': 'm', 'data': 1}}",
                         codes[i].want);
                check_json(finish("resources/read", text), want);
        }
}

Test(bridge, urls_to_visit_first_become_input_requests)
{
        static const char error[] =
                "{" ANSWER ", 'error': {'code': -32042, 'message': 'm', 'data': {'elicitations': ["
                " {'mode': 'url', 'elicitationId': 'e-1', 'url': 'https://a/', 'message': "
                "'go'}]}}}";
        json_t *answer = finish_as("tools/call",
                                   "{'_meta': {" META ": {'elicitation': {'url': {}}}}}", error);

        check_is("2026-07-28", "CallToolResultResponse", answer);
        check_is("2026-07-28", "InputRequiredResult", json_object_get(answer, "result"));
        check_json(answer, "{" ANSWER ", 'result': {'resultType': 'input_required', " OF_OURS
                           ", 'inputRequests': {'e-1': {'method': 'elicitation/create', 'params':"
                           " {'mode': 'url', 'url': 'https://a/', 'message': 'go'}}}}}");
        answer = finish_as("tools/call", "{'_meta': {" META ": {'elicitation': {}}}}", error);
        check_is("2026-07-28", "MissingRequiredClientCapabilityError", answer);
        check_json(json_incref(json_object_get(
                           json_object_get(json_object_get(answer, "error"), "data"),
                           "requiredCapabilities")),
                   "{'elicitation': {'url': {}}}");
        json_decref(answer);
        answer = finish("tools/call", "{'error': {'code': -32042, 'message': 'm'}}");
        check_int(json_integer_value(json_object_get(json_object_get(answer, "error"), "code")),
                  -32603);
        json_decref(answer);
}

static json_t *finish_session(const char *client, const char *method, const char *answer,
                              bool is_stateless)
{
        json_t *json = json_from(answer);
        json_t *inner = json_incref(json_object_get(json, "result"));
        json_t *before = json_deep_copy(inner);

        check_int(bridge_finish_session(revision_of(client), method, json, is_stateless), 0);
        cr_assert(inner == NULL || json_equal(inner, before),
                  "a result that others may hold has changed");
        json_decref(inner);
        json_decref(before);
        return json;
}

Test(bridge, results_of_stateless_upstreams_for_session_clients)
{
        check_json(finish_session("2025-11-25", "tools/list",
                                  "{'result': {'tools': [], 'resultType': 'complete', 'ttlMs': 7,"
                                  " 'cacheScope': 'public', '_meta': {" KEY("serverInfo") ": {}}}}",
                                  true),
                   "{'result': {'tools': []}}");
        check_json(finish_session("2025-11-25", "tools/call",
                                  "{'result': {'content': [], 'resultType': 'complete',"
                                  " '_meta': {'a': 1, " KEY("serverInfo") ": {}}}}",
                                  true),
                   "{'result': {'content': [], '_meta': {'a': 1}}}");
        check_json(finish_session("2025-11-25", "resources/read",
                                  "{'error': {'code': -32602, 'message': 'm'}}", true),
                   "{'error': {'code': -32002, 'message': 'm'}}");
        check_json(finish_session("2025-11-25", "resources/read",
                                  "{'error': {'code': -32602, 'message': 'm'}}", false),
                   "{'error': {'code': -32602, 'message': 'm'}}");
        check_json(finish_session("2025-11-25", "tools/call",
                                  "{'error': {'code': -32602, 'message': 'm'}}", true),
                   "{'error': {'code': -32602, 'message': 'm'}}");
}

/* For every session revision: what its schema refuses becomes what it takes, the rest stays. */
static void check_result(const char *method, const char *name, const char *result,
                         const char *first_that_knows)
{
        static const char *const revisions[] = {"2024-11-05", "2025-03-26", "2025-06-18",
                                                "2025-11-25"};
        char text[2000];
        bool knows = false;

        snprintf(text, sizeof(text), "{'result': %s}", result);
        for (size_t i = 0; i < 4; i++) {
                json_t *json = json_from(result);
                json_t *answer = finish_session(revisions[i], method, text, false);

                knows |= strcmp(revisions[i], first_that_knows) == 0;
                cr_assert_eq(is_a(revisions[i], name, json), knows, "%s %s", revisions[i], result);
                check_is(revisions[i], name, json_object_get(answer, "result"));
                cr_assert_eq(json_equal(json_object_get(answer, "result"), json), knows);
                json_decref(answer);
                json_decref(json);
        }
}

#define AUDIO                                                                                      \
        "{'type': 'audio', 'data': 'AAAA', 'mimeType': 'audio/wav', 'annotations': {'priority': "  \
        "1}}"
#define LINK                                                                                       \
        "{'type': 'resource_link', 'uri': 'x://y', 'name': 'n', 'title': 'T', 'description': 'D'}"

Test(bridge, content_for_older_session_clients)
{
        check_result("tools/call", "CallToolResult",
                     "{'content': [{'type': 'text', 'text': 'a'}, " AUDIO "]}", "2025-03-26");
        check_result("tools/call", "CallToolResult", "{'content': [" LINK "]}", "2025-06-18");
        check_result("prompts/get", "GetPromptResult",
                     "{'messages': [{'role': 'user', 'content': " AUDIO "}]}", "2025-03-26");
        check_result("prompts/get", "GetPromptResult",
                     "{'messages': [{'role': 'user', 'content': " LINK "}]}", "2025-06-18");
        check_result("tools/call", "CallToolResult",
                     "{'content': [{'type': 'image', 'data': 'AAAA', 'mimeType': 'image/png'},"
                     " {'type': 'resource', 'resource': {'uri': 'x://y', 'text': 't'}}],"
                     " 'structuredContent': {'a': 1}}",
                     "2024-11-05");
        check_json(finish_session("2024-11-05", "tools/call",
                                  "{'result': {'content': [" AUDIO ", " LINK "]}}", false),
                   "{'result': {'content': [{'type': 'resource', 'annotations': {'priority': 1},"
                   " 'resource': {'uri': 'mgw:audio', 'mimeType': 'audio/wav', 'blob': 'AAAA'}},"
                   " {'type': 'text', 'text': 'T: x://y\\nD'}]}}");
}

Test(bridge, values_and_schemas_that_only_stateless_clients_know)
{
        json_t *answer;

        check_json(finish_session("2025-11-25", "tools/call",
                                  "{'result': {'content': [{'type': 'text', 'text': '3'}],"
                                  " 'structuredContent': 3}}",
                                  true),
                   "{'result': {'content': [{'type': 'text', 'text': '3'}]}}");
        check_json(finish_session("2025-11-25", "tools/call",
                                  "{'result': {'content': [], 'structuredContent': [3]}}", true),
                   "{'result': {'content': [{'type': 'text', 'text': '[3]'}]}}");
        answer = finish_session(
                "2025-11-25", "tools/list",
                "{'result': {'tools': ["
                " {'name': 'a', 'inputSchema': {'type': 'object', 'properties': {'x': true, 'y':"
                " false, 'z': {}}}, 'outputSchema': {'type': 'array'}},"
                " {'name': 'b', 'inputSchema': {'type': 'object'}, 'outputSchema': {'type':"
                " 'object', 'properties': {'x': true}}},"
                " {'name': 'c', 'inputSchema': {'type': 'object'}, 'outputSchema': {'anyOf': []}},"
                " {'name': 'd', 'inputSchema': {'type': 'object'}, 'outputSchema': {'type':"
                " 'object'}}]}}",
                true);
        check_is("2025-11-25", "ListToolsResult", json_object_get(answer, "result"));
        check_is("2025-06-18", "ListToolsResult", json_object_get(answer, "result"));
        check_json(answer,
                   "{'result': {'tools': ["
                   " {'name': 'a', 'inputSchema': {'type': 'object', 'properties': {'x': {},"
                   " 'y': {'not': {}}, 'z': {}}}},"
                   " {'name': 'b', 'inputSchema': {'type': 'object'}, 'outputSchema':"
                   " {'type': 'object', 'properties': {'x': {}}}},"
                   " {'name': 'c', 'inputSchema': {'type': 'object'}},"
                   " {'name': 'd', 'inputSchema': {'type': 'object'}, 'outputSchema':"
                   " {'type': 'object'}}]}}");
}

Test(bridge, discovery_as_a_hello)
{
        json_t *discover = json_from(
                "{'supportedVersions': ['2026-07-28'], 'capabilities': {'tools': {'listChanged':"
                " true}}, 'instructions': 'i', 'resultType': 'complete', 'ttlMs': 0, 'cacheScope':"
                " 'private', '_meta': {" KEY("serverInfo") ": {'name': 's', 'version': '3'}}}");
        json_t *hello = bridge_init_result_of_discover(discover, era_newest_stateless());

        check_is("2025-11-25", "InitializeResult", hello);
        check_json(hello, "{'protocolVersion': '2026-07-28', 'capabilities': {'tools':"
                          " {'listChanged': true}}, 'serverInfo': {'name': 's', 'version': '3'},"
                          " 'instructions': 'i'}");
        json_object_del(discover, "_meta");
        json_object_del(discover, "instructions");
        check_json(bridge_init_result_of_discover(discover, era_newest_stateless()),
                   "{'protocolVersion': '2026-07-28', 'capabilities': {'tools': {'listChanged':"
                   " true}}, 'serverInfo': {'name': 'unknown', 'version': '0'}}");
        json_object_del(discover, "capabilities");
        check_json(bridge_init_result_of_discover(discover, era_newest_stateless()),
                   "{'protocolVersion': '2026-07-28', 'serverInfo': {'name': 'unknown', 'version':"
                   " '0'}}");
        json_decref(discover);
}

/* ---- what servers ask clients for ---- */

#define FORM                                                                                       \
        "{'method': 'elicitation/create', 'params': {'message': 'm', 'requestedSchema': {'type': " \
        "'object', 'properties': {'a': {'type': 'string'}}}}}"
#define URL                                                                                        \
        "{'method': 'elicitation/create', 'params': {'mode': 'url', 'message': 'm', 'url': "       \
        "'https://a/'}}"
#define SAMPLING(params)                                                                           \
        "{'method': 'sampling/createMessage', 'params': {'maxTokens': 9, 'messages': [" params "]" \
        "}"                                                                                        \
        "}"
#define SAY(text) "{'role': 'user', 'content': {'type': 'text', 'text': '" text "'}}"
#define ROOTS "{'method': 'roots/list'}"

Test(bridge, a_client_is_asked_for_what_it_has_declared)
{
        static const struct {
                const char *capabilities, *request;
                bool can;
                const char *required;
        } cases[] = {
                {"{}", FORM, false, "{'elicitation': {'form': {}}}"},
                {"{'elicitation': {}}", FORM, true, NULL},
                {"{'elicitation': {'form': {}}}", FORM, true, NULL},
                {"{'elicitation': {'applyDefaults': true}}", FORM, true, NULL},
                {"{'elicitation': {'url': {}}}", FORM, false, NULL},
                {"{'elicitation': {}}", URL, false, "{'elicitation': {'url': {}}}"},
                {"{'elicitation': {'form': {}}}", URL, false, NULL},
                {"{'elicitation': {'url': {}}}", URL, true, NULL},
                {"{}", SAMPLING(SAY("x")), false, "{'sampling': {}}"},
                {"{'sampling': {}}", SAMPLING(SAY("x")), true, NULL},
                {"{'sampling': {}}",
                 "{'method': 'sampling/createMessage', 'params': {'tools': []}}", false,
                 "{'sampling': {'tools': {}}}"},
                {"{'sampling': {'tools': {}}}",
                 "{'method': 'sampling/createMessage', 'params': {'tools': []}}", true, NULL},
                {"{}", ROOTS, false, "{'roots': {}}"},
                {"{'roots': {}}", ROOTS, true, NULL},
                {"{'roots': {}, 'sampling': {}, 'elicitation': {}}", "{'method': 'tools/list'}",
                 false, "{}"},
                {"null", ROOTS, false, NULL},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                json_t *capabilities = json_from(cases[i].capabilities);
                json_t *request = json_from(cases[i].request);
                json_t *params =
                        json_pack("{s:{s:O}}", "_meta",
                                  "io.modelcontextprotocol/clientCapabilities", capabilities);

                cr_assert_eq(bridge_can_ask(capabilities, request), cases[i].can, "%s %s",
                             cases[i].capabilities, cases[i].request);
                cr_assert_eq(bridge_client_can(params, request), cases[i].can);
                if (cases[i].required != NULL)
                        check_json(bridge_required_capabilities(request), cases[i].required);
                json_decref(params);
                json_decref(request);
                json_decref(capabilities);
        }
}

Test(bridge, a_request_as_an_input_request)
{
        static const char *const requests[] = {FORM, URL, SAMPLING(SAY("x")), ROOTS};
        json_t *request = json_from(
                "{'jsonrpc': '2.0', 'id': 9, 'method': 'elicitation/create', 'params': {'mode':"
                " 'url', 'message': 'm', 'url': 'https://a/', 'elicitationId': 'e', 'task':"
                " {'ttl': 1}, '_meta': {'progressToken': 9}}}");
        json_t *input = bridge_input_request(request);

        check_is("2026-07-28", "InputRequest", input);
        check_json(input, URL);
        json_decref(request);
        for (size_t i = 0; i < 4; i++) {
                request = json_from(requests[i]);
                json_object_set_new(request, "id", json_integer(1));
                json_object_set_new(request, "jsonrpc", json_string("2.0"));
                input = bridge_input_request(request);
                check_is("2026-07-28", "InputRequest", input);
                check_json(input, requests[i]);
                json_decref(request);
        }
}

/* The params of the request that a client of that revision gets; NULL: there is none for it. */
static json_t *ask(const char *client, const char *input_request)
{
        json_t *input = json_from(input_request);
        json_t *id = json_string("ask-1");
        json_t *request, *params;
        const char *why = NULL;
        int r = bridge_request_for_session(revision_of(client), id, input, &request, &why);

        json_decref(id);
        json_decref(input);
        if (r != 0) {
                check_int(r, BRIDGE_E_CANNOT);
                cr_assert_not_null(why);
                return NULL;
        }
        check_is(client, "ServerRequest", request);
        cr_assert_str_eq(json_string_value(json_object_get(request, "id")), "ask-1");
        params = json_incref(json_object_get(request, "params"));
        json_decref(request);
        return params != NULL ? params : json_null();
}

Test(bridge, an_input_request_as_a_request_of_a_session)
{
        check_json(ask("2025-11-25", FORM),
                   "{'message': 'm', 'requestedSchema': {'type': 'object', 'properties': {'a':"
                   " {'type': 'string'}}}}");
        check_json(ask("2025-11-25", URL),
                   "{'mode': 'url', 'message': 'm', 'url': 'https://a/', 'elicitationId':"
                   " 'ask-1'}");
        cr_assert_null(ask("2025-06-18", URL));
        check_json(ask("2024-11-05", ROOTS), "null");
        check_json(ask("2024-11-05", SAMPLING(SAY("x"))),
                   "{'maxTokens': 9, 'messages': [" SAY("x") "]}");
        cr_assert_null(ask("2025-11-25", "{'method': 'tools/list'}"));
}

#define CHOICES                                                                                    \
        "{'method': 'elicitation/create', 'params': {'message': 'm', 'requestedSchema': {'type': " \
        "'object', 'properties': {'a': {'type': 'array', 'items': {'type': 'string', 'enum': "     \
        "['x']}}}}}}"
#define BLOCKS                                                                                     \
        "{'role': 'user', 'content': [{'type': 'text', 'text': 'a'}, {'type': 'text', 'text': "    \
        "'b'}]}"
#define SOUND                                                                                      \
        "{'role': 'user', 'content': {'type': 'audio', 'data': 'AAAA', 'mimeType': 'audio/wav'}}"

Test(bridge, what_an_older_session_client_cannot_be_asked)
{
        cr_assert_null(ask("2025-06-18", CHOICES));
        json_decref(ask("2025-11-25", CHOICES));
        cr_assert_null(ask("2024-11-05", SAMPLING(SOUND)));
        json_decref(ask("2025-03-26", SAMPLING(SOUND)));
        check_json(ask("2025-06-18", SAMPLING(BLOCKS)),
                   "{'maxTokens': 9, 'messages': [" SAY("a") ", " SAY("b") "]}");
        check_json(ask("2025-11-25", SAMPLING(BLOCKS)),
                   "{'maxTokens': 9, 'messages': [" BLOCKS "]}");
        cr_assert_null(ask("2025-06-18",
                           SAMPLING("{'role': 'assistant', 'content': [{'type': 'tool_use', 'id':"
                                    " 'i', 'name': 'n', 'input': {}}]}")));
        cr_assert_null(ask("2025-06-18",
                           "{'method': 'sampling/createMessage', 'params': {'maxTokens': 1,"
                           " 'messages': [], 'tools': []}}"));
}

/* Both ways: a response that is sound stands for a reply, and the other way round. */
static void check_response(const char *request, const char *response, bool is_sound)
{
        json_t *input = json_from(request);
        json_t *json = json_from(response);
        json_t *id = json_integer(4);
        json_t *reply = bridge_reply(id, input, json);
        json_t *whole = json_pack("{s:s, s:i, s:O}", "jsonrpc", "2.0", "id", 4, "result", json);
        json_t *back = bridge_input_response(input, whole);

        if (is_sound) {
                cr_assert_not_null(reply, "%s", response);
                cr_assert(json_equal(reply, whole));
                check_is("2026-07-28", "InputResponse", back);
                cr_assert(json_equal(back, json));
        } else {
                cr_assert_null(reply, "%s", response);
                cr_assert_null(back, "%s", response);
        }
        json_decref(back);
        json_decref(whole);
        json_decref(reply);
        json_decref(id);
        json_decref(json);
        json_decref(input);
}

#define SAID "{'role': 'assistant', 'model': 'x', 'content': {'type': 'text', 'text': 'y'}}"

Test(bridge, responses_and_replies)
{
        check_response(FORM, "{'action': 'accept', 'content': {'a': 'x'}}", true);
        check_response(FORM, "{'action': 'decline'}", true);
        check_response(URL, "{'action': 'cancel'}", true);
        check_response(ROOTS, "{'roots': [{'uri': 'file:///x'}]}", true);
        check_response(SAMPLING(SAY("x")), SAID, true);
        check_response(FORM, "{'action': 'perhaps'}", false);
        check_response(FORM, "{}", false);
        check_response(FORM, SAID, false);
        check_response(ROOTS, "{'roots': {}}", false);
        check_response(SAMPLING(SAY("x")), "{'role': 'assistant', 'model': 'x'}", false);
        check_response("{'method': 'tools/list'}", "{'tools': []}", false);
        check_response(ROOTS, "'x'", false);
}

Test(bridge, one_block_of_an_answer_stands_alone_for_every_revision)
{
        json_t *input = json_from(SAMPLING(SAY("x")));
        json_t *response = json_from("{'role': 'assistant', 'model': 'x', 'content': [{'type':"
                                     " 'text', 'text': 'y'}]}");
        json_t *id = json_integer(4);
        json_t *reply = bridge_reply(id, input, response);

        check_is("2024-11-05", "CreateMessageResult", json_object_get(reply, "result"));
        check_json(reply, "{'jsonrpc': '2.0', 'id': 4, 'result': " SAID "}");
        json_decref(id);
        json_decref(response);
        json_decref(input);
}

static json_t *response_to_error(const char *request)
{
        json_t *input = json_from(request);
        json_t *reply = json_from("{'id': 4, 'error': {'code': -1, 'message': 'User said no'}}");
        json_t *response = bridge_input_response(input, reply);

        json_decref(reply);
        json_decref(input);
        return response;
}

Test(bridge, an_error_cancels_an_elicitation_and_ends_the_rest)
{
        json_t *response = response_to_error(FORM);

        check_is("2026-07-28", "InputResponse", response);
        check_json(response, "{'action': 'cancel'}");
        check_json(response_to_error(URL), "{'action': 'cancel'}");
        cr_assert_null(response_to_error(SAMPLING(SAY("x"))));
        cr_assert_null(response_to_error(ROOTS));
}

Test(bridge, a_text_that_may_be_a_question_is_seen_by_its_members)
{
        cr_assert(bridge_text_may_ask(STR("{\"id\":1,\"result\":{\"inputRequests\":{\"a")));
        cr_assert(bridge_text_may_ask(STR("{\"result\":{\"resultType\": \"input_required\", ")));
        cr_assert(bridge_text_may_ask(STR("{\"result\":{\"requestState\":\"xxx")));
        cr_assert_not(bridge_text_may_ask(STR("{\"result\":{\"content\":[{\"text\":\"")));
        cr_assert_not(bridge_text_may_ask(
                STR("{\"result\":{\"content\":[{\"text\":\"of \\\"inputRequests\\\"")));
}

Test(bridge, retries)
{
        json_t *result = json_from("{'resultType': 'input_required', 'inputRequests': {'a': " FORM
                                   "}, 'requestState': 's-1'}");
        json_t *bare = json_from("{'resultType': 'input_required', 'inputRequests': {}}");
        json_t *complete = json_from("{'resultType': 'complete'}");
        json_t *params = json_from("{'name': 't', 'requestState': 'old', 'inputResponses': {}}");
        json_t *responses = json_from("{'a': {'action': 'decline'}}");

        cr_assert(bridge_is_input_required(result));
        cr_assert(bridge_is_input_required(bare));
        cr_assert_not(bridge_is_input_required(complete));
        cr_assert_not(bridge_is_input_required(NULL));
        cr_assert_eq(bridge_input_requests(result), json_object_get(result, "inputRequests"));
        cr_assert_null(bridge_input_requests(bare));
        check_json(bridge_retry(params, result, responses),
                   "{'name': 't', 'requestState': 's-1', 'inputResponses': {'a': {'action':"
                   " 'decline'}}}");
        check_json(bridge_retry(params, bare, NULL), "{'name': 't'}");
        check_json(bridge_retry(NULL, bare, NULL), "{}");
        json_decref(responses);
        json_decref(params);
        json_decref(complete);
        json_decref(bare);
        json_decref(result);
}

Test(bridge, types_of_results)
{
        static const struct {
                const char *result;
                bool is_known;
        } cases[] = {
                {"{'content': []}", true}, /* without a type it is complete */
                {"{'resultType': 'complete'}", true},
                {"{'resultType': 'input_required'}", true},
                {"{'resultType': 'poem'}", false},
                {"{'resultType': 1}", false},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                json_t *result = json_from(cases[i].result);

                cr_assert_eq(bridge_is_known(result), cases[i].is_known, "%s", cases[i].result);
                json_decref(result);
        }
}

Test(bridge, codes_that_only_stateless_servers_give)
{
        static const struct {
                const char *error;
                bool is_theirs;
        } errors[] = {
                {"{'code': -32020}", true},  {"{'code': -32021}", true},
                {"{'code': -32022}", true},  {"{'code': -32601}", false},
                {"{'code': -32000}", false}, {"{}", false},
        };

        for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
                json_t *error = json_from(errors[i].error);

                cr_assert_eq(bridge_is_stateless_error(error), errors[i].is_theirs, "%s",
                             errors[i].error);
                json_decref(error);
        }
        cr_assert_not(bridge_is_stateless_error(NULL));
}

Test(bridge, what_a_retry_gives)
{
        static const struct {
                const char *params;
                int r;
        } cases[] = {
                {"{}", 0},
                {"{'inputResponses': {}, 'requestState': ''}", 0},
                {"{'inputResponses': {'a': {'action': 'decline'}, 'b': {}}}", 0},
                {"{'inputResponses': null}", BRIDGE_E_INVALID},
                {"{'inputResponses': []}", BRIDGE_E_INVALID},
                {"{'inputResponses': {'a': {}, 'b': 'yes'}}", BRIDGE_E_INVALID},
                {"{'requestState': null}", BRIDGE_E_INVALID},
                {"{'requestState': 7}", BRIDGE_E_INVALID},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                json_t *params = json_from(cases[i].params);
                const char *why = NULL;

                cr_assert_eq(bridge_check_input(params, &why), cases[i].r, "%s", cases[i].params);
                cr_assert_eq(why != NULL, cases[i].r != 0);
                json_decref(params);
        }
        cr_assert_eq(bridge_check_input(NULL, NULL), 0);
}

Test(bridge, an_input_required_result_that_is_none)
{
        static const struct {
                const char *result;
                int r;
        } cases[] = {
                {"{'inputRequests': {'a': " ROOTS "}}", 0},
                {"{'requestState': 's'}", 0},
                {"{'inputRequests': {}, 'requestState': ''}", 0},
                {"{}", BRIDGE_E_INVALID},
                {"{'requestState': 7}", BRIDGE_E_INVALID},
                {"{'inputRequests': [" ROOTS "]}", BRIDGE_E_INVALID},
                {"{'inputRequests': {'a': " ROOTS ", 'b': {'method': 'ping'}}}", BRIDGE_E_INVALID},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                json_t *result = json_from(cases[i].result);
                const char *why = NULL;

                cr_assert_eq(bridge_check_input_required(result, &why), cases[i].r, "%s",
                             cases[i].result);
                cr_assert_eq(why != NULL, cases[i].r != 0);
                json_decref(result);
        }
}

Test(bridge, all_that_a_client_lacks_is_named)
{
        json_t *result =
                json_from("{'inputRequests': {'a': " FORM ", 'b': " URL ", 'c': " ROOTS "}}");
        json_t *able = json_from("{'roots': {}, 'elicitation': {'form': {}, 'url': {}}}");
        json_t *half = json_from("{'roots': {}}");

        cr_assert_null(bridge_lacking_capabilities(result, able));
        check_json(bridge_lacking_capabilities(result, half),
                   "{'elicitation': {'form': {}, 'url': {}}}");
        check_json(bridge_lacking_capabilities(result, NULL),
                   "{'elicitation': {'form': {}, 'url': {}}, 'roots': {}}");
        json_decref(half);
        json_decref(able);
        json_decref(result);
}

/* ---- subscriptions/listen ---- */

Test(bridge, filters_that_are_none)
{
        static const char *const sound[] = {
                "{'notifications': {}}",
                "{'notifications': {'toolsListChanged': false, 'resourceSubscriptions': ['a://b'],"
                " 'taskIds': [], 'later': 1}}",
        };
        static const char *const unsound[] = {
                "{}",
                "null",
                "{'notifications': []}",
                "{'notifications': {'toolsListChanged': 1}}",
                "{'notifications': {'promptsListChanged': null}}",
                "{'notifications': {'resourcesListChanged': 'true'}}",
                "{'notifications': {'resourceSubscriptions': 'a://b'}}",
                "{'notifications': {'resourceSubscriptions': [1]}}",
                "{'notifications': {'taskIds': {}}}",
        };

        for (size_t i = 0; i < sizeof(sound) / sizeof(sound[0]); i++) {
                json_t *params = json_from(sound[i]);
                const char *why;

                check_int(bridge_check_listen(params, &why), 0);
                json_decref(params);
        }
        for (size_t i = 0; i < sizeof(unsound) / sizeof(unsound[0]); i++) {
                json_t *params = json_from(unsound[i]);
                const char *why = NULL;

                cr_assert_eq(bridge_check_listen(params, &why), BRIDGE_E_INVALID, "%s", unsound[i]);
                cr_assert_not_null(why);
                json_decref(params);
        }
}

Test(bridge, a_filter_takes_what_it_asks_for)
{
        static const struct {
                const char *filter, *msg;
                bool takes;
        } cases[] = {
                {"{'toolsListChanged': true}", "{'method': 'notifications/tools/list_changed'}",
                 true},
                {"{'toolsListChanged': false}", "{'method': 'notifications/tools/list_changed'}",
                 false},
                {"{}", "{'method': 'notifications/tools/list_changed'}", false},
                {"{'toolsListChanged': true}", "{'method': 'notifications/prompts/list_changed'}",
                 false},
                {"{'promptsListChanged': true}", "{'method': 'notifications/prompts/list_changed'}",
                 true},
                {"{'resourcesListChanged': true}",
                 "{'method': 'notifications/resources/list_changed'}", true},
                {"{'resourceSubscriptions': ['a://b', 'a://c']}",
                 "{'method': 'notifications/resources/updated', 'params': {'uri': 'a://c'}}", true},
                {"{'resourceSubscriptions': ['a://b']}",
                 "{'method': 'notifications/resources/updated', 'params': {'uri': 'a://c'}}",
                 false},
                {"{'resourceSubscriptions': ['a://b']}",
                 "{'method': 'notifications/resources/updated'}", false},
                {"{'taskIds': ['t']}",
                 "{'method': 'notifications/tasks', 'params': {'taskId': 't'}}", true},
                {"{'taskIds': ['t']}",
                 "{'method': 'notifications/tasks', 'params': {'taskId': 'u'}}", false},
                {"{'toolsListChanged': true}",
                 "{'method': 'notifications/message', 'params': {'level': 'info'}}", false},
                {"{'toolsListChanged': true}", "{'result': {}}", false},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                json_t *plain = json_from(cases[i].filter);
                json_t *filter = bridge_filter_index(plain);
                json_t *msg = json_from(cases[i].msg);

                json_decref(plain);
                cr_assert_eq(bridge_filter_takes(filter, msg), cases[i].takes, "%s %s",
                             cases[i].filter, cases[i].msg);
                json_decref(msg);
                json_decref(filter);
        }
}

Test(bridge, filters)
{
        json_t *asked = json_from("{'toolsListChanged': true, 'promptsListChanged': false,"
                                  " 'resourceSubscriptions': ['a://b']}");
        json_t *capabilities = json_from("{'tools': {'listChanged': true}, 'prompts': {},"
                                         " 'resources': {'subscribe': true, 'listChanged': true}}");
        json_t *uris = json_from("['a://b']");
        json_t *none = json_from("[]");

        check_json(bridge_filter_of_changes(asked), "{'toolsListChanged': true}");
        check_json(bridge_filter_of_changes(NULL), "{}");
        check_json(bridge_filter_for_upstream(capabilities, uris, NULL),
                   "{'toolsListChanged': true, 'resourcesListChanged': true,"
                   " 'resourceSubscriptions': ['a://b']}");
        check_json(bridge_filter_for_upstream(capabilities, none, none),
                   "{'toolsListChanged': true, 'resourcesListChanged': true}");
        json_object_del(capabilities, "resources");
        check_json(bridge_filter_for_upstream(capabilities, uris, NULL),
                   "{'toolsListChanged': true}");
        check_json(bridge_filter_for_upstream(NULL, NULL, uris), "{}");
        json_object_update_new(capabilities, bridge_tasks_capability());
        check_json(bridge_filter_for_upstream(capabilities, NULL, uris),
                   "{'toolsListChanged': true, 'taskIds': ['a://b']}");
        json_decref(none);
        json_decref(uris);
        json_decref(capabilities);
        json_decref(asked);
}

Test(bridge, notifications_carry_their_subscription)
{
        json_t *msg = json_from("{'jsonrpc': '2.0', 'method': 'notifications/resources/updated',"
                                " 'params': {'uri': 'a://b', '_meta': {'x': 1}}}");
        json_t *bare =
                json_from("{'jsonrpc': '2.0', 'method': 'notifications/tools/list_changed'}");
        json_t *before = json_deep_copy(msg);
        json_t *id = json_string("sub-1");
        json_t *tagged = bridge_tag_notification(msg, id);

        check_is("2026-07-28", "ResourceUpdatedNotification", tagged);
        cr_assert(json_equal(bridge_tag(json_object_get(tagged, "params")), id));
        cr_assert_null(bridge_tag(json_object_get(msg, "params")));
        cr_assert_null(bridge_tag(NULL));
        check_json(bridge_untag_notification(tagged),
                   "{'jsonrpc': '2.0', 'method': 'notifications/resources/updated', 'params':"
                   " {'uri': 'a://b', '_meta': {'x': 1}}}");
        check_json(tagged, "{'jsonrpc': '2.0', 'method': 'notifications/resources/updated',"
                           " 'params': {'uri': 'a://b', '_meta': {'x': 1, " KEY(
                                   "subscriptionId") ": 'sub-1'}}}");
        cr_assert(json_equal(msg, before));
        tagged = bridge_tag_notification(bare, id);
        check_is("2026-07-28", "ToolListChangedNotification", tagged);
        check_json(
                bridge_untag_notification(tagged),
                "{'jsonrpc': '2.0', 'method': 'notifications/tools/list_changed', 'params': {}}");
        json_decref(tagged);
        check_json(bridge_untag_notification(bare),
                   "{'jsonrpc': '2.0', 'method': 'notifications/tools/list_changed'}");
        json_decref(before);
        json_decref(bare);
        json_decref(msg);
        msg = bridge_listen_result(id);
        check_is("2026-07-28", "SubscriptionsListenResult", msg);
        check_json(msg,
                   "{'resultType': 'complete', '_meta': {" KEY("subscriptionId") ": 'sub-1'}}");
        json_decref(id);
}

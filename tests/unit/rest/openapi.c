#include "mgw/rest/openapi.h"

#include "../check.h"
#include "../json.h"
#include "mgw/rest/rest.h"
#include "mgw/wire/json_pointer.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

static char notes[4000];
static const char *wanted; /* a pattern; NULL: all */

static void on_fault(void *owner, const char *key, const char *why)
{
        (void)owner;
        cr_assert_fail("%s: %s", key, why);
}

static bool is_wanted(void *owner, const char *name)
{
        (void)owner;
        return wanted == NULL || fnmatch(wanted, name, 0) == 0;
}

static void on_note(void *owner, const char *where, const char *why, bool is_left_out)
{
        size_t n = strlen(notes);

        (void)owner;
        snprintf(notes + n, sizeof(notes) - n, "%s%s: %s\n", is_left_out ? "- " : "", where, why);
}

static int describe(const char *text, const char *base_url, json_t **descriptionp, char why[200])
{
        const struct openapi_caller caller = {
                .wants = is_wanted, .on_note = on_note, .base_url = base_url};
        struct json_lazy *lazy = NULL;
        char *copy = strdup(text);
        size_t at;
        int r;

        notes[0] = '\0';
        for (char *c = copy; *c != '\0'; c++)
                if (*c == '\'')
                        *c = '"';
        cr_assert_eq(json_lazy_create(str_from(copy), &lazy, &at), 0, "%s: byte %zu", text, at);
        r = openapi_describe(lazy, &caller, descriptionp, why, 200);
        json_lazy_destroy(lazy);
        free(copy);
        return r;
}

/* What becomes of a document with these members. It must be a sound description. */
static json_t *described_as(const char *version, const char *members)
{
        static const struct rest_faults faults = {.on_fault = on_fault};
        struct rest *rest;
        json_t *description = NULL;
        char *text, why[200];

        cr_assert(asprintf(&text, "{%s, %s}", version, members) > 0);
        check_int(describe(text, NULL, &description, why), 0);
        free(text);
        check_int(rest_create(description, "http://a", &rest, &faults), 0);
        rest_destroy(rest);
        return description;
}

static json_t *described(const char *members)
{
        return described_as("'openapi': '3.0.3'", members);
}

static void check_at(json_t *description, const char *pointer, const char *want)
{
        json_t *got = json_pointer(description, pointer), *expected = json_from(want);
        char *text = json_dumps(got, JSON_ENCODE_ANY);

        cr_assert(json_equal(got, expected), "%s: got %s, want %s", pointer, text, want);
        free(text);
        json_decref(expected);
}

static void check_notes(const char *want)
{
        check_str(str_from(notes), str_from(want));
}

Test(openapi, is_of_a_known_version)
{
        static const char *const others[] = {"{'swagger': '1.2'}", "{'openapi': '4.0'}", "{}",
                                             "{'asyncapi': '3.0.0'}"};
        json_t *description;
        char why[200];

        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
                check_int(describe(others[i], NULL, &description, why), REST_E_FAULT);
                check_str(str_from(why), STR("is no description that is known: \"openapi\" must be "
                                             "\"3...\", or \"swagger\" \"2.0\""));
        }
}

Test(openapi, an_operation_is_a_tool)
{
        json_t *d = described(
                "'servers': [{'url': 'https://api.example.com/v1'}], 'paths': {"
                "'/pets/{pet-id}': {'parameters': [{'$ref': '#/components/parameters/id'}], 'put': "
                "{'operationId': 'change-pet', 'summary': 'Change', 'description': 'Changes it.', "
                " 'parameters': [{'name': 'page-size', 'in': 'query', 'required': true, 'schema': "
                "   {'type': 'integer', 'minimum': 0, 'exclusiveMinimum': true}}, "
                "  {'name': 'X-Trace', 'in': 'header', 'description': 'any', 'schema': {}}, "
                "  {'name': 'Authorization', 'in': 'header', 'schema': {}}, "
                "  {'name': 'Transfer-Encoding', 'in': 'header', 'schema': {}}, "
                "  {'name': 'c', 'in': 'cookie', 'schema': {}}], "
                " 'requestBody': {'required': true, 'content': {'application/merge-patch+json': "
                "   {'schema': {'$ref': '#/components/schemas/Pet'}}}}, "
                " 'responses': {'200': {'description': 'ok'}, 'default': {'description': 'x'}, "
                "   '404': {'$ref': '#/components/responses/gone'}}}}}, "
                "'components': {"
                " 'parameters': {'id': {'name': 'pet-id', 'in': 'path', 'required': true, "
                "   'schema': {'type': 'string'}}}, "
                " 'responses': {'gone': {'description': 'no such pet'}}, "
                " 'schemas': {'Pet': {'type': 'object', 'example': {}, 'properties': {"
                "   'example': {'type': 'string', 'nullable': true}, "
                "   'kind': {'enum': ['a'], 'nullable': true}, "
                "   'friends': {'type': 'array', 'items': {'$ref': '#/components/schemas/Pet'}}, "
                "   'far': {'$ref': 'http://elsewhere/x'}}}, 'Unused': {}}}");

        check_at(d, "",
                 "{'base_url': 'https://api.example.com/v1', 'defaults': 'required', "
                 "'security_schemes': {}, 'tools': {'change_pet': {"
                 "'method': 'PUT', 'path': '/pets/{+pet_id}', 'title': 'Change', "
                 "'description': 'Changes it.', 'parameters': ["
                 " {'argument': 'pet_id', 'name': 'pet-id', 'in': 'path'}, "
                 " {'argument': 'page_size', 'name': 'page-size', 'in': 'query'}, "
                 " {'argument': 'X_Trace', 'name': 'X-Trace', 'in': 'header'}, "
                 " {'argument': 'c', 'name': 'c', 'in': 'cookie'}], "
                 "'content_type': 'application/merge-patch+json', "
                 "'body': '{body}', 'errors': {'404': 'no such pet'}, "
                 "'annotations': {'readOnlyHint': false, 'destructiveHint': false, "
                 "                'idempotentHint': true}, "
                 "'inputSchema': {'type': 'object', 'additionalProperties': false, "
                 " 'required': ['pet_id', 'page_size', 'body'], 'properties': {"
                 "  'pet_id': {'type': 'string'}, "
                 "  'page_size': {'type': 'integer', 'exclusiveMinimum': 0}, "
                 "  'X_Trace': {'description': 'any'}, 'c': {}, 'body': {'$ref': '#/$defs/Pet'}}, "
                 " '$defs': {'Pet': {'type': 'object', 'properties': {"
                 "  'example': {'type': ['string', 'null']}, 'kind': {'enum': ['a', null]}, "
                 "  'friends': {'type': 'array', 'items': {'$ref': '#/$defs/Pet'}}, "
                 "  'far': {}}}}}}}}");
        check_notes(
                "the document: 1 references of schemas lead to nothing in it: any value is taken "
                "there\n");
        json_decref(d);
}

Test(openapi, names_are_made_where_there_are_none_or_two)
{
        json_t *d = described(
                "'paths': {'/a/{id}': {'get': {'parameters': ["
                "  {'name': 'id', 'in': 'path', 'schema': {}}, {'name': 'id', 'in': 'query'}]}, "
                " 'delete': {'summary': 's', 'parameters': [{'name': 'id', 'in': 'path'}]}}}");

        check_at(d, "/tools/get_a_id/path", "'/a/{+id}'");
        check_at(d, "/tools/get_a_id/parameters/1",
                 "{'argument': 'query_id', 'name': 'id', 'in': 'query'}");
        check_at(d, "/tools/get_a_id/description", "'GET /a/{id}'");
        check_at(d, "/tools/get_a_id/annotations/readOnlyHint", "true");
        check_at(d, "/tools/delete_a_id/annotations/destructiveHint", "true");
        check_at(d, "/tools/delete_a_id/description", "'s'");
        json_decref(d);
}

Test(openapi, arguments_have_names_whatever_parameters_are_called)
{
        json_t *d = described(
                "'paths': {'/a': {'get': {'operationId': 'a', 'parameters': ["
                "  {'name': 'filter[name]', 'in': 'query'}, {'name': '$top', 'in': 'query'}, "
                "  {'name': '\346\227\245', 'in': 'query'}, {'name': '\344\273\230', 'in': "
                "'query'}, "
                "  {'name': 'filter name', 'in': 'query'}, {'name': 'a.b', 'in': 'query'}, "
                "  {'name': 'a-b', 'in': 'query'}]}}}");

        check_at(d, "/tools/a/parameters/0/argument", "'filter_name'");
        check_at(d, "/tools/a/parameters/1/argument", "'top'");
        check_at(d, "/tools/a/parameters/2/argument", "'query'");
        check_at(d, "/tools/a/parameters/3/argument", "'query_2'");
        check_at(d, "/tools/a/parameters/4/argument", "'query_filter_name'");
        check_at(d, "/tools/a/parameters/6/argument", "'query_a_b'");
        json_decref(d);
}

Test(openapi, equal_names_get_a_suffix_that_stays)
{
        static const char both[] = "'paths': {'/a': {'get': {'operationId': 'same'}}, "
                                   "'/b': {'get': {'operationId': 'same'}}}";
        json_t *d = described(both);

        check_at(d, "/tools/same/path", "'/a'");
        check_at(d, "/tools/same_dea4/path", "'/b'");
        check_notes("GET /b: is called same_dea4, as same is another's\n");
        json_decref(d);

        /* it does not depend on what is wanted, nor on what else there is */
        wanted = "same_*";
        d = described("'paths': {'/a': {'get': {'operationId': 'same'}}, '/x': {'get': "
                      "{'operationId': 'same'}}, '/b': {'get': {'operationId': 'same'}}}");
        check_at(d, "/tools/same_dea4/path", "'/b'");
        check_int(json_object_size(json_object_get(d, "tools")), 2);
        json_decref(d);
}

Test(openapi, long_names_that_are_cut_alike_differ)
{
        json_t *d = described(
                "'paths': {'/a': {'get': {'operationId': "
                "'a2345678901234567890123456789012345678901234567890123456789012345_one'}}, "
                "'/b': {'get': {'operationId': "
                "'a2345678901234567890123456789012345678901234567890123456789012345_two'}}}");
        const char *name;
        json_t *tool;

        check_int(json_object_size(json_object_get(d, "tools")), 2);
        json_object_foreach (json_object_get(d, "tools"), name, tool)
                check_int(strlen(name), 64);
        json_decref(d);
}

Test(openapi, what_is_not_wanted_is_not_looked_at)
{
        json_t *description;
        char why[200];

        wanted = "good";
        check_int(describe("{'openapi': '3.1.0', 'paths': {'/a': {'get': {'operationId': 'good'}, "
                           "'head': {}}, '/b': {'get': {'operationId': 'bad', 'parameters': "
                           "[this is no JSON]}}}}",
                           NULL, &description, why),
                  0);
        check_int(json_object_size(json_object_get(description, "tools")), 1);
        check_notes("");
        json_decref(description);
}

Test(openapi, what_cannot_be_sent_is_left_out_and_told)
{
        json_t *d = described(
                "'paths': {'/a': {'post': {'requestBody': {'content': {'multipart/mixed': {}}}}, "
                "'put': {'requestBody': {'content': {'application/xml': {'schema': "
                "{'type': 'object'}}}}}, 'head': {}, 'trace': {}, "
                "'get': {'operationId': 'g', 'requestBody': {'content': "
                "{'application/json': {}}}}}, '/b': {'$ref': '#/loop'}, 'x-a': 7}, "
                "'loop': {'$ref': '#/loop'}");

        check_int(json_object_size(json_object_get(d, "tools")), 1);
        cr_assert_null(json_pointer(d, "/tools/g/body"));
        check_notes("g: its body is left out: OpenAPI 3.0 has none with GET\n"
                    "- POST /a: its body is of parts that cannot be made\n"
                    "- PUT /a: its body is neither JSON nor a form, but an object of another form\n"
                    "- HEAD /a: no tool is made of this method\n"
                    "- TRACE /a: no tool is made of this method\n"
                    "- /b: its $ref leads to nothing in the document\n");
        json_decref(d);
}

Test(openapi, a_body_goes_with_get_from_3_1_on)
{
        json_t *d = described_as("'openapi': '3.1.0'",
                                 "'paths': {'/a': {'get': {'operationId': 'g', 'requestBody': "
                                 "{'content': {'application/json': {}}}}}}");

        check_at(d, "/tools/g/body", "'{body}'");
        json_decref(d);
}

Test(openapi, parameters_keep_their_style)
{
        json_t *d =
                described("'paths': {'/a/{x}': {'get': {'operationId': 'a', 'parameters': ["
                          " {'name': 'x', 'in': 'path', 'style': 'matrix', 'explode': true}, "
                          " {'name': 'd', 'in': 'query', 'style': 'deepObject', 'explode': true}, "
                          " {'name': 'f', 'in': 'query', 'style': 'form', 'explode': false, "
                          "  'allowReserved': true}, "
                          " {'name': 'j', 'in': 'query', 'content': {'application/json': "
                          "  {'schema': {'type': 'object'}}}}, "
                          " {'name': 'H', 'in': 'header', 'style': 'form'}]}}}");

        check_at(d, "/tools/a/parameters",
                 "[{'argument': 'x', 'name': 'x', 'in': 'path', 'style': 'matrix', "
                 "  'explode': true}, "
                 " {'argument': 'd', 'name': 'd', 'in': 'query', 'style': 'deepObject', "
                 "  'explode': true}, "
                 " {'argument': 'f', 'name': 'f', 'in': 'query', 'explode': false, "
                 "  'allowReserved': true}, "
                 " {'argument': 'j', 'name': 'j', 'in': 'query', 'content': 'json'}, "
                 " {'argument': 'H', 'name': 'H', 'in': 'header'}]");
        check_at(d, "/tools/a/inputSchema/properties/j", "{'type': 'object'}");
        check_notes("a: H: style \"form\" does not go with a header: simple is taken\n");
        json_decref(d);
}

Test(openapi, an_operation_may_have_its_own_server)
{
        static const char *const servers[][2] = {
                {"{'url': 'https://other/x'}", "'https://other/x'"},
                {"{'url': 'https://{h}/{v}', 'variables': {'h': {'default': 'b'}, "
                 "'v': {'enum': ['v2', 'v3']}}}",
                 "'https://b/v2'"},
                {"{'url': '/v9'}", "'https://api/v9'"},
                {"{'url': '/stra\u00dfe 7'}", "'https://api/stra%C3%9Fe%207'"},
                {"{'url': 'wss://x'}, {'url': 'http://y'}", "'http://y'"},
        };

        for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
                char *members;
                json_t *d;

                cr_assert(asprintf(&members,
                                   "'servers': [{'url': 'https://api/v1'}], 'paths': {"
                                   "'/a': {'servers': [%s], 'get': {'operationId': 'a'}}, "
                                   "'/b': {'get': {'operationId': 'b', 'servers': [%s]}}, "
                                   "'/c': {'get': {'operationId': 'c'}}}",
                                   servers[i][0], servers[i][0]) > 0);
                d = described(members);
                check_at(d, "/tools/a/base_url", servers[i][1]);
                check_at(d, "/tools/b/base_url", servers[i][1]);
                cr_assert_null(json_pointer(d, "/tools/c/base_url"));
                json_decref(d);
                free(members);
        }
}

Test(openapi, what_is_only_read_is_not_asked_for)
{
        json_t *d = described(
                "'paths': {'/a': {'post': {'operationId': 'a', 'requestBody': {'content': "
                "{'application/json': {'schema': {'$ref': '#/components/schemas/A'}}}}}}, "
                "'/f': {'post': {'operationId': 'f', 'requestBody': {'content': "
                "{'application/x-www-form-urlencoded': {'schema': {'type': 'object', "
                "'required': ['id', 'b'], 'properties': {'id': {'readOnly': true}, 'b': "
                "{}}}}}}}}}, "
                "'components': {'schemas': {"
                " 'Id': {'type': 'string', 'readOnly': true}, "
                " 'Base': {'type': 'object', 'required': ['id'], "
                "  'properties': {'id': {'$ref': '#/components/schemas/Id'}, 'name': {}}}, "
                " 'A': {'allOf': [{'$ref': '#/components/schemas/Base'}, "
                "  {'required': ['id', 'name', 'at', 'pass'], 'properties': {"
                "   'at': {'type': 'string', 'readOnly': true}, "
                "   'pass': {'type': 'string', 'writeOnly': true}, "
                "   'by': {'allOf': [{'$ref': '#/components/schemas/Base'}], 'readOnly': true}, "
                "   'in': {'type': 'object', 'required': ['x'], 'properties': {'x': "
                "     {'readOnly': true}}}}}]}}}");

        check_at(d, "/tools/a/inputSchema/$defs/A/allOf/1",
                 "{'required': ['name', 'pass'], 'properties': {'pass': {'type': 'string'}, "
                 " 'in': {'type': 'object', 'required': [], 'properties': {}}}}");
        check_at(d, "/tools/a/inputSchema/$defs/Base",
                 "{'type': 'object', 'required': [], 'properties': {'name': {}}}");
        check_at(d, "/tools/f/body", "{'b': '{b}'}");
        check_at(d, "/tools/f/inputSchema/required", "['b']");
        json_decref(d);
}

Test(openapi, a_form_has_an_argument_a_field)
{
        json_t *d = described("'paths': {'/a': {'post': {'operationId': 'f', 'requestBody': "
                              "{'content': {'application/x-www-form-urlencoded': {'schema': "
                              " {'allOf': [{'type': 'object', 'required': ['to'], 'properties': "
                              "  {'to': {'type': 'string'}}}, {'properties': {'cc-all': {}}}]}, "
                              " 'encoding': {'cc-all': {'style': 'deepObject', 'explode': true, "
                              "  'headers': {}}}}}}}}}");

        check_at(d, "/tools/f/body", "{'to': '{to}', 'cc-all': '{cc_all}'}");
        check_at(d, "/tools/f/body_type", "'form'");
        check_at(d, "/tools/f/encoding", "{'cc-all': {'style': 'deepObject', 'explode': true}}");
        check_at(d, "/tools/f/inputSchema/required", "['to']");
        json_decref(d);
}

Test(openapi, a_form_of_any_fields_has_one_argument)
{
        json_t *d =
                described("'paths': {'/a': {'post': {'operationId': 'f', 'requestBody': "
                          "{'content': {'application/x-www-form-urlencoded': {'schema': "
                          "{'type': 'object', 'additionalProperties': {'type': 'string'}}}}}}}}");

        check_at(d, "/tools/f/body", "'{body}'");
        check_at(d, "/tools/f/body_type", "'form'");
        json_decref(d);
}

Test(openapi, files_are_base64)
{
        json_t *d = described_as(
                "'openapi': '3.1.0'",
                "'paths': {'/a': {'post': {'operationId': 'f', 'requestBody': {'content': "
                "{'multipart/form-data': {'schema': {'type': 'object', 'properties': {"
                " 'a': {'type': 'string', 'format': 'binary', 'description': 'A file.', "
                "       'maxLength': 3}, "
                " 'b': {'type': 'string', 'contentMediaType': 'image/png'}, "
                " 'c': {'type': 'string', 'contentMediaType': 'image/png', "
                "       'contentEncoding': 'base64'}, "
                " 'd': {'type': 'array', 'items': {'type': 'string', 'format': 'binary'}}, "
                " 'e': {}, 'f': {}, 'g': {'type': 'string', 'contentMediaType': 'text/csv'}}}, "
                " 'encoding': {'e': {'contentType': 'image/jpeg, image/png'}}}}}}}, "
                "'/o': {'post': {'operationId': 'o', 'requestBody': {'content': "
                " {'application/octet-stream': {}}}}}, "
                "'/t': {'post': {'operationId': 't', 'requestBody': {'content': "
                " {'text/csv': {'schema': {'type': 'string'}}}}}}}");

        check_at(d, "/tools/f/encoding",
                 "{'a': {'base64': true, 'filename': 'a_filename'}, "
                 " 'b': {'base64': true, 'filename': 'b_filename'}, 'd': {'base64': true}, "
                 " 'e': {'contentType': 'image/jpeg, image/png', 'base64': true, "
                 "       'filename': 'e_filename'}}");
        check_at(d, "/tools/f/inputSchema/properties/a",
                 "{'type': 'string', 'contentEncoding': 'base64', "
                 " 'description': 'A file. (the bytes in Base64)'}");
        check_at(d, "/tools/f/inputSchema/properties/d/items/contentEncoding", "'base64'");
        check_at(d, "/tools/o/body_type", "'base64'");
        check_at(d, "/tools/o/content_type", "'application/octet-stream'");
        check_at(d, "/tools/t/body_type", "'text'");
        check_at(d, "/tools/t/content_type", "'text/csv'");
        json_decref(d);
}

Test(openapi, the_body_that_is_liked_best_is_taken)
{
        static const char *const bodies[][2] = {
                {"'text/plain': {}, 'application/json; charset=utf-8': {}",
                 "'application/json; charset=utf-8'"},
                {"'application/json-patch+json': {}, 'application/merge-patch+json': {}",
                 "'application/merge-patch+json'"},
                {"'multipart/form-data': {}, 'application/vnd.x+json': {}",
                 "'application/vnd.x+json'"},
        };

        for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
                char *members;
                json_t *d;

                cr_assert(asprintf(&members,
                                   "'paths': {'/a': {'post': {'operationId': 'a', "
                                   "'requestBody': {'content': {%s}}}}}",
                                   bodies[i][0]) > 0);
                d = described(members);
                check_at(d, "/tools/a/content_type", bodies[i][1]);
                check_at(d, "/tools/a/body", "'{body}'");
                json_decref(d);
                free(members);
        }
}

Test(openapi, schemes_say_where_credentials_go)
{
        json_t *d = described(
                "'security': [{'key': []}], 'paths': {'/a': {'get': {'operationId': 'a'}}, "
                "'/b': {'get': {'operationId': 'b', 'security': [{'cert': []}, "
                " {'login': [], 'key': []}, {}]}}, "
                "'/c': {'get': {'operationId': 'c', 'security': []}}}, "
                "'components': {'securitySchemes': {"
                " 'key': {'type': 'apiKey', 'in': 'query', 'name': 'k'}, "
                " 'login': {'type': 'http', 'scheme': 'Basic'}, "
                " 'cert': {'type': 'mutualTLS'}, 'odd': {'type': 'apiKey', 'in': 'header', "
                "  'name': 'a b'}, "
                " 'oauth': {'type': 'oauth2', 'flows': {}}}}");

        check_at(d, "/security_schemes",
                 "{'key': {'in': 'query', 'name': 'k'}, "
                 " 'login': {'in': 'header', 'name': 'Authorization', 'as': 'basic'}, "
                 " 'oauth': {'in': 'header', 'name': 'Authorization', 'as': 'bearer'}}");
        check_at(d, "/tools/a/security", "[['key']]");
        check_at(d, "/tools/b/security", "[['login', 'key'], []]");
        cr_assert_null(json_pointer(d, "/tools/c/security"));
        json_decref(d);
}

Test(openapi, references_may_lead_anywhere_in_the_document)
{
        json_t *d = described(
                "'paths': {'/a/{b}': {'get': {'operationId': 'a', 'parameters': ["
                " {'name': 'x', 'in': 'query', 'schema': {'type': 'object', 'properties': "
                "  {'y': {'type': 'integer'}}}}]}, "
                "'put': {'operationId': 'p', 'requestBody': {'content': {'application/json': "
                " {'schema': {'$ref': '#/paths/~1a~1%7Bb%7D/get/parameters/0/schema/properties/y'"
                "}}}}}}, "
                "'/c': {'$ref': '#/components/pathItems/c'}}, "
                "'components': {'pathItems': {'c': {'get': {'operationId': 'c'}}}}");

        check_at(d, "/tools/p/inputSchema/$defs", "{'y': {'type': 'integer'}}");
        check_at(d, "/tools/c/path", "'/c'");
        json_decref(d);
}

Test(openapi, references_begin_at_a_schema_that_has_an_id)
{
        json_t *d = described_as(
                "'openapi': '3.1.0'",
                "'paths': {'/a': {'post': {'operationId': 'a', 'requestBody': {'content': "
                " {'application/json': {'schema': {'$ref': '#/components/schemas/Node'}}}}},"
                " 'put': {'operationId': 'b', 'requestBody': {'content': "
                " {'application/json': {'schema': {'type': 'object', 'properties': "
                "  {'all': {'$ref': '#'}}}}}}}}},"
                "'components': {'schemas': {'Node': {'$id': 'https://a/node', '$defs': {'leaf': "
                " {'type': 'integer'}}, 'properties': {'next': {'$ref': '#'}, 'leaf': {'$ref': "
                " '#/$defs/leaf'}}}}}");

        check_at(d, "/tools/a/inputSchema/$defs/Node/properties/next", "{'$ref': '#/$defs/Node'}");
        check_at(d, "/tools/a/inputSchema/$defs/leaf", "{'type': 'integer'}");
        check_at(d, "/tools/b/inputSchema/properties/body/properties", "{'all': {}}");
        json_decref(d);
}

Test(openapi, null_stands_once_in_an_enum)
{
        json_t *d = described(
                "'paths': {'/a': {'get': {'operationId': 'a', 'parameters': [{'name': 'b', 'in': "
                "'query', 'schema': {'type': 'string', 'nullable': true, 'enum': ['x', "
                "null]}}]}}}");

        check_at(d, "/tools/a/inputSchema/properties/b/enum", "['x', null]");
        json_decref(d);
}

Test(openapi, what_is_no_schema_takes_any_value)
{
        json_t *d = described(
                "'paths': {'/a': {'get': {'operationId': 'a', 'parameters': ["
                " {'name': 'p', 'in': 'query', 'schema': {'type': 'string', "
                "  'pattern': '(?<!x)['}}, "
                " {'name': 'q', 'in': 'query', 'schema': {'type': 'date', 'required': true, "
                "  'minLength': '3', 'items': [], 'enum': 'x', 'maximum': null}}, "
                " {'name': 'r', 'in': 'query', 'schema': {'minimum': 18446744073709551615}}, "
                " {'name': 's', 'in': 'query', 'schema': {'$ref': '#/components/schemas/S'}}]}}}, "
                "'components': {'schemas': {'S': {'allOf': [{'$ref': "
                "'#/components/schemas/S'}]}}}");

        check_at(d, "/tools/a/inputSchema/properties/p", "{'type': 'string'}");
        check_at(d, "/tools/a/inputSchema/properties/q", "{}");
        check_at(d, "/tools/a/inputSchema/properties/s", "{}");
        cr_assert_not_null(strstr(notes, "a: s takes any value: its schema is none ("));
        json_decref(d);
}

Test(openapi, what_lies_too_far_away_takes_any_value)
{
        struct buf text;
        json_t *d;
        char *copy;

        buf_init(&text, 1u << 20);
        check_int(buf_addf(&text, "'paths': {'/a': {'post': {'operationId': 'a', 'requestBody': "
                                  "{'content': {'application/json': {'schema': {'$ref': "
                                  "'#/components/schemas/S0'}}}}}}}, 'components': {'schemas': {"),
                  0);
        for (unsigned i = 0; i < 2000; i++)
                check_int(buf_addf(&text,
                                   "'S%u': {'properties': {'next': {'$ref': "
                                   "'#/components/schemas/S%u'}}}, ",
                                   i, i + 1),
                          0);
        check_int(buf_addf(&text, "'S2000': {}}}"), 0);
        copy = str_dup(buf_bytes(&text));
        d = described(copy);
        cr_assert_not_null(json_pointer(d, "/tools/a/inputSchema/$defs/S100/properties"));
        cr_assert_null(json_pointer(d, "/tools/a/inputSchema/$defs/S1500"));
        check_notes(
                "the document: schemas of 1 tools are too big: their far parts take any value\n");
        json_decref(d);
        free(copy);
        buf_finish(&text);
}

Test(openapi, a_hostile_document_costs_what_it_may)
{
        static const char *const hostile[] = {
                /* a group that multiplies */
                "'S': {'allOf': [{'$ref': '#/components/schemas/S'}, {'$ref': "
                "'#/components/schemas/S'}, {'$ref': '#/components/schemas/S'}, {'$ref': "
                "'#/components/schemas/S'}, {'$ref': '#/components/schemas/S'}, {'$ref': "
                "'#/components/schemas/S'}, {'$ref': '#/components/schemas/S'}, {'$ref': "
                "'#/components/schemas/S'}]}",
                "'S': {'$ref': '#/components/schemas/S'}",
                "'S': {'$ref': '#/components/schemas/T'}, 'T': {'$ref': '#/components/schemas/S'}",
                "'S': {'$ref': '#'}",
                "'S': {'properties': {'a': {'$ref': '#/components'}}}",
        };

        for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
                char *members;
                json_t *d;

                cr_assert(asprintf(&members,
                                   "'paths': {'/a': {'post': {'operationId': 'a', 'requestBody': "
                                   "{'content': {'application/x-www-form-urlencoded': {'schema': "
                                   "{'$ref': '#/components/schemas/S'}}}}}}, "
                                   "'/b': {'post': {'operationId': 'b', 'requestBody': "
                                   "{'content': {'application/json': {'schema': "
                                   "{'$ref': '#/components/schemas/S'}}}}}}}, "
                                   "'components': {'schemas': {%s}}",
                                   hostile[i]) > 0);
                d = described(members);
                check_int(json_object_size(json_object_get(d, "tools")), 2);
                json_decref(d);
                free(members);
        }
}

Test(openapi, what_is_lost_is_told)
{
        json_t *d = described(
                "'paths': {'/a': {'get': {'operationId': 'a', 'parameters': ["
                " {'$ref': 'common.yaml#/q'}, {'name': 'x', 'in': 'querystring'}]}, "
                "'put': {'parameters': [{'name': 'x', 'in': 'matrix', 'required': true}]}, "
                "'post': {'requestBody': {'$ref': '#/nowhere'}}}}");

        check_int(json_object_size(json_object_get(d, "tools")), 1);
        check_notes("a: a parameter is lost: its $ref, common.yaml#/q, leads to nothing in the "
                    "document\n"
                    "a: parameter \"x\" is left out: it stands nowhere that is known\n"
                    "- POST /a: the $ref of its body leads to nothing in the document\n"
                    "- PUT /a: it needs a parameter that cannot be sent\n");
        json_decref(d);
}

Test(openapi, what_is_too_much_is_left_out_and_told)
{
        struct buf text;
        json_t *d;
        char *copy;

        buf_init(&text, 8u << 20);
        check_int(buf_addf(&text, "'paths': {'/a': {'get': {'operationId': 'a', 'parameters': ["),
                  0);
        for (unsigned i = 0; i < OPENAPI_ARGUMENTS_MAX; i++)
                check_int(buf_addf(&text, "{'name': 'p%u', 'in': 'query'}, ", i), 0);
        check_int(buf_addf(&text, "{'name': 'last', 'in': 'query'}]}}"), 0);
        for (unsigned i = 0; i <= OPENAPI_TOOLS_MAX; i++)
                check_int(buf_addf(&text, ", '/b%u': {'get': {}}", i), 0);
        check_int(buf_addf(&text, "}"), 0);
        copy = str_dup(buf_bytes(&text));
        d = described(copy);
        check_int(json_object_size(json_object_get(d, "tools")), OPENAPI_TOOLS_MAX);
        check_notes("- GET /a: it has more than 500 arguments\n"
                    "- GET /b10000: all tools together are too many, or too big: \"include\" names "
                    "those that are wanted\n");
        json_decref(d);
        free(copy);
        buf_finish(&text);
}

Test(openapi, what_is_undeclared_in_a_path_is_a_text)
{
        json_t *d = described("'paths': {'/a/{b}.{c-d}#e': {'get': {'operationId': 'a'}}}");

        check_at(d, "/tools/a/path", "'/a/{+b}.{+c_d}'");
        check_at(d, "/tools/a/inputSchema/required", "['b', 'c_d']");
        json_decref(d);
}

/* ---- Swagger 2.0 ---- */

Test(openapi, swagger_2_is_read_too)
{
        json_t *d = described_as(
                "'swagger': '2.0'",
                "'host': 'api.example.com', 'basePath': '/v2', 'schemes': ['http', 'https'], "
                "'consumes': ['application/json'], "
                "'securityDefinitions': {'key': {'type': 'apiKey', 'in': 'header', 'name': 'X'}, "
                " 'login': {'type': 'basic'}}, 'security': [{'key': []}], "
                "'parameters': {'id': {'name': 'id', 'in': 'path', 'required': true, "
                "  'type': 'integer', 'format': 'int64'}}, "
                "'definitions': {'Pet': {'type': 'object', 'properties': {'id': {'readOnly': "
                "true}, "
                "  'tags': {'type': 'array', 'items': {'$ref': '#/definitions/Tag'}}}}, 'Tag': "
                "{}}, "
                "'paths': {'/pets/{id}': {'parameters': [{'$ref': '#/parameters/id'}], "
                " 'put': {'operationId': 'put', 'parameters': [{'name': 'pet', 'in': 'body', "
                "  'required': true, 'schema': {'$ref': '#/definitions/Pet'}}, "
                "  {'name': 'f', 'in': 'query', 'type': 'array', 'items': {'type': 'string'}}, "
                "  {'name': 'm', 'in': 'query', 'type': 'array', 'items': {'type': 'string'}, "
                "   'collectionFormat': 'multi'}, "
                "  {'name': 'p', 'in': 'query', 'type': 'array', 'items': {'type': 'string'}, "
                "   'collectionFormat': 'pipes'}]}, "
                " 'post': {'operationId': 'post', 'consumes': ['multipart/form-data'], "
                "  'parameters': [{'name': 'note', 'in': 'formData', 'type': 'string'}, "
                "  {'name': 'photo', 'in': 'formData', 'type': 'file', 'required': true}]}, "
                " 'patch': {'operationId': 'patch', 'parameters': [{'name': 'a', "
                "  'in': 'formData', 'type': 'array', 'items': {'type': 'integer'}, "
                "  'collectionFormat': 'ssv'}]}}}");

        check_at(d, "/base_url", "'https://api.example.com/v2'");
        check_at(d, "/tools/put/parameters",
                 "[{'argument': 'id', 'name': 'id', 'in': 'path'}, "
                 " {'argument': 'f', 'name': 'f', 'in': 'query', 'explode': false}, "
                 " {'argument': 'm', 'name': 'm', 'in': 'query', 'explode': true}, "
                 " {'argument': 'p', 'name': 'p', 'in': 'query', 'style': 'pipeDelimited', "
                 "  'explode': false}]");
        check_at(d, "/tools/put/body", "'{body}'");
        check_at(d, "/tools/put/inputSchema/$defs/Pet",
                 "{'type': 'object', 'properties': {'tags': {'type': 'array', "
                 " 'items': {'$ref': '#/$defs/Tag'}}}}");
        check_at(d, "/tools/put/inputSchema/required", "['id', 'body']");
        check_at(d, "/tools/put/security", "[['key']]");
        check_at(d, "/security_schemes/login/as", "'basic'");
        check_at(d, "/tools/post/body_type", "'multipart'");
        check_at(d, "/tools/post/encoding/photo", "{'base64': true, 'filename': 'photo_filename'}");
        check_at(d, "/tools/post/inputSchema/required", "['id', 'photo']");
        check_at(d, "/tools/patch/body_type", "'form'");
        check_at(d, "/tools/patch/encoding/a", "{'style': 'spaceDelimited', 'explode': false}");
        json_decref(d);
}

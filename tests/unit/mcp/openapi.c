#include "mgw/mcp/openapi.h"

#include "../check.h"
#include "../json.h"
#include "mgw/mcp/rest.h"

#include <stdlib.h>
#include <string.h>

static void on_fault(void *owner, const char *key, const char *why)
{
        (void)owner;
        cr_assert_fail("%s: %s", key, why);
}

/* What becomes of a document with these members. It must be a sound description. */
static json_t *described(const char *members)
{
        static const struct rest_faults faults = {on_fault, NULL};
        struct rest *rest;
        json_t *document, *places, *description = NULL;
        char *text, why[200];

        cr_assert(asprintf(&text, "{'openapi': '3.0.3', %s}", members) > 0);
        document = json_from(text);
        check_int(openapi_describe(document, &description, &places, why, sizeof(why)), 0);
        json_decref(document);
        json_decref(places);
        free(text);
        check_int(rest_create(description, "http://a", &rest, &faults), 0);
        rest_destroy(rest);
        return description;
}

static void check_at(json_t *description, const char *pointer, const char *want)
{
        json_t *got = rest_pointer(description, pointer), *expected = json_from(want);
        char *text = json_dumps(got, JSON_ENCODE_ANY);

        cr_assert(json_equal(got, expected), "%s: got %s, want %s", pointer, text, want);
        free(text);
        json_decref(expected);
}

Test(openapi, is_version_3)
{
        json_t *document = json_from("{'swagger': '2.0'}"), *description, *places;
        char why[200];

        check_int(openapi_describe(document, &description, &places, why, sizeof(why)),
                  REST_E_FAULT);
        check_str(str_from(why), STR("is no OpenAPI 3.x document: \"openapi\" must be \"3...\""));
        json_decref(document);
}

Test(openapi, tells_where_a_tool_stands)
{
        json_t *document = json_from("{'openapi': '3.1.0', 'paths': {'/a.b/{c}': {'get': {}, "
                                     "'post': {'operationId': 'p'}}}}");
        json_t *places, *description,
                *want = json_from("{'get_a_b_c': ['/a.b/{c}', 'get'], "
                                  "'p': ['/a.b/{c}', 'post']}");
        char why[200];

        check_int(openapi_describe(document, &description, &places, why, sizeof(why)), 0);
        cr_assert(json_equal(places, want));
        json_decref(document);
        json_decref(description);
        json_decref(places);
        json_decref(want);
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
                 "{'base_url': 'https://api.example.com/v1', 'tools': {'change_pet': {"
                 "'method': 'PUT', 'path': '/pets/{pet_id}', 'title': 'Change', "
                 "'description': 'Changes it.', 'query': {'page-size': '{page_size}'}, "
                 "'headers': {'X-Trace': '{X_Trace}', "
                 "            'Content-Type': 'application/merge-patch+json'}, "
                 "'body': '{body}', 'errors': {'404': 'no such pet'}, "
                 "'annotations': {'readOnlyHint': false, 'destructiveHint': false, "
                 "                'idempotentHint': true}, "
                 "'inputSchema': {'type': 'object', 'additionalProperties': false, "
                 " 'required': ['pet_id', 'page_size', 'body'], 'properties': {"
                 "  'pet_id': {'type': 'string'}, "
                 "  'page_size': {'type': 'integer', 'exclusiveMinimum': 0}, "
                 "  'X_Trace': {'description': 'any'}, 'body': {'$ref': '#/$defs/Pet'}}, "
                 " '$defs': {'Pet': {'type': 'object', 'properties': {"
                 "  'example': {'type': ['string', 'null']}, 'kind': {'enum': ['a', null]}, "
                 "  'friends': {'type': 'array', 'items': {'$ref': '#/$defs/Pet'}}, "
                 "  'far': {}}}}}}}}");
        json_decref(d);
}

Test(openapi, names_are_made_where_there_are_none_or_two)
{
        json_t *d = described(
                "'paths': {'/a/{id}': {'get': {'parameters': ["
                "  {'name': 'id', 'in': 'path', 'schema': {}}, {'name': 'id', 'in': 'query'}]}, "
                " 'delete': {'summary': 's', 'parameters': [{'name': 'id', 'in': 'path'}]}}}");

        check_at(d, "/tools/get_a_id/path", "'/a/{id}'");
        check_at(d, "/tools/get_a_id/query", "{'id': '{query_id}'}");
        check_at(d, "/tools/get_a_id/description", "'GET /a/{id}'");
        check_at(d, "/tools/get_a_id/annotations/readOnlyHint", "true");
        check_at(d, "/tools/delete_a_id/annotations/destructiveHint", "true");
        check_at(d, "/tools/delete_a_id/description", "'s'");
        json_decref(d);
}

Test(openapi, a_form_has_an_argument_a_field)
{
        json_t *d = described("'paths': {'/a': {'post': {'operationId': 'f', 'requestBody': "
                              "{'content': {'application/x-www-form-urlencoded': {'schema': "
                              " {'type': 'object', 'required': ['to'], 'properties': "
                              "  {'to': {'type': 'string'}, 'cc-all': {}}}}}}}}}");

        check_at(d, "/tools/f/body", "{'to': '{to}', 'cc-all': '{cc_all}'}");
        check_at(d, "/tools/f/body_type", "'form'");
        check_at(d, "/tools/f/inputSchema/required", "['to']");
        json_decref(d);
}

Test(openapi, what_cannot_be_sent_is_left_out)
{
        json_t *d = described("'paths': {'/a': {'post': {'operationId': 'f', 'requestBody': "
                              "{'content': {'multipart/form-data': {}}}}, "
                              "'get': {'operationId': 'g', 'requestBody': {'content': "
                              "{'application/json': {}}}}}, '/b': {'$ref': '#/loop'}}, "
                              "'loop': {'$ref': '#/loop'}");

        cr_assert_null(rest_pointer(d, "/tools/f"));
        cr_assert_not_null(rest_pointer(d, "/tools/g"));
        cr_assert_null(rest_pointer(d, "/tools/g/body"));
        json_decref(d);
}

#include "mgw/mcp/mirror.h"

#include "../check.h"
#include "../json.h"
#include "mgw/base/strv.h"
#include "mgw/wire/hdr.h"

#include <stdio.h>

/* Headers as the lookup sees them: "NAME=VALUE", ended by NULL. */
static struct str get(const void *from, const char *name)
{
        size_t n = strlen(name);

        for (const char *const *pair = from; *pair != NULL; pair++)
                if (strncmp(*pair, name, n) == 0 && (*pair)[n] == '=')
                        return str_from(*pair + n + 1);
        return STR("");
}

static char why[200];

/* NULL: accepted; else the reason. */
static const char *check_message(const char *message, const char *const *headers)
{
        json_t *json = json_from(message);
        int r = mirror_check(&(struct mirror_headers){get, headers}, json, why, sizeof(why));

        json_decref(json);
        cr_assert(r == 0 || r == MIRROR_E_MISMATCH, "%d", r);
        return r == 0 ? NULL : why;
}

#define HEADERS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define VERSION "HTTP_MCP_PROTOCOL_VERSION=2026-07-28"
#define META "'_meta': {'io.modelcontextprotocol/protocolVersion': '2026-07-28'}"
#define CALL "{'id': 1, 'method': 'tools/call', 'params': {'name': 'a b', " META "}}"

#define accepts(message, ...)                                                                      \
        do {                                                                                       \
                const char *reason_ = check_message(message, HEADERS(__VA_ARGS__));                \
                cr_assert_null(reason_, "%s", reason_);                                            \
        } while (0)
#define refuses(message, want, ...)                                                                \
        do {                                                                                       \
                const char *reason_ = check_message(message, HEADERS(__VA_ARGS__));                \
                cr_assert_not_null(reason_);                                                       \
                cr_assert_str_eq(reason_, want);                                                   \
        } while (0)

Test(mirror, standard_headers_that_say_the_same)
{
        accepts(CALL, VERSION, "HTTP_MCP_METHOD=tools/call", "HTTP_MCP_NAME=a b");
        accepts(CALL, VERSION, "HTTP_MCP_METHOD=tools/call", "HTTP_MCP_NAME==?base64?YSBi?=");
        accepts("{'id': 1, 'method': 'tools/list', 'params': {" META "}}", VERSION,
                "HTTP_MCP_METHOD=tools/list");
        accepts("{'id': 1, 'method': 'resources/read', 'params': {'uri': 'x://\xc3\xa9'}}", VERSION,
                "HTTP_MCP_METHOD=resources/read", "HTTP_MCP_NAME==?base64?eDovL8Op?=");
        accepts("{'id': 1, 'method': 'prompts/get', 'params': {'name': 'p'}}", VERSION,
                "HTTP_MCP_METHOD=prompts/get", "HTTP_MCP_NAME=p");
        /* a method without a name says nothing of Mcp-Name */
        accepts("{'id': 1, 'method': 'tools/list'}", VERSION, "HTTP_MCP_METHOD=tools/list",
                "HTTP_MCP_NAME=any");
        /* what the body lacks is another error */
        accepts("{'id': 1, 'method': 'tools/call', 'params': {}}", VERSION,
                "HTTP_MCP_METHOD=tools/call");
        accepts("{'id': 1, 'method': 'tools/call', 'params': {'name': 1}}", VERSION,
                "HTTP_MCP_METHOD=tools/call", "HTTP_MCP_NAME=1");
}

Test(mirror, standard_headers_that_do_not)
{
        refuses(CALL, "the header MCP-Protocol-Version is missing", "HTTP_MCP_METHOD=tools/call",
                "HTTP_MCP_NAME=a b");
        refuses(CALL,
                "the header MCP-Protocol-Version does not say what params._meta of the body says",
                "HTTP_MCP_PROTOCOL_VERSION=2025-11-25", "HTTP_MCP_METHOD=tools/call",
                "HTTP_MCP_NAME=a b");
        refuses(CALL, "the header Mcp-Method is missing", VERSION, "HTTP_MCP_NAME=a b");
        refuses(CALL, "the header Mcp-Method does not say what method of the body says", VERSION,
                "HTTP_MCP_METHOD=Tools/call", "HTTP_MCP_NAME=a b");
        /* the sentinel is for names and parameters alone */
        refuses(CALL, "the header Mcp-Method does not say what method of the body says", VERSION,
                "HTTP_MCP_METHOD==?base64?dG9vbHMvY2FsbA==?=", "HTTP_MCP_NAME=a b");
        refuses(CALL, "the header Mcp-Name is missing", VERSION, "HTTP_MCP_METHOD=tools/call");
        refuses(CALL, "the header Mcp-Name does not say what params.name of the body says", VERSION,
                "HTTP_MCP_METHOD=tools/call", "HTTP_MCP_NAME=A b");
        /* sent twice */
        refuses(CALL, "the header Mcp-Name does not say what params.name of the body says", VERSION,
                "HTTP_MCP_METHOD=tools/call", "HTTP_MCP_NAME=a b, a b");
        refuses(CALL,
                "the value of the header Mcp-Name is neither visible ASCII nor Base64 in "
                "\"=?base64?...?=\"",
                VERSION, "HTTP_MCP_METHOD=tools/call", "HTTP_MCP_NAME==?base64?YSBi=?=");
        refuses("{'id': 1, 'method': 'resources/read', 'params': {'uri': 'x://\xc3\xa9'}}",
                "the value of the header Mcp-Name is neither visible ASCII nor Base64 in "
                "\"=?base64?...?=\"",
                VERSION, "HTTP_MCP_METHOD=resources/read", "HTTP_MCP_NAME=x://\xc3\xa9");
}

Test(mirror, of_a_notification_only_the_version_is_required)
{
        const char *cancelled = "{'method': 'notifications/cancelled', 'params': {}}";

        accepts(cancelled, VERSION);
        accepts(cancelled, VERSION, "HTTP_MCP_METHOD=notifications/cancelled");
        refuses(cancelled, "the header Mcp-Method does not say what method of the body says",
                VERSION, "HTTP_MCP_METHOD=notifications/progress");
        refuses(cancelled, "the header MCP-Protocol-Version is missing", "A=");
}

static const char schema[] = "{'type': 'object', 'properties': {"
                             " 'region': {'type': 'string', 'x-mcp-header': 'Region'},"
                             " 'n': {'type': 'integer', 'x-mcp-header': 'How-Many'},"
                             " 'is': {'type': 'boolean', 'x-mcp-header': 'is_on.now'},"
                             " 'free': {'type': 'string'},"
                             " 'x-mcp-header': {'type': 'string'},"
                             " 'deep': {'type': 'object', 'properties': {"
                             "  'er': {'type': 'string', 'x-mcp-header': 'Deeper'}}}}}";

static const char *check_params(const char *arguments, const char *input_schema,
                                const char *const *headers)
{
        json_t *args = json_from(arguments);
        json_t *json = json_from(input_schema);
        int r = mirror_check_params(&(struct mirror_headers){get, headers},
                                    json_is_null(args) ? NULL : args, json, why, sizeof(why));

        json_decref(json);
        json_decref(args);
        cr_assert(r == 0 || r == MIRROR_E_MISMATCH, "%d", r);
        return r == 0 ? NULL : why;
}

Test(mirror, params_that_say_the_same)
{
        static const struct {
                const char *arguments;
                const char *header;
        } cases[] = {
                {"null", "A="},
                {"{}", "A="},
                {"{'region': null, 'n': null}", "A="},
                {"{'free': 'x', 'x-mcp-header': 'y'}", "HTTP_MCP_PARAM_FREE=z"},
                {"{'region': 'us-west1'}", "HTTP_MCP_PARAM_REGION=us-west1"},
                {"{'region': ''}", "A="},
                {"{'region': ''}", "HTTP_MCP_PARAM_REGION==?base64?"
                                   "?="},
                {"{'region': '42'}", "HTTP_MCP_PARAM_REGION=42"},
                {"{'region': ' \xc3\xa9'}", "HTTP_MCP_PARAM_REGION==?base64?IMOp?="},
                {"{'region': 'a\\u0000'}", "HTTP_MCP_PARAM_REGION==?base64?YQA=?="},
                {"{'n': 42}", "HTTP_MCP_PARAM_HOW_MANY=42"},
                {"{'n': 42}", "HTTP_MCP_PARAM_HOW_MANY=42.0"},
                {"{'n': 42}", "HTTP_MCP_PARAM_HOW_MANY=4.2e1"},
                {"{'n': 42.0}", "HTTP_MCP_PARAM_HOW_MANY=42"},
                {"{'n': -7}", "HTTP_MCP_PARAM_HOW_MANY=-7"},
                {"{'n': 0}", "HTTP_MCP_PARAM_HOW_MANY==?base64?MA==?="},
                {"{'n': 9007199254740991}", "HTTP_MCP_PARAM_HOW_MANY=9007199254740991"},
                {"{'n': 9007199254740993}", "HTTP_MCP_PARAM_HOW_MANY=9007199254740993"},
                {"{'n': 9007199254740993}", "A="},
                {"{'n': 4.5}", "A="},
                {"{'is': true}", "HTTP_MCP_PARAM_IS_ON_NOW=true"},
                {"{'is': false}", "HTTP_MCP_PARAM_IS_ON_NOW=false"},
                {"{'deep': {'er': 'x'}}", "HTTP_MCP_PARAM_DEEPER=x"},
                {"{'deep': 1}", "A="},
                /* the schema of the arguments finds these wrong */
                {"{'region': {'a': 1}, 'n': []}", "A="},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                const char *reason =
                        check_params(cases[i].arguments, schema, HEADERS(cases[i].header));

                cr_assert_null(reason, "%s %s: %s", cases[i].arguments, cases[i].header, reason);
        }
}

Test(mirror, params_that_do_not)
{
        static const struct {
                const char *arguments;
                const char *header;
                const char *name; /* of the header that the reason tells */
        } cases[] = {
                {"{'region': 'a'}", "A=", "Mcp-Param-Region is missing"},
                {"{'n': 0}", "A=", "Mcp-Param-How-Many is missing"},
                {"{'is': false}", "A=", "Mcp-Param-is_on.now is missing"},
                {"{'deep': {'er': 'x'}}", "A=", "Mcp-Param-Deeper is missing"},
                {"{'region': 'a'}", "HTTP_MCP_PARAM_REGION=A", "Mcp-Param-Region does not"},
                {"{'region': 'a'}", "HTTP_MCP_PARAM_REGION=a, a", "Mcp-Param-Region does not"},
                {"{'region': null}", "HTTP_MCP_PARAM_REGION=a", "Mcp-Param-Region does not"},
                {"{}", "HTTP_MCP_PARAM_REGION=a", "Mcp-Param-Region does not"},
                {"null", "HTTP_MCP_PARAM_DEEPER=a", "Mcp-Param-Deeper does not"},
                {"{'er': 'x'}", "HTTP_MCP_PARAM_DEEPER=x", "Mcp-Param-Deeper does not"},
                {"{'region': ['a']}", "HTTP_MCP_PARAM_REGION=a", "Mcp-Param-Region does not"},
                {"{'n': 42}", "HTTP_MCP_PARAM_HOW_MANY=43", "Mcp-Param-How-Many does not"},
                {"{'n': 42}", "HTTP_MCP_PARAM_HOW_MANY=42x", "Mcp-Param-How-Many does not"},
                {"{'n': 42}", "HTTP_MCP_PARAM_HOW_MANY=0x2a", "Mcp-Param-How-Many does not"},
                {"{'n': 42}", "HTTP_MCP_PARAM_HOW_MANY=42 42", "Mcp-Param-How-Many does not"},
                {"{'n': 42}", "HTTP_MCP_PARAM_HOW_MANY=\"42\"", "Mcp-Param-How-Many does not"},
                {"{'n': 42}", "HTTP_MCP_PARAM_HOW_MANY=[42]", "Mcp-Param-How-Many does not"},
                {"{'n': 9007199254740993}", "HTTP_MCP_PARAM_HOW_MANY=9007199254740992",
                 "Mcp-Param-How-Many does not"},
                {"{'is': true}", "HTTP_MCP_PARAM_IS_ON_NOW=True", "Mcp-Param-is_on.now does not"},
                {"{'is': true}", "HTTP_MCP_PARAM_IS_ON_NOW=1", "Mcp-Param-is_on.now does not"},
                {"{'region': '\xc3\xa9'}", "HTTP_MCP_PARAM_REGION=\xc3\xa9",
                 "of the header Mcp-Param-Region is neither"},
                {"{'region': 'a'}", "HTTP_MCP_PARAM_REGION==?base64?YQ?=",
                 "of the header Mcp-Param-Region is neither"},
                {"{'region': 'a'}", "HTTP_MCP_PARAM_REGION==?base64?YR==?=",
                 "of the header Mcp-Param-Region is neither"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                const char *reason =
                        check_params(cases[i].arguments, schema, HEADERS(cases[i].header));

                cr_assert_not_null(reason, "%s %s", cases[i].arguments, cases[i].header);
                cr_assert_not_null(strstr(reason, cases[i].name), "%s", reason);
        }
}

Test(mirror, a_tool_that_breaks_the_rules_asks_for_no_header)
{
        cr_assert_null(check_params("{'a': 'x'}",
                                    "{'properties': {'a': {'type': 'number', 'x-mcp-header': 'A'},"
                                    " 'b': {'type': 'string', 'x-mcp-header': 'a b'}}}",
                                    HEADERS("HTTP_MCP_PARAM_A=y")));
        cr_assert_null(check_params("{'a': 'x'}", "true", HEADERS("HTTP_MCP_PARAM_A=y")));
}

static int check_tool(const char *input_schema)
{
        json_t *tool = json_object();
        int r;

        json_object_set_new(tool, "inputSchema", json_from(input_schema));
        why[0] = '\0';
        r = mirror_check_tool(tool, why, sizeof(why));
        json_decref(tool);
        return r;
}

Test(mirror, annotations_within_the_rules)
{
        static const char *const sound[] = {
                schema,
                "{}",
                "{'type': 'object'}",
                "{'properties': {'a': {'type': 'string', 'x-mcp-header': '!#$%&*+-.^_`|~09Az'}}}",
                /* names and data are no annotations */
                "{'properties': {'x-mcp-header': {'type': 'object'}}}",
                "{'$defs': {'x-mcp-header': {'type': 'string'}}}",
                "{'items': {'properties': {'x-mcp-header': {}}}}",
                "{'const': {'x-mcp-header': 'A'}, 'examples': [{'x-mcp-header': 1}]}",
                "{'properties': {'a': {'default': {'x-mcp-header': ''}, 'enum': [{'x-mcp-header': "
                "1}]}}}",
        };

        for (size_t i = 0; i < sizeof(sound) / sizeof(sound[0]); i++)
                cr_assert_eq(check_tool(sound[i]), 0, "%s: %s", sound[i], why);
}

Test(mirror, annotations_that_break_the_rules)
{
#define A "{'type': 'string', 'x-mcp-header': 'A'}"
        static const struct {
                const char *schema;
                const char *reason;
        } cases[] = {
                {"{'properties': {'a': {'type': 'string', 'x-mcp-header': ''}}}", "no name"},
                {"{'properties': {'a': {'type': 'string', 'x-mcp-header': 'a b'}}}", "no name"},
                {"{'properties': {'a': {'type': 'string', 'x-mcp-header': 'a:'}}}", "no name"},
                {"{'properties': {'a': {'type': 'string', 'x-mcp-header': 'a\\r\\nb'}}}",
                 "no name"},
                {"{'properties': {'a': {'type': 'string', 'x-mcp-header': 'a\\u0000'}}}",
                 "no name"},
                {"{'properties': {'a': {'type': 'string', 'x-mcp-header': '\xc3\xa9'}}}",
                 "no name"},
                {"{'properties': {'a': {'type': 'string', 'x-mcp-header': 3}}}", "no name"},
                {"{'properties': {'a': {'type': 'number', 'x-mcp-header': 'A'}}}", "type"},
                {"{'properties': {'a': {'type': 'object', 'x-mcp-header': 'A'}}}", "type"},
                {"{'properties': {'a': {'type': 'array', 'x-mcp-header': 'A'}}}", "type"},
                {"{'properties': {'a': {'type': 'null', 'x-mcp-header': 'A'}}}", "type"},
                {"{'properties': {'a': {'type': ['string'], 'x-mcp-header': 'A'}}}", "type"},
                {"{'properties': {'a': {'$ref': '#/$defs/s', 'x-mcp-header': 'A'}}}", "type"},
                {"{'properties': {'a': " A ", 'b': {'type': 'string', 'x-mcp-header': 'a'}}}",
                 "two properties"},
                {"{'properties': {'a': " A ", 'b': {'properties': {'c': " A "}}}}",
                 "two properties"},
                {"{'type': 'string', 'x-mcp-header': 'A'}", "stands"},
                {"{'items': " A "}", "stands"},
                {"{'properties': {'a': {'items': " A "}}}", "stands"},
                {"{'properties': {'a': {'items': {'properties': {'b': " A "}}}}}", "stands"},
                {"{'properties': {'a': {'prefixItems': [" A "]}}}", "stands"},
                {"{'oneOf': [{'properties': {'a': " A "}}]}", "stands"},
                {"{'anyOf': [{}, {'properties': {'a': " A "}}]}", "stands"},
                {"{'allOf': [{'properties': {'a': " A "}}]}", "stands"},
                {"{'not': {'properties': {'a': " A "}}}", "stands"},
                {"{'if': {'properties': {'a': " A "}}}", "stands"},
                {"{'then': {'properties': {'a': " A "}}}", "stands"},
                {"{'else': {'properties': {'a': " A "}}}", "stands"},
                {"{'$defs': {'s': " A "}, 'properties': {'a': {'$ref': '#/$defs/s'}}}", "stands"},
                {"{'additionalProperties': " A "}", "stands"},
                {"{'patternProperties': {'^a': " A "}}", "stands"},
                {"{'dependentSchemas': {'a': {'properties': {'b': " A "}}}}", "stands"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                cr_assert_eq(check_tool(cases[i].schema), MIRROR_E_TOOL, "%s", cases[i].schema);
                cr_assert_not_null(strstr(why, cases[i].reason), "%s: %s", cases[i].schema, why);
        }
}

static void check_lines(const char *message, const char *input_schema, const char *const *want)
{
        json_t *json = json_from(message);
        json_t *tool = input_schema == NULL ? NULL : json_from(input_schema);
        char **lines;
        size_t i;

        check_int(mirror_lines_make(json, tool, &lines), 0);
        for (i = 0; want[i] != NULL; i++) {
                cr_assert_not_null(lines[i], "%s", want[i]);
                cr_assert_str_eq(lines[i], want[i]);
        }
        cr_assert_null(lines[i]);
        strv_free(lines);
        json_decref(tool);
        json_decref(json);
}

Test(mirror, lines_to_send)
{
        check_lines("{'method': 'tools/list'}", NULL, HEADERS("Mcp-Method: tools/list"));
        check_lines("{'method': 'resources/read', 'params': {'uri': 'x://\xc3\xa9'}}", NULL,
                    HEADERS("Mcp-Method: resources/read", "Mcp-Name: =?base64?eDovL8Op?="));
        check_lines("{'method': 'tools/call', 'params': {'name': 'a\\r\\nX: y', 'arguments': {}}}",
                    schema, HEADERS("Mcp-Method: tools/call", "Mcp-Name: =?base64?YQ0KWDogeQ==?="));
        check_lines(
                "{'method': 'tools/call', 'params': {'name': 't', 'arguments': {'region': 'w 1',"
                " 'n': 42.0, 'is': false, 'free': 'f', 'deep': {'er': ''}}}}",
                schema,
                HEADERS("Mcp-Method: tools/call", "Mcp-Name: t", "Mcp-Param-Region: w 1",
                        "Mcp-Param-How-Many: 42", "Mcp-Param-is_on.now: false",
                        "Mcp-Param-Deeper: =?base64?"
                        "?="));
        check_lines("{'method': 'tools/call', 'params': {'name': 't', 'arguments': {'region': null,"
                    " 'n': 9007199254740993, 'is': 'yes', 'deep': null}}}",
                    schema,
                    HEADERS("Mcp-Method: tools/call", "Mcp-Name: t", "Mcp-Param-is_on.now: yes"));
        strv_free(NULL);
}

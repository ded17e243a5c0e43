#include "mgw/rest/rest.h"

#include "../check.h"
#include "../json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BASE "https://api.example.com/v1/"

/* A tool "t" with these members beside its description. */
static json_t *description_of(const char *members)
{
        char *text;
        json_t *json;

        cr_assert(asprintf(&text, "{'tools': {'t': {'description': 'd', %s}}}", members) > 0);
        json = json_from(text);
        free(text);
        return json;
}

/* The first fault, and how many there were. */
static struct {
        char key[200], why[600];
        unsigned n;
} fault;

static void on_fault(void *owner, const char *key, const char *what)
{
        (void)owner;
        if (fault.n++ > 0)
                return;
        snprintf(fault.key, sizeof(fault.key), "%s", key);
        snprintf(fault.why, sizeof(fault.why), "%s", what);
}

static const struct rest_faults faults = {.on_fault = on_fault};

static struct rest *rest_from(const char *members)
{
        json_t *description = description_of(members);
        struct rest *rest = NULL;
        int r = rest_create(description, BASE, &rest, &faults);

        json_decref(description);
        cr_assert_eq(r, 0, "%s: %s: %s", members, fault.key, fault.why);
        return rest;
}

static void check_refused_take(json_t *description, const char *base_url, const char *key,
                               const char *why)
{
        struct rest *rest;

        fault.n = 0;
        check_int(rest_create(description, base_url, &rest, &faults), REST_E_FAULT);
        check_str(str_from(fault.key), str_from(key));
        cr_assert_not_null(strstr(fault.why, why), "want \"%s\" in: %s", why, fault.why);
        json_decref(description);
}

static void check_tool_refused(const char *members, const char *key, const char *why)
{
        check_refused_take(description_of(members), BASE, key, why);
}

/* ---- descriptions ---- */

Test(rest, says_what_is_wrong_in_a_description)
{
        check_refused_take(json_from("[]"), BASE, "", "must be a JSON object");
        check_refused_take(json_from("{'tools': {}}"), NULL, "", "needs \"base_url\"");
        check_refused_take(json_from("{'base_url': 'x'}"), NULL, "", "needs \"tools\"");
        check_refused_take(json_from("{'tools': []}"), BASE, "tools", "must be an object");
        check_refused_take(json_from("{'tools': {}, 'tool': {}}"), BASE, "tool", "not known");
        check_refused_take(json_from("{'tools': {}, 'headers': {'a b': ''}}"), BASE, "headers",
                           "\"a b\" is no name");
        check_refused_take(json_from("{'tools': {}, 'headers': {'A': 'x\\r\\ny'}}"), BASE,
                           "headers", "control character");
        check_refused_take(json_from("{'tools': {'a.b': {}}}"), BASE, "tools", "\"a.b\": a tool's");
        check_refused_take(json_from("{'tools': {'a': 1}}"), BASE, "tools.a", "must be an object");
        for (size_t i = 0; i < 7; i++)
                check_refused_take(json_from("{'tools': {}}"),
                                   (const char *[]){"ftp://h", "http://", "https://h/?a=b",
                                                    "https://{h}", "https://h#f", "https://h/\x01",
                                                    "https://h/\xc3\x9f"}[i],
                                   "base_url", "must begin with http");
}

Test(rest, says_all_that_is_wrong)
{
        check_refused_take(json_from("{'tool': {}, 'base': '', 'tools': {"
                                     "'a': {'description': 'd', 'method': 'HEAD', 'path': 'x', "
                                     "'body': '{b}', 'result': 'r'}, "
                                     "'b': {'title': 1}, 'c.d': {}, 'e': []}}"),
                           BASE, "tool", "not known");
        /* 2 keys; of a: method, path, body, result; of b: title, and 3 that it needs; c.d, e */
        check_int(fault.n, 12);
}

Test(rest, says_what_is_wrong_in_a_tool)
{
        static const char get[] = "'method': 'GET', 'path': '/a'";
        static const struct {
                const char *members, *key, *why;
        } wrong[] = {
                {"'path': '/a'", "", "needs \"method\""},
                {"'method': 'get', 'path': '/a'", "method", "must be GET"},
                {"'method': 'GET', 'path': 'a'", "path", "must begin with '/'"},
                {"'method': 'GET', 'path': '/a#b'", "path", "no '#'"},
                {"'method': 'GET', 'path': '/{a'", "path", "without its '}'"},
                {"'method': 'GET', 'path': '/a/../b'", "path", "segment"},
                {"'method': 'GET', 'path': '/{a}'", "path", "{a}: inputSchema.properties has no"},
                {"'method': 'GET', 'path': 1", "path", "must be a string"},
        };
        static const struct {
                const char *members, *key, *why;
        } beside[] = {
                {"'extra': 1", "extra", "not known"},
                {"'inputSchema': {'type': 'array'}", "inputSchema", "\"type\": \"object\""},
                {"'inputSchema': {'type': 'object', 'required': 1}", "inputSchema", "/required"},
                {"'outputSchema': {}", "outputSchema", "\"type\": \"object\""},
                {"'query': {'a': '{b}'}", "query", "{b}: inputSchema.properties has no"},
                {"'query': {'a': 'x{b}'}, 'inputSchema': {'type': 'object', 'properties': {'b': "
                 "{}}}",
                 "query", "{b} must stand alone"},
                {"'headers': {'A': 1}", "headers", "A: must be a string"},
                {"'body_type': 'xml'", "body_type",
                 "must be \"json\", \"form\", \"multipart\", \"text\" or \"base64\""},
                {"'result': 'a'", "result", "JSON pointer"},
                {"'paging': {}", "paging", "needs \"token\""},
                {"'paging': {'token': '/t', 'items': '/i', 'argument': 'p', 'pages_max': 2}",
                 "paging.argument", "has no \"p\""},
                {"'paging': {'token': 't', 'items': '/i', 'argument': 'p', 'pages_max': 2}",
                 "paging.token", "JSON pointer"},
                {"'errors': {'200': 'x'}", "errors", "\"200\""},
                {"'errors': {'404': 1}", "errors", "\"404\""},
        };
        char members[400], key[100];

        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                snprintf(key, sizeof(key), "tools.t%s%s", wrong[i].key[0] != '\0' ? "." : "",
                         wrong[i].key);
                check_tool_refused(wrong[i].members, key, wrong[i].why);
        }
        for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
                snprintf(members, sizeof(members), "%s, %s", get, beside[i].members);
                snprintf(key, sizeof(key), "tools.t.%s", beside[i].key);
                check_tool_refused(members, key, beside[i].why);
        }
        check_tool_refused("'method': 'POST', 'path': '/', 'body': [], 'body_type': 'form'",
                           "tools.t.body", "must be an object");
        check_tool_refused("'method': 'POST', 'path': '/', 'body': {'$mail': {'text': 'x'}}",
                           "tools.t.body", "at least \"to\"");
        check_tool_refused("'method': 'POST', 'path': '/', 'body': {'$mail': {'to': 'x', 'a': 1}}",
                           "tools.t.body", "not \"a\"");
}

Test(rest, shows_what_tools_list_is_to_show)
{
        struct rest *rest = rest_from("'method': 'GET', 'path': '/a', 'title': 'T', "
                                      "'annotations': {'readOnlyHint': true}");
        json_t *want = json_from("[{'name': 't', 'title': 'T', 'description': 'd', 'inputSchema': "
                                 "{'type': 'object', 'properties': {}}, "
                                 "'annotations': {'readOnlyHint': true}}]");

        cr_assert(json_equal(rest_tools(rest), want));
        json_decref(want);
        rest_destroy(rest);
}

/* ---- requests ---- */

#define ANY "'inputSchema': {'type': 'object', 'properties': {'a': {}, 'b': {}, 'c': {}}}, "

static struct rest_run run;
static struct rest *described;
static struct rest_request request;
static char why[500];

static int start(const char *members, const char *arguments)
{
        json_t *args = json_from(arguments);
        json_t *params = json_pack("{s:s, s:o}", "name", "t", "arguments", args);
        int r;

        described = rest_from(members);
        r = rest_run_init(&run, described, params, why, sizeof(why));
        json_decref(params);
        return r;
}

static int make(const char *members, const char *arguments)
{
        int r = start(members, arguments);

        return r != 0 ? r : rest_run_request(&run, NULL, &request, why, sizeof(why));
}

static void finish(void)
{
        rest_request_finish(&request);
        rest_run_finish(&run);
        rest_destroy(described);
        described = NULL;
}

static void check_url(const char *members, const char *arguments, const char *url)
{
        cr_assert_eq(make(members, arguments), 0, "%s: %s", arguments, why);
        check_str(str_from(request.url), str_from(url));
        finish();
}

static void check_call_refused(const char *members, const char *arguments, const char *want)
{
        check_int(make(members, arguments), REST_E_CALL);
        check_str(str_from(why), str_from(want));
        finish();
}

TestSuite(rest_request, .fini = finish);

Test(rest_request, has_the_url_that_the_templates_give)
{
        check_url("'method': 'GET', 'path': '/a'", "{}", "https://api.example.com/v1/a");
        check_url("'method': 'GET', " ANY "'path': '/{a}/x{?b,c*}'",
                  "{'a': 'p/q?r', 'c': ['1', '&']}",
                  "https://api.example.com/v1/p%2Fq%3Fr/x?c=1&c=%26");
        check_url("'method': 'GET', " ANY "'path': '/a{?b}', 'query': {'x-y': '{a}', 'k': 1.5}",
                  "{'a': [1, true, null, 'ü'], 'b': 2}",
                  "https://api.example.com/v1/a?b=2&x-y=1&x-y=true&x-y=%C3%BC&k=1.5");
        check_url("'method': 'GET', " ANY "'path': '/a', 'query': {'x': '{a}', 'y': '{b}'}",
                  "{'a': null, 'b': ''}", "https://api.example.com/v1/a?y=");
        check_url("'method': 'GET', " ANY "'path': '/a', 'query': {'x': '{a}'}", "{}",
                  "https://api.example.com/v1/a");
}

Test(rest_request, keeps_the_shape_of_its_path)
{
        static const char path[] = "'method': 'DELETE', " ANY "'path': '/items/{a}'";

        check_call_refused(path, "{}", "argument a must not be empty: it is a part of the path");
        check_call_refused(path, "{'a': ''}",
                           "argument a must not be empty: it is a part of the path");
        check_call_refused(path, "{'a': null}",
                           "argument a must not be empty: it is a part of the path");
        check_call_refused(path, "{'a': []}",
                           "argument a must not be empty: it is a part of the path");
        check_int(make(path, "{'a': '..'}"), REST_E_CALL);
        cr_assert_not_null(strstr(why, "the path: "), "%s", why);
        finish();
        check_int(make(path, "{'a': {'b': {}}}"), REST_E_CALL);
}

Test(rest_request, takes_defaults_and_checks_arguments)
{
        static const char tool[] =
                "'method': 'GET', 'path': '/{a}{?b}', 'inputSchema': {'type': 'object', "
                "'properties': {'a': {'type': 'string', 'default': 'primary'}, "
                "'b': {'type': 'integer'}}, 'additionalProperties': false}";

        check_url(tool, "{}", "https://api.example.com/v1/primary");
        check_url(tool, "{'a': 'x', 'b': 3}", "https://api.example.com/v1/x?b=3");
        check_call_refused(tool, "{'b': 'x'}", "invalid arguments: /b: must be an integer");
        check_call_refused(tool, "[]", "invalid arguments: the value must be an object");
        check_int(start(tool, "{'c': 1}"), REST_E_CALL);
}

Test(rest_request, of_an_unknown_tool_is_none)
{
        json_t *params = json_pack("{s:s}", "name", "u");

        described = rest_from("'method': 'GET', 'path': '/'");
        check_int(rest_run_init(&run, described, params, why, sizeof(why)), -ENOENT);
        json_decref(params);
}

Test(rest_request, has_headers)
{
        check_int(make("'method': 'POST', " ANY "'path': '/', 'body': '{a}', "
                       "'headers': {'X-A': '{a}', 'X-B': '{b}', 'X-C': '{c}', 'accept': 'x/y'}",
                       "{'a': 1, 'b': 'text'}"),
                  0);
        check_str(str_from(request.headers[0]), STR("X-A: 1"));
        check_str(str_from(request.headers[1]), STR("X-B: text"));
        check_str(str_from(request.headers[2]), STR("accept: x/y"));
        check_str(str_from(request.headers[3]), STR("Content-Type: application/json"));
        cr_assert_null(request.headers[4]);
        finish();
        check_call_refused("'method': 'GET', " ANY "'path': '/', 'headers': {'X': '{a}'}",
                           "{'a': 'x\\ny'}", "X: a control character cannot stand in a header");
        check_call_refused("'method': 'GET', " ANY "'path': '/', 'headers': {'X': '{a}'}",
                           "{'a': 'x\\u0000y'}", "X: a control character cannot stand in a header");
        check_call_refused("'method': 'GET', " ANY "'path': '/', 'headers': {'X': '{a}'}",
                           "{'a': [1]}", "X: an array or object cannot stand in a header");
}

static void check_body(const char *body, const char *arguments, const char *want)
{
        char members[400];

        snprintf(members, sizeof(members), "'method': 'POST', " ANY "'path': '/', %s", body);
        cr_assert_eq(make(members, arguments), 0, "%s: %s", arguments, why);
        check_str(((struct str){request.body, request.body_n}), str_from(want));
        finish();
}

Test(rest_request, has_the_body_that_the_template_gives)
{
        check_body("'body': {'x': '{a}', 'y': {'z': '{b}', 'k': [1, '{c}']}}",
                   "{'a': {'deep': [null]}, 'b': 2.5, 'c': false}",
                   "{\"x\":{\"deep\":[null]},\"y\":{\"z\":2.5,\"k\":[1,false]}}");
        check_body("'body': {'x': '{a}', 'y': {'z': '{b}'}, 'e': {}, 'l': ['{c}']}", "{}",
                   "{\"e\":{}}");
        check_body("'body': '{a}'", "{'a': 'text'}", "\"text\"");
        check_body("'body': '{a}'", "{}", "{}");
        check_body("'body': {'x': 'is {nobody} here', 'y': '{}'}", "{}",
                   "{\"x\":\"is {nobody} here\",\"y\":\"{}\"}");
        check_body("'body': {'x': '{a}', 'y': '{b}', 'z': 'w &'}, 'body_type': 'form'",
                   "{'a': '1 2', 'b': [true, 3]}", "x=1%202&y=true&y=3&z=w%20%26");
        check_body("'body': {'x': '{a}'}, 'body_type': 'form'", "{}", "");
}

Test(rest_request, writes_mails)
{
        static const char mail[] = "'body': {'$mail': {'to': '{a}', 'subject': '{b}', "
                                   "'text': '{c}'}}";

        /* To: a@b, c@d ... printf | basenc --base64url */
        check_body(mail, "{'a': ['a@b', 'c@d'], 'b': 'hi', 'c': 'x'}",
                   "\"VG86IGFAYiwNCiBjQGQNClN1YmplY3Q6IGhpDQpNSU1FLVZlcnNpb246IDEuMA0KQ29udGVudC1U"
                   "eXBlOiB0ZXh0L3BsYWluOyBjaGFyc2V0PVVURi04DQpDb250ZW50LVRyYW5zZmVyLUVuY29kaW5nOi"
                   "BiYXNlNjQNCg0KZUE9PQ0K\"");
        check_call_refused("'method': 'POST', " ANY "'path': '/', 'body': {'$mail': {'to': '{a}'}}",
                           "{'a': 'a@b\\nBcc: e@f'}", "to: must be one line");
        check_call_refused("'method': 'POST', " ANY "'path': '/', 'body': {'$mail': {'to': '{a}'}}",
                           "{'a': 'ü@b'}", "to: must be ASCII: addresses without names");
        check_call_refused("'method': 'POST', " ANY "'path': '/', 'body': {'$mail': {'to': '{a}'}}",
                           "{'a': [1]}", "to: must be a string or an array of them");
        check_call_refused("'method': 'POST', " ANY "'path': '/', 'body': {'$mail': {'to': '{a}'}}",
                           "{}", "a mail needs \"to\", and its text must be a string");
}

/* ---- results ---- */

#define GET "'method': 'GET', 'path': '/'"

static void check_answer(const struct rest_answer *answer, const char *want)
{
        json_t *result = NULL, *expected = json_from(want);
        char *text;

        check_int(rest_run_answer(&run, "s", answer, &result), 0);
        text = json_dumps(result, 0);
        cr_assert(json_equal(result, expected), "got %s, want %s", text, want);
        free(text);
        json_decref(result);
        json_decref(expected);
}

static void check_result(const char *members, unsigned status, const char *type, const char *body,
                         const char *want)
{
        const struct rest_answer answer = {
                .status = status,
                .content_type = str_from(type),
                .retry_after_s = 60,
                .body = str_from(body),
        };

        cr_assert_eq(start(members, "{}"), 0, "%s", why);
        check_answer(&answer, want);
        finish();
}

#define TEXT(text) "{'content': [{'type': 'text', 'text': '" text "'}]}"
#define ERROR(text) "{'content': [{'type': 'text', 'text': '" text "'}], 'isError': true}"

Test(rest_result, is_what_the_pointer_names)
{
        static const char json[] = "Application/JSON; charset=utf-8";

        check_result(GET, 200, json, "[1, {}]", TEXT("[1,{}]"));
        check_result(GET, 201, "application/hal+json", "\"word\"", TEXT("word"));
        check_result(GET ", 'result': '/a/1/b~1c'", 200, json, "{\"a\": [0, {\"b/c\": 7}]}",
                     TEXT("7"));
        check_result(GET ", 'result': '/a'", 200, json, "{\"b\": 1}",
                     TEXT("Nothing: the answer has no /a."));
        check_result(GET ", 'result': '/a/x'", 200, json, "{\"a\": [1]}",
                     TEXT("Nothing: the answer has no /a/x."));
        check_result(GET, 204, "", "", TEXT("Done (HTTP 204)."));
        check_result(GET, 200, "text/csv", "a;b", TEXT("a;b"));
}

Test(rest_result, is_structured_where_a_schema_says_so)
{
        static const char tool[] = GET ", 'result': '/o', 'outputSchema': {'type': 'object', "
                                       "'properties': {'n': {'type': 'integer'}}}";

        cr_assert_eq(start(tool, "{}"), 0);
        check_answer(&(struct rest_answer){.status = 200,
                                           .content_type = STR("application/json"),
                                           .body = STR("{\"o\": {\"n\": 1}}")},
                     "{'content': [{'type': 'text', 'text': '{\\\"n\\\":1}'}], "
                     "'structuredContent': {'n': 1}}");
        finish();
        check_result(tool, 200, "application/json", "{\"o\": {\"n\": \"x\"}}",
                     ERROR("s: the answer does not fit the outputSchema: /n: must be an integer"));
        check_result(tool, 200, "application/json", "{\"o\": [1]}",
                     ERROR("s: the answer has no object at \\\"/o\\\""));
        check_result(tool, 204, "", "", ERROR("s: the answer (HTTP 204) is no JSON but nothing"));
        check_result(tool, 200, "text/plain", "x",
                     ERROR("s: the answer (HTTP 200) is no JSON but text/plain"));
}

Test(rest_result, says_what_went_wrong)
{
        static const char json[] = "application/json";
        static const char tool[] = GET ", 'errors': {'404': 'no such thing'}";

        check_result(tool, 404, json, "{\"error\": {\"message\": \"Not\\nthere\"}}",
                     ERROR("s: HTTP 404 (Not Found): no such thing (again in 60 s): Not there"));
        check_result(tool, 404, "text/html", "<p>secret",
                     ERROR("s: HTTP 404 (Not Found): no such thing (again in 60 s)"));
        check_result(
                tool, 401, json, "{\"message\": \"Bearer abc is bad\"}",
                ERROR("s: HTTP 401 (Unauthorized): the API refuses the gateway\\u0027s credentials "
                      "(again in 60 s)"));
        check_result(tool, 599, json, "[]", ERROR("s: HTTP 599: the API failed (again in 60 s)"));
        check_result(tool, 200, json, "{",
                     ERROR("s: the answer is broken JSON: the text ends too early (line 1, "
                           "column 2, byte 2)"));
        check_result(tool, 200, "text/html", "<p>",
                     ERROR("s: the answer (HTTP 200) is no JSON but text/html"));
        check_result(tool, 200, "x/\xff\xc3", "x",
                     ERROR("s: the answer (HTTP 200) is no JSON but x/??"));
        check_result(tool, 200, json, "[\"\\u0000\"]", TEXT("[\\\"\\\\u0000\\\"]"));
        check_result(tool, 200, "", "x",
                     ERROR("s: the answer (HTTP 200) is no JSON but of an unknown type"));
}

Test(rest_result, short_messages_are_cut_between_characters)
{
        static const struct {
                const char *body, *want;
        } said[] = {
                {"{'error': {'message': 'a'}, 'message': 'b'}", "a"},
                {"{'error': 'code', 'error_description': 'a'}", "a"},
                {"{'title': 't', 'detail': 'd'}", "d"},
                {"{'errors': [{'message': 'first'}]}", "first"},
                {"{'error': 'invalid'}", "invalid"},
                {"{'other': 'x'}", ""},
                {"[]", ""},
                {"{'message': '12345678'}", "12345678"},
                {"{'message': '123456789'}", "12345678"},
                {"{'message': '1234567üx'}", "1234567"},
                {"{'message': '123456üx'}", "123456ü"},
        };

        for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
                json_t *body = json_from(said[i].body);
                char out[9];

                rest_short_message(body, NULL, out, sizeof(out));
                check_str(str_from(out), str_from(said[i].want));
                json_decref(body);
        }
}

Test(rest_result, quotes_no_secret)
{
        static const char *const secrets[] = {"ya29.secret", "k", NULL};
        static const struct {
                const char *body, *want;
        } said[] = {
                {"{'message': 'ya29.secret is bad: k'}", "* is bad: k"},
                {"{'message': 'a ya29.secret'}", "a *"},
                {"{'message': 'ya29.secretya29.secret'}", "**"},
                {"{'message': '123456789 123 ya29.secret'}", "123456789 123 *"},
                {"{'message': '123456789 1234 ya29.secret'}", "123456789 1234 "},
                {"{'message': '123456789 12345ü ya29.secret'}", "123456789 12345"},
                {"{'message': 'ya29.secret3456789 1234üx'}", "*3456789 1234ü"},
                {"{'message': 'ya29.secret3456789 12345üx'}", "*3456789 12345"},
        };

        for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
                json_t *body = json_from(said[i].body);
                char out[16];

                rest_short_message(body, secrets, out, sizeof(out));
                check_str(str_from(out), str_from(said[i].want));
                json_decref(body);
        }
}

static struct rest_answer page(const char *body)
{
        return (struct rest_answer){
                .status = 200, .content_type = STR("application/json"), .body = str_from(body)};
}

static void check_more(const char *body, const char *url)
{
        struct rest_answer answer = page(body);
        json_t *result;

        check_int(rest_run_answer(&run, "s", &answer, &result), REST_MORE);
        rest_request_finish(&request);
        check_int(rest_run_request(&run, NULL, &request, why, sizeof(why)), 0);
        check_str(str_from(request.url), str_from(url));
}

static const char paged[] =
        "'method': 'GET', " ANY
        "'path': '/{?a,b}', 'paging': {'items': '/l/i', 'token': '/next', 'argument': 'a', "
        "'pages_max': 3}";

Test(rest_result, has_the_items_of_all_pages)
{
        struct rest_answer last = page("{\"l\": {\"i\": [4]}, \"end\": true}");

        check_int(make(paged, "{'b': 'k'}"), 0);
        check_more("{\"l\": {\"i\": [1, 2]}, \"next\": \"t 1\"}",
                   "https://api.example.com/v1/?a=t%201&b=k");
        check_more("{\"l\": {}, \"next\": \"t2\"}", "https://api.example.com/v1/?a=t2&b=k");
        check_answer(&last, "{'content': [{'type': 'text', 'text': "
                            "'{\\\"l\\\":{\\\"i\\\":[1,2,4]},\\\"end\\\":true}'}]}");
        finish();
}

Test(rest_result, says_where_the_pages_went_on)
{
        struct rest_answer last = page("{\"l\": {\"i\": [3]}, \"next\": \"t3\"}");

        check_int(make(paged, "{}"), 0);
        check_more("{\"l\": {\"i\": [1]}, \"next\": \"t1\"}", "https://api.example.com/v1/?a=t1");
        check_more("{\"l\": {\"i\": [2]}, \"next\": \"t2\"}", "https://api.example.com/v1/?a=t2");
        check_answer(&last, "{'content': [{'type': 'text', 'text': "
                            "'{\\\"l\\\":{\\\"i\\\":[1,2,3]},\\\"next\\\":\\\"t3\\\"}'}]}");
        finish();
}

Test(rest_result, of_a_page_that_fails_is_the_error)
{
        struct rest_answer gone = {.status = 410, .retry_after_s = -1};

        check_int(make(paged, "{}"), 0);
        check_more("{\"l\": {\"i\": [1]}, \"next\": \"t1\"}", "https://api.example.com/v1/?a=t1");
        check_answer(&gone, ERROR("s: HTTP 410 (Gone): the API refuses the request"));
        finish();
}

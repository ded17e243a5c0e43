/* What is said, refused and bounded. Which values fit is for the official suite (schema_suite.c).
 */
#include "mgw/schema/schema.h"

#include "../check.h"
#include "../json.h"

#include <stdlib.h>
#include <string.h>

#define WHY_SIZE 400

static struct schema *schema_from(const char *text)
{
        json_t *json = json_from(text);
        char why[WHY_SIZE] = "";
        struct schema *schema;
        int r = schema_create(json, &schema, why, sizeof(why));

        /* the schema has its own copy */
        json_decref(json);
        cr_assert_eq(r, 0, "%s: %d %s", text, r, why);
        return schema;
}

static void check_says(const char *schema_text, const char *value_text, const char *want)
{
        struct schema *schema = schema_from(schema_text);
        json_t *value = json_from(value_text);
        char why[WHY_SIZE] = "";
        int r = schema_check(schema, value, why, sizeof(why));

        cr_assert_eq(r, want == NULL ? 0 : SCHEMA_E_INVALID, "%s of %s: %d %s", schema_text,
                     value_text, r, why);
        if (want != NULL)
                check_str(str_from(why), str_from(want));
        json_decref(value);
        schema_destroy(schema);
}

static const char calendar[] =
        "{'type': 'object', 'required': ['summary', 'start'], 'additionalProperties': false,"
        " 'properties': {"
        "  'summary': {'type': 'string', 'minLength': 1, 'maxLength': 20},"
        "  'start': {'$ref': '#/$defs/time'}, 'end': {'$ref': '#/$defs/time'},"
        "  'attendees': {'type': 'array', 'maxItems': 2, 'items': {'type': 'object',"
        "   'required': ['email'], 'properties': {'email': {'pattern': '^[^@]+@[^@]+$'}}}}},"
        " '$defs': {'time': {'type': 'object', 'oneOf': ["
        "  {'required': ['date'], 'properties': {'date': {'type': 'string'}}},"
        "  {'required': ['dateTime'], 'properties': {'dateTime': {'type': 'string'}}}]}}}";

Test(schema, arguments_of_a_tool)
{
        check_says(calendar, "{'summary': 'x', 'start': {'date': '2026-01-31'}}", NULL);
        check_says(calendar, "[]", "the value must be an object");
        check_says(calendar, "{'start': {'date': ''}}",
                   "the value must have the property \"summary\"");
        check_says(calendar, "{'summary': '', 'start': {'date': ''}}",
                   "/summary: must have at least 1 character");
        check_says(calendar, "{'summary': 'x', 'start': 7}", "/start: must be an object");
        check_says(
                calendar, "{'summary': 'x', 'start': {'dateTime': 7}}",
                "/start: must fit one of 2 alternatives; of the nearest: /start/dateTime: must be "
                "a string");
        check_says(calendar, "{'summary': 'x', 'start': {'date': '', 'dateTime': ''}}",
                   "/start: must fit only one of 2 alternatives, and fits numbers 1 and 2");
        check_says(calendar, "{'summary': 'x', 'start': {'date': ''}, 'ende': 1}",
                   "/ende: is not allowed");
        check_says(calendar,
                   "{'summary': 'x', 'start': {'date': ''}, 'attendees': [{'email': 'a@b'}, {}]}",
                   "/attendees/1: must have the property \"email\"");
        check_says(calendar,
                   "{'summary': 'x', 'start': {'date': ''}, 'attendees': [{'email': 'a'}]}",
                   "/attendees/0/email: must match the pattern \"^[^@]+@[^@]+$\"");
        check_says(calendar, "{'summary': 'x', 'start': {'date': ''}, 'attendees': [1, 2, 3]}",
                   "/attendees: must have at most 2 items");
}

Test(schema, every_keyword_says_what_it_expects)
{
        static const struct {
                const char *schema, *value, *want;
        } cases[] = {
                {"false", "1", "the value is not allowed"},
                {"{'type': 'integer'}", "1.5", "the value must be an integer"},
                {"{'type': 'null'}", "1", "the value must be null"},
                {"{'type': ['string', 'null', 'array']}", "true",
                 "the value must be a string or null or an array"},
                {"{'const': {'a': [1]}}", "1", "the value must be {\"a\":[1]}"},
                {"{'enum': ['a', 0.1, null]}", "1", "the value must be one of [\"a\",0.1,null]"},
                {"{'minimum': 0.1}", "0", "the value must be at least 0.1"},
                {"{'maximum': 3}", "3.5", "the value must be at most 3"},
                {"{'exclusiveMinimum': 3}", "3.0", "the value must be more than 3"},
                {"{'exclusiveMaximum': 3}", "3", "the value must be less than 3"},
                {"{'multipleOf': 0.01}", "0.015", "the value must be a multiple of 0.01"},
                {"{'minLength': 2}", "'\xc3\xa9'", "the value must have at least 2 characters"},
                {"{'maxLength': 1.0}", "'ab'", "the value must have at most 1 character"},
                {"{'minItems': 1}", "[]", "the value must have at least 1 item"},
                {"{'minProperties': 1}", "{}", "the value must have at least 1 property"},
                {"{'maxProperties': 0}", "{'a': 1}", "the value must have at most 0 properties"},
                {"{'uniqueItems': true}", "[1, 2, {'a': 1, 'b': 2}, {'b': 2.0, 'a': 1}]",
                 "the value must not have an item twice (2 and 3 are equal)"},
                {"{'dependentRequired': {'a': ['b']}}", "{'a': 1}",
                 "the value must, with the properties it has, also have \"b\""},
                {"{'dependentSchemas': {'a': {'maxProperties': 1}}}", "{'a': 1, 'b': 2}",
                 "the value must have at most 1 property"},
                {"{'propertyNames': {'maxLength': 1}}", "{'ab': 1}",
                 "/ab: must have at most 1 character"},
                {"{'patternProperties': {'^x': {'type': 'null'}}}", "{'x1': 1}",
                 "/x1: must be null"},
                {"{'prefixItems': [true, {'type': 'null'}]}", "[1, 2]", "/1: must be null"},
                {"{'prefixItems': [true], 'items': false}", "[1, 2]", "/1: is not allowed"},
                {"{'contains': {'type': 'null'}}", "[1]",
                 "the value must have at least 1 item that fits the schema of contains"},
                {"{'contains': true, 'minContains': 3}", "[1, 2]",
                 "the value must have at least 3 items that fit the schema of contains"},
                {"{'contains': true, 'maxContains': 1}", "[1, 2]",
                 "the value must have at most 1 item that fits the schema of contains"},
                {"{'allOf': [true, {'type': 'null'}]}", "1", "the value must be null"},
                {"{'anyOf': [{'type': 'null'}, {'items': {'items': {'type': 'null'}}}]}", "[[1]]",
                 "the value must fit one of 2 alternatives; of the nearest: /0/0: must be null"},
                {"{'not': {'type': 'null'}}", "null",
                 "the value must not fit the schema {\"type\":\"null\"}"},
                {"{'if': {'type': 'array'}, 'then': {'minItems': 1}}", "[]",
                 "the value must have at least 1 item"},
                {"{'if': {'type': 'array'}, 'else': {'type': 'null'}}", "1",
                 "the value must be null"},
                {"{'properties': {'a': true}, 'unevaluatedProperties': false}", "{'a': 1, 'b': 1}",
                 "/b: is not allowed"},
                {"{'prefixItems': [true], 'unevaluatedItems': false}", "[1, 2]",
                 "/1: is not allowed"},
                /* places, as pointers */
                {"{'additionalProperties': {'type': 'null'}}", "{'a/b~c': 1}",
                 "/a~1b~0c: must be null"},
                {"{'additionalProperties': {'type': 'null'}}", "{'': 1}", "/: must be null"},
                {"{'additionalProperties': {'type': 'null'}}", "{'a\\nb\\u007f': 1}",
                 "/a?b?: must be null"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                check_says(cases[i].schema, cases[i].value, cases[i].want);
}

Test(schema, numbers_are_compared_exactly)
{
        check_says("{'const': 9007199254740993}", "9007199254740993", NULL);
        check_says("{'const': 9007199254740993}", "9007199254740992.0",
                   "the value must be 9007199254740993");
        check_says("{'maximum': 9223372036854775806}", "9223372036854775807",
                   "the value must be at most 9223372036854775806");
        check_says("{'maximum': 9223372036854775807}", "9223372036854775808.0",
                   "the value must be at most 9223372036854775807");
        check_says("{'minimum': -9223372036854775808}", "-9223372036854775808.0", NULL);
        check_says("{'enum': [-0.0]}", "0", NULL);
        check_says("{'uniqueItems': true}", "[0, -0.0]",
                   "the value must not have an item twice (0 and 1 are equal)");
        check_says("{'uniqueItems': true}", "[9007199254740993, 9007199254740992.0]", NULL);
        check_says("{'type': 'integer'}", "1e300", NULL);
        check_says("{'multipleOf': 0.01}", "19.99", NULL);
        check_says("{'multipleOf': 0.1}", "123456789.3", NULL);
        check_says("{'multipleOf': 3}", "-9", NULL);
}

Test(schema, references)
{
        static const char bundle[] =
                "{'$id': 'https://a.example/root', '$defs': {"
                "  'n': {'$anchor': 'number', 'type': 'number'},"
                "  'in': {'$id': 'https://a.example/in', '$defs': {'n': {'type': 'null'}},"
                "         'items': {'$ref': '#/$defs/n'}}},"
                " 'properties': {'a': {'$ref': '#number'}, 'b': {'$ref': 'https://a.example/in'},"
                "  'c': {'$ref': 'https://a.example/root#/$defs/n'},"
                "  'd': {'$ref': 'https://a.example/in#/$defs/n'}}}";
        /* as OpenAPI keeps its schemas, in a place that no keyword names */
        static const char components[] =
                "{'$ref': '#/components/schemas/a~1b%25~01', 'components': {'schemas': {"
                " 'a/b%~1': {'items': {'$ref': '#/components/list/1'}}},"
                " 'list': [true, {'type': 'null'}]}}";

        check_says(bundle, "{'a': 1, 'b': [null], 'c': 1, 'd': null}", NULL);
        check_says(bundle, "{'a': ''}", "/a: must be a number");
        check_says(bundle, "{'b': [1]}", "/b/0: must be null");
        check_says(bundle, "{'c': ''}", "/c: must be a number");
        check_says(bundle, "{'d': ''}", "/d: must be null");
        check_says(components, "[null]", NULL);
        check_says(components, "[1]", "/0: must be null");
        check_says("{'items': {'$ref': '#'}, 'maxItems': 1}", "[[[]]]", NULL);
        check_says("{'items': {'$ref': '#'}, 'maxItems': 1}", "[[[1, 2]]]",
                   "/0/0: must have at most 1 item");
        check_says("{'definitions': {'a': {'type': 'null'}}, '$ref': '#/definitions/a'}", "1",
                   "the value must be null");
}

Test(schema, unknown_keywords_and_formats_are_ignored)
{
        check_says("{'$schema': 'http://json-schema.org/draft-07/schema#', 'format': 'email',"
                   " 'title': 1, 'x-order': {'type': 7}, 'deprecated': true, 'default': 3,"
                   " 'contentEncoding': 'base64', '$comment': ''}",
                   "'%'", NULL);
}

Test(schema, unsound)
{
        static const struct {
                const char *schema, *want;
        } cases[] = {
                {"1", "the schema must be a schema: an object, true or false"},
                {"null", "the schema must be a schema: an object, true or false"},
                {"{'type': 'text'}", "/type: must be the name of a type or an array of such names"},
                {"{'type': []}", "/type: must be the name of a type or an array of such names"},
                {"{'type': ['null', 1]}",
                 "/type: must be the name of a type or an array of such names"},
                {"{'properties': []}", "/properties: must be an object of schemas"},
                {"{'properties': {'a': {'items': [true]}}}",
                 "/properties/a/items: must be a schema: an object, true or false"},
                {"{'required': 'a'}", "/required: must be an array of strings"},
                {"{'required': [1]}", "/required: must be an array of strings"},
                {"{'dependentRequired': {'a': 'b'}}",
                 "/dependentRequired: must be an object of arrays of strings"},
                {"{'enum': 1}", "/enum: must be an array"},
                {"{'allOf': []}", "/allOf: must be an array of schemas, and not empty"},
                {"{'anyOf': [true, 1]}", "/anyOf/1: must be a schema: an object, true or false"},
                {"{'minLength': -1}", "/minLength: must be an integer of 0 or more"},
                {"{'minLength': 1.5}", "/minLength: must be an integer of 0 or more"},
                {"{'maxItems': '1'}", "/maxItems: must be an integer of 0 or more"},
                {"{'minimum': '1'}", "/minimum: must be a number"},
                {"{'exclusiveMinimum': true}", "/exclusiveMinimum: must be a number"},
                {"{'multipleOf': 0}", "/multipleOf: must be a number above 0"},
                {"{'multipleOf': -1}", "/multipleOf: must be a number above 0"},
                {"{'uniqueItems': 1}", "/uniqueItems: must be true or false"},
                {"{'pattern': 1}", "/pattern: must be a string"},
                {"{'pattern': '('}",
                 "/pattern: is no regular expression: missing closing parenthesis (at byte 1)"},
                {"{'patternProperties': {'[': true}}",
                 "/patternProperties/[: is no regular expression: missing terminating ] for "
                 "character class (at byte 1)"},
                {"{'$ref': 1}", "/$ref: must be a string"},
                {"{'$ref': '#/$defs/a'}", "#/$defs/a: this $ref leads to nothing in the document"},
                {"{'$ref': '#a'}", "#a: this $ref leads to nothing in the document"},
                {"{'$ref': '#/a%00b', 'a': true}",
                 "#/a%00b: this $ref leads to nothing in the document"},
                {"{'$ref': '#/enum/01', 'enum': [true, true]}",
                 "#/enum/01: this $ref leads to nothing in the document"},
                {"{'$ref': '#/enum/0', 'enum': [1]}",
                 "#/enum/0: must be a schema: an object, true or false"},
                {"{'$ref': '#/x/y', 'x': {'y': {'type': 7}}}",
                 "#/x/y/type: must be the name of a type or an array of such names"},
                {"{'$ref': 'https://a.example/'}",
                 "https://a.example/: a $ref must stay in the document: \"#...\", or an absolute "
                 "$id that stands in it"},
                {"{'$ref': 'file.json#/a'}", "file.json#/a: a $ref must stay in the document: "
                                             "\"#...\", or an absolute $id that "
                                             "stands in it"},
                {"{'$dynamicRef': '#a'}", "/$dynamicRef: is not supported"},
                {"{'$id': '#a'}", "/$id: must be a string without '#'"},
                {"{'$anchor': 1}", "/$anchor: must be a string"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                json_t *json = json_from(cases[i].schema);
                char why[WHY_SIZE] = "";
                struct schema *schema;

                cr_assert_eq(schema_create(json, &schema, why, sizeof(why)), SCHEMA_E_UNSOUND, "%s",
                             cases[i].schema);
                check_str(str_from(why), str_from(cases[i].want));
                json_decref(json);
        }
        schema_destroy(NULL);
}

Test(schema, loops_are_refused)
{
        static const char *const cases[] = {
                "{'$ref': '#'}",
                "{'allOf': [{'$ref': '#'}]}",
                "{'anyOf': [{'type': 'null'}, {'$ref': '#'}]}",
                "{'not': {'$ref': '#'}}",
                "{'if': {'$ref': '#'}}",
                "{'if': true, 'else': {'$ref': '#'}}",
                "{'dependentSchemas': {'a': {'$ref': '#'}}}",
                ("{'$ref': '#/$defs/a', '$defs': {'a': {'$ref': '#/$defs/b'},"
                 " 'b': {'oneOf': [true, {'$ref': '#/$defs/a'}]}}}"),
                "{'items': {'$ref': '#/x'}, 'x': {'$ref': '#/y'}, 'y': {'$ref': '#/x'}}",
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                json_t *json = json_from(cases[i]);
                char why[WHY_SIZE] = "";
                struct schema *schema;

                cr_assert_eq(schema_create(json, &schema, why, sizeof(why)), SCHEMA_E_UNSOUND, "%s",
                             cases[i]);
                cr_assert_not_null(strstr(why, "leads by $ref back to itself"), "%s", why);
                json_decref(json);
        }
}

/* {"items": {"items": ... true}}, or [[... 1]] */
static json_t *nested(const char *key, unsigned levels)
{
        json_t *json = json_true();

        for (unsigned i = 0; i < levels; i++)
                json = key == NULL ? json_pack("[o]", json) : json_pack("{s:o}", key, json);
        return json;
}

static int create(json_t *json, struct schema **schemap)
{
        char why[WHY_SIZE] = "";
        int r = schema_create(json, schemap, why, sizeof(why));

        json_decref(json);
        return r;
}

static int check_take(struct schema *schema, json_t *value)
{
        char why[WHY_SIZE] = "";
        int r = schema_check(schema, value, why, sizeof(why));

        cr_assert_eq(r == 0, why[0] == '\0');
        json_decref(value);
        return r;
}

Test(schema, depth_is_bounded)
{
        struct schema *schema;

        check_int(create(nested("items", SCHEMA_DEPTH_MAX + 1), &schema), SCHEMA_E_UNSOUND);
        check_int(create(nested("items", 100000), &schema), SCHEMA_E_UNSOUND);
        check_int(create(nested("not", SCHEMA_DEPTH_MAX + 1), &schema), SCHEMA_E_UNSOUND);
        check_int(create(nested("items", SCHEMA_DEPTH_MAX), &schema), 0);
        check_int(check_take(schema, nested(NULL, SCHEMA_DEPTH_MAX)), 0);
        check_int(check_take(schema, nested(NULL, SCHEMA_DEPTH_MAX + 1)), SCHEMA_E_LIMIT);
        check_int(check_take(schema, nested(NULL, 100000)), SCHEMA_E_LIMIT);
        schema_destroy(schema);
        schema = schema_from("{'type': ['array', 'boolean'], 'items': {'allOf': [{'$ref': '#'}]}}");
        check_int(check_take(schema, nested(NULL, SCHEMA_DEPTH_MAX)), 0);
        schema_destroy(schema);
}

/* A chain of 10000 references, not nested at all. */
Test(schema, chains_are_bounded)
{
        json_t *json = json_pack("{s:s, s:{}}", "$ref", "#/d/0", "d");
        struct schema *schema;

        for (int i = 0; i < 10000; i++) {
                char name[16];
                json_t *link = json_object();

                json_object_set_new(link, "$ref", json_sprintf("#/d/%d", i + 1));
                snprintf(name, sizeof(name), "%d", i);
                json_object_set_new(json_object_get(json, "d"), name, link);
        }
        check_int(create(json, &schema), SCHEMA_E_UNSOUND);
}

static json_t *array_of(size_t n, json_t *(*make)(size_t i))
{
        json_t *array = json_array();

        for (size_t i = 0; i < n; i++)
                json_array_append_new(array, make(i));
        return array;
}

static json_t *make_number(size_t i)
{
        return json_integer((json_int_t)i);
}

/* All of them have the same hash and none is equal to another: 2^53 and what follows. */
static json_t *make_twin(size_t i)
{
        return json_integer((1LL << 62) + (json_int_t)(i % 256));
}

static json_t *make_object(size_t i)
{
        return json_pack("{s:I, s:[i]}", "id", (json_int_t)i, "list", 1);
}

/* {"items": {"anyOf": [{"const": "xxx..."}, true]}} */
static struct schema *schema_with_big_const(void)
{
        size_t n = 1 << 20;
        char *text = malloc(n);
        struct schema *schema;

        memset(text, 'x', n);
        check_int(create(json_pack("{s:{s:[{s:o}, b]}}", "items", "anyOf", "const",
                                   json_stringn(text, n), 1),
                         &schema),
                  0);
        free(text);
        return schema;
}

Test(schema, work_is_bounded, .timeout = 60)
{
        static const char doubling[] =
                "{'$ref': '#/$defs/a', '$defs': {"
                " 'a': {'allOf': [{'$ref': '#/$defs/b'}, {'$ref': '#/$defs/b'}]},"
                " 'b': {'allOf': [{'$ref': '#/$defs/c'}, {'$ref': '#/$defs/c'}]},"
                " 'c': {'items': {'$ref': '#/$defs/a'}}}}";
        struct schema *schema = schema_from("{'uniqueItems': true}");

        check_int(check_take(schema, array_of(20000, make_object)), 0);
        check_int(check_take(schema, array_of(100000, make_twin)), SCHEMA_E_INVALID);
        check_int(check_take(schema, array_of(2000000, make_number)), SCHEMA_E_LIMIT);
        schema_destroy(schema);
        schema = schema_from(doubling);
        check_int(check_take(schema, nested(NULL, 60)), SCHEMA_E_LIMIT);
        schema_destroy(schema);
        schema = schema_from("{'contains': {'not': {'type': 'integer'}}}");
        check_int(check_take(schema, array_of(100000, make_number)), SCHEMA_E_INVALID);
        check_int(check_take(schema, array_of(1000000, make_number)), SCHEMA_E_LIMIT);
        schema_destroy(schema);
        schema = schema_from("{'pattern': '^(a+)+$'}");
        check_int(check_take(schema, json_string("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!")),
                  SCHEMA_E_LIMIT);
        schema_destroy(schema);
        /* nor does it cost much to say what is wrong, when nobody listens */
        schema = schema_with_big_const();
        check_int(check_take(schema, array_of(100000, make_number)), 0);
        schema_destroy(schema);
        /* the limit is not taken for a refusal */
        schema = schema_from("{'not': {'pattern': '^(a+)+$'}}");
        check_int(check_take(schema, json_string("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!")),
                  SCHEMA_E_LIMIT);
        schema_destroy(schema);
}

Test(schema, reasons_are_cut_between_characters)
{
        struct schema *schema = schema_from("{'additionalProperties': {'enum': ['\xc3\xa9\xc3\xa9"
                                            "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9']}}");
        json_t *value = json_from("{'\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9': 1}");

        for (size_t size = 0; size < 100; size++) {
                char why[100];
                struct str rest;

                memset(why, 'x', sizeof(why));
                check_int(schema_check(schema, value, why, size), SCHEMA_E_INVALID);
                cr_assert(size == 100 || why[size] == 'x');
                if (size == 0)
                        continue;
                cr_assert_lt(strnlen(why, size), size);
                rest = str_from(why);
                while (rest.n > 0) {
                        uint32_t c;
                        size_t n = str_utf8_first(rest, &c);

                        cr_assert_gt(n, 0, "%zu: %s", size, why);
                        rest.p += n;
                        rest.n -= n;
                }
        }
        json_decref(value);
        schema_destroy(schema);
}

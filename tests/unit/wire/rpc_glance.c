/* Calls and results that go on as they came: what is taken for plain, and what never is. */
#include "mgw/wire/rpc_glance.h"

#include "mgw/wire/json_raw.h"
#include "mgw/wire/rpc.h"

#include "../check.h"

#include <stdio.h>
#include <stdlib.h>

#define VALUES_MAX 1000
#define HEAD "{\"jsonrpc\":\"2.0\",\"id\":7,"

static json_t *call(const char *params)
{
        char text[8192];

        snprintf(text, sizeof(text), HEAD "\"method\":\"tools/call\",\"params\":%s}", params);
        return rpc_glance_call(str_from(text), VALUES_MAX);
}

static json_t *result(const char *members)
{
        char text[8192];

        snprintf(text, sizeof(text), HEAD "\"result\":%s}", members);
        return rpc_glance_result(str_from(text), VALUES_MAX);
}

static void check_dump(json_t *value, const char *text)
{
        struct str dumped;

        cr_assert_eq(rpc_dump(value, &dumped), 0);
        check_str(dumped, str_from(text));
        free((char *)dumped.p);
}

Test(rpc_glance, arguments_keep_their_bytes)
{
        static const char *const arguments[] = {
                "{}",
                "{\"z\":1,\"a\":[1.50, -0.10,0,-7,123456789012345678]}",
                "{ \"a\" : {\"b\":[ ]} ,\t\"c\":null,\"d\":true,\"e\":false}",
                "{\"a\":\"\\u00e9\\/\\n\\u0000 \xc3\xa9 \xf0\x9f\x98\x80 and more than eight\"}",
        };

        for (size_t i = 0; i < sizeof(arguments) / sizeof(arguments[0]); i++) {
                char params[512], whole[640];
                json_t *root;

                snprintf(params, sizeof(params), "{\"arguments\":%s,\"name\":\"up_a\"}",
                         arguments[i]);
                snprintf(whole, sizeof(whole), HEAD "\"method\":\"tools/call\",\"params\":%s}",
                         params);
                root = call(params);
                cr_assert_not_null(root, "%s", params);
                check_str(json_raw_text(json_object_get(root, "params")), str_from(params));
                check_dump(root, whole);
                json_decref(root);
        }
}

Test(rpc_glance, what_would_be_mended_is_not_plain)
{
        static const char *const params[] = {
                "{\"name\":\"a\",\"arguments\":{\"a\":1,\"a\":2}}",
                "{\"name\":\"a\",\"name\":\"b\"}",
                "{\"name\":\"a\",\"arguments\":{\"a\":18446744073709551615}}",
                "{\"name\":\"a\",\"arguments\":{\"a\":1e400}}",
                "{\"name\":\"a\",\"arguments\":{\"a\":1e5}}",
                "{\"name\":\"a\",\"arguments\":{\"a\":1.0e5}}",
                "{\"name\":\"a\",\"arguments\":{\"a\":3.14159265358979323846}}",
                "{\"name\":\"a\",\"arguments\":{\"a\":01}}",
                "{\"name\":\"a\",\"arguments\":{\"a\":1.}}",
                "{\"name\":\"a\",\"arguments\":{\"a\":-}}",
                "{\"name\":\"a\",\"arguments\":{\"a\":NaN}}",
                "{\"name\":\"a\",\"arguments\":{\"a\":\"\\ud83d\"}}",
                "{\"name\":\"a\",\"arguments\":{\"a\":\"\\ud83d\\ude00\"}}",
                "{\"name\":\"a\",\"arguments\":{\"a\":\"\\x\"}}",
                "{\"name\":\"a\",\"arguments\":{\"a\":\"\xff\"}}",
                "{\"name\":\"a\",\"arguments\":{\"a\":\"\xed\xa0\xbd\"}}",
                "{\"name\":\"a\",\"arguments\":{\"a\":\"\t\"}}",
                "{\"name\":\"a\",\"arguments\":{\"a\\u0000\":1}}",
                "{\"name\":\"a\",\"arguments\":{\"a\":1,}}",
                "{\"name\":\"a\",\"arguments\":{\"a\":[1,]}}",
                "{\"name\":\"a\",\"arguments\":\n{}}",
                "{\"name\":\"a\",\"arguments\":null}",
                "{\"name\":\"a\",\"arguments\":[]}",
                "{\"name\":\"a\",\"task\":{}}",
                "{\"name\":\"a\",\"_meta\":{\"progressToken\":1}}",
                "{\"name\":\"\\u0061\"}",
                "{\"name\":7}",
                "{\"arguments\":{}}",
                "{}",
                "{\"name\":\"a\"",
                "{\"name\":\"a\"}}",
                "{\"name\":\"a\"} 1",
        };

        for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++)
                cr_assert_null(call(params[i]), "%s", params[i]);
}

Test(rpc_glance, what_is_deep_or_of_many_values_is_not_plain)
{
        char params[4096];
        size_t n =
                (size_t)snprintf(params, sizeof(params), "{\"name\":\"a\",\"arguments\":{\"a\":");

        memset(params + n, '[', 61);
        memset(params + n + 61, ']', 61);
        strcpy(params + n + 2 * 61, "}}");
        json_t *root = call(params);
        cr_assert_not_null(root);
        json_decref(root);
        memset(params + n, '[', 62);
        memset(params + n + 62, ']', 62);
        strcpy(params + n + 2 * 62, "}}");
        cr_assert_null(call(params));

        n = (size_t)snprintf(params, sizeof(params), "{\"name\":\"a\",\"arguments\":{\"a\":[0");
        for (size_t i = 0; i < VALUES_MAX; i++)
                n += (size_t)snprintf(params + n, sizeof(params) - n, ",0");
        strcpy(params + n, "]}}");
        cr_assert_null(call(params));
}

Test(rpc_glance, other_messages_are_not_plain)
{
        static const char *const texts[] = {
                "",
                "[]",
                "{\"jsonrpc\":\"2.0\",\"method\":\"tools/call\",\"params\":{\"name\":\"a\"}}",
                "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"tools/"
                "call\",\"params\":{\"name\":\"a\"}}",
                "{\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"a\"}}",
                "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"tools/"
                "call\",\"params\":{\"name\":\"a\"}}",
                "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"tools/"
                "call\",\"params\":{\"name\":\"a\"}}",
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/"
                "list\",\"params\":{\"name\":\"a\"}}",
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/"
                "call\",\"params\":{\"name\":\"a\"},\"x\":1}",
                "\xef\xbb\xbf{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/"
                "call\",\"params\":{\"name\":\"a\"}}",
        };

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                cr_assert_null(rpc_glance_call(str_from(texts[i]), VALUES_MAX), "%s", texts[i]);
}

Test(rpc_glance, ids_are_read)
{
        json_t *root = rpc_glance_call(
                STR("{\"method\":\"tools/call\",\"id\":\"a b\",\"params\":{\"name\":\"a\"},"
                    "\"jsonrpc\":\"2.0\"}"),
                VALUES_MAX);

        cr_assert_str_eq(json_string_value(json_object_get(root, "id")), "a b");
        json_decref(root);
        root = rpc_glance_call(
                STR("{\"jsonrpc\":\"2.0\",\"id\":-999999999999999999,\"method\":\"tools/call\","
                    "\"params\":{\"name\":\"a\"}}"),
                VALUES_MAX);
        cr_assert_eq(json_integer_value(json_object_get(root, "id")), -999999999999999999);
        json_decref(root);
}

Test(rpc_glance, a_call_is_renamed_and_else_the_same)
{
        static const struct {
                const char *before, *name, *after;
        } cases[] = {
                {"{\"name\":\"up_a\",\"arguments\":{\"name\":\"up_a\"}}", "a",
                 "{\"name\":\"a\",\"arguments\":{\"name\":\"up_a\"}}"},
                {"{ \"arguments\":{\"n\":1.50 }, \"name\": \"up_a\" }", "b\"\n\xc3\xa9",
                 "{ \"arguments\":{\"n\":1.50 }, \"name\": \"b\\\"\\n\xc3\xa9\" }"},
                {"{\"name\":\"a\"}", "a", "{\"name\":\"a\"}"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                json_t *root = call(cases[i].before);
                json_t *params = json_object_get(root, "params");
                json_t *renamed = rpc_call_renamed(params, cases[i].name);
                char *name = rpc_call_name(renamed);

                check_str(json_raw_text(renamed), str_from(cases[i].after));
                json_decref(renamed);
                if (strchr(cases[i].name, '"') == NULL)
                        cr_assert_str_eq(name, cases[i].name);
                free(name);
                json_decref(root);
        }
}

Test(rpc_glance, a_name_is_found_in_values_too)
{
        json_t *params = json_pack("{s:s}", "name", "a");
        json_t *cut = json_pack("{s:s%}", "name", "a\0b", (size_t)3);
        char *name = rpc_call_name(params);

        cr_assert_str_eq(name, "a");
        cr_assert_null(rpc_call_name(cut));
        cr_assert_null(rpc_call_name(NULL));
        free(name);
        json_decref(params);
        json_decref(cut);
}

Test(rpc_glance, results_of_texts_keep_their_bytes)
{
        static const char *const results[] = {
                "{\"content\":[]}",
                "{\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"text\":\"\",\"type\":\"text\"}"
                "]}",
                "{\"isError\":false,\"structuredContent\":{\"n\":1.50},\"content\":[],\"_meta\":{}"
                "}",
        };

        for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
                json_t *root = result(results[i]);

                cr_assert_not_null(root, "%s", results[i]);
                check_str(json_raw_text(json_object_get(root, "result")), str_from(results[i]));
                cr_assert_eq(json_integer_value(json_object_get(root, "id")), 7);
                json_decref(root);
        }
}

Test(rpc_glance, results_that_are_judged_are_not_plain)
{
        static const char *const results[] = {
                "{}",
                "{\"content\":null}",
                "{\"content\":{}}",
                "{\"content\":\"a\"}",
                "{\"content\":[\"a\"]}",
                "{\"content\":[{\"type\":\"text\"}]}",
                "{\"content\":[{\"text\":\"a\"}]}",
                "{\"content\":[{\"type\":\"text\",\"text\":5}]}",
                "{\"content\":[{\"type\":\"text\",\"text\":\"a\",\"annotations\":null}]}",
                "{\"content\":[{\"type\":\"image\",\"data\":\"a\",\"mimeType\":\"b\"}]}",
                "{\"content\":[],\"isError\":true}",
                "{\"content\":[],\"isError\":\"false\"}",
                "{\"content\":[],\"structuredContent\":null}",
                "{\"content\":[],\"structuredContent\":[1]}",
                "{\"content\":[],\"resultType\":\"complete\"}",
                "{\"content\":[],\"content\":[]}",
        };

        for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
                cr_assert_null(result(results[i]), "%s", results[i]);
}

Test(rpc_glance, what_is_raw_is_opened_when_it_is_looked_into)
{
        json_t *opened = json_raw_open_take(json_raw(STR("{\"a\":[1,{}]}")));
        json_t *other = json_object();

        check_dump(opened, "{\"a\":[1,{}]}");
        cr_assert(json_is_object(opened));
        cr_assert_eq(json_raw_open_take(other), other);
        cr_assert_null(json_raw_open_take(NULL));
        json_decref(opened);
        json_decref(other);
}

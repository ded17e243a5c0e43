/* JSON-RPC envelopes: what is refused and why, what is read, what is written. */
#include "mgw/wire/rpc.h"

#include "mgw/wire/json_raw.h"
#include "mgw/wire/rpc_number.h"
#include "mgw/wire/rpc_peek.h"

#include "../check.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *parsed(const char *text)
{
        char why[160];
        json_t *root = NULL;

        cr_assert_eq(rpc_parse(str_from(text), NULL, &root, why, sizeof(why)), 0, "%s: %s", text,
                     why);
        return root;
}

Test(rpc_parse, tells_what_and_where)
{
        static const struct {
                const char *text;
                const char *why;
        } cases[] = {
                {"", "the text ends too early (line 1, column 1, byte 1)"},
                {"{\"a\":1", "the text ends too early (line 1, column 7, byte 7)"},
                {"{\n \"a\": secret}", "no value of JSON (line 2, column 7, byte 9)"},
                {"{\"a\":1;}", "',' or '}' expected (line 1, column 7, byte 7)"},
                {"[1 2]", "',' or ']' expected (line 1, column 4, byte 4)"},
                {"{1:2}", "the name of a member expected (line 1, column 2, byte 2)"},
                {"{\"a\" 1}", "':' expected (line 1, column 6, byte 6)"},
                {"[01]", "',' or ']' expected (line 1, column 3, byte 3)"},
                {"[1.]", "no value of JSON (line 1, column 4, byte 4)"},
                {"[-x]", "no value of JSON (line 1, column 3, byte 3)"},
                {"[\"\\x41\"]", "no such escape in a string (line 1, column 4, byte 4)"},
                {"[\"\\u12g4\"]", "four hexadecimal digits expected (line 1, column 7, byte 7)"},
                {"[\"a", "the text ends too early (line 1, column 4, byte 4)"},
                {"[\"\\", "the text ends too early (line 1, column 4, byte 4)"},
                {"{} {}", "more text behind the message (line 1, column 4, byte 4)"},
                {"12", "'{' or '[' expected (line 1, column 1, byte 1)"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                char why[160] = "";
                json_t *root;

                cr_assert_eq(rpc_parse(str_from(cases[i].text), NULL, &root, why, sizeof(why)),
                             RPC_E_JSON, "%s", cases[i].text);
                check_str(str_from(why), str_from(cases[i].why));
        }
}

/* A text that ends anywhere: refused, and the reason is printable ASCII. */
Test(rpc_parse, reasons_never_quote_what_is_wrong)
{
        static const char text[] = "{\"k\xc3\xa9\":[\"\\u00e9\xff\", 12.5e3, true, nul]}";

        for (size_t n = 0; n < sizeof(text); n++) {
                char *exact = malloc(n == 0 ? 1 : n);
                char why[160] = "";
                json_t *root;

                memcpy(exact, text, n);
                check_int(rpc_parse((struct str){exact, n}, NULL, &root, why, sizeof(why)),
                          RPC_E_JSON);
                for (const char *at = why; *at != '\0'; at++)
                        cr_assert(*at >= 0x20 && *at < 0x7f, "%s", why);
                cr_assert_neq(why[0], '\0');
                free(exact);
        }
}

Test(rpc_parse, takes_all_of_json)
{
        json_t *root =
                parsed(" {\"a\\ud83d\\ude00\":\n[9223372036854775807, -0.5, \"x\\u0000y\"]}\r\n");
        json_t *array = json_object_get(root, "a\xf0\x9f\x98\x80");

        check_int(json_integer_value(json_array_get(array, 0)), INT64_MAX);
        check_int(json_string_length(json_array_get(array, 2)), 3);
        json_decref(root);
}

/* What is read of a text, and how that is written. */
static void check_read(const char *text, size_t n, const char *want)
{
        char why[160], *exact = malloc(n);
        struct str written;
        json_t *root;

        memcpy(exact, text, n);
        cr_assert_eq(rpc_parse((struct str){exact, n}, NULL, &root, why, sizeof(why)), 0, "%s: %s",
                     text, why);
        free(exact);
        check_int(rpc_dump(root, &written), 0);
        check_str(written, str_from(want));
        free((char *)written.p);
        json_decref(root);
}

#define CHECK_READ(text, want) check_read(text, sizeof(text) - 1, want)
/* The character that stands for bytes that are no text. */
#define FFFD "\xef\xbf\xbd"

Test(rpc_parse, half_a_pair_of_surrogates_is_no_character)
{
        CHECK_READ("[\"cut \\ud83d\"]", "[\"cut " FFFD "\"]");
        CHECK_READ("[\"\\ude00 cut\"]", "[\"" FFFD " cut\"]");
        CHECK_READ("[\"\\ud83dA\\u0042\\n\"]", "[\"" FFFD "AB\\n\"]");
        CHECK_READ("[\"\\ud83d\\ud83d\\ude00\"]", "[\"" FFFD "\xf0\x9f\x98\x80\"]");
        CHECK_READ("[\"\\ude00\\ud83d\"]", "[\"" FFFD FFFD "\"]");
        CHECK_READ("{\"\\ud800\":1}", "{\"" FFFD "\":1}");
        /* the same in three bytes each, of which a pair is one character */
        CHECK_READ("[\"\xed\xa0\xbd\"]", "[\"" FFFD "\"]");
        CHECK_READ("[\"\xed\xb8\x80!\"]", "[\"" FFFD "!\"]");
        CHECK_READ("[\"\xed\xa0\xbd\xed\xb8\x80\"]", "[\"\xf0\x9f\x98\x80\"]");
        CHECK_READ("[\"\xed\xa0\xbd\xed\xa0\xbd\xed\xb8\x80\"]", "[\"" FFFD "\xf0\x9f\x98\x80\"]");
}

/* As decoders do it (WHATWG Encoding): one U+FFFD for what has begun and does not go on. */
Test(rpc_parse, bytes_that_are_no_utf8_are_replaced)
{
        CHECK_READ("[\"caf\xe9\"]", "[\"caf" FFFD "\"]");
        CHECK_READ("[\"\xff\xfe\"]", "[\"" FFFD FFFD "\"]");
        CHECK_READ("[\"\xe2\x82\"]", "[\"" FFFD "\"]");
        CHECK_READ("[\"\xf0\x9f\x98 \xf0\x9f\"]", "[\"" FFFD " " FFFD "\"]");
        CHECK_READ("[\"\xc0\x80\"]", "[\"" FFFD FFFD "\"]");
        CHECK_READ("[\"\xf4\x90\x80\x80\"]", "[\"" FFFD FFFD FFFD FFFD "\"]");
        CHECK_READ("[\"\xe0\x80\xaf\"]", "[\"" FFFD FFFD FFFD "\"]");
        CHECK_READ("{\"gr\xf6\xdf"
                   "e\":\"\\n\xe9\\u00e9\"}",
                   "{\"gr" FFFD FFFD "e\":\"\\n" FFFD "\xc3\xa9\"}");
        CHECK_READ("[\"\x80\x80\x80\x80\x80\x80\x80\x80\x80\\n\"]",
                   "[\"" FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "\\n\"]");
}

/* What strings grow by is charged too. */
Test(rpc_parse, mended_text_has_a_payer)
{
        char text[1002], why[160];
        struct ledger whole = {.max_bytes = 1 << 20};
        struct ledger_payer payer = {.ledger = &whole, .max_bytes = 2000};
        struct ledger_hold hold;
        json_t *root;

        memset(text, 0xff, sizeof(text));
        text[0] = '[';
        text[1] = text[1000] = '"';
        text[1001] = ']';
        ledger_hold_init(&hold, &payer, LEDGER_MESSAGE);
        const struct rpc_bounds bounds = {100, &hold};
        check_int(rpc_parse((struct str){text, sizeof(text)}, &bounds, &root, why, sizeof(why)),
                  RPC_E_PAYER);
        check_int(payer.bytes, 0);
        memset(text + 2, 'x', 998);
        check_int(rpc_parse((struct str){text, sizeof(text)}, &bounds, &root, why, sizeof(why)), 0);
        json_decref(root);
        ledger_hold_set_past(&hold, 0);
}

Test(rpc_parse, what_means_but_one_thing_is_read)
{
        CHECK_READ("\xef\xbb\xbf{\"a\":1}", "{\"a\":1}");
        CHECK_READ("{\"a\":1,\"b\":2,\"a\":[3]}", "{\"a\":[3],\"b\":2}");
        CHECK_READ("{\"a\\u0000b\":\"\\u0000\",\"a\":1}", "{\"a\xef\xbf\xbd"
                                                          "b\":\"\\u0000\",\"a\":1}");
        CHECK_READ("[\"a\tb\nc\x01\"]", "[\"a\\tb\\nc\\u0001\"]");
        CHECK_READ("[NaN,{\"a\":NaN}]", "[null,{\"a\":null}]");
        CHECK_READ("[Infinity,-Infinity]", "[1.7976931348623157e308,-1.7976931348623157e308]");
}

Test(rpc_parse, numbers_stay_what_they_were)
{
        CHECK_READ("[0.1,0.7,19.99,-1.1,2.5e-7]", "[0.1,0.7,19.99,-1.1,2.5e-07]");
        CHECK_READ("[1.0,-0.0,1e5,100.50]", "[1.0,-0.0,100000.0,100.5]");
        CHECK_READ("[1E300,5e-324,1e23]", "[1e300,5e-324,1e23]");
        CHECK_READ("[9223372036854775807,-9223372036854775808,0,-0]",
                   "[9223372036854775807,-9223372036854775808,0,0]");
        CHECK_READ("[9223372036854775808,-9223372036854775809]",
                   "[9223372036854775808,-9223372036854775809]");
        CHECK_READ("{\"max\":18446744073709551615,\"seed\":9223372036854776000}",
                   "{\"max\":18446744073709551615,\"seed\":9223372036854776000}");
        CHECK_READ("[0.30000000000000004,3.14159265358979323846]",
                   "[0.30000000000000004,3.14159265358979323846]");
        CHECK_READ("[1234567890123456.7,0.000012345678901234567]",
                   "[1234567890123456.7,0.000012345678901234567]");
        /* past a double: the nearest */
        CHECK_READ("[1e400,-1e400,1e-400]", "[1.7976931348623157e308,-1.7976931348623157e308,0.0]");
}

Test(rpc_parse, a_number_of_any_length_is_read)
{
        char text[1003];
        char why[160];
        json_t *root;

        memset(text, '7', sizeof(text));
        text[0] = '[';
        text[1002] = ']';
        check_int(rpc_parse((struct str){text, 1003}, NULL, &root, why, sizeof(why)), 0);
        cr_assert(json_is_real(json_array_get(root, 0)));
        json_decref(root);
        text[2] = '.';
        check_int(rpc_parse((struct str){text, 1003}, NULL, &root, why, sizeof(why)), 0);
        cr_assert_float_eq(json_real_value(json_array_get(root, 0)), 7.777777777, 1e-9);
        json_decref(root);
}

Test(rpc_number, is_no_string)
{
        json_t *root = parsed("[18446744073709551615,\"18446744073709551615\",7,0.5,1e2,"
                              "1.50000000000000000,100000000000000000000.5,\"\",null]");
        const bool are_numbers[] = {1, 0, 1, 1, 1, 1, 1, 0, 0};
        const bool are_whole[] = {1, 0, 1, 0, 1, 0, 1, 0, 0};

        for (size_t i = 0; i < 9; i++) {
                const json_t *value = json_array_get(root, i);

                cr_assert_eq(rpc_is_number(value), are_numbers[i], "%zu", i);
                cr_assert_eq(rpc_is_integral(value), are_whole[i], "%zu", i);
                cr_assert_eq(rpc_is_string(value), i == 1 || i == 7, "%zu", i);
        }
        cr_assert_eq(rpc_number_value(json_array_get(root, 0)), 18446744073709551615.0);
        cr_assert_eq(rpc_number_value(json_array_get(root, 5)), 1.5);
        cr_assert_eq(rpc_number_value(json_array_get(root, 1)), 0);
        json_decref(root);
        root = parsed("{\"name\":18446744073709551615,\"a\":{\"id\":18446744073709551615}}");
        cr_assert_null(rpc_text(root, "name"));
        json_t *copy = json_deep_copy(root);
        cr_assert(json_equal(root, copy));
        json_decref(copy);
        json_decref(root);
}

Test(rpc_dump, sorts_when_asked)
{
        json_t *root = parsed("{\"b\":1,\"a\":{\"d\":18446744073709551615,\"c\":[]},\"ab\":2,"
                              "\"a!\":3}");
        struct str text;

        check_int(rpc_dump_sorted(root, &text), 0);
        check_str(text, STR("{\"a\":{\"c\":[],\"d\":18446744073709551615},\"a!\":3,\"ab\":2,"
                            "\"b\":1}"));
        free((char *)text.p);
        json_decref(root);
}

static void check_shown(const json_t *value, unsigned indent, struct str expected)
{
        struct str text;

        check_int(rpc_dump_ascii(value, indent, &text), 0);
        check_str(text, expected);
        free((char *)text.p);
}

Test(rpc_dump, is_shown_in_ascii_and_in_lines_when_asked)
{
        json_t *root =
                parsed("{\"a\\u00e9\":[18446744073709551615,{}, []],\"b\":{\"c\":\"\xe2\x82\xac "
                       "\xf0\x9f\x98\x80\x7f!\"}}");

        check_shown(root, 0,
                    STR("{\"a\\u00E9\":[18446744073709551615,{},[]],"
                        "\"b\":{\"c\":\"\\u20AC \\uD83D\\uDE00\\u007F!\"}}"));
        check_shown(root, 2,
                    STR("{\n"
                        "  \"a\\u00E9\": [\n"
                        "    18446744073709551615,\n"
                        "    {},\n"
                        "    []\n"
                        "  ],\n"
                        "  \"b\": {\n"
                        "    \"c\": \"\\u20AC \\uD83D\\uDE00\\u007F!\"\n"
                        "  }\n"
                        "}"));
        json_decref(root);
}

Test(rpc_parse, any_value_where_that_is_wanted)
{
        static const char *const texts[] = {"7", "\"a\"", "null", "0.5", "{}", "[]", "true"};
        struct str text;
        char why[160];
        json_t *value;

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                check_int(rpc_parse_any(str_from(texts[i]), &value, why, sizeof(why)), 0);
                check_int(rpc_dump(value, &text), 0);
                check_str(text, str_from(texts[i]));
                free((char *)text.p);
                json_decref(value);
        }
        check_int(rpc_parse_any(STR(" "), &value, why, sizeof(why)), RPC_E_JSON);
        check_int(rpc_parse_any(STR("1 2"), &value, why, sizeof(why)), RPC_E_JSON);
}

/* depth levels of open, a middle, and as many of close. */
static int parse_nested(size_t depth, const char *open, const char *middle, const char *close,
                        char *why)
{
        struct buf text;
        json_t *root;
        int r;

        buf_init(&text, 1 << 24);
        for (size_t i = 0; i < depth; i++)
                check_int(buf_addf(&text, "%s", open), 0);
        check_int(buf_addf(&text, "%s", middle), 0);
        for (size_t i = 0; i < depth; i++)
                check_int(buf_addf(&text, "%s", close), 0);
        r = rpc_parse(buf_bytes(&text), NULL, &root, why, 160);
        if (r == 0)
                json_decref(root);
        buf_finish(&text);
        return r;
}

Test(rpc_parse, depth_is_bounded)
{
        char why[160];

        check_int(parse_nested(64, "[", "", "]", why), 0);
        check_int(parse_nested(64, "{\"a\":", "1", "}", why), 0);
        check_int(parse_nested(65, "[", "", "]", why), RPC_E_JSON);
        check_str(str_from(why), STR("nested deeper than 64 levels (line 1, column 65, byte 65)"));
        check_int(parse_nested(65, "[\n", "", "]", why), RPC_E_JSON);
        check_str(str_from(why), STR("nested deeper than 64 levels (line 65, column 1, byte 129)"));
        check_int(parse_nested(1000000, "[", "", "", why), RPC_E_JSON);
        check_int(parse_nested(1000000, "{\"a\":", "", "", why), RPC_E_JSON);
        /* many side by side are not deep, nor are brackets in strings */
        check_int(parse_nested(60, "[[],", "\"[[[[[[[[\\\"[[[[[\\\\\"", "]", why), 0);
        check_int(parse_nested(64, "[", "\"\\\\\"", "]", why), 0);
        check_int(parse_nested(64, "[", "\"\\\\\",[]", "]", why), RPC_E_JSON);
}

/* What rpc_msg_read says of a text: NULL when it is a message. */
static const char *why_not(const char *text)
{
        const char *why = NULL;
        json_t *root = parsed(text);
        struct rpc_msg msg;
        int r = rpc_msg_read(root, &msg, &why);

        json_decref(root);
        cr_assert_eq(r, why == NULL ? 0 : RPC_E_INVALID);
        return why;
}

Test(rpc_msg, refuses_what_is_no_message)
{
        static const struct {
                const char *text;
                const char *why;
        } cases[] = {
                {"[]", "a message must be a JSON object"},
                {"{}", "jsonrpc must be \"2.0\""},
                {"{\"jsonrpc\":2.0,\"method\":\"m\"}", "jsonrpc must be \"2.0\""},
                {"{\"jsonrpc\":\"1.0\",\"method\":\"m\"}", "jsonrpc must be \"2.0\""},
                {"{\"jsonrpc\":\"2.0\"}", "a message must have one of method, result and error"},
                {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\",\"result\":{}}",
                 "a message must have one of method, result and error"},
                {"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{},\"error\":{}}",
                 "a message must have one of method, result and error"},
                {"{\"jsonrpc\":\"2.0\",\"method\":1}", "method must be a string without NUL"},
                {"{\"jsonrpc\":\"2.0\",\"method\":\"a\\u0000b\"}",
                 "method must be a string without NUL"},
                {"{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":[]}",
                 "params must be an object"},
                {"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"m\"}",
                 "id must be a string of at most 1024 bytes, or an integer"},
                {"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"m\"}",
                 "id must be a string of at most 1024 bytes, or an integer"},
                {"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"m\"}",
                 "id must be a string of at most 1024 bytes, or an integer"},
                {"{\"jsonrpc\":\"2.0\",\"result\":{}}",
                 "a result must carry the id of its request, a string of at most 1024 bytes, or an "
                 "integer"},
                {"{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":{}}",
                 "a result must carry the id of its request, a string of at most 1024 bytes, or an "
                 "integer"},
                {"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":\"x\"}",
                 "error must be an object with an integer code and a string message"},
                {"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":\"1\",\"message\":\"m\"}}",
                 "error must be an object with an integer code and a string message"},
                {"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":1}}",
                 "error must be an object with an integer code and a string message"},
                {"{\"jsonrpc\":\"2.0\",\"id\":[],\"error\":{\"code\":1,\"message\":\"m\"}}",
                 "id must be a string of at most 1024 bytes, or an integer"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                const char *why = why_not(cases[i].text);

                cr_assert_not_null(why, "%s is no message", cases[i].text);
                check_str(str_from(why), str_from(cases[i].why));
        }
}

static json_t *read_msg(const char *text, struct rpc_msg *msg)
{
        const char *why = "";
        json_t *root = parsed(text);

        cr_assert_eq(rpc_msg_read(root, msg, &why), 0, "%s: %s", text, why);
        cr_assert_eq(msg->root, root);
        return root;
}

Test(rpc_msg, reads_each_kind)
{
        struct rpc_msg msg;
        json_t *root;

        root = read_msg("{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"m\",\"params\":{\"x\":1}}",
                        &msg);
        check_int(msg.kind, RPC_REQUEST);
        cr_assert_str_eq(json_string_value(msg.id), "a");
        cr_assert_str_eq(msg.method, "m");
        check_int(json_object_size(msg.params), 1);
        json_decref(root);

        root = read_msg("{\"jsonrpc\":\"2.0\",\"id\":-1,\"method\":\"m\"}", &msg);
        check_int(msg.kind, RPC_REQUEST);
        check_int(json_integer_value(msg.id), -1);
        cr_assert_null(msg.params);
        json_decref(root);

        root = read_msg("{\"jsonrpc\":\"2.0\",\"method\":\"m\"}", &msg);
        check_int(msg.kind, RPC_NOTIFICATION);
        cr_assert_null(msg.id);
        json_decref(root);

        root = read_msg("{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"y\":2}}", &msg);
        check_int(msg.kind, RPC_RESULT);
        check_int(json_object_size(msg.result), 1);
        cr_assert_null(msg.method);
        json_decref(root);
}

Test(rpc_msg, an_error_may_lack_an_id)
{
        static const char *const texts[] = {
                "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-1,\"message\":\"m\"}}",
                "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-1,\"message\":\"m\"}}",
                "{\"jsonrpc\":\"2.0\",\"id\":3,\"error\":{\"code\":-1,\"message\":\"m\"}}",
        };

        for (size_t i = 0; i < 3; i++) {
                struct rpc_msg msg;
                json_t *root = read_msg(texts[i], &msg);

                check_int(msg.kind, RPC_ERROR);
                check_int(msg.id != NULL, i == 2);
                check_int(json_integer_value(json_object_get(msg.error, "code")), -1);
                json_decref(root);
        }
}

static void check_dump(json_t *msg_take, const char *want);

Test(rpc_msg, a_notification_may_have_an_id_of_null)
{
        struct rpc_msg msg;
        json_t *root = read_msg("{\"jsonrpc\":\"2.0\",\"id\":null,"
                                "\"method\":\"notifications/initialized\"}",
                                &msg);

        check_int(msg.kind, RPC_NOTIFICATION);
        cr_assert_null(msg.id);
        cr_assert_null(json_object_get(root, "id"));
        json_decref(root);
}

Test(rpc_msg, members_that_are_null_are_none)
{
        struct rpc_msg msg;
        json_t *root;

        root = read_msg("{\"jsonrpc\":\"2.0\",\"id\":1.0,\"method\":\"m\",\"params\":null,"
                        "\"result\":null,\"error\":null}",
                        &msg);
        check_int(msg.kind, RPC_REQUEST);
        cr_assert_null(msg.params);
        json_decref(root);
        root = read_msg(
                "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":{\"_meta\":null,\"a\":null,"
                "\"data\":null,\"b\":{\"c\":null}}}",
                &msg);
        check_int(msg.kind, RPC_NOTIFICATION);
        check_dump(root, "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":{\"data\":null,\"b\":{"
                         "\"c\":null}}}");
        root = read_msg(
                "{\"jsonrpc\":\"2.0\",\"id\":18446744073709551615,\"method\":\"m\",\"params\":"
                "{\"_meta\":{\"progressToken\":null}}}",
                &msg);
        check_int(msg.kind, RPC_REQUEST);
        check_int(json_object_size(json_object_get(msg.params, "_meta")), 0);
        json_decref(root);
}

/* What a server has said, mended; want NULL: it is no message. */
static void check_mended(const char *text, const char *want, bool is_bare)
{
        json_t *root = parsed(text);
        const char *why = NULL;
        struct rpc_msg msg;
        int r = rpc_msg_mend(root, &msg, &why);

        cr_assert_eq(r, want != NULL ? 0 : RPC_E_INVALID, "%s: %s", text, why);
        cr_assert_eq(msg.is_bare, is_bare, "%s", text);
        if (want != NULL)
                check_dump(root, want);
        else
                json_decref(root);
}

#define OK(rest) "{\"jsonrpc\":\"2.0\"," rest "}"

Test(rpc_msg, of_a_server_is_mended)
{
        static const struct {
                const char *text, *want;
        } cases[] = {
                {OK("\"id\":1,\"result\":{},\"error\":null"), OK("\"id\":1,\"result\":{}")},
                {OK("\"id\":1,\"result\":{},\"error\":{}"), OK("\"id\":1,\"result\":{}")},
                {OK("\"id\":1,\"result\":{},\"error\":false"), OK("\"id\":1,\"result\":{}")},
                {OK("\"id\":1,\"result\":null"), OK("\"id\":1,\"result\":{}")},
                {OK("\"id\":1,\"result\":[]"), OK("\"id\":1,\"result\":{}")},
                {OK("\"id\":1,\"method\":null,\"result\":{}"), OK("\"id\":1,\"result\":{}")},
                {OK("\"id\":1,\"method\":\"m\",\"result\":{},\"error\":null"),
                 OK("\"id\":1,\"result\":{}")},
                {OK("\"id\":1,\"method\":\"\",\"result\":{},\"error\":{\"code\":0,\"message\":"
                    "\"\"}"),
                 OK("\"id\":1,\"result\":{}")},
                {OK("\"id\":1,\"error\":{\"code\":0,\"message\":\"\"}"),
                 OK("\"id\":1,\"error\":{\"code\":0,\"message\":\"\"}")},
                {OK("\"id\":1,\"result\":{},\"error\":{\"code\":0,\"message\":\"m\"}"),
                 OK("\"id\":1,\"error\":{\"code\":0,\"message\":\"m\"}")},
                {OK("\"id\":1,\"result\":null,\"error\":{\"code\":-1,\"message\":\"m\"}"),
                 OK("\"id\":1,\"error\":{\"code\":-1,\"message\":\"m\"}")},
                {OK("\"id\":1,\"result\":{},\"error\":{\"code\":-1,\"message\":\"m\"}"),
                 OK("\"id\":1,\"error\":{\"code\":-1,\"message\":\"m\"}")},
                {OK("\"id\":1,\"error\":\"boom\""),
                 OK("\"id\":1,\"error\":{\"code\":-32603,\"message\":\"boom\"}")},
                {OK("\"id\":1,\"error\":{\"message\":\"m\"}"),
                 OK("\"id\":1,\"error\":{\"code\":-32603,\"message\":\"m\"}")},
                {OK("\"id\":1,\"error\":{\"code\":\"-5\",\"message\":\"m\",\"data\":7}"),
                 OK("\"id\":1,\"error\":{\"code\":-5,\"message\":\"m\",\"data\":7}")},
                {OK("\"id\":1,\"error\":{\"code\":-32000.0}"),
                 OK("\"id\":1,\"error\":{\"code\":-32000,\"message\":\"the server's error has no "
                    "message\"}")},
                {OK("\"id\":1,\"error\":[3]"),
                 OK("\"id\":1,\"error\":{\"code\":-32603,\"message\":\"the server's error has no "
                    "message\",\"data\":[3]}")},
                {OK("\"id\":null,\"result\":{}"), OK("\"result\":{}")},
                {OK("\"id\":{},\"result\":{}"), OK("\"result\":{}")},
                {OK("\"result\":{}"), OK("\"result\":{}")},
                {OK("\"id\":\"3\",\"result\":{}"), OK("\"id\":\"3\",\"result\":{}")},
                {OK("\"method\":\"notifications/m\",\"params\":[],\"id\":null"),
                 OK("\"method\":\"notifications/m\",\"params\":{}")},
                {OK("\"id\":1,\"result\":\"text\""), NULL},
                {OK("\"id\":1"), NULL},
                {OK("\"id\":null,\"method\":\"m\""), NULL},
                {OK("\"method\":\"m\",\"params\":[1]"), NULL},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                check_mended(cases[i].text, cases[i].want, false);
        check_mended("{\"id\":1,\"result\":{}}", "{\"id\":1,\"result\":{},\"jsonrpc\":\"2.0\"}",
                     true);
        check_mended("{\"jsonrpc\":\"1.0\",\"method\":\"m\"}",
                     "{\"jsonrpc\":\"2.0\",\"method\":\"m\"}", true);
        check_mended("{\"level\":\"info\",\"msg\":\"started\"}", NULL, true);
        check_mended("[]", NULL, false);
}

Test(rpc_peek, finds_whose_a_broken_message_is)
{
        static const struct {
                const char *text, *id;
                bool has_method, has_answer;
        } cases[] = {
                {"{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{\"a\":oops}}", "3", false, true},
                {"{\"result\":{\"id\":1,\"method\":\"x\",\"b\":[nul]},\"id\":\"a\"}", "\"a\"",
                 false, true},
                {"{\"id\":3,\"result\":{\"a\":[1,2", "3", false, true},
                {"{\"id\":7 ,\"method\":\"m\",\"params\":{\"a\":\"\\q\"}}", "7", true, false},
                {"{\"error\":null,\"id\":null,\"method\":null", NULL, false, false},
                {"{\"a\":\"id\",\"id\":[1],\"b\":\"result\"}", NULL, false, false},
                {"{\"error\":{\"code\":1},\"id\":18446744073709551615}", "18446744073709551615",
                 false, true},
                {"{\"id\":3}{\"id\":4}", "3", false, false},
                {"no message", NULL, false, false},
                {"{\"id\":\"", NULL, false, false},
                {"{\"id\\", NULL, false, false},
                {"{\"id\":", NULL, false, false},
                {"", NULL, false, false},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                size_t n = strlen(cases[i].text);
                char *exact = malloc(n);
                struct rpc_peek peek;

                memcpy(exact, cases[i].text, n);
                rpc_peek((struct str){exact, n}, &peek);
                free(exact);
                cr_assert_eq(peek.id != NULL, cases[i].id != NULL, "%s", cases[i].text);
                if (peek.id != NULL)
                        check_dump(peek.id, cases[i].id);
                cr_assert_eq(peek.has_method, cases[i].has_method, "%s", cases[i].text);
                cr_assert_eq(peek.has_answer, cases[i].has_answer, "%s", cases[i].text);
        }
}

Test(rpc_next_message, among_other_text)
{
        static const struct {
                const char *text;
                const char *found[3];
        } cases[] = {
                {"Progress: 100% {\"jsonrpc\":\"2.0\",\"id\":1}done",
                 {"{\"jsonrpc\":\"2.0\",\"id\":1}"}},
                {"{\"id\":1}{ \"id\":2}\n{\n\"method\":\"m\"}",
                 {"{\"id\":1}", "{ \"id\":2}", "{\n\"method\":\"m\"}"}},
                {"[{\"id\":1,\"a\":\"}\\\"{\"},{\"result\":{}}]",
                 {"{\"id\":1,\"a\":\"}\\\"{\"}", "{\"result\":{}}"}},
                {"{\"level\":\"debug\",\"sent\":{\"jsonrpc\":\"2.0\"}} {\"error\":1}",
                 {"{\"error\":1}"}},
                {"it's { open {\"jsonrpc\":\"2.0\"}", {"{\"jsonrpc\":\"2.0\"}"}},
                {"{\"jsonrpc\":\"2.0\",\"result\":{", {"{\"jsonrpc\":\"2.0\",\"result\":{"}},
                {"{{{{{{{{{{{{{{{{{{{{\"id\":1}", {NULL}},
                {"plain text", {NULL}},
                {"", {NULL}},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct str rest = str_from(cases[i].text), found;

                for (size_t n = 0; n < 3 && cases[i].found[n] != NULL; n++) {
                        cr_assert(rpc_next_message(&rest, &found), "%s", cases[i].text);
                        check_str(found, str_from(cases[i].found[n]));
                }
                cr_assert(!rpc_next_message(&rest, &found) || cases[i].found[2] != NULL, "%s",
                          cases[i].text);
        }
}

static void check_dump(json_t *msg_take, const char *want)
{
        struct str text;

        cr_assert_not_null(msg_take);
        check_int(rpc_dump(msg_take, &text), 0);
        check_str(text, str_from(want));
        cr_assert_eq(text.p[text.n], '\0');
        free((char *)text.p);
        json_decref(msg_take);
}

Test(rpc_build, exact_bytes)
{
        json_t *id = json_string("a\n");

        check_dump(rpc_result_take(id, json_pack("{s:i}", "x", 1)),
                   "{\"jsonrpc\":\"2.0\",\"id\":\"a\\n\",\"result\":{\"x\":1}}");
        check_dump(rpc_result_take(NULL, json_object()),
                   "{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":{}}");
        check_dump(rpc_error_take(id, RPC_PARSE_ERROR, "no", NULL),
                   "{\"jsonrpc\":\"2.0\",\"id\":\"a\\n\",\"error\":{\"code\":-32700,"
                   "\"message\":\"no\"}}");
        check_dump(rpc_error_take(NULL, -1, "no", json_true()),
                   "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-1,\"message\":\"no\","
                   "\"data\":true}}");
        check_dump(rpc_notification_take("n/m", NULL), "{\"jsonrpc\":\"2.0\",\"method\":\"n/m\"}");
        check_dump(rpc_notification_take("n", json_object()),
                   "{\"jsonrpc\":\"2.0\",\"method\":\"n\",\"params\":{}}");
        check_dump(rpc_request_take(json_integer(7), "m", NULL),
                   "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"m\"}");
        check_dump(rpc_request_take(json_integer(7), "m", json_object()),
                   "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"m\",\"params\":{}}");
        json_decref(id);
}

Test(rpc_build, an_error_is_always_told)
{
        check_dump(rpc_error_take(NULL, 1, "bad \xff\xc3 byte \xc3\xa9", NULL),
                   "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":1,"
                   "\"message\":\"bad ?? byte \xc3\xa9\"}}");
        check_dump(rpc_error_take(NULL, 1, NULL, NULL),
                   "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":1,\"message\":\"\"}}");
}

/* What could not be made is passed on; the rest is freed (the leak checker looks). */
Test(rpc_build, without_a_needed_part_is_null)
{
        cr_assert_null(rpc_result_take(NULL, NULL));
        cr_assert_null(rpc_request_take(NULL, "m", json_object()));
        cr_assert_null(rpc_request_take(json_integer(1), "\xff", json_object()));
        cr_assert_null(rpc_notification_take("\xff", json_object()));
}

Test(rpc_dump, is_one_line)
{
        json_t *root = parsed("{\"a\" : [ 1,\n \"\\n\\r\\u0000\\u2028\" ]}");
        struct str text;

        check_int(rpc_dump(root, &text), 0);
        check_str(text, STR("{\"a\":[1,\"\\n\\r\\u0000\xe2\x80\xa8\"]}"));
        free((char *)text.p);
        json_decref(root);
}

/* ---- what values take ---- */

static size_t taken;

static void *counted_malloc(size_t n)
{
        void *p = malloc(n);

        taken += malloc_usable_size(p) + sizeof(size_t);
        return p;
}

static void counted_free(void *p)
{
        if (p != NULL)
                taken -= malloc_usable_size(p) + sizeof(size_t);
        free(p);
}

/* n times what, in an array or, where it is a member, in an object. */
static char *many(const char *what, unsigned n)
{
        bool is_member = strchr(what, ':') != NULL && what[0] == '"';
        size_t size = n * (strlen(what) + 16) + 16;
        char *text = malloc(size);
        size_t at = 0;

        text[at++] = is_member ? '{' : '[';
        for (unsigned i = 0; i < n; i++) {
                at += (size_t)(is_member ? snprintf(text + at, size - at, "\"%u%s", i, what + 1)
                                         : snprintf(text + at, size - at, "%s", what));
                text[at++] = i + 1 < n ? ',' : is_member ? '}' : ']';
        }
        text[at] = '\0';
        return text;
}

/* Neither far less, which would let somebody take more than his share, nor far more. ASan's heap
 * gives other sizes than the C library's: there the lower bound alone holds. */
Test(rpc_cost, is_about_what_jansson_takes)
{
        static const char *const shapes[] = {
                "{}",
                "[]",
                "0",
                "\"\"",
                "\"a text of some length, as they are\"",
                "\"k\":0",
                "\"k\":{}",
                "\"a longer name of a member\":\"\"",
                "{\"a\":{\"b\":[1,2,3]}}",
                "[[[[[[[[]]]]]]]]",
                "1.5",
        };

        json_set_alloc_funcs(counted_malloc, counted_free);
        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
                struct ledger ledger = {0};
                struct ledger_payer payer = {.ledger = &ledger};
                struct ledger_hold hold;
                const struct rpc_bounds bounds = {1000000, &hold};
                char *text = many(shapes[i], 5000), why[160];
                json_t *root;
                size_t before = taken;

                ledger_hold_init(&hold, &payer, LEDGER_CALL);
                check_int(rpc_parse(str_from(text), &bounds, &root, why, sizeof(why)), 0);
                cr_assert_geq(rpc_cost(root) * 10, (taken - before) * 7, "%s: %zu of %zu",
                              shapes[i], rpc_cost(root), taken - before);
                cr_assert_geq(ledger.bytes * 10, (taken - before) * 7, "%s: %zu of %zu", shapes[i],
                              (size_t)ledger.bytes, taken - before);
                cr_assert_leq(rpc_cost(root), (taken - before) * 3, "%s: %zu of %zu", shapes[i],
                              rpc_cost(root), taken - before);
                json_decref(root);
                free(text);
        }
}

/* Whoever looks into one opens it, and has not asked its payer then. */
Test(rpc_cost, of_a_raw_value_is_that_of_the_opened_one)
{
        char *text = many("\"k\":{}", 5000), why[160];
        json_t *raw = json_raw(str_from(text)), *opened;

        check_int(rpc_parse_any(str_from(text), &opened, why, sizeof(why)), 0);
        cr_assert_geq(rpc_cost(raw), rpc_cost(opened));
        json_decref(opened);
        json_decref(raw);
        free(text);
}

Test(rpc_parse, counts_values_before_it_makes_one)
{
        const struct rpc_bounds bounds = {.values_max = 4};
        char why[160], deep[100] = "[1,2,3,4,";
        json_t *root;

        memset(deep + strlen(deep), '[', sizeof(deep) - 1 - strlen(deep));

        check_int(rpc_parse(STR("{\"a\": [1]}"), &bounds, &root, why, sizeof(why)), 0);
        json_decref(root);
        check_int(rpc_parse(STR("[\"{[,\\\"{}\", -1e5, true]"), &bounds, &root, why, sizeof(why)),
                  0);
        json_decref(root);
        check_int(rpc_parse(STR("[{},{},{},{}]"), &bounds, &root, why, sizeof(why)), RPC_E_BIG);
        /* What follows the one that is too many is not looked at. */
        check_int(rpc_parse(str_from(deep), &bounds, &root, why, sizeof(why)), RPC_E_BIG);
        check_str(str_from(why), STR("more values than allowed (line 1, column 1, byte 1)"));
}

Test(rpc_parse, says_whose_memory_does_not_hold_it)
{
        struct ledger ledger = {.max_bytes = 10000};
        struct ledger_payer payer = {.ledger = &ledger, .max_bytes = 5000};
        struct ledger_hold hold;
        const struct rpc_bounds bounds = {1000, &hold};
        char *text = many("{}", 30), why[160];
        json_t *root;

        ledger_hold_init(&hold, &payer, LEDGER_CALL);
        check_int(rpc_parse(str_from(text), &bounds, &root, why, sizeof(why)), RPC_E_PAYER);
        payer.max_bytes = 0;
        ledger.max_bytes = 5000;
        check_int(rpc_parse(str_from(text), &bounds, &root, why, sizeof(why)), RPC_E_WHOLE);
        ledger.max_bytes = 0;
        text[1] = '!';
        check_int(rpc_parse(str_from(text), &bounds, &root, why, sizeof(why)), RPC_E_JSON);
        cr_assert_eq(ledger.bytes, 0);
        free(text);
}

Test(rpc_length, is_about_that_of_the_text)
{
        static const char *const texts[] = {
                "{\"name\":\"a_tool\",\"arguments\":{\"lines\":[1000,2000,3000],\"deep\":{}}}",
                "[\"one\",\"two\",\"three\",{\"four\":12345678}]",
                "{}",
        };

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                json_t *root = parsed(texts[i]);
                size_t n = strlen(texts[i]);

                cr_assert_geq(rpc_length(root) * 10, n * 9, "%s: %zu", texts[i], rpc_length(root));
                cr_assert_leq(rpc_length(root) * 10, n * 13, "%s: %zu", texts[i], rpc_length(root));
                json_decref(root);
        }
        cr_assert_eq(rpc_length(NULL), 0);
}

Test(rpc_length, of_what_is_kept_as_its_text_is_that_texts)
{
        json_t *object = json_object();

        json_object_set_new(object, "k", json_raw(STR("{ \"as\" : \"it came\" }")));
        cr_assert_eq(rpc_length(object), 2 + 5 + 20);
        json_decref(object);
}

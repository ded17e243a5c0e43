#include "mgw/mcp/trace.h"
#include "mgw/wire/hdr.h"

#include "../check.h"
#include "../json.h"
#include "mgw/base/strv.h"

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

static json_t *adopted(const char *message, const char *const *headers)
{
        json_t *json = json_from(message);

        check_int(trace_adopt(json, &(struct mirror_headers){get, headers}), 0);
        return json;
}

#define HEADERS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NONE ((const char *const[]){NULL})
#define A "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define B "00-11111111111111111111111111111111-2222222222222222-00"

#define check_adopted(message, headers, expected)                                                  \
        do {                                                                                       \
                json_t *got_ = adopted(message, headers), *want_ = json_from(expected);            \
                char *text_ = json_dumps(got_, JSON_ENCODE_ANY);                                   \
                cr_assert(json_equal(got_, want_), "got %s", text_);                               \
                free(text_);                                                                       \
                json_decref(got_);                                                                 \
                json_decref(want_);                                                                \
        } while (0)

#define CALL(meta) "{'id': 1, 'method': 'tools/call', 'params': {'_meta': " meta "}}"

/* What stands in _meta and is valid stays; all else of it goes. */
static bool stays(const char *key, const char *value)
{
        json_t *message = json_from(CALL("{}"));
        json_t *meta = json_object_get(json_object_get(message, "params"), "_meta");
        bool is_there;

        json_object_set_new(meta, "traceparent", json_string(A));
        json_object_set_new(meta, key, json_string(value));
        check_int(trace_adopt(message, &(struct mirror_headers){get, NONE}), 0);
        is_there = json_object_get(meta, key) != NULL;
        json_decref(message);
        return is_there;
}

#define stays_all(key, ...)                                                                        \
        for (const char *const *value = HEADERS(__VA_ARGS__); *value != NULL; value++)             \
        cr_assert(stays(key, *value), "%s", *value)
#define goes_all(key, ...)                                                                         \
        for (const char *const *value = HEADERS(__VA_ARGS__); *value != NULL; value++)             \
        cr_assert(!stays(key, *value), "%s", *value)

Test(trace, a_traceparent_has_its_form)
{
        stays_all("traceparent", A, B, "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff",
                  "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-may-come");
        goes_all("traceparent", "", "00", A "0", A "-00", A " ", " " A,
                 "0X-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                 "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                 "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                 "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                 "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                 "00-0af7651916cd43dd8448eb211c80319-cb7ad6b7169203331-01",
                 "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01",
                 "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more",
                 "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-\r\nx: y");
}

static char *repeated(const char *text, size_t n, const char *end)
{
        char *all = calloc(n * strlen(text) + strlen(end) + 1, 1);

        for (size_t i = 0; i < n; i++)
                strcat(all, text);
        return strcat(all, end);
}

static char *members(unsigned n)
{
        char *all = calloc(n, 8);

        for (unsigned i = 0; i < n; i++)
                sprintf(all + strlen(all), "k%u=v,", i);
        return all;
}

Test(trace, a_tracestate_has_its_form)
{
        char *long_value = repeated("v", 256, ""), *longer = repeated("v", 257, "");
        char *full = members(32), *fuller = members(33);
        char *text;

        stays_all("tracestate", "a=1", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "a=1 ,\tb=2, ,",
                  "1a@2b=x y", "a_b-c*d/e=!\"#;<>~");
        goes_all("tracestate", "", ",", " ", "a", "a=", "=1", "A=1", "-a=1", "a =1", "a=1=2",
                 "a=1,a=2", "a=\x7f", "a=1\r\nb", "\xc3\xa9=1", "a=\xc3\xa9");
        cr_assert(stays("tracestate", full));
        cr_assert(!stays("tracestate", fuller));
        cr_assert(asprintf(&text, "a=%s", long_value) > 0);
        cr_assert(stays("tracestate", text));
        free(text);
        cr_assert(asprintf(&text, "a=%s", longer) > 0);
        cr_assert(!stays("tracestate", text));
        free(text);
        free(long_value);
        free(longer);
        free(full);
        free(fuller);
}

Test(trace, baggage_has_its_form)
{
        char *full = repeated("k=v,", 2047, "k=vw"), *fuller = repeated("k=v,", 2048, "k=v");

        stays_all("baggage", "a=1", "a=", "a=1,b=2", " a = 1 ; p ; q = 2 , b=%20", "a=1=2",
                  "a=1;p;q=", "a=1,a=2");
        goes_all("baggage", "", "a", "=1", ",", "a=1,", "a=1,,b=2", "a=1;", "a=1;;p", "a=1;=2",
                 "a b=1", "a=1 2", "a=\"1\"", "a=1\\", "a=\xc3\xa9", "a=1\r\nx: y", "(=1");
        check_int(strlen(full), 8192);
        cr_assert(stays("baggage", full));
        cr_assert(!stays("baggage", fuller));
        free(full);
        free(fuller);
}

Test(trace, headers_say_what_meta_does_not)
{
        const char *const *headers =
                HEADERS("HTTP_TRACEPARENT= " A " ", "HTTP_TRACESTATE=a=1", "HTTP_BAGGAGE=b=1");

        check_adopted(CALL("{}"), headers,
                      CALL("{'traceparent': '" A "', 'tracestate': 'a=1', 'baggage': 'b=1'}"));
        check_adopted("{'id': 1, 'method': 'm', 'params': {}}", headers,
                      "{'id': 1, 'method': 'm', 'params': {'_meta': {'traceparent': '" A
                      "', 'tracestate': 'a=1', 'baggage': 'b=1'}}}");
        check_adopted(CALL("{'traceparent': '" B "', 'x': 1}"), headers,
                      CALL("{'traceparent': '" B "', 'x': 1, 'baggage': 'b=1'}"));
        check_adopted(CALL("{'traceparent': 'bad', 'tracestate': 'b=2', 'baggage': 'c=2'}"),
                      headers,
                      CALL("{'traceparent': '" A "', 'tracestate': 'a=1', 'baggage': 'c=2'}"));
        check_adopted(CALL("{'traceparent': 7, 'tracestate': [], 'baggage': null}"), NONE,
                      CALL("{}"));
        /* without a traceparent a tracestate is of nothing */
        check_adopted(CALL("{'tracestate': 'b=2'}"), HEADERS("HTTP_TRACESTATE=a=1"), CALL("{}"));
        check_adopted(CALL("{'tracestate': 'b=2'}"), HEADERS("HTTP_TRACEPARENT=" A),
                      CALL("{'traceparent': '" A "'}"));
        check_adopted(CALL("{}"), HEADERS("HTTP_TRACEPARENT=" A ", " B, "HTTP_BAGGAGE=b"),
                      CALL("{}"));
}

Test(trace, only_requests_with_params_carry_it)
{
        const char *const *headers = HEADERS("HTTP_TRACEPARENT=" A);
        const char *const same[] = {
                "{'method': 'm', 'params': {}}",
                "{'id': 1, 'result': {}}",
                "{'id': 1, 'method': 'm'}",
                "{'id': 1, 'method': 'm', 'params': []}",
                "{'id': 1, 'method': 'm', 'params': {'_meta': 'x'}}",
                "[]",
                "7",
        };

        for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
                check_adopted(same[i], headers, same[i]);
        check_int(trace_adopt(NULL, &(struct mirror_headers){get, headers}), 0);
}

Test(trace, a_request_says_who_records_it)
{
        json_t *params = json_from("{'_meta': {'traceparent': '" A "'}}");

        cr_assert_str_eq(trace_parent(params), A);
        cr_assert(trace_is_sampled(A));
        cr_assert(!trace_is_sampled(B));
        cr_assert(trace_is_sampled("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0b"));
        cr_assert_null(trace_parent(NULL));
        json_decref(params);
}

Test(trace, lines_are_added_to_what_is_there)
{
        json_t *params = json_from("{'_meta': {'traceparent': '" A "', 'baggage': 'a=1'}}");
        char **lines = calloc(2, sizeof(*lines));

        lines[0] = strdup("Mcp-Method: m");
        check_int(trace_lines_add(&lines, params), 0);
        cr_assert_str_eq(lines[0], "Mcp-Method: m");
        cr_assert_str_eq(lines[1], "traceparent: " A);
        cr_assert_str_eq(lines[2], "baggage: a=1");
        cr_assert_null(lines[3]);
        strv_free(lines);
        lines = NULL;
        check_int(trace_lines_add(&lines, NULL), 0);
        cr_assert_null(lines);
        check_int(trace_lines_add(&lines, params), 0);
        cr_assert_null(lines[2]);
        strv_free(lines);
        json_decref(params);
}

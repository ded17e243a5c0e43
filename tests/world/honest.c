#include "honest.h"

#include "require.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#define ALL_CAPABILITIES                                                                           \
        "\"capabilities\":{\"tools\":{\"listChanged\":true},\"prompts\":{\"listChanged\":true},"   \
        "\"resources\":{\"subscribe\":true,\"listChanged\":true},\"logging\":{},"                  \
        "\"completions\":{}},\"serverInfo\":{\"name\":\"f\",\"version\":\"1\"}"

static const struct {
        const char *method, *fields;
} results[] = {
        {"server/discover", "\"supportedVersions\":[\"2026-07-28\"]," ALL_CAPABILITIES},
        {"tools/list", "\"tools\":[{\"name\":\"t\",\"inputSchema\":{\"type\":\"object\"},"
                       "\"annotations\":{\"readOnlyHint\":true}},"
                       "{\"name\":\"w\",\"inputSchema\":{\"type\":\"object\"}}]"},
        {"prompts/list", "\"prompts\":[{\"name\":\"p\"}]"},
        {"resources/list", "\"resources\":[{\"uri\":\"r://a\",\"name\":\"a\"}]"},
        {"resources/templates/list",
         "\"resourceTemplates\":[{\"uriTemplate\":\"r://{x}\",\"name\":\"x\"}]"},
        {"tools/call", "\"content\":[{\"type\":\"text\",\"text\":\"done\"}]"},
        {"prompts/get", "\"messages\":[]"},
        {"resources/read", "\"contents\":[{\"uri\":\"r://a\",\"text\":\"a\"}]"},
        {"completion/complete", "\"completion\":{\"values\":[]}"},
};

char *honest_print(const char *fmt, ...)
{
        va_list ap;
        char *text;

        va_start(ap, fmt);
        REQUIRE(vasprintf(&text, fmt, ap) >= 0);
        va_end(ap);
        return text;
}

long long honest_id(const json_t *msg)
{
        return json_integer_value(json_object_get(msg, "id"));
}

static bool is_stateless(const json_t *msg)
{
        return json_object_get(json_object_get(json_object_get(msg, "params"), "_meta"),
                               "io.modelcontextprotocol/protocolVersion") != NULL;
}

char *honest_result(const json_t *msg, const char *fields)
{
        bool is_typed = !is_stateless(msg) || strstr(fields, "\"resultType\"") != NULL;

        return honest_print("{\"jsonrpc\":\"2.0\",\"id\":%lld,\"result\":{%s%s%s}}", honest_id(msg),
                            fields, is_typed || fields[0] == '\0' ? "" : ",",
                            is_typed ? "" : "\"resultType\":\"complete\"");
}

char *honest_acknowledge(const json_t *msg)
{
        const json_t *filter = json_object_get(json_object_get(msg, "params"), "notifications");
        char *text = json_dumps(filter, JSON_COMPACT), *all;

        all = honest_print(
                "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/subscriptions/acknowledged\","
                "\"params\":{\"notifications\":%s,\"_meta\":{"
                "\"io.modelcontextprotocol/subscriptionId\":%lld}}}",
                text != NULL ? text : "{}", honest_id(msg));
        free(text);
        return all;
}

char *honest_answer(const json_t *msg)
{
        const char *method = json_string_value(json_object_get(msg, "method"));
        const char *version = json_string_value(
                json_object_get(json_object_get(msg, "params"), "protocolVersion"));
        char fields[1024] = "";

        if (method == NULL || json_object_get(msg, "id") == NULL)
                return NULL;
        if (strcmp(method, "subscriptions/listen") == 0)
                return honest_acknowledge(msg);
        if (strcmp(method, "initialize") == 0)
                snprintf(fields, sizeof(fields), "\"protocolVersion\":\"%.20s\"," ALL_CAPABILITIES,
                         version != NULL ? version : "2025-06-18");
        for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
                if (strcmp(method, results[i].method) == 0)
                        snprintf(fields, sizeof(fields), "%s", results[i].fields);
        return honest_result(msg, fields);
}

#include "mgw/mcp/method.h"

#include <stddef.h>
#include <string.h>

static const struct method methods[] = {
        {.name = "initialize", .class = METHOD_INITIALIZE},
        {.name = "ping", .class = METHOD_PING},
        {.name = "tools/list", .class = METHOD_LIST, .capability = "tools", .list_key = "tools"},
        {.name = "prompts/list",
         .class = METHOD_LIST,
         .capability = "prompts",
         .list_key = "prompts"},
        {.name = "resources/list",
         .class = METHOD_LIST,
         .capability = "resources",
         .list_key = "resources"},
        {.name = "resources/templates/list",
         .class = METHOD_LIST,
         .capability = "resources",
         .list_key = "resourceTemplates"},
        {.name = "tools/call", .class = METHOD_BY_NAME, .capability = "tools", .name_key = "name"},
        {.name = "prompts/get",
         .class = METHOD_BY_NAME,
         .capability = "prompts",
         .name_key = "name"},
        {.name = "resources/read",
         .class = METHOD_BY_URI,
         .capability = "resources",
         .name_key = "uri"},
        {.name = "resources/subscribe", .class = METHOD_BY_URI, .capability = "resources"},
        {.name = "resources/unsubscribe", .class = METHOD_BY_URI, .capability = "resources"},
        {.name = "completion/complete", .class = METHOD_COMPLETE, .capability = "completions"},
        {.name = "logging/setLevel", .class = METHOD_SET_LEVEL, .capability = "logging"},
        {.name = "notifications/initialized", .class = METHOD_INITIALIZED},
        {.name = "notifications/cancelled", .class = METHOD_CANCELLED},
        {.name = "notifications/progress", .class = METHOD_PROGRESS},
        {.name = "notifications/message", .class = METHOD_MESSAGE},
        {.name = "notifications/tools/list_changed", .class = METHOD_LIST_CHANGED},
        {.name = "notifications/prompts/list_changed", .class = METHOD_LIST_CHANGED},
        {.name = "notifications/resources/list_changed", .class = METHOD_LIST_CHANGED},
        {.name = "notifications/resources/updated", .class = METHOD_UPDATED},
        {.name = "notifications/roots/list_changed", .class = METHOD_ROOTS_CHANGED},
        {.name = "sampling/createMessage", .class = METHOD_ASK, .capability = "sampling"},
        {.name = "elicitation/create", .class = METHOD_ASK, .capability = "elicitation"},
        {.name = "roots/list", .class = METHOD_ASK, .capability = "roots"},
};

static const struct method unknown = {.name = "unknown", .class = METHOD_UNKNOWN};
static const struct method notice = {.name = "notice", .class = METHOD_NOTICE};

const struct method *method_find(const char *name)
{
        static const char prefix[] = "notifications/";

        for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
                if (strcmp(methods[i].name, name) == 0)
                        return &methods[i];
        return strncmp(name, prefix, sizeof(prefix) - 1) == 0 ? &notice : &unknown;
}

static const char *const log_levels[] = {"debug", "info",     "notice", "warning",
                                         "error", "critical", "alert",  "emergency"};

int method_log_level(const char *name)
{
        for (int i = 0; i < 8; i++)
                if (strcmp(log_levels[i], name) == 0)
                        return i;
        return -1;
}

const char *method_log_level_name(int level)
{
        return log_levels[level];
}

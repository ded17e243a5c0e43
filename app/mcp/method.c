/* The table, and in which eras a method is known. */
#include "mgw/mcp/method.h"

#include <stddef.h>
#include <string.h>

#define BOTH .is_session = true, .is_stateless = true
#define SESSION .is_session = true
#define STATELESS .is_stateless = true

static const struct method methods[] = {
        {"initialize", METHOD_INITIALIZE, SESSION},
        {"ping", METHOD_PING, SESSION},
        {"server/discover", METHOD_DISCOVER, STATELESS},
        {"subscriptions/listen", METHOD_LISTEN, STATELESS},
        {"tools/list", METHOD_LIST, "tools", "tools", BOTH},
        {"prompts/list", METHOD_LIST, "prompts", "prompts", BOTH},
        {"resources/list", METHOD_LIST, "resources", "resources", BOTH},
        {"resources/templates/list", METHOD_LIST, "resources", "resourceTemplates", BOTH},
        {"tools/call", METHOD_BY_NAME, "tools", .name_key = "name", .may_ask = true, BOTH},
        {"prompts/get", METHOD_BY_NAME, "prompts", .name_key = "name", .may_ask = true, BOTH},
        {"resources/read", METHOD_BY_URI, "resources", .name_key = "uri", .may_ask = true, BOTH},
        {"resources/subscribe", METHOD_BY_URI, "resources", SESSION},
        {"resources/unsubscribe", METHOD_BY_URI, "resources", SESSION},
        {"completion/complete", METHOD_COMPLETE, "completions", BOTH},
        {"logging/setLevel", METHOD_SET_LEVEL, "logging", SESSION},
        /* of the extension io.modelcontextprotocol/tasks; the tasks of 2025-11-25 are others */
        {"tasks/get", METHOD_BY_TASK, .name_key = "taskId", STATELESS},
        {"tasks/update", METHOD_BY_TASK, .name_key = "taskId", STATELESS},
        {"tasks/cancel", METHOD_BY_TASK, .name_key = "taskId", STATELESS},
        {"notifications/initialized", METHOD_INITIALIZED, SESSION},
        {"notifications/cancelled", METHOD_CANCELLED, BOTH},
        {"notifications/progress", METHOD_PROGRESS, BOTH},
        {"notifications/message", METHOD_MESSAGE, BOTH},
        {"notifications/tools/list_changed", METHOD_LIST_CHANGED, BOTH},
        {"notifications/prompts/list_changed", METHOD_LIST_CHANGED, BOTH},
        {"notifications/resources/list_changed", METHOD_LIST_CHANGED, BOTH},
        {"notifications/resources/updated", METHOD_UPDATED, BOTH},
        {"notifications/subscriptions/acknowledged", METHOD_ACKNOWLEDGED, STATELESS},
        {"notifications/tasks", METHOD_TASK_CHANGED, STATELESS},
        {"notifications/roots/list_changed", METHOD_ROOTS_CHANGED, SESSION},
        {"sampling/createMessage", METHOD_ASK, SESSION},
        {"elicitation/create", METHOD_ASK, SESSION},
        {"roots/list", METHOD_ASK, SESSION},
};

static const struct method unknown = {.name = "unknown", .class = METHOD_UNKNOWN};
/* Of the stateless era no revision has others than those above. */
static const struct method notice = {"notice", METHOD_NOTICE, SESSION};

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
        for (int i = 0; i < METHOD_LOG_LEVELS && name != NULL; i++)
                if (strcmp(log_levels[i], name) == 0)
                        return i;
        return -1;
}

const char *method_log_level_name(int level)
{
        return log_levels[level];
}

/* What the built-in tools say of themselves. */
#include "mgw/mcp/builtin_tools.h"

static const char tools_text[] =
        "[{\"name\": \"gateway_status\","
        "  \"description\": \"Tells how the gateway is: version, uptime, streams, users, "
        "durations.\","
        "  \"inputSchema\": {\"type\": \"object\", \"properties\": {}},"
        "  \"annotations\": {\"readOnlyHint\": true}},"
        " {\"name\": \"echo\","
        "  \"description\": \"Answers with the message it was given.\","
        "  \"inputSchema\": {\"type\": \"object\", \"properties\": {\"message\": {\"type\": "
        "\"string\","
        "    \"description\": \"What to say back\"}}, \"required\": [\"message\"]},"
        "  \"annotations\": {\"readOnlyHint\": true}},"
        " {\"name\": \"wait\","
        "  \"description\": \"Waits the given seconds, then answers: the way to try slow calls.\","
        "  \"inputSchema\": {\"type\": \"object\", \"properties\": {\"seconds\": {\"type\": "
        "\"number\","
        "    \"minimum\": 0, \"maximum\": 3600}}, \"required\": [\"seconds\"]},"
        "  \"annotations\": {\"readOnlyHint\": true}}]";

json_t *builtin_tools(void)
{
        return json_loads(tools_text, 0, NULL);
}

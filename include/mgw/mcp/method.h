/* The table of MCP's methods: what class each is of, and what the class needs to know. */
#pragma once

#include <stdbool.h>

enum method_class {
        METHOD_UNKNOWN,
        /* requests that a client sends */
        METHOD_INITIALIZE,
        METHOD_PING,
        METHOD_DISCOVER, /* server/discover */
        METHOD_LISTEN,   /* subscriptions/listen */
        METHOD_LIST,     /* tools/list, prompts/list, resources/list, resources/templates/list */
        METHOD_BY_NAME,  /* tools/call, prompts/get: routed by params.name */
        METHOD_BY_URI, /* resources/read, resources/subscribe, resources/unsubscribe: by params.uri
                        */
        METHOD_COMPLETE,  /* completion/complete: by params.ref */
        METHOD_SET_LEVEL, /* logging/setLevel: kept here and told to every upstream */
        METHOD_BY_TASK,   /* tasks/get, tasks/update, tasks/cancel: by params.taskId */
        /* notifications, either way */
        METHOD_INITIALIZED,
        METHOD_CANCELLED,
        METHOD_PROGRESS,
        METHOD_MESSAGE,       /* notifications/message */
        METHOD_LIST_CHANGED,  /* notifications/{tools,prompts,resources}/list_changed */
        METHOD_UPDATED,       /* notifications/resources/updated */
        METHOD_ACKNOWLEDGED,  /* notifications/subscriptions/acknowledged */
        METHOD_TASK_CHANGED,  /* notifications/tasks */
        METHOD_ROOTS_CHANGED, /* notifications/roots/list_changed, from the client to every upstream
                               */
        METHOD_NOTICE,        /* any other notifications/...: passed on */
        /* requests that a server sends */
        METHOD_ASK, /* sampling/createMessage, elicitation/create, roots/list: bridge_can_ask() */
};

struct method {
        const char *name;
        enum method_class class;
        const char *capability; /* that its server must have ("tools"), or NULL */
        const char *list_key;   /* METHOD_LIST: the member that holds the entries ("tools") */
        bool is_stateless;      /* is it a method of the stateless era? */
        bool is_session;        /* is it one of the eras with sessions? */
        bool may_ask;           /* stateless: may its answer ask for input? */
        const char *name_key;   /* the member of params that the header Mcp-Name says, or NULL */
};

/* Never NULL: what is not in the table is METHOD_UNKNOWN, or METHOD_NOTICE for "notifications/...".
 */
const struct method *method_find(const char *name);

/* RFC 5424 levels as MCP logs them: 0 ("debug") to 7 ("emergency"); -1 for anything else, and for
 * NULL. */
int method_log_level(const char *name);
#define METHOD_LOG_LEVELS 8
const char *method_log_level_name(int level);

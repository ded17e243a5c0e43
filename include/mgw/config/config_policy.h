/* "policy": who may what, as it is written. The rules stand in their order, and the first that fits
 * decides; what none fits is not allowed. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So that those that are for a caller fit into a few words. */
#define CONFIG_POLICY_RULES_MAX 256
/* What mgw's own tools (echo, wait, gateway_status) are of. */
#define CONFIG_POLICY_GATEWAY "gateway"

enum config_policy_kind {
        CONFIG_POLICY_TOOLS,
        CONFIG_POLICY_PROMPTS,
        CONFIG_POLICY_RESOURCES,
        CONFIG_POLICY_TEMPLATES,
        CONFIG_POLICY_N_KINDS
};

/* What a tool's annotations say (schema, ToolAnnotations). */
enum config_policy_hint {
        CONFIG_POLICY_READ_ONLY,
        CONFIG_POLICY_DESTRUCTIVE,
        CONFIG_POLICY_IDEMPOTENT,
        CONFIG_POLICY_OPEN_WORLD,
        CONFIG_POLICY_N_HINTS
};

/* Arrays of strings end with NULL; NULL itself: none. */
struct config_policy_rule {
        char **who; /* "*", "ada@example.com", "@example.com", "group:NAME" */
        bool denies;
        char **servers;                       /* patterns (base/glob); NULL: all */
        char **things[CONFIG_POLICY_N_KINDS]; /* patterns of names or URIs; NULL: nothing of it */
        int8_t hints[CONFIG_POLICY_N_HINTS];  /* 0, 1; -1: whatever it says */
        char **scopes;                        /* that the caller's token must have */
        uint32_t calls_per_minute;            /* of one user and tool; 0: no limit */
        uint32_t calls_per_day;
        uint32_t result_max_bytes; /* 0: no limit */
        unsigned line;             /* of the file */
};

struct config_policy_group {
        char *name;
        char **members; /* as in who; "group:NAME" is here one that tokens name */
};

struct config_policy {
        struct config_policy_group *groups;
        size_t n_groups;
        struct config_policy_rule *rules;
        size_t n_rules;
        size_t n_dead; /* rules that can never match */
};

struct config;

/* Does the rule name the server (its number; n_servers: mgw's own tools), and could something of
 * that kind there be called as one of its patterns has it? */
bool config_policy_is_of(const struct config *config, const struct config_policy_rule *rule,
                         size_t server, enum config_policy_kind kind);
/* What a described API's tool says of itself (its entry), borrowed; NULL: it is not known yet. */
const json_t *config_policy_tool(const struct config *config, size_t server, const char *theirs);
/* "tools", "readOnlyHint": as they are written. */
const char *config_policy_kind_key(enum config_policy_kind kind);
const char *config_policy_hint_key(enum config_policy_hint hint);
/* The group of that name (without "group:"); NULL: it is not listed. */
const struct config_policy_group *config_policy_group_find(const struct config_policy *policy,
                                                           const char *name);

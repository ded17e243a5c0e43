/* "policy": {"groups": {...}, "rules": [...]}. */
#include "mgw/config/config_policy.h"

#include "config_inside.h"
#include "config_source.h"
#include "mgw/base/alloc.h"
#include "mgw/base/strv.h"

#include <stdlib.h>
#include <string.h>

#define AT(field) offsetof(struct config_policy_rule, field)
#define DOCS "docs/policy.md"

#define PATTERN_MAX 512

static const char *const kind_keys[] = {
        [CONFIG_POLICY_TOOLS] = "tools",
        [CONFIG_POLICY_PROMPTS] = "prompts",
        [CONFIG_POLICY_RESOURCES] = "resources",
        [CONFIG_POLICY_TEMPLATES] = "templates",
};

static const char *const hint_keys[] = {
        [CONFIG_POLICY_READ_ONLY] = "readOnlyHint",
        [CONFIG_POLICY_DESTRUCTIVE] = "destructiveHint",
        [CONFIG_POLICY_IDEMPOTENT] = "idempotentHint",
        [CONFIG_POLICY_OPEN_WORLD] = "openWorldHint",
};

const char *config_policy_kind_key(enum config_policy_kind kind)
{
        return kind_keys[kind];
}

const char *config_policy_hint_key(enum config_policy_hint hint)
{
        return hint_keys[hint];
}

const struct config_policy_group *config_policy_group_find(const struct config_policy *policy,
                                                           const char *name)
{
        for (size_t i = 0; i < policy->n_groups; i++)
                if (strcmp(policy->groups[i].name, name) == 0)
                        return &policy->groups[i];
        return NULL;
}

/* ---- objects by tables ---- */

static const struct config_row things_rows[] = {
        {"servers", KIND_TEXTS, AT(servers), .marks = 0},
        {"tools", KIND_TEXTS, AT(things[CONFIG_POLICY_TOOLS]), .marks = 0},
        {"prompts", KIND_TEXTS, AT(things[CONFIG_POLICY_PROMPTS]), .marks = 0},
        {"resources", KIND_TEXTS, AT(things[CONFIG_POLICY_RESOURCES]), .marks = 0},
        {"templates", KIND_TEXTS, AT(things[CONFIG_POLICY_TEMPLATES]), .marks = 0},
        {.key = NULL},
};

static const struct config_row limits_rows[] = {
        {"calls_per_minute", KIND_UINT32, AT(calls_per_minute), .min = 1, .max = 1e6},
        {"calls_per_day", KIND_UINT32, AT(calls_per_day), .min = 1, .max = 1e9},
        {"result_max_bytes", KIND_UINT32, AT(result_max_bytes), .min = 256, .max = 1e9},
        {.key = NULL},
};

static void fault_unknown(struct loading *l, const char *at, const char *key,
                          const struct config_row *rows)
{
        const char *near = config_table_near(rows, key);

        if (near != NULL)
                config_fault(l, at, "not known: is \"%s\" meant?", near);
        else
                config_fault(l, at, "not known (" DOCS " tells what is)");
}

static void load_by(struct loading *l, const struct config_row *rows, const char *at,
                    json_t *object, struct config_policy_rule *rule)
{
        char full[CONFIG_KEY_SIZE];
        const char *key;
        json_t *value;

        if (!json_is_object(object) || json_object_size(object) == 0) {
                config_fault(l, at, "must be an object that says something (" DOCS ")");
                return;
        }
        json_object_foreach (object, key, value) {
                const struct config_row *row = config_table_find(rows, key, 0);

                config_key(full, at, key);
                if (row == NULL)
                        fault_unknown(l, full, key, rows);
                else if (row->kind == KIND_TEXTS && json_array_size(value) == 0)
                        config_fault(l, full, "must be an array of strings, one at least");
                else
                        config_table_load(l, row, full, value, rule);
        }
}

/* ---- words ---- */

/* Who is one word too few, or one too many. */
static void check_who(struct loading *l, const char *at, const char *who)
{
        if (who[0] == '\0' || strcmp(who, "group:") == 0 || strcmp(who, "@") == 0)
                config_fault(l, at, "\"%s\" is nobody", who);
        else if (strchr(who, '*') != NULL && strcmp(who, "*") != 0)
                config_fault(l, at,
                             "\"%s\" is no pattern: write \"*\" for all, \"@example.com\" for all "
                             "of a domain",
                             who);
        else if (strncmp(who, "group:", 6) != 0 &&
                 config_policy_group_find(l->config->policy, who) != NULL)
                config_fault(l, at, "\"%s\" is a group: write \"group:%s\"", who, who);
}

static void check_all_who(struct loading *l, const char *at, char *const *all)
{
        if (all == NULL)
                config_fault(l, at,
                             "says for whom: an array of \"*\", \"ada@example.com\", "
                             "\"@example.com\", \"group:NAME\"");
        for (; all != NULL && *all != NULL; all++)
                check_who(l, at, *all);
}

static void check_patterns(struct loading *l, const char *at, const char *key,
                           char *const *patterns)
{
        char full[CONFIG_KEY_SIZE];

        config_key(full, at, key);
        for (; patterns != NULL && *patterns != NULL; patterns++)
                if ((*patterns)[0] == '\0' || strlen(*patterns) > PATTERN_MAX)
                        config_fault(l, full, "a pattern has 1 to %d bytes", PATTERN_MAX);
                else if (strcmp(key, "resources") != 0 && strcmp(key, "templates") != 0 &&
                         strpbrk(*patterns, "[]?") != NULL)
                        config_fault(l, full, "\"%s\": only * stands for others here", *patterns);
}

/* ---- a rule ---- */

static void load_hints(struct loading *l, const char *at, json_t *object, void *hints)
{
        char full[CONFIG_KEY_SIZE];
        const char *key;
        json_t *value;

        if (!json_is_object(object) || json_object_size(object) == 0)
                config_fault(l, at, "must be an object as {\"readOnlyHint\": true}");
        json_object_foreach (object, key, value) {
                unsigned i = 0;

                config_key(full, at, key);
                while (i < CONFIG_POLICY_N_HINTS && strcmp(hint_keys[i], key) != 0)
                        i++;
                if (i == CONFIG_POLICY_N_HINTS)
                        config_fault(l, full,
                                     "not known: what tools say is readOnlyHint, destructiveHint, "
                                     "idempotentHint, openWorldHint");
                else if (!json_is_boolean(value))
                        config_fault(l, full, "must be true or false");
                else
                        ((int8_t *)hints)[i] = json_is_true(value);
        }
}

static void load_limits(struct loading *l, const char *at, json_t *object, void *rule)
{
        load_by(l, limits_rows, at, object, rule);
}

static const struct config_row rule_rows[] = {
        {"who", KIND_TEXTS, AT(who), .marks = 0},
        {"allow", KIND_OTHER, .marks = 0},
        {"deny", KIND_OTHER, .marks = 0},
        {"if", KIND_OTHER, AT(hints), .load = load_hints},
        {"scopes", KIND_TEXTS, AT(scopes), .marks = 0},
        {"limits", KIND_OTHER, 0, .load = load_limits},
        {.key = NULL},
};

static bool has_hints(const struct config_policy_rule *rule)
{
        for (size_t i = 0; i < CONFIG_POLICY_N_HINTS; i++)
                if (rule->hints[i] >= 0)
                        return true;
        return false;
}

static bool has_limits(const struct config_policy_rule *rule)
{
        return rule->calls_per_minute > 0 || rule->calls_per_day > 0 || rule->result_max_bytes > 0;
}

/* Servers alone: all that they have; with a condition on what tools say, all tools. */
static void complete(struct config_policy_rule *rule)
{
        for (size_t i = 0; i < CONFIG_POLICY_N_KINDS; i++)
                if (rule->things[i] != NULL)
                        return;
        for (size_t i = 0; i < CONFIG_POLICY_N_KINDS; i++)
                if (i == CONFIG_POLICY_TOOLS || !has_hints(rule))
                        (void)strv_add_take(&rule->things[i], alloc_text("*"));
}

static void check_things(struct loading *l, const char *at, const char *key,
                         const struct config_policy_rule *rule)
{
        char full[CONFIG_KEY_SIZE];

        config_key(full, at, key);
        check_patterns(l, full, "servers", rule->servers);
        for (size_t i = 0; i < CONFIG_POLICY_N_KINDS; i++) {
                check_patterns(l, full, kind_keys[i], rule->things[i]);
                if (i != CONFIG_POLICY_TOOLS && rule->things[i] != NULL && has_hints(rule))
                        config_fault(l, at,
                                     "\"if\" is about what tools say of themselves: write another "
                                     "rule for \"%s\"",
                                     kind_keys[i]);
        }
        if (has_limits(rule) && rule->things[CONFIG_POLICY_TOOLS] == NULL)
                config_fault(l, at, "\"limits\" are of tools, and it has none");
}

static void check_rule(struct loading *l, const char *at, json_t *object,
                       struct config_policy_rule *rule)
{
        char full[CONFIG_KEY_SIZE];
        const char *key = rule->denies ? "deny" : "allow";

        config_key(full, at, "who");
        check_all_who(l, full, rule->who);
        if ((json_object_get(object, "allow") != NULL) == (json_object_get(object, "deny") != NULL))
                config_fault(l, at, "has either \"allow\" or \"deny\"");
        else
                check_things(l, at, key, rule);
        if (rule->denies && has_limits(rule))
                config_fault(l, at, "\"limits\" go with \"allow\"");
        if (rule->denies && rule->scopes != NULL)
                config_fault(l, at, "\"scopes\" go with \"allow\"");
}

static void load_rule(struct loading *l, const char *at, json_t *object,
                      struct config_policy_rule *rule)
{
        unsigned n_faults = l->n_faults;
        json_t *allow = json_object_get(object, "allow"), *deny = json_object_get(object, "deny");
        char full[CONFIG_KEY_SIZE];

        memset(rule->hints, -1, sizeof(rule->hints));
        rule->line = config_line(l, at);
        rule->denies = deny != NULL && allow == NULL;
        load_by(l, rule_rows, at, object, rule);
        config_key(full, at, rule->denies ? "deny" : "allow");
        if (allow != NULL || deny != NULL)
                load_by(l, things_rows, full, rule->denies ? deny : allow, rule);
        if (l->n_faults != n_faults)
                return;
        complete(rule);
        check_rule(l, at, object, rule);
}

static void load_rules(struct loading *l, const char *at, json_t *array)
{
        struct config_policy *policy = l->config->policy;
        char full[CONFIG_KEY_SIZE], number[24];
        json_t *rule;
        size_t i;

        if (!json_is_array(array) || json_array_size(array) > CONFIG_POLICY_RULES_MAX) {
                config_fault(l, at, "must be an array of %d rules at most",
                             CONFIG_POLICY_RULES_MAX);
                return;
        }
        policy->rules = alloc_array(json_array_size(array), sizeof(*policy->rules));
        json_array_foreach (array, i, rule) {
                snprintf(number, sizeof(number), "%zu", i + 1);
                config_key(full, at, number);
                load_rule(l, full, rule, &policy->rules[policy->n_rules++]);
        }
}

/* ---- groups ---- */

static void load_groups(struct loading *l, const char *at, json_t *object)
{
        static const struct config_row members = {"members", KIND_TEXTS, 0, .marks = 0};
        struct config_policy *policy = l->config->policy;
        char full[CONFIG_KEY_SIZE];
        const char *name;
        json_t *value;

        if (!json_is_object(object)) {
                config_fault(l, at, "must be an object: {\"NAME\": [\"ada@example.com\"]}");
                return;
        }
        policy->groups = alloc_array(json_object_size(object), sizeof(*policy->groups));
        json_object_foreach (object, name, value) {
                struct config_policy_group *group = &policy->groups[policy->n_groups++];

                config_key(full, at, name);
                group->name = alloc_text(name);
                config_table_load(l, &members, full, value, &group->members);
        }
        for (size_t i = 0; i < policy->n_groups; i++) {
                config_key(full, at, policy->groups[i].name);
                if (policy->groups[i].members != NULL)
                        check_all_who(l, full, policy->groups[i].members);
        }
}

/* ---- the whole ---- */

void config_policy_load(struct loading *l, json_t *object)
{
        const char *key;
        json_t *value;

        l->config->policy = alloc_zeroed(sizeof(*l->config->policy));
        if (!json_is_object(object)) {
                config_fault(l, "policy", "must be an object with \"groups\" and \"rules\"");
                return;
        }
        json_object_foreach (object, key, value)
                if (strcmp(key, "groups") != 0 && strcmp(key, "rules") != 0) {
                        char full[CONFIG_KEY_SIZE];

                        config_key(full, "policy", key);
                        config_fault(l, full,
                                     "not known; the keys here are \"groups\" and \"rules\"");
                }
        if ((value = json_object_get(object, "groups")) != NULL)
                load_groups(l, "policy.groups", value);
        if ((value = json_object_get(object, "rules")) != NULL)
                load_rules(l, "policy.rules", value);
        else
                config_fault(l, "policy", "has no \"rules\"");
}

void config_policy_finish(struct config_policy *policy)
{
        if (policy == NULL)
                return;
        for (size_t i = 0; i < policy->n_groups; i++) {
                free(policy->groups[i].name);
                strv_free(policy->groups[i].members);
        }
        for (size_t i = 0; i < policy->n_rules; i++) {
                config_table_finish(things_rows, &policy->rules[i]);
                strv_free(policy->rules[i].who);
                strv_free(policy->rules[i].scopes);
        }
        free(policy->groups);
        free(policy->rules);
        free(policy);
}

/* What of a policy can never match: told, and no fault, since a server may be disabled for a while.
 * A rule that a slip has made void is worse than none: it looks as if it held. */
#include "config_inside.h"
#include "mgw/base/glob.h"
#include "mgw/config/config_policy.h"
#include "mgw/mcp/builtin_tools.h"
#include "mgw/mcp/catalog.h"
#include "mgw/rest/rest.h"

#include <string.h>
#include <strings.h>

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static void rule_key(char full[CONFIG_KEY_SIZE], const struct config_policy *policy,
                     const struct config_policy_rule *rule, const char *rest)
{
        snprintf(full, CONFIG_KEY_SIZE, "policy.rules.%td%s", rule - policy->rules + 1, rest);
}

static bool any_matches(char *const *patterns, const char *text)
{
        for (; *patterns != NULL; patterns++)
                if (glob_match(*patterns, text))
                        return true;
        return false;
}

/* ---- servers and names ---- */

static bool has_server(const struct config *config, const char *pattern)
{
        for (size_t i = 0; i < config->n_servers; i++)
                if (glob_match(pattern, config->servers[i]->name))
                        return true;
        return config->has_builtin_tools && glob_match(pattern, CONFIG_POLICY_GATEWAY);
}

/* True: some is there. */
static bool check_servers(struct loading *l, const struct config_policy_rule *rule)
{
        char full[CONFIG_KEY_SIZE];
        bool has_one = rule->servers == NULL;

        rule_key(full, l->config->policy, rule, rule->denies ? ".deny.servers" : ".allow.servers");
        for (char **it = rule->servers; it != NULL && *it != NULL; it++) {
                if (has_server(l->config, *it))
                        has_one = true;
                else
                        config_note(l, full, "no server here is called \"%s\"", *it);
        }
        return has_one;
}

const json_t *config_policy_tool(const struct config *config, size_t server, const char *theirs)
{
        const struct rest *rest = config->servers[server]->rest;
        const json_t *tool;
        size_t i;

        json_array_foreach (rest != NULL ? rest_tools(rest) : NULL, i, tool)
                if (strcmp(json_string_value(json_object_get(tool, "name")), theirs) == 0)
                        return tool;
        return NULL;
}

static bool tools_have(const json_t *tools, const char *prefix, const char *pattern)
{
        const json_t *tool;
        size_t i;

        json_array_foreach ((json_t *)tools, i, tool) {
                char shown[256];

                snprintf(shown, sizeof(shown), "%s%s", prefix,
                         json_string_value(json_object_get(tool, "name")));
                if (glob_match(pattern, shown))
                        return true;
        }
        return false;
}

static bool given_have(const struct config_server *s, const char *pattern)
{
        const char *theirs;
        json_t *given;

        json_object_foreach (s->tools, theirs, given) {
                const char *name = json_string_value(json_object_get(given, "name"));

                if (name != NULL && glob_match(pattern, name))
                        return true;
        }
        return false;
}

/* Could a name be its? Of a described API they are known, of others their beginning is. */
static bool server_may_have(const struct config *config, const struct config_server *s,
                            enum config_policy_kind kind, const char *pattern)
{
        char shown[256];

        if (kind == CONFIG_POLICY_RESOURCES || kind == CONFIG_POLICY_TEMPLATES)
                return s->rest == NULL;
        if (s->rest != NULL && kind == CONFIG_POLICY_PROMPTS)
                return false;
        if (given_have(s, pattern))
                return true;
        if (s->rest != NULL && !config->has_safe_names)
                return tools_have(rest_tools(s->rest), s->prefix, pattern);
        snprintf(shown, sizeof(shown), "%s*", s->prefix);
        return glob_meets(pattern, shown) ||
               (config->has_safe_names && !catalog_fits_all(s->prefix));
}

static bool gateway_may_have(const struct config *config, const struct config_policy_rule *rule,
                             enum config_policy_kind kind, const char *pattern)
{
        json_t *tools;
        bool has;

        if (!config->has_builtin_tools || kind != CONFIG_POLICY_TOOLS ||
            (rule->servers != NULL && !any_matches(rule->servers, CONFIG_POLICY_GATEWAY)))
                return false;
        tools = builtin_tools();
        has = tools_have(tools, "", pattern);
        json_decref(tools);
        return has;
}

static bool may_have_of(const struct config *config, const struct config_policy_rule *rule,
                        size_t server, enum config_policy_kind kind, const char *pattern)
{
        const struct config_server *s;

        if (server == config->n_servers)
                return gateway_may_have(config, rule, kind, pattern);
        s = config->servers[server];
        return (rule->servers == NULL || any_matches(rule->servers, s->name)) &&
               server_may_have(config, s, kind, pattern);
}

static bool may_have(const struct config *config, const struct config_policy_rule *rule,
                     enum config_policy_kind kind, const char *pattern)
{
        for (size_t i = 0; i <= config->n_servers; i++)
                if (may_have_of(config, rule, i, kind, pattern))
                        return true;
        return false;
}

bool config_policy_is_of(const struct config *config, const struct config_policy_rule *rule,
                         size_t server, enum config_policy_kind kind)
{
        for (char **it = rule->things[kind]; it != NULL && *it != NULL; it++)
                if (may_have_of(config, rule, server, kind, *it))
                        return true;
        return false;
}

/* True: something can be called so. What was written is told one by one, what was not is not. */
static bool check_things(struct loading *l, const struct config_policy_rule *rule)
{
        char full[CONFIG_KEY_SIZE], verb[CONFIG_KEY_SIZE];
        bool has_one = false;

        rule_key(verb, l->config->policy, rule, rule->denies ? ".deny" : ".allow");
        for (int kind = 0; kind < CONFIG_POLICY_N_KINDS; kind++)
                for (char **it = rule->things[kind]; it != NULL && *it != NULL; it++) {
                        if (may_have(l->config, rule, kind, *it)) {
                                has_one = true;
                        } else if (strcmp(*it, "*") != 0) {
                                config_key(full, verb, config_policy_kind_key(kind));
                                config_note(l, full, "nothing can be called \"%s\" here", *it);
                        }
                }
        return has_one;
}

/* ---- people ---- */

/* Do tokens bring groups? */
static bool has_issuers(const struct config *config)
{
        return config->n_jwt > 0 || config->login.issuer[0] != '\0';
}

static bool may_be_somebody(const struct config *config, const char *who, bool is_member)
{
        const struct config_policy_group *group;

        if (strncmp(who, "group:", 6) != 0)
                return true;
        group = is_member ? NULL : config_policy_group_find(config->policy, who + 6);
        if (group == NULL)
                return has_issuers(config);
        for (char **it = group->members; it != NULL && *it != NULL; it++)
                if (may_be_somebody(config, *it, true))
                        return true;
        return false;
}

static bool check_who(struct loading *l, const struct config_policy_rule *rule)
{
        char full[CONFIG_KEY_SIZE];
        bool has_one = false;

        rule_key(full, l->config->policy, rule, ".who");
        for (char **it = rule->who; it != NULL && *it != NULL; it++) {
                if (may_be_somebody(l->config, *it, false))
                        has_one = true;
                else
                        config_note(l, full, "nobody can be in \"%s\"", *it);
        }
        return has_one;
}

/* ---- rules before it ---- */

static bool who_covers(const char *a, const char *b)
{
        size_t n_a = strlen(a), n_b = strlen(b);

        if (strcmp(a, "*") == 0 || strcmp(a, b) == 0)
                return true;
        if (strncmp(b, "group:", 6) == 0 || strncmp(a, "group:", 6) == 0)
                return false;
        return a[0] == '@' ? n_b >= n_a && strcasecmp(b + n_b - n_a, a) == 0
                           : strcasecmp(a, b) == 0;
}

/* Is each of b covered by one of a? NULL: as the callers have it. */
static bool all_covered(bool (*covers)(const char *a, const char *b), char *const *a,
                        char *const *b)
{
        for (; *b != NULL; b++) {
                bool is_covered = false;

                for (char *const *it = a; *it != NULL && !is_covered; it++)
                        is_covered = covers(*it, *b);
                if (!is_covered)
                        return false;
        }
        return true;
}

static bool patterns_cover(char *const *a, char *const *b)
{
        return b == NULL || (a != NULL && all_covered(glob_covers, a, b));
}

static bool rule_covers(const struct config_policy_rule *a, const struct config_policy_rule *b)
{
        if (!all_covered(who_covers, a->who, b->who))
                return false;
        if (a->servers != NULL && (b->servers == NULL || !patterns_cover(a->servers, b->servers)))
                return false;
        for (int kind = 0; kind < CONFIG_POLICY_N_KINDS; kind++)
                if (!patterns_cover(a->things[kind], b->things[kind]))
                        return false;
        for (int hint = 0; hint < CONFIG_POLICY_N_HINTS; hint++)
                if (a->hints[hint] >= 0 && a->hints[hint] != b->hints[hint])
                        return false;
        return true;
}

/* Walks the rules before it: 256 at most. True: none takes all of it. */
static bool check_before(struct loading *l, const struct config_policy_rule *rule)
{
        const struct config_policy *policy = l->config->policy;
        char full[CONFIG_KEY_SIZE];

        for (const struct config_policy_rule *it = policy->rules; it < rule; it++) {
                if (!rule_covers(it, rule))
                        continue;
                rule_key(full, policy, rule, "");
                config_note(l, full, "rule %td before it (line %u) takes all that it is for",
                            it - policy->rules + 1, it->line);
                return false;
        }
        return true;
}

/* ---- the whole ---- */

/* A tool that only reads destroys nothing, and may be called twice. */
static bool check_hints(struct loading *l, const struct config_policy_rule *rule)
{
        char full[CONFIG_KEY_SIZE];

        if (rule->hints[CONFIG_POLICY_READ_ONLY] != 1 ||
            (rule->hints[CONFIG_POLICY_DESTRUCTIVE] != 1 &&
             rule->hints[CONFIG_POLICY_IDEMPOTENT] != 0))
                return true;
        rule_key(full, l->config->policy, rule, ".if");
        config_note(l, full, "a tool that only reads is never destructive, and always idempotent");
        return false;
}

static void check_rule(struct loading *l, const struct config_policy_rule *rule)
{
        bool (*const checks[])(struct loading * l, const struct config_policy_rule *rule) = {
                check_who, check_servers, check_things, check_hints, check_before};
        char full[CONFIG_KEY_SIZE];

        for (size_t i = 0; i < N_OF(checks); i++)
                if (!checks[i](l, rule)) {
                        rule_key(full, l->config->policy, rule, "");
                        config_note(l, full, "can never match");
                        l->config->policy->n_dead++;
                        return;
                }
}

void config_policy_check(struct loading *l)
{
        const struct config_policy *policy = l->config->policy;

        if (policy == NULL || l->n_faults > 0)
                return;
        for (size_t i = 0; i < l->config->n_servers; i++)
                if (l->config->has_builtin_tools &&
                    strcmp(l->config->servers[i]->name, CONFIG_POLICY_GATEWAY) == 0) {
                        config_fault(l, "policy",
                                     "mgw's own tools are of \"gateway\" here: give the server of "
                                     "that name another, or set \"builtin_tools\" to false");
                        return;
                }
        for (size_t i = 0; i < policy->n_rules; i++)
                check_rule(l, &policy->rules[i]);
        if (policy->n_rules == 0)
                config_note(l, "policy.rules", "is empty: nobody may anything");
}

/* For each server and kind it is known which rules name what it may have of that, and for each
 * identity which are for it, a bit a rule: what both have is left to be looked at. */
#include "policy_inside.h"

#include "mgw/auth/scope.h"
#include "mgw/base/alloc.h"
#include "mgw/base/glob.h"
#include "mgw/base/hash.h"
#include "mgw/base/strv.h"
#include "mgw/config/config.h"
#include "mgw/core/user.h"
#include "mgw/mcp/builtin_tools.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

_Static_assert(sizeof(struct policy_bits) == sizeof(((struct identity_rules *)0)->bits),
               "as many rules");

/* Callers for whom the same rules are: groups make few of them. */
#define CLASSES_MAX 1000

struct policy_class {
        UT_hash_handle hh;
        struct policy_bits rules;
        uint8_t kinds[]; /* of each server what they may see any of, a bit a kind */
};

static void set_bit(struct policy_bits *bits, size_t i)
{
        bits->of[i / 64] |= UINT64_C(1) << (i % 64);
}

static bool matches_any(char *const *patterns, const char *text)
{
        for (; patterns != NULL && *patterns != NULL; patterns++)
                if (glob_match(*patterns, text))
                        return true;
        return false;
}

/* ---- who ---- */

/* Addresses that differ in case alone are one person's. */
static bool is_person(const char *who, const char *email)
{
        size_t n = strlen(who), n_email = strlen(email);

        if (who[0] == '@')
                return n_email > n && strcasecmp(email + n_email - n, who) == 0;
        return strcmp(who, "*") == 0 || strcasecmp(who, email) == 0;
}

static bool is_member(const struct config_policy_group *group, const struct identity *identity)
{
        for (char *const *it = group->members; it != NULL && *it != NULL; it++)
                if (strncmp(*it, "group:", 6) == 0 ? identity_has_group(identity, *it + 6)
                                                   : is_person(*it, identity->user->email))
                        return true;
        return false;
}

/* Who is in a group that is listed, the list alone says; others are the tokens' to give. */
static bool is_one(const struct policy *p, const char *who, const struct identity *identity)
{
        const struct config_policy_group *group;

        if (strncmp(who, "group:", 6) != 0)
                return is_person(who, identity->user->email);
        group = config_policy_group_find(p->rules, who + 6);
        return group != NULL ? is_member(group, identity) : identity_has_group(identity, who + 6);
}

bool policy_has_member(const struct policy *p, const char *name, const struct identity *identity)
{
        const struct config_policy_group *group =
                p != NULL ? config_policy_group_find(p->rules, name) : NULL;

        return group != NULL && is_member(group, identity);
}

bool policy_is_for(const struct policy *p, const struct config_policy_rule *rule,
                   const struct identity *identity)
{
        for (char *const *it = rule->who; *it != NULL; it++)
                if (is_one(p, *it, identity))
                        return true;
        return false;
}

static const struct policy_class *class_of(struct policy *p, const struct policy_bits *rules);

const struct identity_rules *policy_rules_of(struct policy *p, struct identity *identity)
{
        struct policy_bits bits = {{0}};

        if (identity->rules.of != p->number) {
                for (size_t i = 0; i < p->rules->n_rules; i++)
                        if (policy_is_for(p, &p->rules->rules[i], identity))
                                set_bit(&bits, i);
                memcpy(identity->rules.bits, bits.of, sizeof(bits));
                identity->rules.class = class_of(p, &bits);
                identity->rules.of = p->number;
        }
        return &identity->rules;
}

/* ---- what ---- */

bool policy_names_server(const struct policy *p, const struct config_policy_rule *rule,
                         unsigned server)
{
        size_t i = (size_t)(rule - p->rules->rules);

        for (int kind = 0; kind < CONFIG_POLICY_N_KINDS; kind++)
                if ((p->by_server[server][kind].of[i / 64] >> (i % 64) & 1) != 0)
                        return true;
        return false;
}

static bool hint(const json_t *annotations, enum config_policy_hint hint, bool otherwise)
{
        const json_t *value = json_object_get(annotations, config_policy_hint_key(hint));

        return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

/* As the schema has them where they are not said; the second and third mean something only where it
 * does more than read. */
static void hints_of(const json_t *tool, bool hints[CONFIG_POLICY_N_HINTS])
{
        const json_t *said = json_object_get(tool, "annotations");
        bool reads = hint(said, CONFIG_POLICY_READ_ONLY, false);

        hints[CONFIG_POLICY_READ_ONLY] = reads;
        hints[CONFIG_POLICY_DESTRUCTIVE] = !reads && hint(said, CONFIG_POLICY_DESTRUCTIVE, true);
        hints[CONFIG_POLICY_IDEMPOTENT] = reads || hint(said, CONFIG_POLICY_IDEMPOTENT, false);
        hints[CONFIG_POLICY_OPEN_WORLD] = hint(said, CONFIG_POLICY_OPEN_WORLD, true);
}

static bool has_hints(const struct config_policy_rule *rule)
{
        for (size_t i = 0; i < CONFIG_POLICY_N_HINTS; i++)
                if (rule->hints[i] >= 0)
                        return true;
        return false;
}

static bool fits_hints(const struct config_policy_rule *rule, const json_t *tool)
{
        bool hints[CONFIG_POLICY_N_HINTS];

        if (!has_hints(rule))
                return true;
        if (tool == NULL)
                return rule->denies;
        hints_of(tool, hints);
        for (size_t i = 0; i < CONFIG_POLICY_N_HINTS; i++)
                if (rule->hints[i] >= 0 && rule->hints[i] != hints[i])
                        return false;
        return true;
}

static bool names(const struct config_policy_rule *rule, const struct policy_thing *thing)
{
        char *const *templates = rule->things[CONFIG_POLICY_TEMPLATES];

        return matches_any(rule->things[thing->kind], thing->name) ||
               (thing->via != NULL && matches_any(templates, thing->via)) ||
               (thing->is_via_unknown && rule->denies && templates != NULL);
}

enum policy_fit policy_fit_of(const struct config_policy_rule *rule,
                              const struct identity *identity, const struct policy_thing *thing)
{
        if (!names(rule, thing))
                return POLICY_FITS_NOT_NAME;
        if (!fits_hints(rule, thing->tool))
                return POLICY_FITS_NOT_HINTS;
        for (char *const *it = rule->scopes; it != NULL && *it != NULL; it++)
                if (!identity_has_scope(identity, *it))
                        return POLICY_FITS_NOT_SCOPE;
        return POLICY_FITS;
}

/* ---- the decision ---- */

static void words_of(const struct policy *p, const uint64_t mine[POLICY_WORDS],
                     const struct policy_thing *thing, struct policy_bits *bits)
{
        for (size_t i = 0; i < POLICY_WORDS; i++) {
                uint64_t theirs = p->by_server[thing->server][thing->kind].of[i];

                if (thing->via != NULL || thing->is_via_unknown)
                        theirs |= p->by_server[thing->server][CONFIG_POLICY_TEMPLATES].of[i];
                bits->of[i] = mine[i] & theirs;
        }
}

/* The next rule from *atp on that is among them; NULL: none. */
static const struct config_policy_rule *next_rule(const struct policy *p,
                                                  const struct policy_bits *bits, size_t *atp)
{
        while (*atp < p->rules->n_rules) {
                uint64_t left = bits->of[*atp / 64] >> (*atp % 64);

                if (left == 0) {
                        *atp = (*atp / 64 + 1) * 64;
                        continue;
                }
                *atp += (size_t)__builtin_ctzll(left);
                return &p->rules->rules[(*atp)++];
        }
        return NULL;
}

struct policy_verdict policy_decide(struct policy *p, struct identity *identity,
                                    const struct policy_thing *thing)
{
        const struct config_policy_rule *rule;
        struct policy_bits bits;
        size_t at = 0;

        assert(thing->server <= p->config->n_servers);
        words_of(p, policy_rules_of(p, identity)->bits, thing, &bits);
        while ((rule = next_rule(p, &bits, &at)) != NULL) {
                enum policy_fit fit = policy_fit_of(rule, identity, thing);

                if (fit == POLICY_FITS)
                        return (struct policy_verdict){
                                rule->denies ? POLICY_DENIED : POLICY_ALLOWED, rule};
                if (fit == POLICY_FITS_NOT_SCOPE)
                        return (struct policy_verdict){POLICY_NEEDS_SCOPE, rule};
        }
        return (struct policy_verdict){POLICY_DENIED, NULL};
}

static bool is_all(const struct config_policy_rule *rule, enum config_policy_kind kind)
{
        for (char *const *it = rule->things[kind]; it != NULL && *it != NULL; it++)
                if (strcmp(*it, "*") == 0)
                        return !has_hints(rule);
        return false;
}

static bool sees_any(const struct policy *p, const uint64_t rules[POLICY_WORDS], unsigned server,
                     enum config_policy_kind kind)
{
        const struct policy_thing thing = {.server = server, .kind = kind};
        const struct config_policy_rule *rule;
        struct policy_bits bits;
        size_t at = 0;

        words_of(p, rules, &thing, &bits);
        while ((rule = next_rule(p, &bits, &at)) != NULL)
                if (!rule->denies || is_all(rule, kind))
                        return !rule->denies;
        return false;
}

static uint8_t kinds_of(const struct policy *p, const uint64_t rules[POLICY_WORDS], unsigned server)
{
        uint8_t kinds = 0;

        for (int kind = 0; kind < CONFIG_POLICY_N_KINDS; kind++)
                if (sees_any(p, rules, server, kind))
                        kinds |= (uint8_t)(1u << kind);
        return kinds;
}

static const struct policy_class *class_of(struct policy *p, const struct policy_bits *rules)
{
        size_t n = p->config->n_servers + 1;
        struct policy_class *class;

        HASH_FIND(hh, p->classes, rules, sizeof(*rules), class);
        if (class != NULL || HASH_COUNT(p->classes) >= CLASSES_MAX)
                return class;
        class = alloc_zeroed(sizeof(*class) + n);
        class->rules = *rules;
        for (size_t i = 0; i < n; i++)
                class->kinds[i] = kinds_of(p, rules->of, (unsigned)i);
        HASH_ADD(hh, p->classes, rules, sizeof(class->rules), class);
        return class;
}

static uint8_t seen_kinds(struct policy *p, struct identity *identity, unsigned server)
{
        const struct identity_rules *mine = policy_rules_of(p, identity);

        return mine->class != NULL ? mine->class->kinds[server] : kinds_of(p, mine->bits, server);
}

bool policy_may_see_any(struct policy *p, struct identity *identity, unsigned server,
                        enum config_policy_kind kind)
{
        return (seen_kinds(p, identity, server) >> kind & 1) != 0;
}

bool policy_may_see_server(struct policy *p, struct identity *identity, unsigned server)
{
        return seen_kinds(p, identity, server) != 0;
}

/* ---- its life ---- */

unsigned policy_gateway(const struct policy *p)
{
        return (unsigned)p->config->n_servers;
}

const json_t *policy_builtin_tool(const struct policy *p, const char *name)
{
        return json_object_get(p->builtin, name);
}

bool policy_has_hints(const struct policy *p)
{
        return p->has_hints;
}

unsigned policy_rule_number(const struct policy *p, const struct config_policy_rule *rule)
{
        return (unsigned)(rule - p->rules->rules) + 1;
}

char *const *policy_scopes(const struct policy *p)
{
        return p->scopes;
}

static void take_rule(struct policy *p, size_t i)
{
        const struct config_policy_rule *rule = &p->rules->rules[i];

        for (size_t server = 0; server <= p->config->n_servers; server++)
                for (int kind = 0; kind < CONFIG_POLICY_N_KINDS; kind++)
                        if (config_policy_is_of(p->config, rule, server, kind))
                                set_bit(&p->by_server[server][kind], i);
        for (char *const *it = rule->scopes; it != NULL && *it != NULL; it++)
                if (!strv_has((const char *const *)p->scopes, *it))
                        (void)strv_add_take(&p->scopes, alloc_text(*it));
        p->has_hints = p->has_hints || has_hints(rule);
}

static json_t *builtin_by_name(void)
{
        json_t *all = builtin_tools(), *by_name = json_object(), *tool;
        size_t i;

        json_array_foreach (all, i, tool)
                json_object_set(by_name, json_string_value(json_object_get(tool, "name")), tool);
        json_decref(all);
        return by_name;
}

struct policy *policy_create(const struct config *config)
{
        static uint64_t last;
        struct policy *p = alloc_zeroed(sizeof(*p));

        assert(config->policy != NULL && config->policy->n_rules <= CONFIG_POLICY_RULES_MAX);
        p->number = ++last;
        p->config = config;
        p->rules = config->policy;
        p->builtin = builtin_by_name();
        p->by_server = alloc_array(config->n_servers + 1, sizeof(*p->by_server));
        (void)strv_add_take(&p->scopes, alloc_text(SCOPE_BASIC));
        for (size_t i = 0; i < p->rules->n_rules; i++)
                take_rule(p, i);
        return p;
}

void policy_destroy(struct policy *p)
{
        struct policy_class *class, *next;

        if (p == NULL)
                return;
        HASH_ITER(hh, p->classes, class, next)
        {
                HASH_DEL(p->classes, class);
                free(class);
        }
        free(p->by_server);
        strv_free(p->scopes);
        json_decref(p->builtin);
        free(p);
}

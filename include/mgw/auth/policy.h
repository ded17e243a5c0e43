/* Who may what: one function decides. No I/O.
 *
 * The rules of the configuration stand in their order; the first that is for the caller, names the
 * thing, and whose conditions hold, decides: also when it asks for a scope that the caller's token
 * lacks. What none fits is denied. A condition on what a tool
 * says of itself that is not known yet counts against the caller: a rule that denies fits, one that
 * allows does not. So does it when it is not known which template gives a resource. */
#pragma once

#include "mgw/config/config_policy.h"
#include "mgw/core/identity.h"

#include <jansson.h>
#include <stdio.h>

struct config;
struct policy;

enum policy_outcome {
        POLICY_DENIED,      /* to the caller it is not there */
        POLICY_NEEDS_SCOPE, /* with a token of more scopes it were allowed: it is shown, and a call
                               of it is answered with what is lacking (step-up) */
        POLICY_ALLOWED,
};

/* What is asked for. Everything is borrowed. */
struct policy_thing {
        unsigned server; /* in the order of the configuration; policy_gateway(): mgw's own tools */
        enum config_policy_kind kind;
        const char *name;    /* of tools and prompts as clients see it; of resources the URI, of
                                templates the uriTemplate, as their server has it */
        const json_t *tool;  /* its entry; NULL: not known */
        const char *via;     /* a resource that stands in no list: the uriTemplate that gives it; it
                                is both, and the first rule that fits either decides. NULL: none */
        bool is_via_unknown; /* it may be one that is denied */
};

struct policy_verdict {
        enum policy_outcome outcome;
        const struct config_policy_rule *rule; /* that decides; NULL: none fits */
};

/* The configuration is borrowed, and has a policy. */
struct policy *policy_create(const struct config *config);
/* NULL is fine. */
void policy_destroy(struct policy *policy);
unsigned policy_gateway(const struct policy *policy);
/* The entry of a tool of mgw's own, borrowed; NULL: it is none. */
const json_t *policy_builtin_tool(const struct policy *policy, const char *name);

/* Walks the rules that are for the caller and the server, CONFIG_POLICY_RULES_MAX at most. */
struct policy_verdict policy_decide(struct policy *policy, struct identity *identity,
                                    const struct policy_thing *thing);
/* Is there anything of that kind that the server may have, and the caller may see? */
bool policy_may_see_any(struct policy *policy, struct identity *identity, unsigned server,
                        enum config_policy_kind kind);
/* The same of all kinds. */
bool policy_may_see_server(struct policy *policy, struct identity *identity, unsigned server);
/* Which rules are for the caller. */
const struct identity_rules *policy_rules_of(struct policy *policy, struct identity *identity);
/* Are they in the group of that name, which the policy lists? false where policy is NULL, or lists
 * none that is called so. */
bool policy_has_member(const struct policy *policy, const char *group,
                       const struct identity *identity);
/* Does any rule look at what tools say of themselves? */
bool policy_has_hints(const struct policy *policy);
/* From 1, as it is told. */
unsigned policy_rule_number(const struct policy *policy, const struct config_policy_rule *rule);
/* SCOPE_BASIC, and all scopes that rules name, each once; ended by NULL, borrowed. */
char *const *policy_scopes(const struct policy *policy);

/* ---- explained (policy_explain.c) ---- */

/* mgw policy check USER [TOOL] ...: what the arguments after "policy" ask for. The exit status: 0
 * allowed, 1 denied, 2 not to be understood. */
int policy_explain_command(int argc, char **argv, FILE *out, FILE *err);

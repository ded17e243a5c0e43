/* What policy_explain.c needs to know of a policy. */
#pragma once

#include "mgw/auth/policy.h"

#include <stdint.h>

#define POLICY_WORDS (CONFIG_POLICY_RULES_MAX / 64)

/* One bit a rule. */
struct policy_bits {
        uint64_t of[POLICY_WORDS];
};

struct policy_class;

struct policy {
        uint64_t number; /* of no other */
        const struct config *config;
        const struct config_policy *rules;
        /* Of a server, and mgw's own tools behind the last: the rules that name something that it
         * may have of a kind. */
        struct policy_bits (*by_server)[CONFIG_POLICY_N_KINDS];
        char **scopes;
        json_t *builtin;              /* name -> entry */
        struct policy_class *classes; /* hash by their rules */
        bool has_hints;
};

/* What a rule makes of a thing that it is for. */
enum policy_fit {
        POLICY_FITS_NOT_WHO,
        POLICY_FITS_NOT_SERVER,
        POLICY_FITS_NOT_NAME,
        POLICY_FITS_NOT_HINTS,
        POLICY_FITS_NOT_SCOPE,
        POLICY_FITS,
};

bool policy_is_for(const struct policy *policy, const struct config_policy_rule *rule,
                   const struct identity *identity);
bool policy_names_server(const struct policy *policy, const struct config_policy_rule *rule,
                         unsigned server);
/* Who and server are right. */
enum policy_fit policy_fit_of(const struct config_policy_rule *rule,
                              const struct identity *identity, const struct policy_thing *thing);

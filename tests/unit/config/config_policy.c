#include "mgw/config/config_policy.h"

#include "../check.h"
#include "loading.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct config config;
static char path[LOADING_PATH_SIZE];
static char *told;

/* The rules, each from a line of its own (the first is line 3), beside two servers and a group. */
static int load(const char *rules)
{
        char text[8192];
        int n = snprintf(text, sizeof(text),
                         "{\"mcpServers\": {\"gmail\": {\"url\": \"http://a.example\"}, \"notes\": "
                         "{\"url\": \"http://b.example\"}},\n\"policy\": {\"groups\": {\"mail\": "
                         "[\"ada@example.com\"], \"empty\": []}, \"rules\": [\n%s]}}",
                         rules);

        cr_assert(n < (int)sizeof(text));
        return loading_text(&config, text, path, &told);
}

static void finish(void)
{
        config_finish(&config);
        free(told);
}

static void check_told(unsigned line, const char *rest)
{
        char want[300];

        snprintf(want, sizeof(want), "%s:%u: %s", path, line, rest);
        cr_assert_not_null(strstr(told, want), "want \"%s\" in:\n%s", want, told);
}

TestSuite(config_policy, .fini = finish);

Test(config_policy, a_whole_rule)
{
        const struct config_policy_rule *rule;

        check_int(load("{\"who\": [\"group:mail\", \"@example.com\"],\n"
                       " \"allow\": {\"servers\": [\"gmail\"], \"tools\": [\"gmail_*\"]},\n"
                       " \"if\": {\"readOnlyHint\": true, \"openWorldHint\": false}, \"scopes\": "
                       "[\"mail.read\"],\n"
                       " \"limits\": {\"calls_per_minute\": 60, \"calls_per_day\": 1000, "
                       "\"result_max_bytes\": 65536}}"),
                  0);
        cr_assert_str_eq(told, "");
        check_int(config.policy->n_rules, 1);
        check_int(config.policy->n_dead, 0);
        rule = &config.policy->rules[0];
        cr_assert_str_eq(rule->who[0], "group:mail");
        cr_assert_str_eq(rule->who[1], "@example.com");
        cr_assert_not(rule->denies);
        cr_assert_str_eq(rule->servers[0], "gmail");
        cr_assert_str_eq(rule->things[CONFIG_POLICY_TOOLS][0], "gmail_*");
        cr_assert_null(rule->things[CONFIG_POLICY_PROMPTS]);
        check_int(rule->hints[CONFIG_POLICY_READ_ONLY], 1);
        check_int(rule->hints[CONFIG_POLICY_DESTRUCTIVE], -1);
        check_int(rule->hints[CONFIG_POLICY_OPEN_WORLD], 0);
        cr_assert_str_eq(rule->scopes[0], "mail.read");
        check_int(rule->calls_per_minute, 60);
        check_int(rule->calls_per_day, 1000);
        check_int(rule->result_max_bytes, 65536);
        check_int(rule->line, 3);
        cr_assert_str_eq(config_policy_group_find(config.policy, "mail")->members[0],
                         "ada@example.com");
}

Test(config_policy, servers_alone_are_all_that_they_have)
{
        check_int(load("{\"who\": [\"*\"], \"deny\": {\"servers\": [\"*\"]}, \"if\": "
                       "{\"destructiveHint\": true}},\n"
                       "{\"who\": [\"*\"], \"allow\": {\"servers\": [\"notes\"]}}"),
                  0);
        cr_assert_str_eq(told, "");
        cr_assert_not_null(config.policy->rules[0].things[CONFIG_POLICY_TOOLS]);
        cr_assert_null(config.policy->rules[0].things[CONFIG_POLICY_PROMPTS]);
        for (int kind = 0; kind < CONFIG_POLICY_N_KINDS; kind++)
                cr_assert_str_eq(config.policy->rules[1].things[kind][0], "*");
}

/* Each rule is wrong in one place, and told by its line. */
Test(config_policy, what_is_wrong_is_told_by_line_and_key)
{
        static const struct {
                const char *rule, *fault;
        } rows[] = {
                {"{\"allow\": {\"servers\": [\"gmail\"]}}", "policy.rules.1.who: says for whom"},
                {"{\"who\": [], \"allow\": {\"servers\": [\"gmail\"]}}",
                 "policy.rules.1.who: must be an array of strings, one at least"},
                {"{\"who\": [\"*\"]}", "policy.rules.1: has either \"allow\" or \"deny\""},
                {"{\"who\": [\"*\"], \"allow\": {\"servers\": [\"gmail\"]}, \"deny\": "
                 "{\"servers\": [\"gmail\"]}}",
                 "policy.rules.1: has either \"allow\" or \"deny\""},
                {"{\"who\": [\"*\"], \"alow\": {\"servers\": [\"gmail\"]}}",
                 "policy.rules.1.alow: not known (docs/policy.md tells what is)"},
                {"{\"who\": [\"*\"], \"allow\": {\"resource\": [\"x\"]}}",
                 "policy.rules.1.allow.resource: not known: is \"resources\" meant?"},
                {"{\"who\": [\"*\"], \"allow\": {\"servers\": [\"gmail\"], \"tools\": []}}",
                 "policy.rules.1.allow.tools: must be an array of strings, one at least"},
                {"{\"who\": [\"*\"], \"allow\": {}}",
                 "policy.rules.1.allow: must be an object that says something"},
                {"{\"who\": [\"*\"], \"allow\": {\"tools\": \"x\"}}",
                 "policy.rules.1.allow.tools: must be an array of strings"},
                {"{\"who\": [\"*\"], \"allow\": {\"tools\": [\"gmail_[ab]\"]}}",
                 "policy.rules.1.allow.tools: \"gmail_[ab]\": only * stands for others here"},
                {"{\"who\": [\"*@example.com\"], \"allow\": {\"tools\": [\"x\"]}}",
                 "policy.rules.1.who: \"*@example.com\" is no pattern"},
                {"{\"who\": [\"mail\"], \"allow\": {\"tools\": [\"x\"]}}",
                 "policy.rules.1.who: \"mail\" is a group: write \"group:mail\""},
                {"{\"who\": [\"*\"], \"allow\": {\"tools\": [\"*\"]}, \"if\": {\"readOnly\": "
                 "true}}",
                 "policy.rules.1.if.readOnly: not known"},
                {"{\"who\": [\"*\"], \"allow\": {\"tools\": [\"*\"]}, \"if\": {\"readOnlyHint\": "
                 "\"yes\"}}",
                 "policy.rules.1.if.readOnlyHint: must be true or false"},
                {"{\"who\": [\"*\"], \"allow\": {\"prompts\": [\"*\"]}, \"if\": "
                 "{\"readOnlyHint\": true}}",
                 "policy.rules.1: \"if\" is about what tools say of themselves"},
                {"{\"who\": [\"*\"], \"deny\": {\"tools\": [\"*\"]}, \"scopes\": [\"a\"]}",
                 "policy.rules.1: \"scopes\" go with \"allow\""},
                {"{\"who\": [\"*\"], \"deny\": {\"tools\": [\"*\"]}, \"limits\": "
                 "{\"calls_per_day\": 1}}",
                 "policy.rules.1: \"limits\" go with \"allow\""},
                {"{\"who\": [\"*\"], \"allow\": {\"prompts\": [\"*\"]}, \"limits\": "
                 "{\"calls_per_day\": 1}}",
                 "policy.rules.1: \"limits\" are of tools, and it has none"},
                {"{\"who\": [\"*\"], \"allow\": {\"tools\": [\"*\"]}, \"limits\": "
                 "{\"calls_per_day\": 0}}",
                 "policy.rules.1.limits.calls_per_day: "},
                {"5", "policy.rules.1: must be an object"},
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                cr_assert_eq(load(rows[i].rule), -EINVAL, "%s", rows[i].rule);
                check_told(3, rows[i].fault);
                finish();
                strcpy(path, "/tmp/mgw-policy-XXXXXX");
        }
        check_int(load(""), 0);
}

Test(config_policy, what_can_never_match_is_told_and_is_no_fault)
{
        static const struct {
                const char *rules;
                unsigned line;
                const char *note;
                size_t n_dead;
        } rows[] = {
                {"{\"who\": [\"*\"], \"allow\": {\"servers\": [\"gmial\"]}}", 3,
                 "policy.rules.1.allow.servers: no server here is called \"gmial\"", 1},
                {"{\"who\": [\"*\"], \"allow\": {\"servers\": [\"gmial\", \"gmail\"]}}", 3,
                 "policy.rules.1.allow.servers: no server here is called \"gmial\"", 0},
                {"{\"who\": [\"*\"], \"deny\": {\"tools\": [\"mail_*\"]}}", 3,
                 "policy.rules.1.deny.tools: nothing can be called \"mail_*\" here", 1},
                {"{\"who\": [\"*\"], \"deny\": {\"servers\": [\"notes\"], \"tools\": "
                 "[\"gmail_send\"]}}",
                 3, "policy.rules.1: can never match", 1},
                {"{\"who\": [\"*\"], \"allow\": {\"servers\": [\"gateway\"], \"prompts\": "
                 "[\"x\"]}}",
                 3, "policy.rules.1: can never match", 1},
                {"{\"who\": [\"group:mial\"], \"allow\": {\"servers\": [\"*\"]}}", 3,
                 "policy.rules.1.who: nobody can be in \"group:mial\"", 1},
                {"{\"who\": [\"group:empty\"], \"allow\": {\"servers\": [\"*\"]}}", 3,
                 "policy.rules.1: can never match", 1},
                {"{\"who\": [\"*\"], \"deny\": {\"tools\": [\"*\"]}, \"if\": {\"readOnlyHint\": "
                 "true,\n \"destructiveHint\": true}}",
                 3, "policy.rules.1.if: a tool that only reads is never destructive", 1},
                {"{\"who\": [\"@example.com\"], \"allow\": {\"servers\": [\"g*\"]}},\n"
                 "{\"who\": [\"Ada@Example.com\"],\n \"deny\": {\"servers\": [\"gmail\"], "
                 "\"tools\": [\"gmail_send\"]}, \"if\": {\"readOnlyHint\": true}}",
                 4, "policy.rules.2: rule 1 before it (line 3) takes all that it is for", 1},
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                cr_assert_eq(load(rows[i].rules), 0, "%s: %s", rows[i].rules, told);
                check_told(rows[i].line, rows[i].note);
                check_int(config.policy->n_dead, rows[i].n_dead);
                finish();
                strcpy(path, "/tmp/mgw-policy-XXXXXX");
        }
        check_int(load(""), 0);
        check_told(2, "policy.rules: is empty: nobody may anything");
}

Test(config_policy, what_may_match_is_not_told)
{
        /* another person, a condition, some tools alone: none takes all of the next */
        check_int(load("{\"who\": [\"group:mail\"], \"allow\": {\"servers\": [\"*\"]}},\n"
                       "{\"who\": [\"*\"], \"allow\": {\"servers\": [\"gmail\"]}, \"if\": "
                       "{\"readOnlyHint\": true}},\n"
                       "{\"who\": [\"*\"], \"allow\": {\"servers\": [\"gmail\"], \"tools\": "
                       "[\"*_list\"]}},\n"
                       "{\"who\": [\"*\"], \"allow\": {\"servers\": [\"gmail\"]}, \"scopes\": "
                       "[\"s\"]},\n"
                       "{\"who\": [\"*\"], \"allow\": {\"servers\": [\"gateway\"], \"tools\": "
                       "[\"echo\"]}},\n"
                       "{\"who\": [\"*\"], \"deny\": {\"servers\": [\"*\"]}}"),
                  0);
        cr_assert_str_eq(told, "");
}

Test(config_policy, there_is_none_unless_it_is_written)
{
        size_t size;
        FILE *err = open_memstream(&told, &size);

        check_int(config_load(&config, NULL, err), 0);
        fclose(err);
        cr_assert_null(config.policy);
}

Test(config_policy, a_server_called_gateway_has_another_name)
{
        check_int(loading_text(&config,
                               "{\"mcpServers\": {\"gateway\": {\"url\": \"http://a.example\"}},\n"
                               "\"policy\": {\"rules\": []}}",
                               path, &told),
                  -EINVAL);
        check_told(2, "policy: mgw's own tools are of \"gateway\" here");
}

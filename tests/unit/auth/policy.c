#include "mgw/auth/policy.h"

#include "../check.h"
#include "mgw/auth/policy_limit.h"
#include "mgw/config/config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GMAIL, NOTES, GATEWAY };

static struct config config;
static struct policy *policy;

static void load(const char *rules)
{
        char path[] = "/tmp/mgw-policy-XXXXXX";
        FILE *f = fdopen(mkstemp(path), "w"), *err = fopen("/dev/null", "w");

        fprintf(f,
                "{\"mcpServers\": {\"gmail\": {\"url\": \"http://a.example\"}, \"notes\": "
                "{\"url\": "
                "\"http://b.example\"}}, \"policy\": {\"groups\": {\"mail\": "
                "[\"ada@example.com\", \"@mail.example\", \"group:post\"]}, \"rules\": [%s]}}",
                rules);
        fclose(f);
        check_int(config_load(&config, path, err), 0);
        fclose(err);
        unlink(path);
        policy = policy_create(&config);
}

static void finish(void)
{
        policy_destroy(policy);
        config_finish(&config);
}

static struct user users[16];
static struct identity identities[16];
static unsigned n_users;

/* Of that group by their token; scope NULL: their token lacks none. */
static struct identity *who(const char *email, const char *group, const char *scope)
{
        static char *words[16][4];
        unsigned i = n_users++ % 16;

        words[i][0] = (char *)group;
        words[i][2] = (char *)scope;
        users[i] = (struct user){.email = (char *)email};
        identities[i] = (struct identity){.user = &users[i],
                                          .groups = &words[i][0],
                                          .scopes = &words[i][2],
                                          .has_all_scopes = scope == NULL};
        return &identities[i];
}

static enum policy_outcome tool(struct identity *identity, unsigned server, const char *name,
                                const char *annotations)
{
        json_t *entry = annotations != NULL ? json_loads(annotations, 0, NULL) : NULL;
        struct policy_thing thing = {
                .server = server, .kind = CONFIG_POLICY_TOOLS, .name = name, .tool = entry};
        enum policy_outcome outcome = policy_decide(policy, identity, &thing).outcome;

        json_decref(entry);
        return outcome;
}

#define SAYS_NOTHING "{}"
#define READS "{\"annotations\": {\"readOnlyHint\": true}}"
#define READS_ODDLY "{\"annotations\": {\"readOnlyHint\": true, \"destructiveHint\": true}}"
#define ADDS "{\"annotations\": {\"destructiveHint\": false}}"

static unsigned decide(struct identity *identity, enum config_policy_kind kind, const char *name,
                       const char *via)
{
        struct policy_thing thing = {.server = NOTES, .kind = kind, .name = name, .via = via};
        struct policy_verdict verdict = policy_decide(policy, identity, &thing);

        return verdict.rule != NULL ? policy_rule_number(policy, verdict.rule) : 0;
}

TestSuite(policy, .fini = finish);

Test(policy, what_no_rule_allows_is_denied)
{
        load("");
        check_int(tool(who("ada@example.com", NULL, NULL), GMAIL, "gmail_list", READS),
                  POLICY_DENIED);
        cr_assert_not(policy_may_see_server(policy, who("ada@example.com", NULL, NULL), GMAIL));
}

Test(policy, who_is_a_person_a_domain_a_group_or_all)
{
        load("{\"who\": [\"bob@example.com\", \"@corp.example\", \"group:mail\", "
             "\"group:staff\"], \"allow\": {\"servers\": [\"*\"]}}");
        check_int(tool(who("bob@example.com", NULL, NULL), GMAIL, "x", NULL), POLICY_ALLOWED);
        check_int(tool(who("Bob@Example.com", NULL, NULL), GMAIL, "x", NULL), POLICY_ALLOWED);
        check_int(tool(who("eve@corp.example", NULL, NULL), GMAIL, "x", NULL), POLICY_ALLOWED);
        check_int(tool(who("ada@example.com", NULL, NULL), GMAIL, "x", NULL), POLICY_ALLOWED);
        check_int(tool(who("dan@mail.example", NULL, NULL), GMAIL, "x", NULL), POLICY_ALLOWED);
        check_int(tool(who("eve@x.example", "staff", NULL), GMAIL, "x", NULL), POLICY_ALLOWED);
        check_int(tool(who("eve@x.example", "post", NULL), GMAIL, "x", NULL), POLICY_ALLOWED);

        check_int(tool(who("bob@example.org", NULL, NULL), GMAIL, "x", NULL), POLICY_DENIED);
        check_int(tool(who("@corp.example", NULL, NULL), GMAIL, "x", NULL), POLICY_DENIED);
        check_int(tool(who("eve@sub.corp.example", NULL, NULL), GMAIL, "x", NULL), POLICY_DENIED);
        check_int(tool(who("eve@corp.example.org", NULL, NULL), GMAIL, "x", NULL), POLICY_DENIED);
        check_int(tool(who("eve@evilcorp.example", NULL, NULL), GMAIL, "x", NULL), POLICY_DENIED);
        check_int(tool(who("eve@x.example", "staff2", NULL), GMAIL, "x", NULL), POLICY_DENIED);
}

Test(policy, who_is_in_a_listed_group_the_list_alone_says)
{
        load("{\"who\": [\"group:mail\"], \"allow\": {\"servers\": [\"*\"]}}");
        check_int(tool(who("eve@x.example", "mail", NULL), GMAIL, "x", NULL), POLICY_DENIED);
}

Test(policy, the_first_rule_that_fits_decides)
{
        load("{\"who\": [\"ada@example.com\"], \"allow\": {\"tools\": [\"gmail_send\"]}},"
             "{\"who\": [\"*\"], \"deny\": {\"tools\": [\"gmail_s*\"]}},"
             "{\"who\": [\"*\"], \"allow\": {\"servers\": [\"gmail\"]}}");
        check_int(tool(who("ada@example.com", NULL, NULL), GMAIL, "gmail_send", NULL),
                  POLICY_ALLOWED);
        check_int(tool(who("ada@example.com", NULL, NULL), GMAIL, "gmail_star", NULL),
                  POLICY_DENIED);
        check_int(tool(who("bob@example.com", NULL, NULL), GMAIL, "gmail_send", NULL),
                  POLICY_DENIED);
        check_int(tool(who("bob@example.com", NULL, NULL), GMAIL, "gmail_list", NULL),
                  POLICY_ALLOWED);
        check_int(tool(who("bob@example.com", NULL, NULL), NOTES, "notes_list", NULL),
                  POLICY_DENIED);
        check_int(tool(who("bob@example.com", NULL, NULL), GATEWAY, "echo", NULL), POLICY_DENIED);
}

Test(policy, what_a_tool_does_not_say_is_as_the_schema_has_it)
{
        load("{\"who\": [\"ada@example.com\"], \"allow\": {\"servers\": [\"*\"]}},"
             "{\"who\": [\"*\"], \"deny\": {\"servers\": [\"*\"]}, \"if\": {\"destructiveHint\": "
             "true}},"
             "{\"who\": [\"*\"], \"allow\": {\"servers\": [\"*\"]}}");
        check_int(tool(who("b@x", NULL, NULL), GMAIL, "t", SAYS_NOTHING), POLICY_DENIED);
        check_int(tool(who("b@x", NULL, NULL), GMAIL, "t", READS), POLICY_ALLOWED);
        check_int(tool(who("b@x", NULL, NULL), GMAIL, "t", READS_ODDLY), POLICY_ALLOWED);
        check_int(tool(who("b@x", NULL, NULL), GMAIL, "t", ADDS), POLICY_ALLOWED);
        check_int(tool(who("b@x", NULL, NULL), GMAIL, "t", NULL), POLICY_DENIED);
        check_int(tool(who("ada@example.com", NULL, NULL), GMAIL, "t", NULL), POLICY_ALLOWED);
        cr_assert(policy_has_hints(policy));
}

/* What is not known counts against the caller: of a rule that denies and of one that allows. */
Test(policy, a_tool_that_is_not_known_has_the_worse_of_both)
{
        load("{\"who\": [\"*\"], \"deny\": {\"servers\": [\"gmail\"]}, \"if\": {\"readOnlyHint\": "
             "true}},"
             "{\"who\": [\"*\"], \"allow\": {\"servers\": [\"gmail\"]}},"
             "{\"who\": [\"*\"], \"allow\": {\"servers\": [\"notes\"]}, \"if\": "
             "{\"readOnlyHint\": true}}");
        check_int(tool(who("b@x", NULL, NULL), GMAIL, "t", NULL), POLICY_DENIED);
        check_int(tool(who("b@x", NULL, NULL), GMAIL, "t", SAYS_NOTHING), POLICY_ALLOWED);
        check_int(tool(who("b@x", NULL, NULL), NOTES, "t", NULL), POLICY_DENIED);
        check_int(tool(who("b@x", NULL, NULL), NOTES, "t", READS), POLICY_ALLOWED);
}

Test(policy, a_scope_that_is_lacking_is_told_where_it_would_help)
{
        load("{\"who\": [\"*\"], \"allow\": {\"tools\": [\"gmail_*\"]}, \"scopes\": "
             "[\"mail.read\"]},"
             "{\"who\": [\"*\"], \"allow\": {\"tools\": [\"*_list\"]}},"
             "{\"who\": [\"*\"], \"allow\": {\"tools\": [\"notes_*\"]}},"
             "{\"who\": [\"*\"], \"allow\": {\"tools\": [\"notes_*\"]}, \"scopes\": [\"notes\"]}");
        check_int(tool(who("b@x", NULL, "mail.read"), GMAIL, "gmail_list", NULL), POLICY_ALLOWED);
        check_int(tool(who("b@x", NULL, "notes"), GMAIL, "gmail_list", NULL), POLICY_NEEDS_SCOPE);
        check_int(tool(who("b@x", NULL, NULL), GMAIL, "gmail_list", NULL), POLICY_ALLOWED);
        check_int(tool(who("b@x", NULL, "other"), NOTES, "notes_list", NULL), POLICY_ALLOWED);
        cr_assert(
                policy_may_see_any(policy, who("b@x", NULL, "other"), GMAIL, CONFIG_POLICY_TOOLS));
        cr_assert_str_eq(policy_scopes(policy)[0], "mcp");
        cr_assert_str_eq(policy_scopes(policy)[1], "mail.read");
        cr_assert_str_eq(policy_scopes(policy)[2], "notes");
        cr_assert_null(policy_scopes(policy)[3]);
}

Test(policy, a_resource_by_a_template_is_both)
{
        struct identity *ada = who("a@x", NULL, NULL);

        load("{\"who\": [\"*\"], \"deny\": {\"resources\": [\"n://secret/*\"]}},"
             "{\"who\": [\"*\"], \"deny\": {\"templates\": [\"n://log/{day}\"]}},"
             "{\"who\": [\"*\"], \"allow\": {\"templates\": [\"n://*\"]}},"
             "{\"who\": [\"*\"], \"allow\": {\"resources\": [\"m://*\"]}}");
        check_int(decide(ada, CONFIG_POLICY_RESOURCES, "n://a", "n://{x}"), 3);
        check_int(decide(ada, CONFIG_POLICY_RESOURCES, "n://secret/a", "n://{x}"), 1);
        check_int(decide(ada, CONFIG_POLICY_RESOURCES, "n://log/1", "n://log/{day}"), 2);
        check_int(decide(ada, CONFIG_POLICY_RESOURCES, "n://a", NULL), 0);
        check_int(decide(ada, CONFIG_POLICY_RESOURCES, "m://a", NULL), 4);
        check_int(decide(ada, CONFIG_POLICY_TEMPLATES, "n://{x}", NULL), 3);
        check_int(decide(ada, CONFIG_POLICY_TEMPLATES, "m://{x}", NULL), 0);
        check_int(decide(ada, CONFIG_POLICY_PROMPTS, "n://a", NULL), 0);
}

Test(policy, a_template_that_is_not_known_may_be_one_that_is_denied)
{
        struct identity *ada = who("a@x", NULL, NULL);
        struct policy_thing thing = {
                .server = NOTES, .kind = CONFIG_POLICY_RESOURCES, .name = "n://log/1"};

        load("{\"who\": [\"*\"], \"deny\": {\"templates\": [\"n://log/{day}\"]}},"
             "{\"who\": [\"*\"], \"allow\": {\"servers\": [\"*\"]}}");
        check_int(policy_decide(policy, ada, &thing).outcome, POLICY_ALLOWED);
        thing.is_via_unknown = true;
        check_int(policy_decide(policy, ada, &thing).outcome, POLICY_DENIED);
}

Test(policy, a_server_of_which_nothing_can_be_seen_is_known_to_be_so)
{
        struct identity *ada = who("a@x", NULL, NULL), *bob = who("b@x", NULL, NULL);

        load("{\"who\": [\"a@x\"], \"deny\": {\"servers\": [\"notes\"]}},"
             "{\"who\": [\"*\"], \"deny\": {\"servers\": [\"gmail\"]}, \"if\": {\"readOnlyHint\": "
             "false}},"
             "{\"who\": [\"*\"], \"allow\": {\"tools\": [\"*\"]}}");
        cr_assert_not(policy_may_see_server(policy, ada, NOTES));
        cr_assert(policy_may_see_server(policy, bob, NOTES));
        cr_assert(policy_may_see_server(policy, ada, GMAIL));
        cr_assert(policy_may_see_any(policy, bob, NOTES, CONFIG_POLICY_TOOLS));
        cr_assert_not(policy_may_see_any(policy, bob, NOTES, CONFIG_POLICY_RESOURCES));
}

Test(policy, for_whom_the_same_rules_are_they_are_alike)
{
        struct identity *a = who("a@x", NULL, NULL), *b = who("b@x", "staff", NULL),
                        *c = who("c@x", NULL, NULL);

        load("{\"who\": [\"a@x\", \"group:staff\"], \"allow\": {\"servers\": [\"*\"]}},"
             "{\"who\": [\"c@x\"], \"allow\": {\"servers\": [\"*\"]}}");
        cr_assert_arr_eq(policy_rules_of(policy, a)->bits, policy_rules_of(policy, b)->bits,
                         sizeof(a->rules.bits));
        cr_assert_neq(policy_rules_of(policy, a)->bits[0], policy_rules_of(policy, c)->bits[0]);
}

/* The walk by bits is the walk by rules. */
Test(policy, of_many_rules_the_first_is_found)
{
        char rules[32000] = "", rule[200];
        char name[40];

        for (int i = 0; i < CONFIG_POLICY_RULES_MAX; i++) {
                snprintf(rule, sizeof(rule),
                         "%s{\"who\": [\"%s\"], \"%s\": {\"tools\": [\"notes_%d_*\"]}}",
                         i > 0 ? "," : "", i % 3 == 0 ? "a@x" : "*", i % 2 == 0 ? "allow" : "deny",
                         i % 200);
                strcat(rules, rule);
        }
        load(rules);
        for (int i = 0; i < 200; i++) {
                struct identity *a = who("a@x", NULL, NULL), *b = who("b@x", NULL, NULL);
                struct policy_thing thing = {.server = NOTES, .name = name};
                int for_b = i % 3 != 0 ? i : i + 200 < 256 && (i + 200) % 3 != 0 ? i + 200 : -1;

                snprintf(name, sizeof(name), "notes_%d_t", i);
                check_int(policy_rule_number(policy, policy_decide(policy, a, &thing).rule), i + 1);
                if (for_b < 0)
                        cr_assert_null(policy_decide(policy, b, &thing).rule);
                else
                        check_int(policy_rule_number(policy, policy_decide(policy, b, &thing).rule),
                                  for_b + 1);
        }
}

/* ---- limits ---- */

static int64_t take(struct policy_counts *counts, const char *user, const char *name, int64_t now_s)
{
        return policy_limit_take(counts, user, name, 2, 3, now_s * 1000);
}

Test(policy, calls_are_counted_by_user_and_tool_in_a_minute_and_a_day)
{
        struct ledger ledger = {0};
        struct ledger_payer payer = {.ledger = &ledger};
        struct policy_counts *counts = policy_counts_create(&payer);

        check_int(take(counts, "a", "t", 100), 0);
        check_int(take(counts, "a", "t", 110), 0);
        check_int(take(counts, "a", "t", 111), 49);
        check_int(take(counts, "b", "t", 111), 0);
        check_int(take(counts, "a", "u", 111), 0);
        check_int(take(counts, "a", "t", 160), 0);
        check_int(take(counts, "a", "t", 161), 100 + 86400 - 161);
        check_int(take(counts, "a", "t", 100 + 86400), 0);
        policy_counts_destroy(counts);
        check_int(payer.bytes, 0);
}

Test(policy, what_is_counted_is_bounded_and_forgotten)
{
        struct ledger ledger = {0};
        struct ledger_payer payer = {.ledger = &ledger};
        struct policy_counts *counts = policy_counts_create(&payer);
        uint64_t bytes;
        char name[24];

        for (int i = 0; i < 1000; i++) {
                snprintf(name, sizeof(name), "t%04d", i);
                check_int(policy_limit_take(counts, "a", name, 1, 0, i * 1000), 0);
        }
        bytes = payer.bytes;
        for (int i = 1000; i < 3000; i++) {
                snprintf(name, sizeof(name), "t%04d", i);
                check_int(policy_limit_take(counts, "a", name, 1, 0, i * 1000), 0);
        }
        check_int(payer.bytes, bytes);
        for (int i = 0; i < 600; i++)
                check_int(policy_limit_take(counts, "a", "t", 0, 0, 200000000), 0);
        check_int(payer.bytes, 0);
        policy_counts_destroy(counts);
}

/* Names cost nothing: whoever calls many that are none has no more room for the one that is. */
Test(policy, many_names_do_not_wash_away_what_was_counted)
{
        struct ledger ledger = {0};
        struct ledger_payer payer = {.ledger = &ledger};
        struct policy_counts *counts = policy_counts_create(&payer);
        char name[24];

        for (int i = 0; i < 3; i++)
                check_int(take(counts, "a", "t", 60L * i), 0);
        for (int i = 0; i < 2000; i++) {
                snprintf(name, sizeof(name), "t%04d", i);
                check_int(take(counts, "a", name, 200), i < 999 ? 0 : 86400 - 200);
        }
        check_int(take(counts, "a", "t", 200), 86400 - 200);
        check_int(take(counts, "b", "t", 200), 0);
        check_int(policy_limit_take(counts, "c", "t", 1, 0, 200000), 0);
        for (int i = 0; i < 1000; i++) {
                snprintf(name, sizeof(name), "t%04d", i);
                check_int(policy_limit_take(counts, "c", name, 1, 0, 200000), i < 999 ? 0 : 60);
        }
        check_int(policy_limit_take(counts, "c", "x", 1, 0, 260000), 0);
        policy_counts_destroy(counts);
        check_int(payer.bytes, 0);
}

/* ---- explained ---- */

static int explain(const char *rules, const char *const *arguments, char **saidp)
{
        char path[] = "/tmp/mgw-policy-XXXXXX", *argv[16] = {"policy", "check"};
        FILE *f = fdopen(mkstemp(path), "w"), *out;
        size_t size;
        int argc = 2, code;

        fprintf(f,
                "{\"mcpServers\": {\"gmail\": {\"url\": \"http://a.example\"}, \"notes\": "
                "{\"url\": "
                "\"http://b.example\"}},\n\"policy\": {\"rules\": [%s]}}",
                rules);
        fclose(f);
        while (*arguments != NULL)
                argv[argc++] = (char *)*arguments++;
        argv[argc++] = "--config";
        argv[argc++] = path;
        argv[argc] = NULL;
        optind = 0;
        out = open_memstream(saidp, &size);
        code = policy_explain_command(argc, argv, out, out);
        fclose(out);
        unlink(path);
        return code;
}

#define RULES                                                                                      \
        "{\"who\": [\"group:mail\"], \"allow\": {\"servers\": [\"gmail\"]}, \"scopes\": "          \
        "[\"mail\"]},\n"                                                                           \
        "{\"who\": [\"*\"], \"deny\": {\"tools\": [\"*\"]}, \"if\": {\"destructiveHint\": "        \
        "true}},\n"                                                                                \
        "{\"who\": [\"*\"], \"allow\": {\"servers\": [\"notes\", \"gateway\"]}, \"limits\": "      \
        "{\"calls_per_minute\": 5}}"

static void check_explained(const char *const *arguments, int code, const char *said)
{
        char *told = NULL;
        int got = explain(RULES, arguments, &told);

        cr_assert_eq(got, code, "%d, and says:\n%s", got, told);
        cr_assert_not_null(strstr(told, said), "want \"%s\" in:\n%s", said, told);
        free(told);
}

#define ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})

Test(policy, a_decision_is_explained)
{
        check_explained(
                ARGUMENTS("a@x", "gmail_list", "--group", "mail"), 0,
                "allowed: gmail_list of server gmail, for a@x\n"
                "  rule 1 (line 2) allows everything of gmail to group:mail; with scope mail\n"
                "      it decides\n");
        check_explained(ARGUMENTS("a@x", "gmail_list", "--group", "mail", "--scope", "other"), 1,
                        "denied until the token has more scopes");
        check_explained(ARGUMENTS("a@x", "gmail_list"), 1, "no: it is not for them");
        check_explained(ARGUMENTS("a@x", "notes_add"), 1,
                        "it decides, as long as the tool does not say otherwise of itself");
        check_explained(ARGUMENTS("a@x", "notes_add", "--hint", "destructiveHint=false"), 0,
                        "rule 3 (line 4)");
        check_explained(ARGUMENTS("a@x", "echo"), 0, "allowed: echo of server gateway, for a@x");
        check_explained(ARGUMENTS("a@x", "mail_list"), 1, "can have a tool called mail_list");
        check_explained(ARGUMENTS("a@x"), 0, "gmail: nothing\nnotes: the first");
        check_explained(ARGUMENTS("a@x"), 0, "; 5 calls a minute of each tool");
        check_explained(ARGUMENTS("--hint", "x=true", "a@x"), 2, "--hint takes NAME=true or");
        check_explained(ARGUMENTS(NULL), 2, "asked of one USER");
        check_explained(ARGUMENTS("a@x", "b", "c"), 2, "asked of one USER");
        finish();
        load("");
}

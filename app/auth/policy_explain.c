/* A decision in words, for who runs `mgw policy check`. Servers are not asked: what a tool says of
 * itself is known of described APIs and of mgw's own, and has to be said of others. */
#include "policy_inside.h"

#include "mgw/base/strv.h"
#include "mgw/config/config.h"
#include "mgw/core/user.h"
#include "mgw/mcp/catalog.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_ALLOWED 0
#define EXIT_DENIED 1
#define EXIT_USAGE 2

static const char *server_name(const struct policy *p, unsigned server)
{
        return server < p->config->n_servers ? p->config->servers[server]->name
                                             : CONFIG_POLICY_GATEWAY;
}

static void print_texts(FILE *out, const char *before, char *const *texts)
{
        for (; texts != NULL && *texts != NULL; texts++) {
                fprintf(out, "%s%s", before, *texts);
                before = ", ";
        }
}

static void print_hints(FILE *out, const struct config_policy_rule *rule)
{
        const char *between = " whose ";

        for (int i = 0; i < CONFIG_POLICY_N_HINTS; i++)
                if (rule->hints[i] >= 0) {
                        fprintf(out, "%s%s is %s", between, config_policy_hint_key(i),
                                rule->hints[i] ? "true" : "false");
                        between = ", ";
                }
}

static void print_limits(FILE *out, const struct config_policy_rule *rule)
{
        if (rule->calls_per_minute > 0)
                fprintf(out, "; %u calls a minute of each tool", (unsigned)rule->calls_per_minute);
        if (rule->calls_per_day > 0)
                fprintf(out, "; %u calls a day of each tool", (unsigned)rule->calls_per_day);
        if (rule->result_max_bytes > 0)
                fprintf(out, "; results of %u bytes", (unsigned)rule->result_max_bytes);
}

static bool is_everything(const struct config_policy_rule *rule)
{
        for (int kind = 0; kind < CONFIG_POLICY_N_KINDS; kind++)
                if (rule->things[kind] == NULL || strcmp(rule->things[kind][0], "*") != 0)
                        return false;
        return true;
}

static void print_things(FILE *out, const struct config_policy_rule *rule)
{
        const char *between = " ";

        if (is_everything(rule)) {
                fputs(" everything", out);
                return;
        }
        for (int kind = 0; kind < CONFIG_POLICY_N_KINDS; kind++)
                if (rule->things[kind] != NULL) {
                        fprintf(out, "%s%s", between, config_policy_kind_key(kind));
                        print_texts(out, " ", rule->things[kind]);
                        between = ", ";
                }
}

static void print_rule(const struct policy *p, const struct config_policy_rule *rule, FILE *out)
{
        fprintf(out, "  rule %u", policy_rule_number(p, rule));
        if (rule->line > 0)
                fprintf(out, " (line %u)", rule->line);
        fputs(rule->denies ? " denies" : " allows", out);
        print_things(out, rule);
        print_hints(out, rule);
        print_texts(out, rule->servers != NULL ? " of " : "", rule->servers);
        print_texts(out, " to ", rule->who);
        print_texts(out, "; with scope ", rule->scopes);
        print_limits(out, rule);
}

/* ---- one tool ---- */

static const char *reason_of(const struct config_policy_rule *rule, enum policy_fit fit,
                             const struct policy_thing *thing)
{
        switch (fit) {
        case POLICY_FITS_NOT_WHO:
                return "no: it is not for them";
        case POLICY_FITS_NOT_SERVER:
                return "no: it is not of this server";
        case POLICY_FITS_NOT_NAME:
                return "no: the name does not fit";
        case POLICY_FITS_NOT_HINTS:
                return thing->tool != NULL ? "no: the tool says otherwise of itself"
                                           : "no: what the tool says of itself is not known";
        case POLICY_FITS_NOT_SCOPE:
                return "it decides, and the token lacks the scope";
        default:
                return rule->denies && thing->tool == NULL
                               ? "it decides, as long as the tool does not say otherwise of itself"
                               : "it decides";
        }
}

static enum policy_fit fit_of(const struct policy *p, const struct config_policy_rule *rule,
                              const struct identity *identity, const struct policy_thing *thing)
{
        if (!policy_is_for(p, rule, identity))
                return POLICY_FITS_NOT_WHO;
        if (!policy_names_server(p, rule, thing->server))
                return POLICY_FITS_NOT_SERVER;
        return policy_fit_of(rule, identity, thing);
}

/* What becomes of that tool for the identity, rule by rule. The outcome. */
static enum policy_outcome explain(struct policy *p, struct identity *identity,
                                   const struct policy_thing *thing, FILE *out)
{
        static const char *const outcomes[] = {
                [POLICY_DENIED] = "denied",
                [POLICY_NEEDS_SCOPE] = "denied until the token has more scopes",
                [POLICY_ALLOWED] = "allowed",
        };
        struct policy_verdict verdict = policy_decide(p, identity, thing);

        fprintf(out, "%s: %s of server %s, for %s\n", outcomes[verdict.outcome], thing->name,
                server_name(p, thing->server), identity->user->email);
        for (size_t i = 0; i < p->rules->n_rules; i++) {
                const struct config_policy_rule *rule = &p->rules->rules[i];
                enum policy_fit fit = fit_of(p, rule, identity, thing);

                print_rule(p, rule, out);
                fprintf(out, "\n      %s\n", reason_of(rule, fit, thing));
                if (fit >= POLICY_FITS_NOT_SCOPE)
                        return verdict.outcome;
        }
        fprintf(out, "  no rule allows it, and what none allows is denied\n");
        return verdict.outcome;
}

/* ---- all that somebody may ---- */

static bool explain_server(struct policy *p, struct identity *identity, unsigned server, FILE *out)
{
        if (!policy_may_see_server(p, identity, server)) {
                fprintf(out, "%s: nothing\n", server_name(p, server));
                return false;
        }
        fprintf(out, "%s: the first of these that fits decides\n", server_name(p, server));
        for (size_t i = 0; i < p->rules->n_rules; i++) {
                const struct config_policy_rule *rule = &p->rules->rules[i];

                if (!policy_is_for(p, rule, identity) || !policy_names_server(p, rule, server))
                        continue;
                print_rule(p, rule, out);
                fputc('\n', out);
        }
        return true;
}

static bool explain_all(struct policy *p, struct identity *identity, FILE *out)
{
        unsigned n = (unsigned)p->config->n_servers + p->config->has_builtin_tools;
        bool has_any = false;

        for (unsigned server = 0; server < n; server++)
                has_any = explain_server(p, identity, server, out) || has_any;
        if (!has_any)
                fprintf(out, "%s may nothing\n", identity->user->email);
        return has_any;
}

/* ---- the command ---- */

struct question {
        const char *path, *tool;
        json_t *said; /* {"annotations": ...} as the arguments have it; NULL: nothing */
        struct user user;
        struct identity identity;
};

static int usage(FILE *to, int code)
{
        fputs("mgw policy check USER [TOOL] [--group NAME]... [--scope NAME]... [--hint "
              "NAME=true|false]...\n"
              "                 [--config FILE]\n\n"
              "Tells what the policy of FILE (or MGW_CONFIG) lets USER do: with TOOL (its name as "
              "clients see it)\n"
              "whether they may call it, and which rule decides; without, what they may of each "
              "server.\n\n"
              "  --group NAME   their token names this group\n"
              "  --scope NAME   their token has this scope, and no others but those given so; "
              "without any\n"
              "                 it lacks none, as tokens of auth.tokens_file do\n"
              "  --hint NAME=B  the tool says so of itself (readOnlyHint, destructiveHint...): "
              "servers are not\n"
              "                 asked, and what is not known counts against USER\n\n"
              "Exit status: 0 allowed, 1 denied, 2 the question or the file is not right.\n",
              to);
        return code;
}

static bool take_hint(struct question *q, const char *text)
{
        const char *equals = strchr(text, '=');
        json_t *annotations;
        char name[32];

        if (equals == NULL || (size_t)(equals - text) >= sizeof(name) ||
            (strcmp(equals + 1, "true") != 0 && strcmp(equals + 1, "false") != 0))
                return false;
        snprintf(name, sizeof(name), "%.*s", (int)(equals - text), text);
        if (q->said == NULL)
                q->said = json_pack("{s:{}}", "annotations");
        annotations = json_object_get(q->said, "annotations");
        for (int i = 0; i < CONFIG_POLICY_N_HINTS; i++)
                if (strcmp(name, config_policy_hint_key(i)) == 0)
                        return json_object_set_new(annotations, name,
                                                   json_boolean(equals[1] == 't')) == 0;
        return false;
}

static bool refuse(FILE *err, const char *why)
{
        fprintf(err, "mgw policy check: %s\nmgw policy --help tells what can be given\n", why);
        return false;
}

static bool take_arguments(struct question *q, int argc, char **argv, FILE *err)
{
        static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                                {"group", required_argument, NULL, 'g'},
                                                {"scope", required_argument, NULL, 's'},
                                                {"hint", required_argument, NULL, 'i'},
                                                {0}};
        int o;

        while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
                if (o == 'c')
                        q->path = optarg;
                else if (o == 'g')
                        (void)strv_add_take(&q->identity.groups, strdup(optarg));
                else if (o == 's')
                        (void)strv_add_take(&q->identity.scopes, strdup(optarg));
                else if (o != 'i')
                        return refuse(err, "it does not know what is said above");
                else if (!take_hint(q, optarg))
                        return refuse(err, "--hint takes NAME=true or NAME=false, such as "
                                           "readOnlyHint=true");
        }
        if (argc - optind < 1 || argc - optind > 2)
                return refuse(err, "it is asked of one USER, and of one TOOL or all");
        if (q->path == NULL || q->path[0] == '\0')
                return refuse(err, "of which configuration? --config FILE, or MGW_CONFIG");
        q->user.email = argv[optind];
        q->tool = argv[optind + 1]; /* or NULL */
        q->identity.user = &q->user;
        q->identity.has_all_scopes = q->identity.scopes == NULL;
        return true;
}

/* The server with the longest prefix that could have a tool of that name. */
static bool find_server(const struct config *config, const char *tool, struct policy_thing *thing)
{
        size_t longest = 0;
        bool is_found = false;

        for (unsigned i = 0; i < config->n_servers; i++) {
                const struct config_server *s = config->servers[i];
                const struct catalog_rule rule = {.server = s->name,
                                                  .prefix = s->prefix,
                                                  .include = s->include,
                                                  .exclude = s->exclude,
                                                  .tools = s->tools,
                                                  .is_safe = config->has_safe_names};
                const char *theirs = catalog_their_name(&rule, tool);

                if (theirs == NULL || (is_found && strlen(s->prefix) <= longest))
                        continue;
                is_found = true;
                longest = strlen(s->prefix);
                thing->server = i;
                thing->tool = config_policy_tool(config, i, theirs);
        }
        return is_found;
}

static int explain_tool(struct policy *p, struct question *q, FILE *out, FILE *err)
{
        struct policy_thing thing = {.kind = CONFIG_POLICY_TOOLS, .name = q->tool};
        int code = EXIT_DENIED;

        thing.server = policy_gateway(p);
        thing.tool = p->config->has_builtin_tools ? policy_builtin_tool(p, q->tool) : NULL;
        if (thing.tool == NULL && !find_server(p->config, q->tool, &thing)) {
                fprintf(err, "no server of %s can have a tool called %s\n", q->path, q->tool);
        } else {
                if (q->said != NULL)
                        thing.tool = q->said;
                code = explain(p, &q->identity, &thing, out) == POLICY_ALLOWED ? EXIT_ALLOWED
                                                                               : EXIT_DENIED;
        }
        return code;
}

/* What is told of a file that can be used is for --check-config to tell. */
static int load(const struct question *q, struct config *config, FILE *err)
{
        char *told = NULL;
        size_t n = 0;
        FILE *out = open_memstream(&told, &n);
        int r = config_load(config, q->path, out != NULL ? out : err);

        if (out != NULL && fclose(out) == 0 && r < 0)
                fputs(told, err);
        free(told);
        return r;
}

static int answer(struct question *q, FILE *out, FILE *err)
{
        struct config config;
        struct policy *p;
        int code = EXIT_USAGE;

        if (load(q, &config, err) < 0) {
                fprintf(err, "%s cannot be used: see above\n", q->path);
        } else if (config.policy == NULL) {
                fprintf(out, "%s has no \"policy\": all may all\n", q->path);
                code = EXIT_ALLOWED;
        } else {
                p = policy_create(&config);
                if (q->tool != NULL)
                        code = explain_tool(p, q, out, err);
                else
                        code = explain_all(p, &q->identity, out) ? EXIT_ALLOWED : EXIT_DENIED;
                policy_destroy(p);
        }
        config_finish(&config);
        return code;
}

int policy_explain_command(int argc, char **argv, FILE *out, FILE *err)
{
        struct question q = {.path = getenv("MGW_CONFIG")};
        int code;

        if (argc < 2 || strcmp(argv[1], "--help") == 0 ||
            (argc > 2 && strcmp(argv[2], "--help") == 0))
                return usage(argc < 2 ? err : out, argc < 2 ? EXIT_USAGE : EXIT_ALLOWED);
        if (strcmp(argv[1], "check") != 0)
                code = usage(err, EXIT_USAGE);
        else
                code = take_arguments(&q, argc - 1, argv + 1, err) ? answer(&q, out, err)
                                                                   : EXIT_USAGE;
        strv_free(q.identity.groups);
        strv_free(q.identity.scopes);
        json_decref(q.said);
        return code;
}

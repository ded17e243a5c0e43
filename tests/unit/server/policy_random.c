/* Rule 7: what a policy denies to somebody is in no list, and not to be called, read, completed,
 * subscribed to or heard of, by whatever method, era or batch; what it allows is. Policies, what
 * servers have and who asks are drawn; what is right is said by policy_decide() alone. */
#include "../check.h"
#include "../json.h"
#include "client.h"
#include "draw.h"
#include "gateway.h"
#include "mgw/auth/policy.h"
#include "mgw/config/config.h"
#include "servers.h"

#include <stdarg.h>
#include <unistd.h>

/* More of them: MGW_POLICY_SEEDS. */
#define SEEDS 10

enum { A, B, N_SERVERS };
#define N_TOOLS 4
#define N_PROMPTS 3

static const char *const names[] = {"a", "b"};
static const char *const emails[] = {"ada@example.com", "bob@example.com", "eve@other.example"};
#define N_USERS 3

static unsigned seed;
static char rules[8000];
static char lists[N_SERVERS][4][2000];
static char *entries[N_SERVERS][N_TOOLS]; /* of tools, as JSON with single quotes */
static char authorizations[N_USERS][200];
static struct config config;
static struct policy *policy;
static struct user users[N_USERS];
static struct identity who[N_USERS];

/* Whose turn it is. */
static struct client c;
static struct identity *me;
static int id;

#define CHECK(condition, fmt, ...)                                                                 \
        cr_assert(condition, "seed %u, %s, %s: " fmt "\n%s", seed, me->user->email, c.version,     \
                  __VA_ARGS__, rules)

__attribute__((format(printf, 2, 3))) static void add(char *text, const char *fmt, ...)
{
        size_t n = strlen(text);
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(text + n, 2000, fmt, ap);
        va_end(ap);
}

/* ---- what is drawn ---- */

static void draw_things(char *out)
{
        bool has_any = false;

        add(out, "{");
        if (draw(2) == 0) {
                add(out, "'servers':['%s']", ONE_OF("a", "b", "gateway", "*"));
                has_any = true;
        }
        if (draw(2) == 0 || !has_any) {
                add(out, "%s'tools':['%s']", has_any ? "," : "",
                    ONE_OF("*", "a_*", "a_t0", "b_t1", "*_t2", "*t*", "echo", "gateway_*"));
                has_any = true;
        }
        if (draw(3) == 0)
                add(out, ",'prompts':['%s']", ONE_OF("*", "a_p*", "b_p1", "*_p2"));
        if (draw(3) == 0)
                add(out, ",'resources':['%s']",
                    ONE_OF("*", "a:*", "s:r0", "b:r1", "*:t/1", "s:*", "*r*"));
        if (draw(3) == 0)
                add(out, ",'templates':['%s']", ONE_OF("*", "a:t/{x}", "s:t*", "*{x}"));
        add(out, "}");
}

static void draw_rule(bool is_first)
{
        char things[2000] = "";
        bool of_hint = draw(4) == 0;

        draw_things(things);
        if (of_hint && (strstr(things, "prompts") != NULL || strstr(things, "resources") != NULL ||
                        strstr(things, "templates") != NULL))
                of_hint = false;
        add(rules, "%s{'who':['%s'],'%s':%s%s%s%s}", is_first ? "" : ",",
            ONE_OF("*", "ada@example.com", "@example.com", "group:team", "eve@other.example"),
            ONE_OF("allow", "allow", "deny"), things, of_hint ? ",'if':{'" : "",
            of_hint ? ONE_OF("readOnlyHint", "destructiveHint", "idempotentHint") : "",
            of_hint ? ONE_OF("':true}", "':false}") : "");
}

static void draw_policy(void)
{
        unsigned n = 1 + draw(7);

        snprintf(rules, sizeof(rules), "%s",
                 "'policy':{'groups':{'team':['bob@example.com','eve@other.example']},'rules':[");
        for (unsigned i = 0; i < n; i++)
                draw_rule(i == 0);
        add(rules, "]");
}

static void draw_tools(unsigned s)
{
        for (unsigned i = 0; i < N_TOOLS; i++) {
                free(entries[s][i]);
                cr_assert(
                        asprintf(&entries[s][i],
                                 "{'name':'t%u','inputSchema':{'type':'object'},'annotations':{%s"
                                 "%s%s}}",
                                 i,
                                 ONE_OF("'title':'t'", "'readOnlyHint':true",
                                        "'readOnlyHint':false"),
                                 ONE_OF("", ",'destructiveHint':false", ",'destructiveHint':true"),
                                 ONE_OF("", ",'idempotentHint':true")) >= 0);
                add(lists[s][0], "%s%s", i > 0 ? "," : "'tools':[", entries[s][i]);
        }
        add(lists[s][0], "]");
}

static void draw_catalogs(void)
{
        memset(lists, 0, sizeof(lists));
        for (unsigned s = 0; s < N_SERVERS; s++) {
                draw_tools(s);
                for (unsigned i = 0; i < N_PROMPTS; i++)
                        add(lists[s][1], "%s{'name':'p%u'}", i > 0 ? "," : "'prompts':[", i);
                add(lists[s][1], "]");
                add(lists[s][2],
                    "'resources':[{'uri':'%s:r0','name':'x'},{'uri':'%s:r1','name':'x'},"
                    "{'uri':'s:r0','name':'x'}]",
                    names[s], names[s]);
                add(lists[s][3],
                    "'resourceTemplates':[{'uriTemplate':'%s:t/{x}','name':'x'},"
                    "{'uriTemplate':'s:t/{x}','name':'x'}]",
                    names[s]);
        }
}

static const char *fields_of(const struct sent *sent)
{
        static const char *const methods[] = {"tools/list", "prompts/list", "resources/list",
                                              "resources/templates/list"};
        unsigned s = strstr(sent->http->url, "//a.") != NULL ? A : B;

        for (size_t i = 0; i < 4; i++)
                if (strcmp(sent->method, methods[i]) == 0)
                        return lists[s][i];
        return NULL;
}

/* ---- what is right ---- */

static bool sees_server(unsigned s)
{
        return policy_may_see_server(policy, me, s);
}

static bool may_tool(unsigned s, const char *shown, const char *entry)
{
        json_t *tool = json_from(entry);
        struct policy_thing thing = {
                .server = s, .kind = CONFIG_POLICY_TOOLS, .name = shown, .tool = tool};
        bool may = policy_decide(policy, me, &thing).outcome == POLICY_ALLOWED;

        json_decref(tool);
        return may;
}

static bool may(unsigned s, enum config_policy_kind kind, const char *name, const char *via)
{
        struct policy_thing thing = {.server = s, .kind = kind, .name = name, .via = via};

        return policy_decide(policy, me, &thing).outcome == POLICY_ALLOWED;
}

/* ---- what is so ---- */

static const json_t *ask(const char *method, const char *fmt, ...)
        __attribute__((format(printf, 2, 3)));
static const json_t *ask(const char *method, const char *fmt, ...)
{
        char params[1000];
        struct answer *a;
        const json_t *msg;
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(params, sizeof(params), fmt, ap);
        va_end(ap);
        a = client_ask(&c, ++id, method, params);
        msg = client_answer(&c, a, id);
        CHECK(msg != NULL, "%s %s: no answer", method, params);
        return msg;
}

/* It has come to a server where it may, and to none where it may not. */
#define check_asked(is_right, method, ...)                                                         \
        do {                                                                                       \
                unsigned before_ = servers_count(method);                                          \
                const json_t *msg_ = ask(method, __VA_ARGS__);                                     \
                bool has_ = json_at(msg_, "result") != NULL, may_ = (is_right);                    \
                char *text_ = json_dumps(msg_, JSON_COMPACT);                                      \
                char params_[1000];                                                                \
                                                                                                   \
                snprintf(params_, sizeof(params_), __VA_ARGS__);                                   \
                cr_assert_eq(has_, may_, "seed %u, %s, %s: %s %s is %s: %s\n%s", seed,             \
                             me->user->email, c.version, method, params_,                          \
                             may_ ? "allowed" : "denied", text_, rules);                           \
                cr_assert_eq(servers_count(method) - before_, may_, "seed %u, %s, %s: %s %s\n%s",  \
                             seed, me->user->email, c.version, method, params_, rules);            \
                free(text_);                                                                       \
        } while (0)

static void check_builtins(void)
{
        static const char *const builtins[] = {"echo", "gateway_status"};

        for (size_t i = 0; i < 2; i++) {
                const json_t *msg =
                        ask("tools/call", "{'name':'%s','arguments':{'message':'x'}}", builtins[i]);

                CHECK((json_at(msg, "result") != NULL) ==
                              (may_tool(N_SERVERS, builtins[i],
                                        "{'annotations':{'readOnlyHint':true}}")),
                      "%s", builtins[i]);
        }
}

static void check_calls(void)
{
        char shown[40];

        for (unsigned s = 0; s < N_SERVERS; s++) {
                for (unsigned i = 0; i < N_TOOLS; i++) {
                        snprintf(shown, sizeof(shown), "%s_t%u", names[s], i);
                        check_asked(may_tool(s, shown, entries[s][i]), "tools/call",
                                    "{'name':'%s','arguments':{}}", shown);
                }
                for (unsigned i = 0; i < N_PROMPTS; i++) {
                        snprintf(shown, sizeof(shown), "%s_p%u", names[s], i);
                        check_asked(may(s, CONFIG_POLICY_PROMPTS, shown, NULL), "prompts/get",
                                    "{'name':'%s'}", shown);
                        check_asked(may(s, CONFIG_POLICY_PROMPTS, shown, NULL),
                                    "completion/complete",
                                    "{'ref':{'type':'ref/prompt','name':'%s'},'argument':{'name':"
                                    "'x','value':''}}",
                                    shown);
                }
        }
        check_builtins();
}

/* URIs that clients know, whose they are, and what they are there. */
struct place {
        char shown[40];
        unsigned s;
        char theirs[40];
        const char *via; /* NULL: it is listed */
};

static size_t places_of(struct place places[20])
{
        static const char *const own_templates[] = {"a:t/{x}", "b:t/{x}"};
        size_t n = 0;

        for (unsigned s = 0; s < N_SERVERS; s++) {
                const char *name = names[s];

                for (unsigned i = 0; i < 2; i++) {
                        places[n] = (struct place){.s = s};
                        snprintf(places[n].theirs, 40, "%s:r%u", name, i);
                        snprintf(places[n++].shown, 40, "%s:r%u", name, i);
                        places[n] = (struct place){.s = s, .via = own_templates[s]};
                        snprintf(places[n].theirs, 40, "%s:t/%u", name, i);
                        snprintf(places[n++].shown, 40, "%s:t/%u", name, i);
                }
                places[n] = (struct place){.s = s, .theirs = "s:r0"};
                snprintf(places[n++].shown, 40, "%s+s:r0", name);
                places[n] = (struct place){.s = s, .theirs = "s:t/1", .via = "s:t/{x}"};
                snprintf(places[n++].shown, 40, "%s+s:t/1", name);
        }
        /* without a server's name it is the first's that lists it */
        places[n++] = (struct place){"s:r0", sees_server(A) ? A : B, "s:r0", NULL};
        places[n++] = (struct place){"s:t/1", sees_server(A) ? A : B, "s:t/1", "s:t/{x}"};
        return n;
}

/* Who sees one server alone asks that for whatever it is. */
static bool may_elsewhere(unsigned s, const char *shown)
{
        return sees_server(!s) && may(!s, CONFIG_POLICY_RESOURCES, shown, NULL);
}

static bool may_place(const struct place *place)
{
        if (!sees_server(place->s))
                return may_elsewhere(place->s, place->shown);
        return may(place->s, CONFIG_POLICY_RESOURCES, place->theirs, place->via);
}

static void check_resources(void)
{
        struct place places[20];
        size_t n = places_of(places);

        for (size_t i = 0; i < n; i++) {
                check_asked(may_place(&places[i]), "resources/read", "{'uri':'%s'}",
                            places[i].shown);
                if (strcmp(c.version, STATELESS) == 0)
                        continue;
                check_asked(may_place(&places[i]), "resources/subscribe", "{'uri':'%s'}",
                            places[i].shown);
        }
        for (unsigned s = 0; s < N_SERVERS; s++) {
                char template[20];

                snprintf(template, sizeof(template), "%s:t/{x}", names[s]);
                check_asked(sees_server(s) ? may(s, CONFIG_POLICY_TEMPLATES, template, NULL)
                                           : may_elsewhere(s, template),
                            "completion/complete",
                            "{'ref':{'type':'ref/resource','uri':'%s'},'argument':{'name':'x',"
                            "'value':''}}",
                            template);
        }
}

/* ---- lists ---- */

static bool has_entry(const json_t *list, const char *key, const char *name)
{
        const json_t *entry;
        size_t i;

        json_array_foreach ((json_t *)list, i, entry)
                if (strcmp(json_text_at(entry, key), name) == 0)
                        return true;
        return false;
}

static size_t n_expected;

static void expect(const json_t *list, const char *key, const char *name, bool is_right)
{
        n_expected += is_right;
        CHECK((has_entry(list, key, name)) == (is_right), "list: %s is %s", name,
              is_right ? "allowed" : "denied");
}

static void expect_named(const json_t *list, bool is_tools)
{
        char shown[40];

        for (unsigned s = 0; s < N_SERVERS; s++)
                for (unsigned i = 0; i < (is_tools ? N_TOOLS : N_PROMPTS); i++) {
                        snprintf(shown, sizeof(shown), "%s_%c%u", names[s], is_tools ? 't' : 'p',
                                 i);
                        expect(list, "name", shown,
                               is_tools ? may_tool(s, shown, entries[s][i])
                                        : may(s, CONFIG_POLICY_PROMPTS, shown, NULL));
                }
}

/* What both have has its server's name, if one sees both. */
static void expect_uris(const json_t *list, const char *key, enum config_policy_kind kind,
                        const char *own, const char *shared)
{
        bool is_shared = sees_server(A) && sees_server(B);
        char shown[40];

        for (unsigned s = 0; s < N_SERVERS; s++) {
                snprintf(shown, sizeof(shown), "%s:%s", names[s], own);
                expect(list, key, shown, may(s, kind, shown, NULL));
                snprintf(shown, sizeof(shown), "%s%s%s", is_shared ? names[s] : "",
                         is_shared ? "+" : "", shared);
                if (is_shared || sees_server(s))
                        expect(list, key, shown, may(s, kind, shared, NULL));
        }
}

static void check_lists(void)
{
        static const char *const builtins[] = {"echo", "wait", "gateway_status"};
        json_t *list;

        n_expected = 0;
        list = json_deep_copy(json_at(ask("tools/list", "{}"), "result/tools"));
        expect_named(list, true);
        for (size_t i = 0; i < 3; i++)
                expect(list, "name", builtins[i],
                       may_tool(N_SERVERS, builtins[i], "{'annotations':{'readOnlyHint':true}}"));
        CHECK(json_array_size(list) == n_expected, "%s", "more tools");
        json_decref(list);

        n_expected = 0;
        list = json_deep_copy(json_at(ask("prompts/list", "{}"), "result/prompts"));
        expect_named(list, false);
        CHECK(json_array_size(list) == n_expected, "%s", "more prompts");
        json_decref(list);

        n_expected = 0;
        list = json_deep_copy(json_at(ask("resources/list", "{}"), "result/resources"));
        expect_uris(list, "uri", CONFIG_POLICY_RESOURCES, "r0", "s:r0");
        expect(list, "uri", "a:r1", may(A, CONFIG_POLICY_RESOURCES, "a:r1", NULL));
        expect(list, "uri", "b:r1", may(B, CONFIG_POLICY_RESOURCES, "b:r1", NULL));
        CHECK(json_array_size(list) == n_expected, "%s", "more resources");
        json_decref(list);

        n_expected = 0;
        list = json_deep_copy(
                json_at(ask("resources/templates/list", "{}"), "result/resourceTemplates"));
        expect_uris(list, "uriTemplate", CONFIG_POLICY_TEMPLATES, "t/{x}", "s:t/{x}");
        CHECK(json_array_size(list) == n_expected, "%s", "more templates");
        json_decref(list);
}

/* ---- what is said of itself, and in other ways ---- */

/* A batch (2025-03-26) of a call of each tool. */
static void check_batch(void)
{
        char body[4000] = "[";
        unsigned before = servers_count("tools/call"), n_allowed = 0;

        for (unsigned i = 0; i < N_SERVERS * N_TOOLS; i++) {
                char shown[40];

                snprintf(shown, sizeof(shown), "%s_t%u", names[i % 2], i / 2);
                n_allowed += may_tool(i % 2, shown, entries[i % 2][i / 2]);
                add(body,
                    "%s{'jsonrpc':'2.0','id':%d,'method':'tools/call','params':{'name':'%s',"
                    "'arguments':{}}}",
                    i > 0 ? "," : "", ++id, shown);
        }
        add(body, "]");
        (void)client_say(&c, body);
        CHECK((servers_count("tools/call") - before) == (n_allowed), "%s", "batch");
}

/* Each resource is asked for; what is honoured is said, and nothing else is told of. */
static void check_listen(void)
{
        char params[2000] = "{'notifications':{'resourceSubscriptions':[";
        struct place places[20];
        size_t n = places_of(places), n_allowed = 0;
        const json_t *said;
        struct answer *a;

        for (size_t i = 0; i < n; i++)
                add(params, "%s'%s'", i > 0 ? "," : "", places[i].shown);
        add(params, "]}}");
        a = client_ask(&c, ++id, "subscriptions/listen", params);
        said = json_at(client_hears(&c, a, "notifications/subscriptions/acknowledged"),
                       "params/notifications/resourceSubscriptions");
        for (size_t i = 0; i < n; i++) {
                bool has = false;
                const json_t *one;
                size_t k;

                json_array_foreach ((json_t *)said, k, one)
                        has = has || strcmp(json_string_value(one), places[i].shown) == 0;
                n_allowed += may_place(&places[i]);
                CHECK((has) == (may_place(&places[i])), "listen: %s", places[i].shown);
        }
        cr_assert_eq(json_array_size(said), n_allowed);
        answer_cut(a);
}

/* ---- the whole ---- */

static unsigned n_opened_at(const char *host)
{
        unsigned n = 0;

        for (struct list *it = world_http_requests.next; it != &world_http_requests; it = it->next)
                n += strstr(container_of(it, struct http_request, node)->url, host) != NULL;
        return n;
}

static void check_user(unsigned u, const char *version)
{
        c = (struct client){.authorization = authorizations[u]};
        me = &who[u];
        client_open(&c, version, "{}");
        if (seed % 2 == 0) /* else what servers have is not known when it is called */
                check_lists();
        check_calls();
        check_resources();
        check_lists();
        if (strcmp(version, "2025-03-26") == 0)
                check_batch();
        if (strcmp(version, STATELESS) == 0)
                check_listen();
        for (unsigned s = 0; s < N_SERVERS; s++)
                if (!sees_server(s) && strcmp(version, STATELESS) != 0 && u == 0)
                        CHECK((n_opened_at(s == A ? "//a." : "//b.")) == (0), "server %s is open",
                              names[s]);
}

static void add_user(unsigned u, const char *path)
{
        char *out = NULL;
        size_t n = 0;
        FILE *f = open_memstream(&out, &n);

        cr_assert_eq(user_token_make(emails[u], 30, path, f, stderr), 0);
        fclose(f);
        snprintf(authorizations[u], sizeof(authorizations[u]), "Bearer %.*s",
                 (int)strcspn(out, "\n"), out);
        free(out);
        users[u] = (struct user){.email = (char *)emails[u]};
        who[u] = (struct identity){.user = &users[u], .has_all_scopes = true};
}

/* The policy that says what is right is read from the same text. */
static void load_own(const char *servers)
{
        char *text, *told = NULL, path[300];
        size_t n = 0;
        FILE *err = open_memstream(&told, &n);

        cr_assert(asprintf(&text, "{'mcpServers':{%s}}", servers) >= 0);
        snprintf(path, sizeof(path), "%s", gateway_file("own.json", text));
        cr_assert_eq(config_load(&config, path, err), 0, "%s", servers);
        fclose(err);
        policy = policy_create(&config);
        free(text);
        free(told);
}

static void check_seed(const char *version)
{
        char servers[9000], settings[300], tokens[200];

        draw_begin(seed);
        draw_policy();
        draw_catalogs();
        snprintf(tokens, sizeof(tokens), "%s", gateway_file("tokens.json", "{}"));
        unlink(tokens);
        for (unsigned u = 0; u < N_USERS; u++)
                add_user(u, tokens);
        snprintf(servers, sizeof(servers),
                 "'a':{'url':'http://a.example/mcp'},'b':{'url':'http://b.example/mcp'}},%s",
                 rules);
        snprintf(settings, sizeof(settings), "'auth':{'tokens_file':'%s'}", tokens);
        load_own(servers);
        gateway_start(servers, settings);
        servers_ask(fields_of);
        for (unsigned u = 0; u < N_USERS; u++)
                check_user(u, version);
        gateway_stop();
        policy_destroy(policy);
        config_finish(&config);
}

static void check_seeds(const char *version)
{
        const char *more = getenv("MGW_POLICY_SEEDS");
        unsigned n = more != NULL ? (unsigned)strtoul(more, NULL, 10) : SEEDS;

        for (seed = 1; seed <= n; seed++)
                check_seed(version);
        for (unsigned s = 0; s < N_SERVERS; s++)
                for (unsigned i = 0; i < N_TOOLS; i++)
                        free(entries[s][i]);
}

Test(policy_random, what_is_denied_is_not_there_in_2024_11_05)
{
        check_seeds(SSE);
}

Test(policy_random, what_is_denied_is_not_there_in_2025_03_26)
{
        check_seeds("2025-03-26");
}

Test(policy_random, what_is_denied_is_not_there_in_2025_06_18)
{
        check_seeds("2025-06-18");
}

Test(policy_random, what_is_denied_is_not_there_in_2025_11_25)
{
        check_seeds("2025-11-25");
}

Test(policy_random, what_is_denied_is_not_there_in_2026_07_28)
{
        check_seeds(STATELESS);
}

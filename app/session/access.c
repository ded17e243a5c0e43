/* A server of which nothing is for somebody is to them as if it were not configured; of all others
 * what stands in a list, and what is called by a name or URI, is judged by the same verdict. */
#include "mgw/session/access.h"

#include "mgw/base/alloc.h"
#include "mgw/config/config.h"
#include "mgw/mcp/method.h"
#include "mgw/upstream/upstream.h"
#include "mgw/wire/rpc.h"
#include "mgw/wire/uri_plain.h"

#include <stdlib.h>
#include <string.h>

static const struct policy_verdict allowed = {POLICY_ALLOWED, NULL};

static const enum config_policy_kind kinds[LIST_N_KINDS] = {
        [LIST_TOOLS] = CONFIG_POLICY_TOOLS,
        [LIST_PROMPTS] = CONFIG_POLICY_PROMPTS,
        [LIST_RESOURCES] = CONFIG_POLICY_RESOURCES,
        [LIST_TEMPLATES] = CONFIG_POLICY_TEMPLATES,
};

/* ---- servers ---- */

/* A session that others share is nobody's: who uses it is judged. */
static bool is_free(const struct context *context, const struct identity *identity)
{
        return context->policy == NULL || identity == NULL;
}

bool access_to_server(struct identity *identity, const struct upstream *upstream)
{
        if (upstream->retired != NULL)
                return false;
        return is_free(upstream->context, identity) ||
               policy_may_see_server(upstream->context->policy, identity, upstream->place);
}

static bool may_see_list(struct identity *identity, const struct upstream *upstream,
                         enum list_kind list)
{
        return is_free(upstream->context, identity) ||
               policy_may_see_any(upstream->context->policy, identity, upstream->place,
                                  kinds[list]);
}

struct upstream_session *access_upstream_session(const struct session *s, struct identity *identity,
                                                 size_t index)
{
        const struct upstream *u = session_context(s)->upstreams[index];
        struct upstream_session *us =
                s->client.upstream_sessions != NULL ? s->client.upstream_sessions[u->index] : NULL;

        return us != NULL && access_to_server(identity, us->upstream) ? us : NULL;
}

bool access_to_notice(struct identity *identity, const struct upstream_session *us,
                      const json_t *msg)
{
        const char *method = json_string_value(json_object_get(msg, "method"));
        const struct upstream *u = us->upstream;

        if (u->retired != NULL || is_free(u->context, identity))
                return u->retired == NULL;
        if (method == NULL || method_find(method)->class != METHOD_LIST_CHANGED)
                return access_to_server(identity, u);
        if (strcmp(method, "notifications/resources/list_changed") == 0)
                return may_see_list(identity, u, LIST_RESOURCES) ||
                       may_see_list(identity, u, LIST_TEMPLATES);
        return may_see_list(identity, u,
                            strcmp(method, "notifications/tools/list_changed") == 0 ? LIST_TOOLS
                                                                                    : LIST_PROMPTS);
}

/* ---- verdicts ---- */

static struct policy_verdict decide(const struct upstream_session *us, struct identity *identity,
                                    struct policy_thing *thing)
{
        if (us->upstream->retired != NULL)
                return (struct policy_verdict){POLICY_DENIED, NULL};
        thing->server = us->upstream->place;
        return policy_decide(us->upstream->context->policy, identity, thing);
}

struct policy_verdict access_to_name(struct identity *identity, const struct upstream_session *us,
                                     enum list_kind list, const char *theirs, const char *shown)
{
        struct policy_thing thing = {.kind = kinds[list], .name = shown};

        if (us->upstream->context->policy == NULL)
                return allowed;
        if (list == LIST_TOOLS)
                thing.tool = upstream_list_find(us->lists[LIST_TOOLS].of, theirs);
        return decide(us, identity, &thing);
}

struct policy_verdict access_to_builtin(const struct context *context, struct identity *identity,
                                        const char *name)
{
        struct policy_thing thing = {.kind = CONFIG_POLICY_TOOLS, .name = name};

        if (context->policy == NULL)
                return allowed;
        thing.server = policy_gateway(context->policy);
        thing.tool = policy_builtin_tool(context->policy, name);
        return policy_decide(context->policy, identity, &thing);
}

/* The worse of both; what a rule denies is worse than what none allows. */
static struct policy_verdict both(struct policy_verdict a, struct policy_verdict b)
{
        return b.outcome < a.outcome || (b.outcome == a.outcome && a.rule == NULL) ? b : a;
}

static bool knows(const struct upstream_session *us, enum list_kind list)
{
        return us->lists[list].of != NULL ||
               (us->state == UPSTREAM_SESSION_READY && !upstream_session_can(us, "resources"));
}

/* Walks the templates of one server. */
static struct policy_verdict by_templates(struct identity *identity,
                                          const struct upstream_session *us, const char *uri)
{
        struct policy_thing thing = {.kind = CONFIG_POLICY_RESOURCES,
                                     .name = uri,
                                     .is_via_unknown = !knows(us, LIST_TEMPLATES)};
        struct policy_verdict verdict = allowed;
        bool has_one = false;
        const json_t *entry;
        size_t i;

        json_array_foreach (upstream_list_entries(us->lists[LIST_TEMPLATES].of), i, entry) {
                thing.via = json_string_value(json_object_get(entry, "uriTemplate"));
                if (thing.via == NULL || !catalog_template_fits(thing.via, uri))
                        continue;
                verdict = both(verdict, decide(us, identity, &thing));
                has_one = true;
        }
        thing.via = NULL;
        return has_one ? verdict : decide(us, identity, &thing);
}

static bool is_template(const struct upstream_session *us, const char *uri)
{
        const json_t *entry;
        size_t i;

        json_array_foreach (upstream_list_entries(us->lists[LIST_TEMPLATES].of), i, entry) {
                const char *template = json_string_value(json_object_get(entry, "uriTemplate"));

                if (template != NULL && strchr(template, '{') != NULL && strcmp(template, uri) == 0)
                        return true;
        }
        return false;
}

/* In each of these it has to be allowed that could lead out of what is. Of those that are but
 * spellings it is enough that no rule denies them. */
static struct policy_verdict by_readings(struct identity *identity,
                                         const struct upstream_session *us, const char *uri)
{
        static const unsigned ways[] = {0, URI_PLAIN_SLASHES, URI_PLAIN_LOOSE,
                                        URI_PLAIN_LOOSE | URI_PLAIN_SLASHES};
        bool leads_back = strstr(uri, "..") != NULL || strcasestr(uri, "%2e") != NULL;
        struct policy_verdict verdict = by_templates(identity, us, uri);

        for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
                char *plain = uri_plain(uri, ways[i]);
                struct policy_verdict one = allowed;

                if (plain != NULL)
                        one = by_templates(identity, us, plain);
                if ((ways[i] & URI_PLAIN_LOOSE) == 0 || leads_back || one.rule != NULL)
                        verdict = both(verdict, one);
                free(plain);
        }
        return verdict;
}

struct policy_verdict access_to_uri(struct identity *identity, const struct upstream_session *us,
                                    const char *theirs)
{
        struct policy_thing thing = {.kind = CONFIG_POLICY_RESOURCES, .name = theirs};

        if (us->upstream->context->policy == NULL)
                return allowed;
        if (upstream_list_find(us->lists[LIST_RESOURCES].of, theirs) != NULL)
                return decide(us, identity, &thing);
        if (is_template(us, theirs)) {
                thing.kind = CONFIG_POLICY_TEMPLATES;
                return decide(us, identity, &thing);
        }
        return by_readings(identity, us, theirs);
}

/* Walks the tools of one server. */
struct policy_verdict access_to_all_tools(struct identity *identity,
                                          const struct upstream_session *us)
{
        struct policy_verdict verdict = allowed;
        json_t *entry;
        size_t i;

        if (us->upstream->context->policy == NULL)
                return allowed;
        json_array_foreach (upstream_list_entries(us->lists[LIST_TOOLS].of), i, entry) {
                const char *theirs = json_string_value(json_object_get(entry, "name"));
                char *shown =
                        theirs != NULL ? catalog_shown_name(&us->upstream->rule, theirs) : NULL;

                if (shown != NULL)
                        verdict = both(verdict,
                                       access_to_name(identity, us, LIST_TOOLS, theirs, shown));
                free(shown);
        }
        return upstream_list_entries(us->lists[LIST_TOOLS].of) != NULL
                       ? verdict
                       : (struct policy_verdict){POLICY_DENIED, NULL};
}

bool access_is_known(const struct upstream_session *us, enum list_kind list, const char *theirs)
{
        const struct policy *policy = us->upstream->context->policy;

        if (policy == NULL)
                return true;
        switch (list) {
        case LIST_TOOLS:
                return !policy_has_hints(policy) || us->lists[LIST_TOOLS].of != NULL;
        case LIST_PROMPTS:
                return true;
        default:
                return upstream_list_find(us->lists[LIST_RESOURCES].of, theirs) != NULL ||
                       (knows(us, LIST_RESOURCES) && knows(us, LIST_TEMPLATES));
        }
}

/* ---- lists ---- */

static bool filter_shows(const struct catalog_filter *base, unsigned server, const char *shown,
                         const char *theirs, const json_t *entry)
{
        const struct access_filter *filter = container_of(base, struct access_filter, base);
        struct policy_thing thing = {.server = server,
                                     .kind = kinds[filter->list],
                                     .tool = filter->list == LIST_TOOLS ? entry : NULL};

        thing.name = filter->list == LIST_TOOLS || filter->list == LIST_PROMPTS ? shown : theirs;
        return policy_decide(filter->context->policy, filter->identity, &thing).outcome !=
               POLICY_DENIED;
}

const struct catalog_filter *access_filter_init(struct access_filter *filter,
                                                const struct context *context,
                                                struct identity *identity, enum list_kind list)
{
        *filter = (struct access_filter){
                .base = {filter_shows}, .context = context, .identity = identity, .list = list};
        return is_free(context, identity) ? NULL : &filter->base;
}

struct identity_rules access_rules_of(const struct context *context, struct identity *identity)
{
        return is_free(context, identity) ? (struct identity_rules){.of = 0}
                                          : *policy_rules_of(context->policy, identity);
}

bool access_is_alike(const struct context *context, const struct identity_rules *rules,
                     struct identity *identity)
{
        struct identity_rules theirs = access_rules_of(context, identity);

        return memcmp(rules->bits, theirs.bits, sizeof(theirs.bits)) == 0;
}

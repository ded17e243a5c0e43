#include "mgw/gate/listing.h"

#include "mgw/base/log.h"
#include "mgw/gate/builtin.h"
#include "mgw/gate/call.h"
#include "mgw/gate/fetch.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_MAX 1000

/* What one upstream has to give. */
struct part {
        struct list link;
        struct fetch fetch;
        struct listing *listing;
};

struct listing {
        struct call *call;
        struct list parts; /* that are on their way */
        struct timer deadline;
        enum link_list list;
        bool is_starting; /* no answer from within the start */
};

static enum link_list list_of_key(const char *key)
{
        unsigned i = 0;

        while (i < LINK_N_LISTS - 1 && strcmp(fetch_key(i), key) != 0)
                i++;
        return (enum link_list)i;
}

static struct gate *listing_gate(const struct listing *l)
{
        return l->call->session->gate;
}

/* ---- the answer ---- */

static const struct catalog_rule builtin_rule = {.server = "mgw", .prefix = ""};

/* The parts of all links, ours first; *builtinp is to be released after use. */
static size_t parts_of(const struct session *s, enum link_list list, struct catalog_part *parts,
                       json_t **builtinp)
{
        size_t n = 0;

        *builtinp =
                list == LINK_TOOLS && s->gate->config->has_builtin_tools ? builtin_tools() : NULL;
        if (*builtinp != NULL)
                parts[n++] = (struct catalog_part){&builtin_rule, *builtinp};
        for (size_t i = 0; s->links != NULL && i < s->gate->n_upstreams; i++)
                if (s->links[i] != NULL)
                        parts[n++] = (struct catalog_part){&s->links[i]->upstream->rule,
                                                           s->links[i]->lists[list].entries};
        return n;
}

static void listing_answer(struct listing *l)
{
        struct call *call = l->call;
        const struct session *s = call->session;
        const char *cursor = json_string_value(json_object_get(call->params, "cursor"));
        struct catalog_part *parts = calloc(s->gate->n_upstreams + 1, sizeof(*parts));
        const char *collision = NULL;
        json_t *builtin, *all, *page;

        if (parts == NULL) {
                call_fail(call, RPC_INTERNAL_ERROR, "out of memory");
                return;
        }
        all = catalog_merge(parts, parts_of(s, l->list, parts, &builtin), fetch_key(l->list),
                            &collision);
        if (collision != NULL)
                log_warn(NULL,
                         "[catalog] two servers offer %s: the first one's is used (give one of "
                         "them a prefix, or another name under \"tools\")",
                         collision);
        page = catalog_page(all, fetch_key(l->list), cursor, PAGE_MAX);
        if (page != NULL)
                call_answer_take(call, rpc_result_take(call->id, page));
        else
                call_fail(call, RPC_INVALID_PARAMS, "no such cursor");
        json_decref(all);
        json_decref(builtin);
        free(parts);
}

static void listing_check(struct listing *l)
{
        if (!l->is_starting && list_is_empty(&l->parts))
                listing_answer(l);
}

/* ---- fetching ---- */

static void part_end(struct part *part, const char *why)
{
        list_unlink(&part->link);
        fetch_drop(&part->fetch, why);
        loop_bury(listing_gate(part->listing)->loop, part, free);
}

static void part_on_done(struct fetch *fetch, bool is_new)
{
        struct part *part = container_of(fetch, struct part, fetch);
        struct listing *l = part->listing;

        (void)is_new;
        part_end(part, NULL);
        listing_check(l);
}

static void part_start(struct listing *l, struct link *link)
{
        struct part *part = calloc(1, sizeof(*part));

        if (part == NULL)
                return;
        part->listing = l;
        part->fetch.on_done = part_on_done;
        list_append(&l->parts, &part->link);
        fetch_start(&part->fetch, link, l->list);
}

static void listing_on_deadline(struct timer *timer)
{
        struct listing *l = container_of(timer, struct listing, deadline);
        struct list *it;

        while ((it = list_first(&l->parts)) != NULL) {
                struct part *part = container_of(it, struct part, link);
                struct link *from = part->fetch.from;

                log_warn(NULL, "[upstream] %s: %s took too long: its entries are left out",
                         upstream_name(from->upstream), l->call->method->name);
                from->is_missing = true;
                part_end(part, "the gateway no longer waits");
        }
        listing_answer(l);
}

void listing_start(struct call *call)
{
        const struct session *s = call->session;
        struct listing *l = calloc(1, sizeof(*l));

        if (l == NULL) {
                call_fail(call, RPC_INTERNAL_ERROR, "out of memory");
                return;
        }
        call->listing = l;
        l->call = call;
        l->list = list_of_key(call->method->list_key);
        l->deadline.on_due = listing_on_deadline;
        l->is_starting = true;
        list_init(&l->parts);
        for (size_t i = 0; s->links != NULL && i < s->gate->n_upstreams; i++)
                if (s->links[i] != NULL && !fetch_is_fresh(s->links[i], l->list) &&
                    link_can(s->links[i], call->method->capability))
                        part_start(l, s->links[i]);
        l->is_starting = false;
        timer_arm(s->gate->loop, &l->deadline, s->gate->config->upstream_open_timeout_ms);
        listing_check(l);
}

void listing_drop(struct listing *l)
{
        struct list *it;

        if (l == NULL)
                return;
        timer_disarm(listing_gate(l)->loop, &l->deadline);
        while ((it = list_first(&l->parts)) != NULL)
                part_end(container_of(it, struct part, link), "the client no longer waits");
        loop_bury(listing_gate(l)->loop, l, free);
}

/* ---- owners ---- */

static const json_t *find_entry(const struct link *link, enum link_list list, const char *key,
                                const char *value)
{
        const json_t *entry;
        size_t i;

        json_array_foreach (link->lists[list].entries, i, entry) {
                const char *one = json_string_value(json_object_get(entry, key));

                if (one != NULL && strcmp(one, value) == 0)
                        return entry;
        }
        return NULL;
}

/* Among servers whose prefix fits, one that is known to have it; else the one with the longest
 * prefix. */
struct link *listing_owner_of_name(const struct session *s, enum link_list list, const char *shown,
                                   const char **theirsp)
{
        struct link *best = NULL;
        size_t n_best = 0;

        for (size_t i = 0; s->links != NULL && i < s->gate->n_upstreams; i++) {
                struct link *link = s->links[i];
                const char *theirs =
                        link != NULL ? catalog_their_name(&link->upstream->rule, shown) : NULL;

                if (theirs == NULL)
                        continue;
                if (find_entry(link, list, "name", theirs) != NULL) {
                        *theirsp = theirs;
                        return link;
                }
                if (best == NULL || strlen(link->upstream->rule.prefix) > n_best) {
                        best = link;
                        n_best = strlen(link->upstream->rule.prefix);
                        *theirsp = theirs;
                }
        }
        return best;
}

static bool has_uri(const struct link *link, const char *uri)
{
        const json_t *entry;
        size_t i;

        if (find_entry(link, LINK_RESOURCES, "uri", uri) != NULL)
                return true;
        json_array_foreach (link->lists[LINK_TEMPLATES].entries, i, entry) {
                const char *template = json_string_value(json_object_get(entry, "uriTemplate"));

                if (template != NULL && catalog_template_fits(template, uri))
                        return true;
        }
        return false;
}

struct link *listing_owner_of_uri(const struct session *s, const char *shown, const char **theirsp)
{
        struct link *only = NULL;
        unsigned n_able = 0;

        for (size_t i = 0; s->links != NULL && i < s->gate->n_upstreams; i++) {
                struct link *link = s->links[i];
                const char *theirs;

                if (link == NULL || !link_can(link, "resources"))
                        continue;
                theirs = catalog_uri_of_server(&link->upstream->rule, shown);
                *theirsp = theirs != NULL ? theirs : shown;
                if (theirs != NULL || has_uri(link, shown))
                        return link;
                only = link;
                n_able++;
        }
        *theirsp = shown;
        return n_able == 1 ? only : NULL;
}

void listing_show_uri(const struct link *link, json_t *params)
{
        const struct session *s = link->session;
        const char *uri = json_string_value(json_object_get(params, "uri"));
        unsigned n = 0;
        char *shown;

        for (size_t i = 0; uri != NULL && i < s->gate->n_upstreams; i++)
                n += s->links[i] != NULL &&
                     find_entry(s->links[i], LINK_RESOURCES, "uri", uri) != NULL;
        if (n < 2 || (shown = catalog_server_uri(&link->upstream->rule, uri)) == NULL)
                return;
        json_object_set_new(params, "uri", json_string(shown));
        free(shown);
}

const json_t *listing_find_tool(const struct link *link, const char *theirs)
{
        return find_entry(link, LINK_TOOLS, "name", theirs);
}

bool listing_tool_may_repeat(const struct link *link, const char *theirs)
{
        const json_t *hints = json_object_get(listing_find_tool(link, theirs), "annotations");

        return json_is_true(json_object_get(hints, "readOnlyHint")) ||
               json_is_true(json_object_get(hints, "idempotentHint"));
}

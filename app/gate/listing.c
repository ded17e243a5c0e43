#include "mgw/gate/listing.h"

#include "mgw/base/log.h"
#include "mgw/gate/account.h"
#include "mgw/gate/call.h"
#include "mgw/gate/fetch.h"
#include "mgw/gate/share.h"
#include "mgw/gate/shown.h"
#include "mgw/gate/upstream.h"
#include "mgw/gate/work.h"

#include <stdlib.h>
#include <string.h>

/* So often an overdue list is asked for. */
#define TRIES_MAX 5

/* What one upstream has to give. */
struct part {
        struct list link; /* its listing's parts, or overdue at from */
        struct fetch fetch;
        struct link *from;
        struct listing *listing; /* NULL: no client waits for it */
        struct timer deadline;   /* overdue: it is asked for again */
        unsigned n_tries;
};

/* Lists that a call waits for. */
struct listing {
        struct call *call;
        struct list parts; /* that are on their way */
        struct timer deadline;
        struct work work; /* to go on with the call */
        void (*on_done)(struct call *call);
        bool is_starting; /* not done from within the start */
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
        return session_gate(l->call->session);
}

/* ---- the answer ---- */

/* Is it on its way, with nobody to wait for it? Walks LINK_N_LISTS at most. */
static bool is_overdue(const struct link *link, enum link_list list)
{
        list_for_each (it, &link->overdue)
                if (container_of(it, struct part, link)->fetch.list == list)
                        return true;
        return false;
}

int64_t listing_fresh_ms(const struct call *call)
{
        const struct session *s = call->session;
        enum link_list list = list_of_key(call->method->list_key);
        int64_t fresh_ms = session_gate(s)->config->catalog_age_ms;

        for (size_t i = 0; s->links != NULL && i < session_gate(s)->n_upstreams; i++) {
                const struct link *link = s->links[i];

                if (link == NULL)
                        continue;
                if (is_overdue(link, list))
                        return 0;
                if (link->lists[list].of != NULL && fetch_fresh_ms(link, list) < fresh_ms)
                        fresh_ms = fetch_fresh_ms(link, list);
        }
        return fresh_ms;
}

static void answer_list(struct call *call)
{
        struct session *s = call->session;
        const char *cursor = json_string_value(json_object_get(call->params, "cursor"));
        char *collision;
        json_t *page = shown_page(s, list_of_key(call->method->list_key), cursor, &collision);

        if (collision != NULL && share_may_log(call->share, s->user->email))
                log_warn(NULL,
                         "[catalog] two servers offer %s: the first one's is used (give one of "
                         "them a prefix, or another name under \"tools\")",
                         collision);
        free(collision);
        if (page != NULL)
                call_answer_take(call, rpc_result_take(call->id, page));
        else
                call_fail(call, RPC_INVALID_PARAMS, "no such cursor");
}

/* ---- fetching ---- */

static void listing_on_turn(struct work *work)
{
        const struct listing *l = container_of(work, struct listing, work);

        l->on_done(l->call);
}

/* Many calls may have waited for one list, and each answer is work. */
static void listing_done(struct listing *l)
{
        timer_disarm(listing_gate(l)->loop, &l->deadline);
        work_start(&l->work, l->call->share);
}

static void listing_check(struct listing *l)
{
        if (!l->is_starting && list_is_empty(&l->parts))
                listing_done(l);
}

static void part_end(struct part *part, const char *why)
{
        list_unlink(&part->link);
        timer_disarm(part->from->upstream->gate->loop, &part->deadline);
        fetch_drop(&part->fetch, why);
        loop_bury(part->from->upstream->gate->loop, part, free);
}

static void part_on_done(struct fetch *fetch, bool is_new)
{
        struct part *part = container_of(fetch, struct part, fetch);
        struct listing *l = part->listing;

        part_end(part, NULL);
        if (l != NULL)
                listing_check(l);
        else if (is_new)
                link_tell_list(part->from, fetch->list);
}

static void part_give_time(struct part *part)
{
        const struct gate *gate = part->from->upstream->gate;

        timer_arm(gate->loop, &part->deadline, gate->config->upstream_open_timeout_ms);
}

/* A request may have been lost. An opening has a deadline of its own. */
static void part_on_deadline(struct timer *timer)
{
        struct part *part = container_of(timer, struct part, deadline);
        enum link_list list = part->fetch.list;
        static const char why[] = "the gateway no longer waits";

        if (part->from->state == LINK_READY && ++part->n_tries >= TRIES_MAX) {
                part_end(part, why);
                return;
        }
        part_give_time(part);
        if (part->from->state == LINK_READY) {
                fetch_drop(&part->fetch, why);
                fetch_start(&part->fetch, part->from, list);
        }
}

/* The client is answered without, and told when it has come. */
static void part_fall_due(struct part *part)
{
        part->listing = NULL;
        part->from->is_missing = true;
        part->deadline.on_due = part_on_deadline;
        list_move_to_tail(&part->from->overdue, &part->link);
        part_give_time(part);
}

/* Is it waited for? One that left others waiting, as this account, is not, until it has spoken. */
static bool is_silent(const struct link *link, enum link_list list)
{
        return account_is_silent(link->account, ACCOUNT_LIST + list) ||
               (link->state != LINK_READY && account_is_silent(link->account, ACCOUNT_HELLO));
}

static void part_start(struct listing *l, struct link *link, enum link_list list)
{
        struct part *part = is_overdue(link, list) ? NULL : calloc(1, sizeof(*part));

        if (part == NULL)
                return;
        part->from = link;
        part->listing = l;
        part->fetch.on_done = part_on_done;
        list_append(&l->parts, &part->link);
        if (is_silent(link, list))
                part_fall_due(part);
        fetch_start(&part->fetch, link, list);
}

void listing_forget_overdue(struct link *link)
{
        struct list *it;

        while ((it = list_first(&link->overdue)) != NULL)
                part_end(container_of(it, struct part, link), "its session has ended");
}

/* Walks the upstreams it still waits for. */
static void listing_on_deadline(struct timer *timer)
{
        struct listing *l = container_of(timer, struct listing, deadline);
        struct list *it;

        while ((it = list_first(&l->parts)) != NULL) {
                struct part *part = container_of(it, struct part, link);
                struct link *from = part->from;
                bool is_open = from->state == LINK_READY;

                if (account_falls_silent(from->account, is_open ? ACCOUNT_LIST + part->fetch.list
                                                                : ACCOUNT_HELLO) &&
                    upstream_may_log(from->upstream))
                        log_warn(NULL,
                                 "[upstream] %s: %s is not answered yet: clients are answered "
                                 "without its entries until it is (upstream_grace_ms)",
                                 upstream_name(from->upstream),
                                 is_open ? fetch_method(part->fetch.list) : "initialize");
                part_fall_due(part);
        }
        listing_done(l);
}

static bool may_have(const struct link *link, const char *shown)
{
        const struct catalog_rule *rule = &link->upstream->rule;

        return (rule->is_safe && catalog_is_made(shown)) || catalog_their_name(rule, shown) != NULL;
}

/* Asks for a list those that may have in it what is called so (NULL: all). */
static void listing_fetch(struct listing *l, enum link_list list, const char *name)
{
        const struct session *s = l->call->session;

        for (size_t i = 0; s->links != NULL && i < session_gate(s)->n_upstreams; i++) {
                struct link *link = s->links[i];

                if (link != NULL && fetch_fresh_ms(link, list) == 0 &&
                    link_can(link, fetch_capability(list)) &&
                    (name == NULL || may_have(link, name)))
                        part_start(l, link, list);
        }
}

static struct listing *listing_begin(struct call *call, void (*on_done)(struct call *call))
{
        struct listing *l = calloc(1, sizeof(*l));

        if (l == NULL) {
                call_fail(call, RPC_INTERNAL_ERROR, "out of memory");
                return NULL;
        }
        call->listing = l;
        l->call = call;
        l->on_done = on_done;
        l->deadline.on_due = listing_on_deadline;
        l->work.on_run = listing_on_turn;
        l->is_starting = true;
        list_init(&l->parts);
        return l;
}

static void listing_wait(struct listing *l)
{
        const struct gate *gate = listing_gate(l);

        l->is_starting = false;
        timer_arm(gate->loop, &l->deadline, gate->config->upstream_grace_ms);
        listing_check(l);
}

void listing_start(struct call *call)
{
        struct listing *l = listing_begin(call, answer_list);

        if (l == NULL)
                return;
        listing_fetch(l, list_of_key(call->method->list_key), NULL);
        listing_wait(l);
}

bool listing_learn(struct call *call, const struct listing_owner *owner,
                   void (*on_done)(struct call *call))
{
        struct listing *l;

        if (owner->is_certain || call->listing != NULL)
                return false;
        l = listing_begin(call, on_done);
        if (l == NULL)
                return true;
        if (owner->list != LINK_RESOURCES) {
                listing_fetch(l, owner->list, owner->shown);
        } else {
                listing_fetch(l, LINK_RESOURCES, NULL);
                listing_fetch(l, LINK_TEMPLATES, NULL);
        }
        listing_wait(l);
        return true;
}

void listing_drop(struct listing *l)
{
        struct list *it;

        if (l == NULL)
                return;
        timer_disarm(listing_gate(l)->loop, &l->deadline);
        work_cancel(&l->work);
        while ((it = list_first(&l->parts)) != NULL)
                part_end(container_of(it, struct part, link), "the client no longer waits");
        loop_bury(listing_gate(l)->loop, l, free);
}

/* ---- owners ---- */

static const json_t *find_entry(const struct link *link, enum link_list list, const char *value)
{
        const struct upstream_list *of = link->lists[list].of;

        return of != NULL ? json_object_get(of->index, value) : NULL;
}

/* The name behind one that was made to fit, which the list alone tells; borrowed. NULL: it is none
 * of this server's. */
static const char *theirs_by_made(const struct link *link, enum link_list list, const char *shown)
{
        const json_t *entry = find_entry(link, list, shown);
        const char *theirs = json_string_value(json_object_get(entry, "name"));
        char *made = theirs != NULL ? catalog_shown_name(&link->upstream->rule, theirs) : NULL;
        bool is_it = made != NULL && strcmp(made, shown) == 0;

        free(made);
        return is_it ? theirs : NULL;
}

static const char *theirs_by_rule(const struct link *link, enum link_list list, const char *shown)
{
        const struct catalog_rule *rule = &link->upstream->rule;

        return rule->is_safe && catalog_is_made(shown) ? theirs_by_made(link, list, shown)
                                                       : catalog_their_name(rule, shown);
}

/* Among servers whose prefix fits the first that has it, in the order of the configuration, as in
 * the merged list; if what one before it has is not known, it may be that one's: nobody's, until it
 * is. With no list that shows it, the one with the longest prefix. */
struct listing_owner listing_owner_of_name(const struct session *s, enum link_list list,
                                           const char *shown)
{
        struct listing_owner best = {.list = list, .shown = shown};
        unsigned n_able = 0, n_unknown = 0, n_made = 0;

        for (size_t i = 0; s->links != NULL && i < session_gate(s)->n_upstreams; i++) {
                struct link *link = s->links[i];
                const char *theirs = link != NULL ? theirs_by_rule(link, list, shown) : NULL;

                if (link != NULL && theirs == NULL && link->lists[list].of == NULL &&
                    may_have(link, shown))
                        n_made++;
                if (theirs == NULL)
                        continue;
                if (find_entry(link, list, theirs) != NULL)
                        return (struct listing_owner){n_unknown == 0 ? link : NULL, theirs, list,
                                                      shown, n_unknown == 0};
                n_able++;
                n_unknown += link->lists[list].of == NULL;
                if (best.link == NULL || strlen(link->upstream->rule.prefix) >
                                                 strlen(best.link->upstream->rule.prefix)) {
                        best.link = link;
                        best.theirs = theirs;
                }
        }
        best.is_certain = n_able <= 1 && n_made == 0;
        return best;
}

/* Walks TEMPLATES_MAX at most. */
static bool has_template(const struct link *link, const char *uri)
{
        const json_t *entry;
        size_t i;

        json_array_foreach (upstream_list_entries(link->lists[LINK_TEMPLATES].of), i, entry) {
                const char *template = json_string_value(json_object_get(entry, "uriTemplate"));

                if (template != NULL && catalog_template_fits(template, uri))
                        return true;
        }
        return false;
}

static const char *theirs_by_entry(const struct link *link, const char *shown)
{
        return json_string_value(json_object_get(find_entry(link, LINK_RESOURCES, shown), "uri"));
}

static const char *theirs_by_name(const struct link *link, const char *shown)
{
        const struct catalog_rule *rule = &link->upstream->rule;
        const char *theirs = catalog_uri_of_server(rule, shown), *listed;
        char *kept = theirs == NULL ? catalog_kept_uri(rule, shown) : NULL;

        listed = kept != NULL || theirs != NULL
                         ? theirs_by_entry(link, theirs != NULL ? theirs : kept)
                         : NULL;
        free(kept);
        return listed != NULL ? listed : theirs;
}

static const char *theirs_by_template(const struct link *link, const char *shown)
{
        return has_template(link, shown) ? shown : NULL;
}

/* Is it known what it lists? While it is not, it may be the one. */
static bool lists_resources(const struct link *link)
{
        return link->lists[LINK_RESOURCES].of != NULL;
}

/* What says whose a URI is, the surer first: a template of one server never takes what another
 * lists. */
struct listing_owner listing_owner_of_uri(const struct session *s, const char *shown)
{
        static const char *(*const ways[])(const struct link *link, const char *shown) = {
                theirs_by_name, theirs_by_entry, theirs_by_template};
        struct listing_owner only = {.list = LINK_RESOURCES, .shown = shown, .theirs = shown};
        unsigned n_able = 0, n_unknown = 0;

        for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++)
                for (size_t i = 0; s->links != NULL && i < session_gate(s)->n_upstreams; i++) {
                        struct link *link = s->links[i];
                        const char *theirs;

                        if (link == NULL || !link_can(link, "resources"))
                                continue;
                        theirs = ways[way](link, shown);
                        if (theirs != NULL)
                                return (struct listing_owner){link, theirs, LINK_RESOURCES, shown,
                                                              way < 2 || n_unknown == 0};
                        if (way == 0) {
                                only.link = link;
                                n_able++;
                                n_unknown += !lists_resources(link);
                        }
                }
        only.is_certain = n_able <= 1;
        if (n_able > 1)
                only.link = NULL;
        return only;
}

void listing_show_uri(const struct link *link, json_t *params)
{
        const struct session *s = link->session;
        const char *uri = json_string_value(json_object_get(params, "uri"));
        unsigned n = 0;
        char *of_server, *shown;

        for (size_t i = 0; uri != NULL && i < session_gate(s)->n_upstreams; i++)
                n += s->links[i] != NULL && find_entry(s->links[i], LINK_RESOURCES, uri) != NULL;
        of_server = n > 1 ? catalog_server_uri(&link->upstream->rule, uri) : NULL;
        shown = catalog_shown_uri(of_server != NULL ? of_server : uri);
        if (shown != NULL)
                json_object_set_new(params, "uri", json_string(shown));
        free(of_server);
        free(shown);
}

const json_t *listing_find_tool(const struct link *link, const char *theirs)
{
        return find_entry(link, LINK_TOOLS, theirs);
}

bool listing_tool_may_repeat(const struct link *link, const char *theirs)
{
        const json_t *hints = json_object_get(listing_find_tool(link, theirs), "annotations");

        return json_is_true(json_object_get(hints, "readOnlyHint")) ||
               json_is_true(json_object_get(hints, "idempotentHint"));
}

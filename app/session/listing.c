/* A listing asks each upstream for its list and waits for all of them, for upstream_grace_ms at
 * most. A part that has not come by then is overdue: it stays with its upstream session, and
 * clients are told when it is there. */
#include "mgw/session/listing.h"

#include "mgw/base/alloc.h"
#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"
#include "mgw/core/work.h"
#include "mgw/session/access.h"
#include "mgw/session/call.h"
#include "mgw/session/page_cache.h"
#include "mgw/upstream/account.h"
#include "mgw/upstream/fetch.h"
#include "mgw/upstream/upstream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* So often an overdue list is asked for. */
#define TRIES_MAX 5

/* What one upstream has to give. */
struct part {
        struct list node; /* its listing's parts, or overdue at from */
        struct fetch fetch;
        struct upstream_session *from;
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

static enum list_kind list_of_key(const char *key)
{
        unsigned i = 0;

        while (i < LIST_N_KINDS - 1 && strcmp(fetch_key(i), key) != 0)
                i++;
        return (enum list_kind)i;
}

static struct context *listing_context(const struct listing *l)
{
        return session_context(l->call->session);
}

/* ---- the answer ---- */

/* Is it on its way, with nobody to wait for it? Walks LIST_N_KINDS at most. */
static bool is_overdue(const struct upstream_session *us, enum list_kind list)
{
        list_for_each (it, &us->overdue)
                if (container_of(it, struct part, node)->fetch.list == list)
                        return true;
        return false;
}

int64_t listing_fresh_ms(const struct call *call)
{
        const struct session *s = call->session;
        enum list_kind list = list_of_key(call->method->list_key);
        int64_t fresh_ms = session_context(s)->config->catalog_age_ms;

        for (size_t i = 0; i < session_context(s)->n_upstreams; i++) {
                const struct upstream_session *us = access_upstream_session(s, call->identity, i);

                if (us == NULL)
                        continue;
                if (is_overdue(us, list))
                        return 0;
                if (us->lists[list].of != NULL && fetch_fresh_ms(us, list) < fresh_ms)
                        fresh_ms = fetch_fresh_ms(us, list);
        }
        return fresh_ms;
}

static void answer_list(struct call *call)
{
        struct session *s = call->session;
        const char *cursor = json_string_value(json_object_get(call->params, "cursor"));
        char *collision;
        json_t *page;

        if (cursor != NULL && cursor[0] == '\0') /* none of ours: some ask so for the first page */
                cursor = NULL;
        page = page_cache_page(s, call->identity, list_of_key(call->method->list_key), cursor,
                               &collision);

        if (collision != NULL && share_may_log(call->share, s->client.user->email))
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
        timer_disarm(listing_context(l)->loop, &l->deadline);
        work_start(&l->work, l->call->share);
}

static void listing_check(struct listing *l)
{
        if (!l->is_starting && list_is_empty(&l->parts))
                listing_done(l);
}

static void part_end(struct part *part, const char *why)
{
        list_unlink(&part->node);
        timer_disarm(part->from->upstream->context->loop, &part->deadline);
        fetch_drop(&part->fetch, why);
        loop_bury(part->from->upstream->context->loop, part, free);
}

static void part_on_done(struct fetch *fetch, bool is_new)
{
        struct part *part = container_of(fetch, struct part, fetch);
        struct listing *l = part->listing;

        part_end(part, NULL);
        if (l != NULL)
                listing_check(l);
        else if (is_new)
                upstream_session_tell_list(part->from, fetch->list);
}

static void part_give_time(struct part *part)
{
        const struct context *context = part->from->upstream->context;

        timer_arm(context->loop, &part->deadline, context->config->upstream_open_timeout_ms);
}

/* A request may have been lost. An opening has a deadline of its own. */
static void part_on_deadline(struct timer *timer)
{
        struct part *part = container_of(timer, struct part, deadline);
        enum list_kind list = part->fetch.list;
        static const char why[] = "the gateway no longer waits";

        if (part->from->state == UPSTREAM_SESSION_READY && ++part->n_tries >= TRIES_MAX) {
                part_end(part, why);
                return;
        }
        part_give_time(part);
        if (part->from->state == UPSTREAM_SESSION_READY) {
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
        list_move_to_tail(&part->from->overdue, &part->node);
        part_give_time(part);
}

/* Is it waited for? One that left others waiting, as this account, is not, until it has spoken. */
static bool is_silent(const struct upstream_session *us, enum list_kind list)
{
        return account_is_silent(us->account, ACCOUNT_LIST + list) ||
               (us->state != UPSTREAM_SESSION_READY &&
                account_is_silent(us->account, ACCOUNT_HANDSHAKE));
}

static void part_start(struct listing *l, struct upstream_session *us, enum list_kind list)
{
        struct part *part;

        if (is_overdue(us, list))
                return;
        part = alloc_zeroed(sizeof(*part));
        part->from = us;
        part->listing = l;
        part->fetch.on_done = part_on_done;
        list_append(&l->parts, &part->node);
        if (is_silent(us, list))
                part_fall_due(part);
        fetch_start(&part->fetch, us, list);
}

void listing_forget_overdue(struct upstream_session *us)
{
        struct list *it;

        while ((it = list_first(&us->overdue)) != NULL)
                part_end(container_of(it, struct part, node), "its session has ended");
}

/* Walks the upstreams it still waits for. */
static void listing_on_deadline(struct timer *timer)
{
        struct listing *l = container_of(timer, struct listing, deadline);
        struct list *it;

        while ((it = list_first(&l->parts)) != NULL) {
                struct part *part = container_of(it, struct part, node);
                struct upstream_session *from = part->from;
                bool is_open = from->state == UPSTREAM_SESSION_READY;

                if (account_falls_silent(from->account, is_open ? ACCOUNT_LIST + part->fetch.list
                                                                : ACCOUNT_HANDSHAKE) &&
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

static bool may_have(const struct upstream_session *us, const char *shown)
{
        const struct catalog_rule *rule = &us->upstream->rule;

        return (rule->is_safe && catalog_is_made(shown)) || catalog_their_name(rule, shown) != NULL;
}

/* Asks for a list those that may have in it what is called so (NULL: all). */
static void listing_fetch(struct listing *l, enum list_kind list, const char *name)
{
        const struct session *s = l->call->session;

        for (size_t i = 0; i < session_context(s)->n_upstreams; i++) {
                struct upstream_session *us = access_upstream_session(s, l->call->identity, i);

                if (us != NULL && fetch_fresh_ms(us, list) == 0 &&
                    upstream_session_can(us, fetch_capability(list)) &&
                    (name == NULL || may_have(us, name)))
                        part_start(l, us, list);
        }
}

static struct listing *listing_begin(struct call *call, void (*on_done)(struct call *call))
{
        struct listing *l = alloc_zeroed(sizeof(*l));

        assert(call->listing == NULL);
        if (call->state != CALL_STATE_LISTENING)
                call_set_state(call, CALL_STATE_LISTING);
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
        const struct context *context = listing_context(l);

        l->is_starting = false;
        timer_arm(context->loop, &l->deadline, context->config->upstream_grace_ms);
        listing_check(l);
}

void listing_start(struct call *call)
{
        struct listing *l = listing_begin(call, answer_list);

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
        if (owner->list != LIST_RESOURCES) {
                listing_fetch(l, owner->list, owner->shown);
        } else {
                listing_fetch(l, LIST_RESOURCES, NULL);
                listing_fetch(l, LIST_TEMPLATES, NULL);
        }
        listing_wait(l);
        return true;
}

void listing_drop(struct listing *l)
{
        struct list *it;

        if (l == NULL)
                return;
        timer_disarm(listing_context(l)->loop, &l->deadline);
        work_cancel(&l->work);
        while ((it = list_first(&l->parts)) != NULL)
                part_end(container_of(it, struct part, node), "the client no longer waits");
        loop_bury(listing_context(l)->loop, l, free);
}

/* ---- owners ---- */

static const json_t *find_entry(const struct upstream_session *us, enum list_kind list,
                                const char *value)
{
        return upstream_list_find(us->lists[list].of, value);
}

/* The name behind one that was made to fit, which the list alone tells; borrowed. NULL: it is none
 * of this server's. */
static const char *theirs_by_made(const struct upstream_session *us, enum list_kind list,
                                  const char *shown)
{
        const json_t *entry = find_entry(us, list, shown);
        const char *theirs = json_string_value(json_object_get(entry, "name"));
        char *made = theirs != NULL ? catalog_shown_name(&us->upstream->rule, theirs) : NULL;
        bool is_it = made != NULL && strcmp(made, shown) == 0;

        free(made);
        return is_it ? theirs : NULL;
}

static const char *theirs_by_rule(const struct upstream_session *us, enum list_kind list,
                                  const char *shown)
{
        const struct catalog_rule *rule = &us->upstream->rule;

        return rule->is_safe && catalog_is_made(shown) ? theirs_by_made(us, list, shown)
                                                       : catalog_their_name(rule, shown);
}

/* Among servers whose prefix fits the first that has it, in the order of the configuration, as in
 * the merged list; if what one before it has is not known, it may be that one's: nobody's, until it
 * is. With no list that shows it, the one with the longest prefix. */
static struct listing_owner find_owner_of_name(const struct call *call, enum list_kind list,
                                               const char *shown)
{
        const struct session *s = call->session;
        struct listing_owner best = {.list = list, .shown = shown};
        unsigned n_able = 0, n_unknown = 0, n_made = 0;

        for (size_t i = 0; i < session_context(s)->n_upstreams; i++) {
                struct upstream_session *us = access_upstream_session(s, call->identity, i);
                const char *theirs = us != NULL ? theirs_by_rule(us, list, shown) : NULL;

                if (us != NULL && theirs == NULL && us->lists[list].of == NULL &&
                    may_have(us, shown))
                        n_made++;
                if (theirs == NULL)
                        continue;
                if (find_entry(us, list, theirs) != NULL)
                        return (struct listing_owner){.us = n_unknown == 0 ? us : NULL,
                                                      .theirs = theirs,
                                                      .list = list,
                                                      .shown = shown,
                                                      .is_listed = true,
                                                      .is_certain = n_unknown == 0};
                n_able++;
                n_unknown += us->lists[list].of == NULL;
                if (best.us == NULL ||
                    strlen(us->upstream->rule.prefix) > strlen(best.us->upstream->rule.prefix)) {
                        best.us = us;
                        best.theirs = theirs;
                }
        }
        best.is_certain = n_able <= 1 && n_made == 0;
        return best;
}

/* Walks TEMPLATES_MAX at most. */
static bool has_template(const struct upstream_session *us, const char *uri)
{
        const json_t *entry;
        size_t i;

        json_array_foreach (upstream_list_entries(us->lists[LIST_TEMPLATES].of), i, entry) {
                const char *template = json_string_value(json_object_get(entry, "uriTemplate"));

                if (template != NULL && catalog_template_fits(template, uri))
                        return true;
        }
        return false;
}

static const char *theirs_by_entry(const struct upstream_session *us, const char *shown)
{
        return json_string_value(json_object_get(find_entry(us, LIST_RESOURCES, shown), "uri"));
}

static const char *theirs_by_name(const struct upstream_session *us, const char *shown)
{
        const struct catalog_rule *rule = &us->upstream->rule;
        const char *theirs = catalog_uri_of_server(rule, shown), *listed;
        char *kept = theirs == NULL ? catalog_kept_uri(rule, shown) : NULL;

        listed = kept != NULL || theirs != NULL
                         ? theirs_by_entry(us, theirs != NULL ? theirs : kept)
                         : NULL;
        free(kept);
        return listed != NULL ? listed : theirs;
}

static const char *theirs_by_template(const struct upstream_session *us, const char *shown)
{
        return has_template(us, shown) ? shown : NULL;
}

/* Is it known what it lists? While it is not, it may be the one. */
static bool lists_resources(const struct upstream_session *us)
{
        return us->lists[LIST_RESOURCES].of != NULL;
}

/* What says whose a URI is, the surer first: a template of one server never takes what another
 * lists. */
static struct listing_owner find_owner_of_uri(const struct call *call, const char *shown)
{
        const struct session *s = call->session;
        static const char *(*const ways[])(const struct upstream_session *us, const char *shown) = {
                theirs_by_name, theirs_by_entry, theirs_by_template};
        struct listing_owner only = {.list = LIST_RESOURCES, .shown = shown, .theirs = shown};
        unsigned n_able = 0, n_unknown = 0;

        for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++)
                for (size_t i = 0; i < session_context(s)->n_upstreams; i++) {
                        struct upstream_session *us = access_upstream_session(s, call->identity, i);
                        const char *theirs;

                        if (us == NULL || !upstream_session_can(us, "resources"))
                                continue;
                        theirs = ways[way](us, shown);
                        if (theirs != NULL)
                                return (struct listing_owner){.us = us,
                                                              .theirs = theirs,
                                                              .list = LIST_RESOURCES,
                                                              .shown = shown,
                                                              .is_certain =
                                                                      way < 2 || n_unknown == 0};
                        if (way == 0) {
                                only.us = us;
                                n_able++;
                                n_unknown += !lists_resources(us);
                        }
                }
        only.is_certain = n_able <= 1;
        if (n_able > 1)
                only.us = NULL;
        return only;
}

static struct listing_owner judge_owner(const struct call *call, struct listing_owner owner)
{
        if (owner.us == NULL)
                return owner;
        owner.verdict = owner.list == LIST_RESOURCES
                                ? access_to_uri(call->identity, owner.us, owner.theirs)
                                : access_to_name(call->identity, owner.us, owner.list, owner.theirs,
                                                 owner.shown);
        owner.is_certain = owner.is_certain && access_is_known(owner.us, owner.list, owner.theirs);
        owner.is_denied = owner.verdict.outcome == POLICY_DENIED;
        if (owner.is_denied)
                owner.us = NULL;
        return owner;
}

struct listing_owner listing_owner_of_name(const struct call *call, enum list_kind list,
                                           const char *shown)
{
        return judge_owner(call, find_owner_of_name(call, list, shown));
}

struct listing_owner listing_owner_of_uri(const struct call *call, const char *shown)
{
        return judge_owner(call, find_owner_of_uri(call, shown));
}

void listing_show_uri(const struct upstream_session *us, json_t *params)
{
        const struct session *s = session_of(us->client);
        const char *uri = json_string_value(json_object_get(params, "uri"));
        unsigned n = 0;
        char *of_server, *shown;

        for (size_t i = 0; uri != NULL && i < session_context(s)->n_upstreams; i++) {
                const struct upstream_session *one = access_upstream_session(s, s->identity, i);

                n += one != NULL && find_entry(one, LIST_RESOURCES, uri) != NULL;
        }
        of_server = n > 1 ? catalog_server_uri(&us->upstream->rule, uri) : NULL;
        shown = catalog_shown_uri(of_server != NULL ? of_server : uri);
        if (shown != NULL)
                json_object_set_new(params, "uri", json_string(shown));
        free(of_server);
        free(shown);
}

bool listing_tool_may_repeat(const struct upstream_session *us, const char *theirs)
{
        const json_t *hints = json_object_get(find_entry(us, LIST_TOOLS, theirs), "annotations");

        return json_is_true(json_object_get(hints, "readOnlyHint")) ||
               json_is_true(json_object_get(hints, "idempotentHint"));
}

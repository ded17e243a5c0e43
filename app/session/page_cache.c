/* A page is kept with the lists that it was made of, and goes with the first of them. */
#include "mgw/session/page_cache.h"

#include "mgw/base/alloc.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"
#include "mgw/mcp/bridge.h"
#include "mgw/mcp/builtin_tools.h"
#include "mgw/session/access.h"
#include "mgw/upstream/fetch.h"
#include "mgw/upstream/upstream.h"
#include "mgw/wire/json_raw.h"
#include "mgw/wire/rpc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_MAX 1000
/* Texts of so many different views: a user with a credential of their own may see another, and so
 * may one for whom other rules of the policy are. */
#define KEPT_MAX 64
/* What a page takes beside its text. */
#define PAGE_BYTES 500

/* What is made of the same lists, for clients of one revision. */
struct cached_page {
        struct list node; /* context->cached_pages, what was asked for last first */
        enum list_kind list;
        bool is_stateless;
        era_revision revision;
        struct identity_rules rules;
        json_t **pages;   /* NULL: not asked for yet, or there is none */
        size_t n_pages;   /* that there may be */
        size_t n_entries; /* that there are; SIZE_MAX: no page has been made yet */
        struct ledger_hold hold;
        const struct upstream_list *of[]; /* by upstream: none outlives its end */
};

/* Whose page it is. */
struct view {
        const struct session *session;
        struct identity *identity;
        enum list_kind list;
};

static struct upstream_list *list_of(const struct view *view, size_t i)
{
        const struct upstream_session *us =
                access_upstream_session(view->session, view->identity, i);

        return us != NULL ? us->lists[view->list].of : NULL;
}

static void page_cache_entry_destroy(struct context *context, struct cached_page *entry)
{
        assert(context->n_cached_pages > 0);
        list_unlink(&entry->node);
        context->n_cached_pages--;
        for (size_t i = 0; i < entry->n_pages; i++)
                json_decref(entry->pages[i]);
        free(entry->pages);
        ledger_hold_set_past(&entry->hold, 0);
        free(entry);
}

static bool is_of(const struct cached_page *entry, const struct view *view)
{
        const struct session *s = view->session;

        if (entry->list != view->list ||
            entry->is_stateless != (s->client.kind == UPSTREAM_CLIENT_STANDING) ||
            entry->revision != s->client.revision ||
            !access_is_alike(session_context(s), &entry->rules, view->identity))
                return false;
        for (size_t i = 0; i < session_context(s)->n_upstreams; i++)
                if (entry->of[i] != list_of(view, i))
                        return false;
        return true;
}

/* That there may be; ours fit into one. */
static size_t n_pages_of(const struct view *view)
{
        size_t n = PAGE_MAX;

        for (size_t i = 0; i < session_context(view->session)->n_upstreams; i++)
                n += json_array_size(upstream_list_entries(list_of(view, i)));
        return (n + PAGE_MAX - 1) / PAGE_MAX;
}

/* Walks KEPT_MAX, and for each the upstreams. */
static struct cached_page *page_cache_of(const struct view *view)
{
        const struct session *s = view->session;
        struct context *context = session_context(s);
        struct cached_page *entry;

        list_for_each (it, &context->cached_pages) {
                entry = container_of(it, struct cached_page, node);
                if (is_of(entry, view)) {
                        list_unlink(it);
                        list_prepend(&context->cached_pages, it);
                        return entry;
                }
        }
        if (context->n_cached_pages == KEPT_MAX)
                page_cache_entry_destroy(context, container_of(context->cached_pages.prev,
                                                               struct cached_page, node));
        entry = alloc_zeroed(sizeof(*entry) +
                             context->n_upstreams * sizeof(struct upstream_list *));
        entry->list = view->list;
        entry->rules = access_rules_of(context, view->identity);
        entry->is_stateless = s->client.kind == UPSTREAM_CLIENT_STANDING;
        entry->revision = s->client.revision;
        ledger_hold_init(&entry->hold, &context->own_share->memory, LEDGER_LIST);
        for (size_t i = 0; i < context->n_upstreams; i++)
                entry->of[i] = list_of(view, i);
        entry->n_entries = SIZE_MAX;
        entry->n_pages = n_pages_of(view);
        entry->pages = alloc_array(entry->n_pages, sizeof(json_t *));
        list_prepend(&context->cached_pages, &entry->node);
        context->n_cached_pages++;
        return entry;
}

static const struct catalog_rule builtin_rule = {.server = "mgw", .prefix = ""};

/* The parts of all upstream sessions, ours first; *builtinp is to be released after use. */
static size_t parts_of(const struct view *view, struct catalog_part *parts, json_t **builtinp)
{
        const struct context *context = session_context(view->session);
        size_t n = 0;

        *builtinp = view->list == LIST_TOOLS && context->config->has_builtin_tools ? builtin_tools()
                                                                                   : NULL;
        if (*builtinp != NULL)
                parts[n++] = (struct catalog_part){&builtin_rule, *builtinp,
                                                   (unsigned)context->n_upstreams};
        for (size_t i = 0; i < context->n_upstreams; i++)
                if (list_of(view, i) != NULL)
                        parts[n++] = (struct catalog_part){&context->upstreams[i]->rule,
                                                           list_of(view, i)->entries, (unsigned)i};
        return n;
}

/* As the client's revision has it. NULL: out of memory. */
static json_t *page_bridge_take(const struct session *s, enum list_kind list, json_t *page)
{
        json_t *answer = page != NULL ? json_pack("{s:o}", "result", page) : NULL;
        json_t *bridged = NULL;

        if (s->client.kind == UPSTREAM_CLIENT_STANDING ||
            bridge_finish_session(s->client.revision, fetch_method(list), answer, false) == 0)
                bridged = json_incref(json_object_get(answer, "result"));
        json_decref(answer);
        return bridged;
}

/* NULL: no such cursor, or out of memory. */
static json_t *page_make(const struct view *view, const char *cursor, size_t *n_entriesp,
                         char **collisionp)
{
        const struct context *context = session_context(view->session);
        struct catalog_part *parts = alloc_array(context->n_upstreams + 1, sizeof(*parts));
        const char *collision = NULL, *key = fetch_key(view->list);
        json_t *builtin = NULL, *all, *page;
        struct access_filter filter;

        all = catalog_merge(parts, parts_of(view, parts, &builtin), key,
                            access_filter_init(&filter, context, view->identity, view->list),
                            &collision);
        if (collision != NULL)
                *collisionp = strdup(collision);
        if (all != NULL)
                *n_entriesp = json_array_size(all);
        page = page_bridge_take(view->session, view->list,
                                catalog_page(all, key, cursor, PAGE_MAX));
        json_decref(all);
        json_decref(builtin);
        free(parts);
        return page;
}

/* The same page, its entries a text. NULL: there is no memory to keep it. */
static json_t *page_keep(struct cached_page *entry, json_t *page)
{
        const char *key = fetch_key(entry->list);
        json_t *kept = NULL;
        struct str text;

        if (rpc_dump(json_object_get(page, key), &text) < 0)
                return NULL;
        if (ledger_hold_set(&entry->hold, entry->hold.bytes + PAGE_BYTES + text.n) == 0) {
                kept = json_copy(page);
                if (json_object_set_new(kept, key, json_raw(text)) < 0) {
                        json_decref(kept);
                        kept = NULL;
                }
        }
        free((void *)text.p);
        return kept;
}

/* Who has made a cursor up has no page made for it. false: it is none of ours. */
static bool page_no(const char *cursor, size_t *nop)
{
        uint64_t from = 0;

        if (cursor != NULL && (str_to_u64(str_from(cursor), &from) != 0 || from == 0))
                return false;
        *nop = (size_t)(from / PAGE_MAX);
        return from % PAGE_MAX == 0;
}

static bool may_be_there(const struct cached_page *entry, size_t no)
{
        return no < entry->n_pages && (no == 0 || no * PAGE_MAX < entry->n_entries);
}

json_t *page_cache_page(const struct session *session, struct identity *identity,
                        enum list_kind list, const char *cursor, char **collisionp)
{
        const struct view view = {session, identity, list};
        struct cached_page *entry;
        json_t *page;
        size_t no;

        *collisionp = NULL;
        if (!page_no(cursor, &no))
                return NULL;
        entry = page_cache_of(&view);
        if (!may_be_there(entry, no))
                return NULL;
        if (entry->pages[no] != NULL)
                return json_copy(entry->pages[no]);
        page = page_make(&view, cursor, &entry->n_entries, collisionp);
        if (page == NULL)
                return NULL;
        entry->pages[no] = page_keep(entry, page);
        if (entry->pages[no] == NULL)
                return page;
        json_decref(page);
        return json_copy(entry->pages[no]);
}

/* What was made of that list goes. */
static void page_cache_forget(struct context *context, const struct upstream_list *list)
{
        struct list *next;

        for (struct list *it = context->cached_pages.next; it != &context->cached_pages;
             it = next) {
                struct cached_page *entry = container_of(it, struct cached_page, node);
                bool is_made_of = false;

                next = it->next;
                for (size_t i = 0; i < context->n_upstreams; i++)
                        is_made_of |= entry->of[i] == list;
                if (is_made_of)
                        page_cache_entry_destroy(context, entry);
        }
}

void page_cache_context_init(struct context *context)
{
        list_init(&context->cached_pages);
        context->on_list_end = page_cache_forget;
}

void page_cache_forget_all(struct context *context)
{
        struct list *it;

        while ((it = list_first(&context->cached_pages)) != NULL)
                page_cache_entry_destroy(context, container_of(it, struct cached_page, node));
}

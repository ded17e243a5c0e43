/* Pages are gathered until there is no cursor, or a bound is met: entries, pages, bytes, a cursor
 * that comes again. Entries are mended as they come, and each counts once. */
#include "mgw/upstream/fetch.h"

#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/mcp/mirror.h"
#include "mgw/mcp/shape.h"
#include "mgw/upstream/account.h"
#include "mgw/wire/rpc_number.h"
#include "upstream_inside.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* Of one upstream's list; more is left out. */
#define PAGES_MAX 200
#define ENTRIES_MAX 20000
/* Entries of one list whose faults are told. */
#define FAULTS_MAX 16
/* Templates are tried one by one. */
#define TEMPLATES_MAX 1000

static const struct {
        const char *method, *key, *capability;
        const char *entry_key; /* what entries are asked for by; NULL: they match */
} lists[LIST_N_KINDS] = {
        [LIST_TOOLS] = {"tools/list", "tools", "tools", "name"},
        [LIST_PROMPTS] = {"prompts/list", "prompts", "prompts", "name"},
        [LIST_RESOURCES] = {"resources/list", "resources", "resources", "uri"},
        [LIST_TEMPLATES] = {"resources/templates/list", "resourceTemplates", "resources", NULL},
};

const char *fetch_method(enum list_kind list)
{
        return lists[list].method;
}

const char *fetch_key(enum list_kind list)
{
        return lists[list].key;
}

const char *fetch_capability(enum list_kind list)
{
        return lists[list].capability;
}

static void fetch_send(struct fetch *f, json_t *cursor)
{
        json_t *params = cursor != NULL ? json_pack("{s:O}", "cursor", cursor) : json_object();

        upstream_request_send_take(&f->request, f->from, lists[f->list].method, params);
}

static void fetch_forget(struct fetch *f)
{
        json_decref(f->entries);
        json_decref(f->mark);
        json_decref(f->seen);
        json_decref(f->faults);
        ledger_hold_set_past(&f->hold, 0);
        f->entries = f->mark = f->seen = f->faults = NULL;
        f->from = NULL;
}

/* Names that belong to another server's prefix are left out of lists, and not to be called: said
 * once for each list that is new. Walks ENTRIES_MAX at most, and for each the rival prefixes of the
 * configuration. */
static void fetch_tell_rivals(const struct fetch *f)
{
        const struct catalog_rule *rule = &f->from->upstream->rule;
        const char *first = NULL, *whose = NULL;
        unsigned n = 0;
        json_t *entry;
        size_t i;

        if (rule->rivals == NULL || rule->rivals[0] == NULL)
                return;
        json_array_foreach (f->entries, i, entry) {
                const char *name = json_string_value(json_object_get(entry, "name"));
                char *shown = NULL;

                if (name == NULL || asprintf(&shown, "%s%s", rule->prefix, name) < 0)
                        continue;
                if (catalog_rival(rule, shown) != NULL && n++ == 0) {
                        first = name;
                        whose = catalog_rival(rule, shown);
                }
                free(shown);
        }
        if (n > 0 && upstream_may_log(f->from->upstream))
                log_warn(NULL,
                         "[catalog] %s: %s: %u names begin with the prefix of another server and "
                         "are left out, the first is %.128s (%s)",
                         upstream_name(f->from->upstream), lists[f->list].method, n, first, whose);
}

/* Told once for each list that is new. Walks ENTRIES_MAX at most. */
static void fetch_tell_names(const struct fetch *f)
{
        const struct catalog_rule *rule = &f->from->upstream->rule;
        char *first = NULL;
        unsigned n = 0;
        json_t *entry;
        size_t i;

        json_array_foreach (f->entries, i, entry) {
                const char *name = json_string_value(json_object_get(entry, "name"));
                char *shown = name != NULL ? catalog_shown_name(rule, name) : NULL;

                if (shown != NULL && !catalog_fits_all(shown) && n++ == 0)
                        first = strdup(shown);
                free(shown);
        }
        if (n > 0 && upstream_may_log(f->from->upstream))
                log_warn(NULL,
                         "[catalog] %s: %s: %u names are over 60 bytes or have other than letters, "
                         "digits, '_' and '-', which some clients drop: the first is %.128s "
                         "(\"names\": \"safe\")",
                         upstream_name(f->from->upstream), lists[f->list].method, n,
                         first != NULL ? first : "?");
        free(first);
}

/* What is wrong is told once for each list that is new. */
static void fetch_note_take(struct fetch *f, json_t *fault)
{
        if (f->faults == NULL)
                f->faults = json_array();
        if (json_array_size(f->faults) < FAULTS_MAX)
                json_array_append(f->faults, fault);
        json_decref(fault);
}

static void fetch_note_fault(struct fetch *f, const json_t *entry, const char *what,
                             const char *why)
{
        const char *key = lists[f->list].entry_key;
        const char *name = rpc_text(entry, key != NULL ? key : "uriTemplate");

        fetch_note_take(f,
                        json_sprintf("%.128s%s: %s", name != NULL ? name : "an entry", what, why));
}

static void fetch_tell_faults(const struct fetch *f)
{
        json_t *fault;
        size_t i;

        json_array_foreach (f->faults, i, fault)
                if (upstream_may_log(f->from->upstream))
                        log_warn(NULL, "[catalog] %s: %s: %s", upstream_name(f->from->upstream),
                                 lists[f->list].method, json_string_value(fault));
}

/* A schema is compiled but once for each list that is new. Walks ENTRIES_MAX at most. */
static void fetch_check_outputs(struct fetch *f)
{
        json_t *entry;
        char why[400];
        size_t i;

        json_array_foreach (f->entries, i, entry)
                if (shape_drop_unsound_output(entry, why, sizeof(why)))
                        fetch_note_fault(f, entry, ": its outputSchema is left out", why);
}

/* Under the name that was made to fit, too. */
static void index_made(json_t *index, const struct catalog_rule *rule, const char *name,
                       json_t *entry)
{
        char *shown = catalog_shown_name(rule, name);

        if (shown != NULL && catalog_is_made(shown))
                json_object_set_nocheck(index, shown, entry);
        free(shown);
}

/* As clients see its URI, too. */
static void index_shown(json_t *index, const char *uri, json_t *entry)
{
        char *shown = catalog_shown_uri(uri);

        if (shown != NULL && json_object_get(index, shown) == NULL)
                json_object_set_nocheck(index, shown, entry);
        free(shown);
}

/* NULL: of templates, which match; or there is no memory for it. Walks the list once, ENTRIES_MAX
 * at most. */
static json_t *make_index(const struct catalog_rule *rule, enum list_kind list,
                          const json_t *entries)
{
        bool is_named = rule->is_safe && (list == LIST_TOOLS || list == LIST_PROMPTS);
        const char *key = lists[list].entry_key;
        json_t *index = key != NULL ? json_object() : NULL, *entry;
        size_t i;

        json_array_foreach (entries, i, entry) {
                const char *name = json_string_value(json_object_get(entry, key));

                if (index == NULL || name == NULL || json_object_get(index, name) != NULL)
                        continue;
                if (json_object_set_nocheck(index, name, entry) < 0) {
                        json_decref(index);
                        return NULL;
                }
                if (is_named)
                        index_made(index, rule, name, entry);
                else if (list == LIST_RESOURCES)
                        index_shown(index, name, entry);
        }
        return index;
}

/* Sessions with the same list share it: borrowed. */
static struct upstream_list *fetch_share(struct fetch *f)
{
        struct upstream *u = f->from->upstream;
        struct upstream_list **recent = &u->recent[f->from->is_stateless].lists[f->list], *new;

        if (json_equal(upstream_list_entries(*recent), f->entries))
                return *recent;
        if (f->list == LIST_TOOLS)
                fetch_check_outputs(f);
        if (json_equal(upstream_list_entries(*recent), f->entries))
                return *recent;
        new = upstream_list_create_take(u->context, json_incref(f->entries),
                                        make_index(&u->rule, f->list, f->entries), &f->hold);
        upstream_list_let_go(*recent);
        *recent = new;
        fetch_tell_faults(f);
        if (f->list == LIST_TOOLS || f->list == LIST_PROMPTS) {
                fetch_tell_rivals(f);
                fetch_tell_names(f);
        }
        return new;
}

/* A dead upstream costs its own entries only. */
static void fetch_on_fail(struct upstream_request *request, const char *why)
{
        struct fetch *f = container_of(request, struct fetch, request);

        (void)why;
        f->from->is_missing = true;
        fetch_forget(f);
        f->on_done(f, false);
}

static void fetch_done(struct fetch *f)
{
        struct upstream_session *us = f->from;
        struct upstream_list *shared = fetch_share(f);

        account_speaks(us->account, ACCOUNT_LIST + f->list);
        upstream_list_hold(shared);
        upstream_list_let_go(us->lists[f->list].of);
        us->lists[f->list].of = shared;
        us->lists[f->list].at_ms = loop_now_ms(us->upstream->context->loop);
        us->lists[f->list].ttl_ms = f->ttl_ms;
        us->lists[f->list].as_of = f->as_of;
        fetch_forget(f);
        f->on_done(f, true);
}

/* What it had before, if anything, stays; it is asked again the next time. */
static void fetch_refused(struct fetch *f, const json_t *error)
{
        const char *message = json_string_value(json_object_get(error, "message"));

        if (upstream_may_log(f->from->upstream))
                log_warn(NULL, "[upstream] %s: %s was answered with an error: %.200s",
                         upstream_name(f->from->upstream), lists[f->list].method, message);
        fetch_on_fail(&f->request, message);
}

/* Servers without sessions may ask for arguments in HTTP headers, by rules (Streamable HTTP,
 * "Custom Headers from Tool Parameters"). */
static bool fetch_takes(const struct fetch *f, const json_t *entry)
{
        const struct upstream_session *us = f->from;
        const char *name = json_string_value(json_object_get(entry, "name"));
        char why[200];

        if (f->list != LIST_TOOLS || !us->is_stateless || !us->transport->has_headers ||
            mirror_check_tool(entry, why, sizeof(why)) == 0)
                return true;
        if (upstream_may_log(us->upstream))
                log_warn(NULL, "[upstream] %s: the tool %.128s is left out: %s",
                         upstream_name(us->upstream), name != NULL ? name : "?", why);
        return false;
}

/* Its place in the index, with its name there: as it is, as clients see it (up to three times as
 * long), and while it is looked for a second of that name. */
#define ENTRY_AROUND_BYTES 112
#define NAMES_OF_ENTRY 5

/* False: the list ends before it. It is cut at list_max_bytes; where there is no memory now, it is
 * given up as a whole, to be asked for again. */
static bool fetch_pays(struct fetch *f, const json_t *entry)
{
        const json_t *name = json_object_get(entry, lists[f->list].entry_key);

        f->n_bytes += rpc_cost(entry);
        f->n_around_bytes += ENTRY_AROUND_BYTES + NAMES_OF_ENTRY * json_string_length(name);
        f->is_full = f->n_bytes > f->from->upstream->context->config->list_max_bytes;
        f->is_refused =
                !f->is_full && ledger_hold_set(&f->hold, f->n_bytes + f->n_around_bytes) != 0;
        if ((f->is_full || f->is_refused) && upstream_may_log(f->from->upstream))
                log_warn(NULL, "[upstream] %s: %s: %s", upstream_name(f->from->upstream),
                         lists[f->list].method,
                         f->is_full ? "the rest of it is left out (list_max_bytes)"
                                    : "there is no memory for it (memory_max_bytes): what it was "
                                      "before stays, and it is asked for again");
        return !f->is_full && !f->is_refused;
}

static size_t entries_max(const struct fetch *f)
{
        return f->list == LIST_TEMPLATES ? TEMPLATES_MAX : ENTRIES_MAX;
}

/* Clients, and models behind them, know an entry by its name alone. */
static bool fetch_is_second(struct fetch *f, const json_t *entry)
{
        const char *key = lists[f->list].entry_key;
        const char *id = rpc_text(entry, key != NULL ? key : "uriTemplate");

        if (json_object_get(f->seen, id) != NULL)
                return true;
        json_object_set_new_nocheck(f->seen, id, json_true());
        return false;
}

static bool fetch_mends(struct fetch *f, json_t *entry)
{
        char why[160];

        if (!shape_mend_entry(lists[f->list].key, entry, why, sizeof(why))) {
                fetch_note_fault(f, entry, " is left out", why);
                return false;
        }
        if (why[0] != '\0')
                fetch_note_fault(f, entry, ": left out of it", why);
        if (!fetch_takes(f, entry))
                return false;
        if (!fetch_is_second(f, entry))
                return true;
        fetch_note_fault(f, entry, " is left out", "one of that name stands before it");
        return false;
}

/* Walks one page, to the most that a list may have. */
static void fetch_add(struct fetch *f, const json_t *page)
{
        size_t max = entries_max(f);
        json_t *entry;
        size_t i;

        json_array_foreach ((json_t *)page, i, entry) {
                if (json_array_size(f->entries) == max) {
                        if (upstream_may_log(f->from->upstream))
                                log_warn(NULL,
                                         "[upstream] %s: %s: more than %zu entries are left out",
                                         upstream_name(f->from->upstream), lists[f->list].method,
                                         max);
                        return;
                }
                if (!fetch_mends(f, entry))
                        continue;
                if (!fetch_pays(f, entry))
                        return;
                json_array_append(f->entries, entry);
        }
}

/* What is no list may be its only entry, or is none. */
static void fetch_add_page(struct fetch *f, json_t *page)
{
        json_t *one = json_is_array(page) ? json_incref(page) : json_pack("[O*]", page);

        if (!json_is_null(page) && (!json_is_object(page) || json_object_size(page) > 0))
                fetch_add(f, one);
        json_decref(one);
}

/* Where the list goes on: any text or number, which is given back as it came. NULL: it ends. */
static json_t *fetch_next_cursor(struct fetch *f, json_t *result)
{
        json_t *cursor = json_object_get(result, "nextCursor");

        if (!rpc_is_string(cursor) && !rpc_is_number(cursor))
                return NULL;
        if (json_equal(cursor, f->mark)) {
                fetch_note_take(f, json_string("its cursors go round"));
                return NULL;
        }
        f->n_pages++;
        if ((f->n_pages & (f->n_pages - 1)) == 0) { /* Brent: finds a circle of any length */
                json_decref(f->mark);
                f->mark = json_incref(cursor);
        }
        return f->n_pages < PAGES_MAX && json_array_size(f->entries) < entries_max(f) && !f->is_full
                       ? cursor
                       : NULL;
}

static void fetch_note_ttl(struct fetch *f, const json_t *ttl)
{
        int64_t max_ms = f->from->upstream->context->config->catalog_age_ms;
        double theirs = rpc_number_value(ttl);
        int64_t ms = theirs >= (double)max_ms ? max_ms : theirs > 0 ? (int64_t)theirs : 0;

        if (ttl != NULL && (f->ttl_ms < 0 || ms < f->ttl_ms))
                f->ttl_ms = ms;
}

static void fetch_on_answer_take(struct upstream_request *request, json_t *answer)
{
        struct fetch *f = container_of(request, struct fetch, request);
        json_t *result = json_object_get(answer, "result"), *cursor;
        const json_t *error = json_object_get(answer, "error");

        fetch_add_page(f, json_object_get(result, lists[f->list].key));
        fetch_note_ttl(f, json_object_get(result, "ttlMs"));
        if (error != NULL &&
            json_integer_value(json_object_get(error, "code")) != RPC_METHOD_NOT_FOUND)
                fetch_refused(f, error);
        else if (f->is_refused)
                fetch_on_fail(request, "no memory");
        else if ((cursor = fetch_next_cursor(f, result)) != NULL)
                fetch_send(f, cursor);
        else
                fetch_done(f);
        json_decref(answer);
}

static const struct upstream_request_events fetch_events = {
        .on_answer_take = fetch_on_answer_take,
        .on_fail = fetch_on_fail,
};

int64_t fetch_fresh_ms(const struct upstream_session *us, enum list_kind list)
{
        const struct context *context = us->upstream->context;
        int64_t max_ms = context->config->catalog_age_ms, ttl_ms = us->lists[list].ttl_ms, left_ms;

        if (ttl_ms >= 0 && ttl_ms < max_ms)
                max_ms = ttl_ms;
        left_ms = us->lists[list].at_ms + max_ms - loop_now_ms(context->loop);
        if (us->lists[list].of == NULL || us->lists[list].as_of != us->n_changes)
                return 0;
        return left_ms > 0 ? left_ms : 0;
}

void fetch_start(struct fetch *f, struct upstream_session *us, enum list_kind list)
{
        assert(f->from == NULL); /* it is not on its way */
        f->from = us;
        f->list = list;
        f->entries = json_array();
        f->mark = NULL;
        f->seen = json_object();
        f->faults = NULL;
        f->ttl_ms = -1;
        f->n_pages = 0;
        f->n_bytes = f->n_around_bytes = 0;
        f->is_full = f->is_refused = false;
        ledger_hold_init(&f->hold, &us->upstream->memory, LEDGER_LIST);
        f->as_of = us->n_changes;
        f->request = (struct upstream_request){
                .events = &fetch_events,
                .may_repeat = true,
        };
        fetch_send(f, NULL);
}

void fetch_drop(struct fetch *f, const char *why)
{
        if (f->from == NULL)
                return;
        upstream_request_drop(&f->request, why);
        fetch_forget(f);
}

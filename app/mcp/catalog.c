/* Names and URIs, there and back. What clients see of a name follows from the rule and the
 * upstream's own name alone: it is the same at any time, in any session, on all nodes. Only where
 * two upstreams have the same URI do the lists decide. */
#include "mgw/mcp/catalog.h"

#include "mgw/base/alloc.h"
#include "mgw/wire/uri.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool matches_one(char *const *patterns, const char *name)
{
        for (; *patterns != NULL; patterns++)
                if (fnmatch(*patterns, name, 0) == 0)
                        return true;
        return false;
}

static bool is_shown(const struct catalog_rule *rule, const char *theirs)
{
        return (rule->include == NULL || matches_one(rule->include, theirs)) &&
               (rule->exclude == NULL || !matches_one(rule->exclude, theirs));
}

static const char *given_name(const struct catalog_rule *rule, const char *theirs)
{
        return json_string_value(json_object_get(json_object_get(rule->tools, theirs), "name"));
}

/* What leaves room for a client's own name of the gateway. */
#define SAFE_MAX 50
/* "_" and digits. */
#define HASH_BYTES 9
#define FITTING_MAX 60

static bool is_of_safe(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-';
}

static bool fits(const char *shown, size_t max)
{
        size_t n = 0;

        while (n <= max && shown[n] != '\0' && is_of_safe(shown[n]))
                n++;
        return n <= max && shown[n] == '\0';
}

bool catalog_fits_all(const char *shown)
{
        return fits(shown, FITTING_MAX);
}

bool catalog_is_made(const char *shown)
{
        size_t n = strlen(shown);

        return n >= HASH_BYTES && n <= SAFE_MAX && shown[n - HASH_BYTES] == '_' &&
               strspn(shown + n - HASH_BYTES + 1, "0123456789abcdef") == HASH_BYTES - 1;
}

/* A name that could be taken for a made one is made too. */
static bool is_as_it_was(const char *shown)
{
        return fits(shown, SAFE_MAX) && !catalog_is_made(shown);
}

/* FNV-1a. */
static uint32_t hash_of(const char *text)
{
        uint32_t hash = 0x811c9dc5;

        for (; *text != '\0'; text++)
                hash = (hash ^ (unsigned char)*text) * 0x01000193;
        return hash;
}

static char *safe_name_take(char *shown)
{
        size_t n = strlen(shown);
        char *safe;

        if (is_as_it_was(shown))
                return shown;
        n = n < SAFE_MAX - HASH_BYTES ? n : SAFE_MAX - HASH_BYTES;
        safe = alloc_format("%.*s_%08x", (int)n, shown, (unsigned)hash_of(shown));
        for (char *c = safe; *c != '\0'; c++)
                if (!is_of_safe(*c))
                        *c = '_';
        free(shown);
        return safe;
}

const char *catalog_rival(const struct catalog_rule *rule, const char *shown)
{
        for (const char **it = rule->rivals; it != NULL && *it != NULL; it++)
                if (strncmp(shown, *it, strlen(*it)) == 0)
                        return *it;
        return NULL;
}

char *catalog_shown_name(const struct catalog_rule *rule, const char *theirs)
{
        const char *given = given_name(rule, theirs);
        char *shown;

        if (!is_shown(rule, theirs))
                return NULL;
        if (given != NULL)
                return strdup(given);
        if (asprintf(&shown, "%s%s", rule->prefix, theirs) < 0)
                return NULL;
        if (rule->is_safe && catalog_rival(rule, shown) == NULL)
                shown = safe_name_take(shown);
        if (catalog_rival(rule, shown) == NULL)
                return shown;
        free(shown);
        return NULL;
}

const char *catalog_their_name(const struct catalog_rule *rule, const char *shown)
{
        size_t n = strlen(rule->prefix);
        const char *theirs, *given;
        json_t *entry;

        json_object_foreach ((json_t *)rule->tools, theirs, entry) {
                given = given_name(rule, theirs);
                if (given != NULL && strcmp(given, shown) == 0)
                        return is_shown(rule, theirs) ? theirs : NULL;
        }
        if (strncmp(shown, rule->prefix, n) != 0 || shown[n] == '\0' ||
            catalog_rival(rule, shown) != NULL || (rule->is_safe && !is_as_it_was(shown)))
                return NULL;
        theirs = shown + n;
        return is_shown(rule, theirs) && given_name(rule, theirs) == NULL ? theirs : NULL;
}

char *catalog_shown_uri(const char *uri)
{
        struct buf out;
        char *shown = NULL;

        buf_init(&out, UINT32_MAX);
        if (uri_mend(&out, str_from(uri)) == 0)
                shown = strndup(buf_bytes(&out).p, buf_bytes(&out).n);
        buf_finish(&out);
        return shown;
}

/* Clients tell by these what a resource is for. */
static size_t kept_scheme(const char *uri)
{
        static const char *const kept[] = {"ui://", "skill://"};

        for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
                if (strncasecmp(uri, kept[i], strlen(kept[i])) == 0)
                        return strlen(kept[i]);
        return 0;
}

char *catalog_server_uri(const struct catalog_rule *rule, const char *uri)
{
        size_t n = kept_scheme(uri);
        char *shown;
        int r = n > 0 ? asprintf(&shown, "%.*s%s/%s", (int)n, uri, rule->server, uri + n)
                      : asprintf(&shown, "%s+%s", rule->server, uri);

        return r < 0 ? NULL : shown;
}

char *catalog_kept_uri(const struct catalog_rule *rule, const char *shown)
{
        size_t n = kept_scheme(shown), n_server = strlen(rule->server);
        char *uri;

        if (n == 0 || strncmp(shown + n, rule->server, n_server) != 0 ||
            shown[n + n_server] != '/' ||
            asprintf(&uri, "%.*s%s", (int)n, shown, shown + n + n_server + 1) < 0)
                return NULL;
        return uri;
}

const char *catalog_uri_of_server(const struct catalog_rule *rule, const char *shown)
{
        size_t n = strlen(rule->server);

        return strncmp(shown, rule->server, n) == 0 && shown[n] == '+' ? shown + n + 1 : NULL;
}

/* Does a scheme stand before end, letter by letter (RFC 3986 3.1)? A template without one would
 * take everybody's resources. */
static bool has_scheme(const char *text, const char *end)
{
        size_t n =
                strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");

        return n > 0 && text + n < end && text[n] == ':';
}

bool catalog_template_fits(const char *uri_template, const char *uri)
{
        const char *open = strchr(uri_template, '{'), *close = strrchr(uri_template, '}');
        size_t n = strlen(uri), n_head, n_tail;

        if (open == NULL || close == NULL)
                return strcmp(uri_template, uri) == 0;
        if (!has_scheme(uri_template, open))
                return false;
        n_head = (size_t)(open - uri_template);
        n_tail = strlen(close + 1);
        return n >= n_head + n_tail && strncmp(uri_template, uri, n_head) == 0 &&
               strcmp(uri + n - n_tail, close + 1) == 0;
}

/* What an entry is known by in its list. */
static const char *id_key(const char *list_key)
{
        if (strcmp(list_key, "resources") == 0)
                return "uri";
        return strcmp(list_key, "resourceTemplates") == 0 ? "uriTemplate" : "name";
}

#define SHARED (-1)

/* What the entries are known by -> the number of the one part that has it, or SHARED. */
static json_t *find_owners(const struct catalog_part *parts, size_t n, const char *key)
{
        json_t *owners = json_object();

        for (size_t i = 0; i < n; i++) {
                json_t *entry;
                size_t at;

                json_array_foreach ((json_t *)parts[i].entries, at, entry) {
                        const char *id = json_string_value(json_object_get(entry, key));
                        json_t *owner = id != NULL ? json_object_get(owners, id) : NULL;

                        if (owner != NULL && json_integer_value(owner) != (json_int_t)i)
                                json_integer_set(owner, SHARED);
                        else if (owner == NULL && id != NULL)
                                json_object_set_new(owners, id, json_integer((json_int_t)i));
                }
        }
        return owners;
}

/* owners: NULL for names, which have their prefix. */
static char *shown_id(const json_t *owners, const struct catalog_rule *rule, const char *key,
                      const char *theirs)
{
        char *of_server, *shown;

        if (owners == NULL)
                return catalog_shown_name(rule, theirs);
        of_server = json_integer_value(json_object_get(owners, theirs)) == SHARED
                            ? catalog_server_uri(rule, theirs)
                            : strdup(theirs);
        if (of_server == NULL || strcmp(key, "uri") != 0)
                return of_server;
        shown = catalog_shown_uri(of_server);
        free(of_server);
        return shown;
}

/* The entry as clients see it: a shallow copy, its other members untouched. */
static json_t *shown_entry(const struct catalog_rule *rule, json_t *entry, const char *key,
                           const char *theirs, const char *shown)
{
        const json_t *given = json_object_get(rule->tools, theirs);
        json_t *description = json_object_get(given, "description");
        json_t *copy = json_copy(entry);

        if (copy != NULL)
                json_object_set_new(copy, key, json_string(shown));
        if (copy != NULL && description != NULL)
                json_object_set(copy, "description", description);
        return copy;
}

/* Walks each entry of each part once, or twice where owners are looked for. */
json_t *catalog_merge(const struct catalog_part *parts, size_t n, const char *list_key,
                      const struct catalog_filter *filter, const char **collisionp)
{
        const char *key = id_key(list_key);
        json_t *all = json_array(), *seen = json_object();
        json_t *owners = strcmp(key, "name") != 0 ? find_owners(parts, n, key) : NULL;

        *collisionp = NULL;
        for (size_t i = 0; i < n; i++) {
                json_t *entry;
                size_t at;

                json_array_foreach ((json_t *)parts[i].entries, at, entry) {
                        const char *theirs = json_string_value(json_object_get(entry, key));
                        char *shown = theirs != NULL ? shown_id(owners, parts[i].rule, key, theirs)
                                                     : NULL;
                        json_t *copy;

                        if (shown == NULL)
                                continue;
                        copy = json_object_get(seen, shown);
                        if (copy != NULL) {
                                *collisionp = json_string_value(json_object_get(copy, key));
                        } else if (filter != NULL &&
                                   !filter->shows(filter, parts[i].server, shown, theirs, entry)) {
                                json_object_set_new(seen, shown, json_null());
                        } else {
                                copy = shown_entry(parts[i].rule, entry, key, theirs, shown);
                                json_object_set(seen, shown, copy);
                                json_array_append_new(all, copy);
                        }
                        free(shown);
                }
        }
        json_decref(owners);
        json_decref(seen);
        return all;
}

json_t *catalog_page(const json_t *all, const char *list_key, const char *cursor, size_t page_max)
{
        size_t n = json_array_size(all), end;
        uint64_t from = 0;
        char next[24];
        json_t *page;

        if (cursor != NULL && (str_to_u64(str_from(cursor), &from) != 0 || from == 0 || from >= n))
                return NULL;
        page = json_array();
        end = n - from > page_max ? from + page_max : n;
        for (size_t i = from; i < end; i++)
                json_array_append(page, json_array_get(all, i));
        page = json_pack("{s:o}", list_key, page);
        if (page != NULL && end < n) {
                snprintf(next, sizeof(next), "%zu", end);
                json_object_set_new(page, "nextCursor", json_string(next));
        }
        return page;
}

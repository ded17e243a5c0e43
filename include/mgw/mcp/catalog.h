/* The lists of all upstreams as one: names with their server's prefix, URIs as they are while
 * unique, in a fixed order, page by page. */
#pragma once

#include "mgw/base/str.h"

#include <jansson.h>

/* What the configuration says of one upstream's entries; everything is borrowed. */
struct catalog_rule {
        const char *server;
        const char *prefix;   /* "" = none */
        char *const *include; /* fnmatch(3) patterns of their names; NULL: all */
        char *const *exclude; /* NULL: none */
        const json_t *tools;  /* NULL, or their name -> {"name": ..., "description": ...} */
        /* Longer prefixes of other servers that begin with this one's: names that begin with one
         * of these are theirs alone. At most one a server, ended by NULL; NULL: none. */
        const char **rivals;
        bool is_safe; /* names are made to fit all clients */
};

/* Of 60 bytes at most, all of them letters, digits, '_' and '-'? Some clients drop others without a
 * word (Cursor, whose 60 bytes count its own name for the gateway too). */
bool catalog_fits_all(const char *shown);
/* Does it look like a name that was made to fit? Whose it is only a list tells then. */
bool catalog_is_made(const char *shown);

/* One upstream's part of a list. */
struct catalog_part {
        const struct catalog_rule *rule;
        const json_t *entries; /* as the upstream gave them; NULL: none */
        unsigned server;       /* its number, for the filter */
};

/* Embedded by who wants some entries left out. */
struct catalog_filter {
        /* theirs: the entry's name, URI or template as its server has it. */
        bool (*shows)(const struct catalog_filter *filter, unsigned server, const char *shown,
                      const char *theirs, const json_t *entry);
};

/* The prefix of another server that a name under this one's prefix begins with, which is therefore
 * not this server's to give (but by "name" under its tools); NULL: none. */
const char *catalog_rival(const struct catalog_rule *rule, const char *shown);

/* The name that clients see; the caller frees it. One that is made to fit is the same at any time:
 * what may not stand in it is '_', what is too long is cut, and a hash of the name follows. NULL:
 * they do not see it (or out of memory). */
char *catalog_shown_name(const struct catalog_rule *rule, const char *theirs);
/* The upstream's own name for it, where that can be told from the name that clients see: not of one
 * that was made to fit. Borrowed from either parameter; NULL: none of this upstream's. */
const char *catalog_their_name(const struct catalog_rule *rule, const char *shown);

/* A resource's URI as clients see it: what may not stand there is percent-encoded (uri_mend()). The
 * caller frees it; NULL: out of memory, or no URI. */
char *catalog_shown_uri(const char *uri);
/* `<server>+<uri>`: still a URI (RFC 3986 3.1 allows '+' in a scheme). Of ui:// and skill://, by
 * which clients tell what a resource is for, `ui://<server>/...`. The caller frees it. */
char *catalog_server_uri(const struct catalog_rule *rule, const char *uri);
/* The URI behind this server's name, borrowed from shown; NULL: none. */
const char *catalog_uri_of_server(const struct catalog_rule *rule, const char *shown);
/* The same of `ui://<server>/...`, which may as well be a URI as it stands: what the server lists
 * decides. The caller frees it. */
char *catalog_kept_uri(const struct catalog_rule *rule, const char *shown);
/* Could a template (RFC 6570) give this URI? Compares what stands before its first expression and
 * behind its last. */
bool catalog_template_fits(const char *uri_template, const char *uri);

/* All parts together, in their order. list_key: "tools", "prompts" (names), "resources",
 * "resourceTemplates" (URIs). An entry without name or URI is left out, as is one whose shown name
 * has been given already: the latter are told in *collisionp (the last one, borrowed from the
 * result or NULL). filter: NULL: all are shown; what it leaves out hides others of its name all the
 * same. NULL: out of memory. */
json_t *catalog_merge(const struct catalog_part *parts, size_t n, const char *list_key,
                      const struct catalog_filter *filter, const char **collisionp);
/* The page that begins at the cursor (NULL: the first): a new {list_key: [...], "nextCursor"?}.
 * NULL: no such cursor, or out of memory. */
json_t *catalog_page(const json_t *all, const char *list_key, const char *cursor, size_t page_max);

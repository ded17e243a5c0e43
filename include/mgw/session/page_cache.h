/* The merged lists as clients see them, page by page, kept as texts: who sees the same as another
 * is given the same text, which is merged and printed once. Of the texts of all, those that were
 * asked for last are kept, as long as there is memory for them (LEDGER_LIST). */
#pragma once

#include "mgw/session/session.h"
#include "mgw/upstream/upstream_session.h"

/* The page that begins at cursor (NULL: the first): {KEY: the entries, raw or not, nextCursor}, as
 * clients of the session's era take it, and as far as the identity may see it; a new object. NULL:
 * there is no such cursor, or no memory. *collisionp: what two servers offer, the caller's to free;
 * NULL: nothing, or it has been told. */
json_t *page_cache_page(const struct session *session, struct identity *identity,
                        enum list_kind list, const char *cursor, char **collisionp);
void page_cache_context_init(struct context *context);
/* All of it: there is no memory, or the gateway ends. */
void page_cache_forget_all(struct context *context);

/* The merged lists: asked of all upstreams at once, kept for a while, handed out page by page; and
 * who owns what stands in them. */
#pragma once

#include "mgw/gate/link.h"

struct listing;

/* Answers a METHOD_LIST call when every upstream has answered or has had its time. */
void listing_start(struct call *call);
/* The call is over. NULL is fine. */
void listing_drop(struct listing *listing);

/* Who has the tool ("tools") or prompt ("prompts") that clients know by this name, and its own name
 * there, borrowed. NULL: nobody. */
struct link *listing_owner_of_name(const struct session *session, enum link_list list,
                                   const char *shown, const char **theirsp);
/* The same for a resource. */
struct link *listing_owner_of_uri(const struct session *session, const char *shown,
                                  const char **theirsp);
/* Puts the URI that clients know into the params of a notification of this link. */
void listing_show_uri(const struct link *link, json_t *params);
/* The tool's entry as the upstream gave it, borrowed; NULL: not known. */
const json_t *listing_find_tool(const struct link *link, const char *theirs);
/* Does its entry say that calling it twice does no harm? */
bool listing_tool_may_repeat(const struct link *link, const char *theirs);

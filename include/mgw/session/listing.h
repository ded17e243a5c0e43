/* The merged lists: asked of all upstreams at once, kept for a while, handed out page by page; and
 * who owns what stands in them. */
#pragma once

#include "mgw/auth/policy.h"
#include "mgw/session/call.h"
#include "mgw/upstream/upstream_session.h"

struct listing;

/* Answers a METHOD_LIST call when every upstream has answered or has had its time. */
void listing_start(struct call *call);
/* So long a client may keep the answer to such a call. */
int64_t listing_fresh_ms(const struct call *call);
/* The call is over. NULL is fine. */
void listing_drop(struct listing *listing);

/* The upstream session ends: what is still on its way for nobody is dropped. */
void listing_forget_overdue(struct upstream_session *us);

/* Who has what clients know by a name or URI. */
struct listing_owner {
        struct upstream_session *us; /* NULL: nobody, as far as is known */
        const char *theirs;          /* its name or URI there, borrowed */
        enum list_kind list;         /* LIST_RESOURCES: or a template's */
        const char *shown;           /* borrowed */
        bool is_certain; /* false: a guess, since no list shows it and several may have it, or what
                            is listed decides whether it may be had */
        bool is_listed;  /* a list shows it */
        bool is_denied;  /* us is NULL for that: to its caller it is not there */
        struct policy_verdict verdict; /* of an owner that there is: POLICY_DENIED never */
};

/* For the call's identity: what is denied to it is nobody's. list: LIST_TOOLS or LIST_PROMPTS. */
struct listing_owner listing_owner_of_name(const struct call *call, enum list_kind list,
                                           const char *shown);
struct listing_owner listing_owner_of_uri(const struct call *call, const char *shown);
/* Asks those who may be the owner for what is not known of their lists, once a call; then on_done,
 * also from within, which is to look again. False: nothing is to be learned, the owner is what it
 * is. */
bool listing_learn(struct call *call, const struct listing_owner *owner,
                   void (*on_done)(struct call *call));
/* Puts the URI that clients know into the params of a notification of this upstream session. */
void listing_show_uri(const struct upstream_session *us, json_t *params);
/* Does its entry say that calling it twice does no harm? */
bool listing_tool_may_repeat(const struct upstream_session *us, const char *theirs);

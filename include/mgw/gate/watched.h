/* What an upstream can be asked to tell the changes of, one by one: resources and tasks. Requests
 * for it go down to the link, which subscribes where there are sessions, and listens where there
 * are none. Those for tasks are ours alone: only servers without sessions have such tasks. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct link;

struct watched {
        const char *subscribe; /* methods of the requests */
        const char *unsubscribe;
        const char *key;  /* what names it in their params, and in those of the notification */
        const char *list; /* where it stands in a filter of subscriptions/listen */
};

extern const struct watched watched_resources, watched_tasks;

/* What the request asks to tell of or not to, borrowed, and of which kind that is. NULL: it is
 * another request. */
const char *watched_name(const json_t *request, const struct watched **kindp, bool *subscribesp);
/* What the link watches, as keys; NULL: nothing so far. */
json_t *watched_by(const struct link *link, const struct watched *kind);
/* 0, -ENOMEM. */
int watched_add(struct link *link, const struct watched *kind, const char *name);
void watched_remove(struct link *link, const struct watched *kind, const char *name);

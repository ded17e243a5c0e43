/* What an upstream can be asked to tell the changes of, one by one: resources and tasks. Requests
 * for it go down to the upstream session, which subscribes where there are sessions, and listens
 * where there are none. Those for tasks are ours alone: only servers without sessions have such
 * tasks. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct upstream_session;

struct subscription_kind {
        const char *subscribe; /* methods of the requests */
        const char *unsubscribe;
        const char *key;  /* what names it in their params, and in those of the notification */
        const char *list; /* where it stands in a filter of subscriptions/listen */
};

extern const struct subscription_kind subscription_kind_resources, subscription_kind_tasks;

/* What the request asks to tell of or not to, borrowed, and of which kind that is. NULL: it is
 * another request. */
const char *subscription_kind_name(const json_t *request, const struct subscription_kind **kindp,
                                   bool *subscribesp);
/* What the upstream session watches, as keys; NULL: nothing so far. */
json_t *subscription_kind_by(const struct upstream_session *us,
                             const struct subscription_kind *kind);
/* 0, -ENOMEM. */
int subscription_kind_add(struct upstream_session *us, const struct subscription_kind *kind,
                          const char *name);
void subscription_kind_remove(struct upstream_session *us, const struct subscription_kind *kind,
                              const char *name);

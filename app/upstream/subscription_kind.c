/* Two kinds, one table; what an upstream session watches is two objects of JSON. */
#include "mgw/upstream/subscription_kind.h"

#include "mgw/upstream/upstream_session.h"

#include <errno.h>
#include <string.h>

const struct subscription_kind subscription_kind_resources = {
        "resources/subscribe", "resources/unsubscribe", "uri", "resourceSubscriptions"};
const struct subscription_kind subscription_kind_tasks = {"tasks/subscribe", "tasks/unsubscribe",
                                                          "taskId", "taskIds"};

const char *subscription_kind_name(const json_t *request, const struct subscription_kind **kindp,
                                   bool *subscribesp)
{
        const char *method = json_string_value(json_object_get(request, "method"));
        const struct subscription_kind *const kinds[] = {&subscription_kind_resources,
                                                         &subscription_kind_tasks};

        for (size_t i = 0; method != NULL && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                *kindp = kinds[i];
                *subscribesp = strcmp(method, kinds[i]->subscribe) == 0;
                if (*subscribesp || strcmp(method, kinds[i]->unsubscribe) == 0)
                        return json_string_value(
                                json_object_get(json_object_get(request, "params"), kinds[i]->key));
        }
        return NULL;
}

json_t *subscription_kind_by(const struct upstream_session *us,
                             const struct subscription_kind *kind)
{
        return kind == &subscription_kind_tasks ? us->tasks : us->subscribed;
}

/* What one takes beside its name. */
#define NAME_AROUND_BYTES 150

static size_t cost(const char *name)
{
        return strlen(name) + NAME_AROUND_BYTES;
}

int subscription_kind_add(struct upstream_session *us, const struct subscription_kind *kind,
                          const char *name)
{
        json_t **names = kind == &subscription_kind_tasks ? &us->tasks : &us->subscribed;

        if (*names == NULL)
                *names = json_object();
        if (json_object_get(*names, name) != NULL)
                return 0;
        if (ledger_hold_set(&us->watched, us->watched.bytes + cost(name)) != 0)
                return -ENOMEM;
        return json_object_set_new(*names, name, json_true()) < 0 ? -ENOMEM : 0;
}

void subscription_kind_remove(struct upstream_session *us, const struct subscription_kind *kind,
                              const char *name)
{
        size_t n = cost(name);

        if (json_object_del(subscription_kind_by(us, kind), name) == 0)
                ledger_hold_set_past(&us->watched,
                                     us->watched.bytes > n ? us->watched.bytes - n : 0);
}

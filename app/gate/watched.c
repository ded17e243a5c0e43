#include "mgw/gate/watched.h"

#include "mgw/gate/link.h"

#include <errno.h>
#include <string.h>

const struct watched watched_resources = {"resources/subscribe", "resources/unsubscribe", "uri",
                                          "resourceSubscriptions"};
const struct watched watched_tasks = {"tasks/subscribe", "tasks/unsubscribe", "taskId", "taskIds"};

const char *watched_name(const json_t *request, const struct watched **kindp, bool *subscribesp)
{
        const char *method = json_string_value(json_object_get(request, "method"));
        const struct watched *const kinds[] = {&watched_resources, &watched_tasks};

        for (size_t i = 0; method != NULL && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                *kindp = kinds[i];
                *subscribesp = strcmp(method, kinds[i]->subscribe) == 0;
                if (*subscribesp || strcmp(method, kinds[i]->unsubscribe) == 0)
                        return json_string_value(
                                json_object_get(json_object_get(request, "params"), kinds[i]->key));
        }
        return NULL;
}

json_t *watched_by(const struct link *link, const struct watched *kind)
{
        return kind == &watched_tasks ? link->tasks : link->subscribed;
}

int watched_add(struct link *link, const struct watched *kind, const char *name)
{
        json_t **names = kind == &watched_tasks ? &link->tasks : &link->subscribed;

        if (*names == NULL)
                *names = json_object();
        return json_object_set_new(*names, name, json_true()) < 0 ? -ENOMEM : 0;
}

void watched_remove(struct link *link, const struct watched *kind, const char *name)
{
        json_object_del(watched_by(link, kind), name);
}

/* subscriptions/listen: filters, and the tags of what comes. */
#include "bridge_inside.h"

#include <string.h>

/* Which flag of a filter asks for which notification, and which capability promises it. */
static const struct {
        const char *flag;
        const char *method;
        const char *capability;
} changes[] = {
        {"toolsListChanged", "notifications/tools/list_changed", "tools"},
        {"promptsListChanged", "notifications/prompts/list_changed", "prompts"},
        {"resourcesListChanged", "notifications/resources/list_changed", "resources"},
};

#define N_CHANGES (sizeof(changes) / sizeof(changes[0]))

/* Which list of a filter asks for which notification, by which member of its params; taskIds are
 * of the extension io.modelcontextprotocol/tasks. */
static const struct {
        const char *list;
        const char *method;
        const char *key;
} watches[] = {
        {"resourceSubscriptions", "notifications/resources/updated", "uri"},
        {"taskIds", "notifications/tasks", "taskId"},
};

#define N_WATCHES (sizeof(watches) / sizeof(watches[0]))

static bool is_strings(const json_t *array)
{
        const json_t *each;
        size_t i;

        if (!json_is_array(array))
                return false;
        json_array_foreach (array, i, each)
                if (!json_is_string(each))
                        return false;
        return true;
}

int bridge_check_listen(const json_t *params, const char **whyp)
{
        const json_t *filter = json_object_get(params, "notifications");
        const json_t *member;

        if (!json_is_object(filter)) {
                *whyp = "params.notifications must be an object that says what to listen for";
                return BRIDGE_E_INVALID;
        }
        for (size_t i = 0; i < N_CHANGES; i++) {
                member = json_object_get(filter, changes[i].flag);
                if (member != NULL && !json_is_boolean(member)) {
                        *whyp = "params.notifications: toolsListChanged, promptsListChanged and "
                                "resourcesListChanged must be true or false";
                        return BRIDGE_E_INVALID;
                }
        }
        for (size_t i = 0; i < N_WATCHES; i++) {
                member = json_object_get(filter, watches[i].list);
                if (member != NULL && !is_strings(member)) {
                        *whyp = "params.notifications: resourceSubscriptions and taskIds must be "
                                "arrays of strings";
                        return BRIDGE_E_INVALID;
                }
        }
        return 0;
}

json_t *bridge_filter_index(const json_t *filter)
{
        json_t *indexed = json_copy((json_t *)filter), *each;
        size_t i;

        for (size_t w = 0; w < N_WATCHES; w++) {
                const json_t *names = json_object_get(filter, watches[w].list);
                json_t *set = json_is_array(names) ? json_object() : NULL;

                json_array_foreach (names, i, each)
                        json_object_setn_new(set, json_string_value(each), json_string_length(each),
                                             json_true());
                if (set != NULL)
                        json_object_set_new(indexed, watches[w].list, set);
        }
        return indexed;
}

static bool contains(const json_t *set, const json_t *name)
{
        return json_is_string(name) &&
               json_object_getn(set, json_string_value(name), json_string_length(name)) != NULL;
}

bool bridge_filter_takes(const json_t *filter, const json_t *msg)
{
        const char *method = json_string_value(json_object_get(msg, "method"));
        const json_t *params = json_object_get(msg, "params");

        for (size_t i = 0; i < N_CHANGES && method != NULL; i++)
                if (strcmp(method, changes[i].method) == 0)
                        return json_is_true(json_object_get(filter, changes[i].flag));
        for (size_t i = 0; i < N_WATCHES && method != NULL; i++)
                if (strcmp(method, watches[i].method) == 0)
                        return contains(json_object_get(filter, watches[i].list),
                                        json_object_get(params, watches[i].key));
        return false;
}

json_t *bridge_filter_of_changes(const json_t *asked)
{
        json_t *filter = json_object();

        for (size_t i = 0; i < N_CHANGES; i++)
                if (json_is_true(json_object_get(asked, changes[i].flag)))
                        json_object_set_new(filter, changes[i].flag, json_true());
        return filter;
}

json_t *bridge_filter_for_upstream(const json_t *capabilities, json_t *uris, json_t *tasks)
{
        const json_t *resources = json_object_get(capabilities, "resources");
        json_t *filter = json_object();

        for (size_t i = 0; i < N_CHANGES; i++)
                if (json_is_true(json_object_get(
                            json_object_get(capabilities, changes[i].capability), "listChanged")))
                        json_object_set_new(filter, changes[i].flag, json_true());
        if (json_array_size(uris) > 0 && json_is_true(json_object_get(resources, "subscribe")))
                json_object_set(filter, "resourceSubscriptions", uris);
        if (json_array_size(tasks) > 0 && bridge_has_tasks(capabilities))
                json_object_set(filter, "taskIds", tasks);
        return filter;
}

json_t *bridge_tag(const json_t *params)
{
        return json_object_get(json_object_get(params, "_meta"), BRIDGE_KEY("subscriptionId"));
}

json_t *bridge_tag_notification(const json_t *msg, json_t *id)
{
        json_t *copy = json_copy((json_t *)msg);
        json_t *params = bridge_copy(json_object_get(msg, "params"));
        json_t *meta = bridge_copy(json_object_get(params, "_meta"));

        json_object_set(meta, BRIDGE_KEY("subscriptionId"), id);
        json_object_set_new(params, "_meta", meta);
        if (json_object_set_new(copy, "params", params) == 0)
                return copy;
        json_decref(copy);
        return NULL;
}

json_t *bridge_untag_notification(const json_t *msg)
{
        json_t *copy = json_copy((json_t *)msg);
        json_t *params = json_object_get(msg, "params");

        if (copy == NULL || params == NULL)
                return copy;
        params = json_copy(params);
        bridge_drop_meta(params, BRIDGE_KEY("subscriptionId"));
        if (json_object_set_new(copy, "params", params) == 0)
                return copy;
        json_decref(copy);
        return NULL;
}

json_t *bridge_listen_result(json_t *id)
{
        return json_pack("{s:s, s:{s:O}}", "resultType", "complete", "_meta",
                         BRIDGE_KEY("subscriptionId"), id);
}

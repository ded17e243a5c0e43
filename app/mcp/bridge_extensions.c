/* What is declared beyond the core: "extensions" by their identifiers, "experimental" by any name.
 */
#include "bridge_inside.h"

#include <errno.h>
#include <string.h>

static const char tasks[] = BRIDGE_KEY("tasks");

/* How a client proves to a server who it is. Clients prove it to us, and we to the upstream. */
static const char *const authorization[] = {BRIDGE_KEY("oauth-client-credentials"),
                                            BRIDGE_KEY("enterprise-managed-authorization")};

#define N_AUTHORIZATION (sizeof(authorization) / sizeof(authorization[0]))

static bool is_authorization(const char *extension)
{
        for (size_t i = 0; i < N_AUTHORIZATION; i++)
                if (strcmp(extension, authorization[i]) == 0)
                        return true;
        return false;
}

static int add_declared(json_t *capabilities, const char *kind, const char *name, json_t *settings)
{
        json_t *declared = json_object_get(capabilities, kind);

        if (declared == NULL) {
                declared = json_object();
                if (json_object_set_new(capabilities, kind, declared) < 0)
                        return -ENOMEM;
        }
        if (json_object_get(declared, name) == NULL)
                return json_object_set_new(declared, name, json_copy(settings)) < 0 ? -ENOMEM : 0;
        return json_object_update_missing(json_object_get(declared, name), settings) < 0 ? -ENOMEM
                                                                                         : 0;
}

int bridge_add_extensions(json_t *capabilities, const json_t *theirs, bool is_stateless)
{
        static const char *const kinds[] = {"extensions", "experimental"};
        const char *name;
        json_t *settings;
        int r = 0;

        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
                json_object_foreach (json_object_get(theirs, kinds[i]), name, settings)
                        if (r == 0 && json_is_object(settings) && !is_authorization(name) &&
                            (is_stateless || strcmp(name, tasks) != 0))
                                r = add_declared(capabilities, kinds[i], name, settings);
        return r;
}

json_t *bridge_capabilities_along(json_t *capabilities)
{
        json_t *extensions = json_object_get(capabilities, "extensions");
        bool has_any = false;

        for (size_t i = 0; i < N_AUTHORIZATION; i++)
                has_any = has_any || json_object_get(extensions, authorization[i]) != NULL;
        if (!has_any)
                return json_incref(capabilities);
        extensions = json_copy(extensions);
        for (size_t i = 0; i < N_AUTHORIZATION; i++)
                json_object_del(extensions, authorization[i]);
        capabilities = json_copy(capabilities);
        if (json_object_set_new(capabilities, "extensions", extensions) == 0)
                return capabilities;
        json_decref(capabilities);
        return NULL;
}

bool bridge_has_tasks(const json_t *capabilities)
{
        return json_object_get(json_object_get(capabilities, "extensions"), tasks) != NULL;
}

json_t *bridge_tasks_capability(void)
{
        return json_pack("{s:{s:{}}}", "extensions", tasks);
}

bool bridge_is_task(const json_t *result)
{
        const char *type = json_string_value(json_object_get(result, "resultType"));

        return type != NULL && strcmp(type, "task") == 0;
}

/* What stands in _meta: who a request comes from, and what its client can do. */
#include "bridge_inside.h"

#include "mgw/mcp/method.h"

#include <errno.h>

json_t *bridge_copy(const json_t *object)
{
        return json_is_object(object) ? json_copy((json_t *)object) : json_object();
}

void bridge_drop_meta(json_t *object, const char *key)
{
        json_t *meta = json_object_get(object, "_meta");

        if (json_object_get(meta, key) == NULL)
                return;
        meta = json_copy(meta);
        json_object_del(meta, key);
        if (json_object_size(meta) > 0)
                json_object_set(object, "_meta", meta);
        else
                json_object_del(object, "_meta");
        json_decref(meta);
}

static json_t *meta_get(const json_t *params, const char *key)
{
        return json_object_get(json_object_get(params, "_meta"), key);
}

json_t *bridge_client_info(const json_t *params)
{
        return meta_get(params, BRIDGE_KEY("clientInfo"));
}

json_t *bridge_client_capabilities(const json_t *params)
{
        return meta_get(params, BRIDGE_KEY("clientCapabilities"));
}

int bridge_log_level(const json_t *params)
{
        return method_log_level(json_string_value(meta_get(params, BRIDGE_KEY("logLevel"))));
}

bool bridge_is_implementation(const json_t *info)
{
        return json_is_string(json_object_get(info, "name")) &&
               json_is_string(json_object_get(info, "version"));
}

static bool capabilities_are_sound(const json_t *capabilities)
{
        static const char *const known[] = {"elicitation", "experimental", "extensions", "roots",
                                            "sampling"};

        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
                const json_t *capability = json_object_get(capabilities, known[i]);

                if (capability != NULL && !json_is_object(capability))
                        return false;
        }
        return json_is_object(capabilities);
}

int bridge_check_meta(const json_t *params, const char **whyp)
{
        const json_t *info = bridge_client_info(params);
        const char *why = NULL;

        if (!json_is_object(json_object_get(params, "_meta")))
                why = "params._meta must be an object: every request carries its protocol version "
                      "and the client's capabilities there";
        else if (!json_is_string(meta_get(params, BRIDGE_KEY("protocolVersion"))))
                why = "params._meta: \"" BRIDGE_KEY("protocolVersion") "\" must be a string";
        else if (!capabilities_are_sound(bridge_client_capabilities(params)))
                why = "params._meta: \"" BRIDGE_KEY("clientCapabilities") "\" must be an object of "
                                                                          "objects";
        else if (info != NULL && !bridge_is_implementation(info))
                why = "params._meta: \"" BRIDGE_KEY("clientInfo") "\" must have a name and a "
                                                                  "version, both strings";
        else if (meta_get(params, BRIDGE_KEY("logLevel")) != NULL && bridge_log_level(params) < 0)
                why = "params._meta: \"" BRIDGE_KEY("logLevel") "\" must be a level of RFC 5424";
        if (why != NULL)
                *whyp = why;
        return why == NULL ? 0 : BRIDGE_E_INVALID;
}

static int set_optional(json_t *object, const char *key, json_t *value)
{
        if (value == NULL) {
                json_object_del(object, key);
                return 0;
        }
        return json_object_set(object, key, value);
}

int bridge_set_meta(json_t *params, era_revision revision, const json_t *client_info,
                    const json_t *capabilities, int log_level)
{
        json_t *meta = bridge_copy(json_object_get(params, "_meta"));
        json_t *level = log_level < 0 ? NULL : json_string(method_log_level_name(log_level));
        int r = json_object_set_new(meta, BRIDGE_KEY("protocolVersion"),
                                    json_string(era_revision_name(revision)));

        r |= json_object_set_new(meta, BRIDGE_KEY("clientCapabilities"), bridge_copy(capabilities));
        r |= set_optional(meta, BRIDGE_KEY("clientInfo"), (json_t *)client_info);
        r |= set_optional(meta, BRIDGE_KEY("logLevel"), level);
        r |= json_object_set(params, "_meta", meta);
        json_decref(level);
        json_decref(meta);
        return r < 0 ? -ENOMEM : 0;
}

json_t *bridge_capabilities_across(const json_t *capabilities)
{
        static const char *const own[] = {"tasks", "extensions", "experimental"};
        json_t *copy = bridge_copy(capabilities);

        for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
                json_object_del(copy, own[i]);
        return copy;
}

json_t *bridge_strip(const json_t *params)
{
        static const char *const keys[] = {BRIDGE_KEY("protocolVersion"), BRIDGE_KEY("clientInfo"),
                                           BRIDGE_KEY("clientCapabilities"),
                                           BRIDGE_KEY("logLevel")};
        json_t *copy = bridge_copy(params);

        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
                bridge_drop_meta(copy, keys[i]);
        json_object_del(copy, "inputResponses");
        json_object_del(copy, "requestState");
        return copy;
}

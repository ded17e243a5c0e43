#include "mgw/mcp/envelope.h"

#include "mgw/wire/rpc.h"

#include <string.h>

#define PREFIX "io.modelcontextprotocol/"

static const char key_version[] = PREFIX "protocolVersion";
static const char key_client[] = PREFIX "clientInfo";
static const char key_capabilities[] = PREFIX "clientCapabilities";
static const char key_level[] = PREFIX "logLevel";
static const char key_server[] = PREFIX "serverInfo";
static const char key_subscription[] = PREFIX "subscriptionId";

json_t *envelope_hello(const json_t *discovered, const char *version)
{
        json_t *hello =
                json_pack("{s:s, s:O*, s:O*, s:O*}", "protocolVersion", version, "capabilities",
                          json_object_get(discovered, "capabilities"), "instructions",
                          json_object_get(discovered, "instructions"), "serverInfo",
                          json_object_get(json_object_get(discovered, "_meta"), key_server));

        if (hello != NULL && !json_is_object(json_object_get(hello, "capabilities")))
                json_object_set_new(hello, "capabilities", json_object());
        return hello;
}

/* Extensions are between two of the same era. An elicitation that names no mode is one by forms. */
static json_t *bridged_capabilities(const json_t *declared)
{
        const json_t *elicitation = json_object_get(declared, "elicitation");
        json_t *all = json_pack("{s:O*}", "sampling", json_object_get(declared, "sampling"));

        if (json_object_get(declared, "roots") != NULL)
                json_object_set_new(all, "roots", json_object());
        if (json_is_object(elicitation))
                json_object_set_new(all, "elicitation",
                                    json_object_size(elicitation) > 0
                                            ? json_copy((json_t *)elicitation)
                                            : json_pack("{s:{}}", "form"));
        return all;
}

/* A copy with a _meta of its own, which is borrowed out. */
static json_t *copy_with_meta(const json_t *params, json_t **metap)
{
        json_t *copy = params != NULL ? json_copy((json_t *)params) : json_object();
        json_t *meta = json_copy(json_object_get(params, "_meta"));

        if (!json_is_object(meta)) {
                json_decref(meta);
                meta = json_object();
        }
        *metap = meta;
        if (json_object_set_new(copy, "_meta", meta) == 0)
                return copy;
        json_decref(copy);
        return NULL;
}

json_t *envelope_wrap(const json_t *params, const char *version, const json_t *init_params,
                      const char *log_level)
{
        json_t *meta, *wrapped = copy_with_meta(params, &meta), *value;
        const char *key;
        void *next;

        if (wrapped == NULL)
                return NULL;
        json_object_foreach_safe(meta, next, key, value) if (strncmp(key, PREFIX, strlen(PREFIX)) ==
                                                             0) json_object_del(meta, key);
        json_object_set_new(meta, key_version, json_string(version));
        json_object_set(meta, key_client, json_object_get(init_params, "clientInfo"));
        json_object_set_new(meta, key_capabilities,
                            bridged_capabilities(json_object_get(init_params, "capabilities")));
        if (log_level != NULL)
                json_object_set_new(meta, key_level, json_string(log_level));
        return wrapped;
}

json_t *envelope_wrap_own(const json_t *params, const char *version)
{
        json_t *meta, *wrapped = copy_with_meta(params, &meta);

        if (wrapped != NULL)
                json_object_set_new(meta, key_version, json_string(version));
        return wrapped;
}

enum envelope_type envelope_type_of(const json_t *result)
{
        const json_t *type = json_object_get(result, "resultType");
        const char *name = json_string_value(type);

        if (type == NULL || (name != NULL && strcmp(name, "complete") == 0))
                return ENVELOPE_COMPLETE;
        return name != NULL && strcmp(name, "input_required") == 0 ? ENVELOPE_INPUT_REQUIRED
                                                                   : ENVELOPE_UNKNOWN;
}

static json_t *unwrap_result(const json_t *result)
{
        static const char *const unknown[] = {"resultType", "ttlMs", "cacheScope"};
        json_t *copy = json_copy((json_t *)result);
        json_t *meta = json_copy(json_object_get(result, "_meta"));

        for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
                json_object_del(copy, unknown[i]);
        json_object_del(meta, key_server);
        if (json_object_size(meta) > 0)
                json_object_set(copy, "_meta", meta);
        else
                json_object_del(copy, "_meta");
        json_decref(meta);
        return copy;
}

static json_t *unwrap_error(const char *method, const json_t *error)
{
        json_t *copy = json_copy((json_t *)error);

        if (strcmp(method, "resources/read") == 0 &&
            json_integer_value(json_object_get(error, "code")) == RPC_INVALID_PARAMS)
                json_object_set_new(copy, "code", json_integer(RPC_RESOURCE_NOT_FOUND));
        return copy;
}

json_t *envelope_unwrap(const char *method, const json_t *answer)
{
        const json_t *result = json_object_get(answer, "result");
        const json_t *error = json_object_get(answer, "error");
        json_t *copy = json_copy((json_t *)answer);

        if (result != NULL)
                json_object_set_new(copy, "result", unwrap_result(result));
        if (error != NULL)
                json_object_set_new(copy, "error", unwrap_error(method, error));
        return copy;
}

bool envelope_is_stateless_error(json_int_t code)
{
        return code == RPC_HEADER_MISMATCH || code == RPC_MISSING_CAPABILITY ||
               code == RPC_UNSUPPORTED_VERSION;
}

bool envelope_may_ask(const json_t *init_params, const json_t *request)
{
        const json_t *can = json_object_get(init_params, "capabilities");
        const char *method = json_string_value(json_object_get(request, "method"));
        const char *mode =
                json_string_value(json_object_get(json_object_get(request, "params"), "mode"));
        const json_t *elicitation = json_object_get(can, "elicitation");

        if (method == NULL)
                return false;
        if (strcmp(method, "sampling/createMessage") == 0)
                return json_object_get(can, "sampling") != NULL;
        if (strcmp(method, "roots/list") == 0)
                return json_object_get(can, "roots") != NULL;
        if (strcmp(method, "elicitation/create") != 0)
                return false;
        if (mode != NULL && strcmp(mode, "url") == 0)
                return json_object_get(elicitation, "url") != NULL;
        return elicitation != NULL &&
               (json_object_size(elicitation) == 0 || json_object_get(elicitation, "form") != NULL);
}

bool envelope_has_subscriptions(const json_t *hello)
{
        return json_is_true(json_object_get(
                json_object_get(json_object_get(hello, "capabilities"), "resources"), "subscribe"));
}

json_t *envelope_filter(const json_t *hello, json_t *uris)
{
        static const char *const lists[][2] = {
                {"tools", "toolsListChanged"},
                {"prompts", "promptsListChanged"},
                {"resources", "resourcesListChanged"},
        };
        const json_t *capabilities = json_object_get(hello, "capabilities");
        json_t *filter = json_object(), *all = json_array(), *value;
        const char *uri;

        for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
                if (json_is_true(json_object_get(json_object_get(capabilities, lists[i][0]),
                                                 "listChanged")))
                        json_object_set_new(filter, lists[i][1], json_true());
        json_object_foreach (uris, uri, value)
                json_array_append_new(all, json_string(uri));
        if (json_array_size(all) > 0 && envelope_has_subscriptions(hello))
                json_object_set(filter, "resourceSubscriptions", all);
        json_decref(all);
        return filter;
}

json_t *envelope_take_tag(json_t *params)
{
        json_t *meta = json_object_get(params, "_meta");
        json_t *tag = json_incref(json_object_get(meta, key_subscription));

        json_object_del(meta, key_subscription);
        if (tag != NULL && json_object_size(meta) == 0)
                json_object_del(params, "_meta");
        return tag;
}

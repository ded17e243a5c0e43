/* Answers: those of upstreams for stateless clients, and for clients with a session. */
#include "bridge_inside.h"

#include "mgw/mcp/method.h"
#include "mgw/wire/rpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Reserved by the stateless era for its own errors; an upstream with a session may give them any
 * meaning. */
#define RESERVED_FIRST (-32099)
#define RESERVED_LAST (-32020)
#define COMPLETIONS_MAX 100

/* ---- answers to stateless clients ---- */

static bool is_cacheable(const struct method *method)
{
        return method->class == METHOD_LIST || method->class == METHOD_DISCOVER ||
               (method->class == METHOD_BY_URI && method->is_stateless);
}

const char *bridge_lacking_members(const char *method)
{
        return is_cacheable(method_find(method))
                       ? "\"resultType\":\"complete\",\"ttlMs\":0,\"cacheScope\":\"private\","
                       : "\"resultType\":\"complete\",";
}

/* 100 values at most: elsewhere only the prose says so. */
static void cap_completion(json_t *result)
{
        json_t *completion = json_object_get(result, "completion");
        json_t *values = json_object_get(completion, "values");

        if (json_array_size(values) <= COMPLETIONS_MAX)
                return;
        completion = json_copy(completion);
        values = json_copy(values);
        while (json_array_size(values) > COMPLETIONS_MAX)
                json_array_remove(values, json_array_size(values) - 1);
        json_object_set_new(completion, "values", values);
        json_object_set_new(completion, "hasMore", json_true());
        json_object_set_new(result, "completion", completion);
}

/* What a client may see depends on who it is: never for others. */
static void set_cache(json_t *result, int64_t ttl_ms)
{
        const json_t *theirs = json_object_get(result, "ttlMs");

        if (!json_is_integer(theirs) || json_integer_value(theirs) < 0)
                json_object_set_new(result, "ttlMs", json_integer(ttl_ms));
        json_object_set_new(result, "cacheScope", json_string("private"));
}

static int finish_result(const struct method *method, json_t *answer, const json_t *server_info,
                         int64_t ttl_ms)
{
        json_t *result = bridge_copy(json_object_get(answer, "result"));

        if (json_object_set_new(answer, "result", result) < 0)
                return -ENOMEM;
        if (!json_is_string(json_object_get(result, "resultType")))
                json_object_set_new(result, "resultType", json_string("complete"));
        if (is_cacheable(method) && !bridge_is_input_required(result))
                set_cache(result, ttl_ms);
        if (method->class == METHOD_COMPLETE)
                cap_completion(result);
        if (server_info != NULL) {
                json_t *meta = bridge_copy(json_object_get(result, "_meta"));

                json_object_set(meta, BRIDGE_KEY("serverInfo"), (json_t *)server_info);
                return json_object_set_new(result, "_meta", meta) < 0 ? -ENOMEM : 0;
        }
        return 0;
}

/* The URLs of data.elicitations as input requests, under their elicitationIds. NULL: there are
 * none. */
static json_t *urls_to_visit(const json_t *error)
{
        json_t *requests = json_object();
        const json_t *each;
        size_t i;

        json_array_foreach (json_object_get(json_object_get(error, "data"), "elicitations"), i,
                            each) {
                const char *id = json_string_value(json_object_get(each, "elicitationId"));
                json_t *request = json_pack("{s:s, s:{s:s, s:O, s:O}}", "method",
                                            "elicitation/create", "params", "mode", "url",
                                            "message", json_object_get(each, "message"), "url",
                                            json_object_get(each, "url"));

                if (id != NULL && request != NULL)
                        json_object_set(requests, id, request);
                json_decref(request);
        }
        if (json_object_size(requests) > 0)
                return requests;
        json_decref(requests);
        return NULL;
}

static json_t *first_value(json_t *object)
{
        return json_object_iter_value(json_object_iter(object));
}

/* The error of 2025-11-25 is an InputRequiredResult, to which the client comes back. */
static int finish_urls(const struct method *method, const json_t *params, json_t *answer)
{
        json_t *requests = urls_to_visit(json_object_get(answer, "error"));
        json_t *error = NULL;

        if (requests == NULL || !method->may_ask) {
                error = json_pack("{s:i, s:s}", "code", RPC_INTERNAL_ERROR, "message",
                                  "the server wants the user to visit URLs, which cannot be told "
                                  "in this answer");
        } else if (!bridge_client_can(params, first_value(requests))) {
                error = json_pack("{s:i, s:s, s:{s:o}}", "code", RPC_MISSING_CAPABILITY, "message",
                                  "the server wants the user to visit URLs, and the client has not "
                                  "declared that it can ask for that",
                                  "data", "requiredCapabilities",
                                  bridge_required_capabilities(first_value(requests)));
        } else {
                json_object_del(answer, "error");
                return json_object_set_new(answer, "result",
                                           json_pack("{s:s, s:o}", "resultType", "input_required",
                                                     "inputRequests", requests)) < 0
                               ? -ENOMEM
                               : 0;
        }
        json_decref(requests);
        return json_object_set_new(answer, "error", error) < 0 ? -ENOMEM : 0;
}

static int set_code(json_t *answer, int code)
{
        json_t *error = bridge_copy(json_object_get(answer, "error"));

        json_object_set_new(error, "code", json_integer(code));
        return json_object_set_new(answer, "error", error) < 0 ? -ENOMEM : 0;
}

static int finish_error(const struct method *method, const json_t *params, json_t *answer)
{
        json_int_t code =
                json_integer_value(json_object_get(json_object_get(answer, "error"), "code"));

        if (code == RPC_URL_ELICITATION_REQUIRED)
                return finish_urls(method, params, answer);
        if (code == RPC_RESOURCE_NOT_FOUND)
                return set_code(answer, RPC_INVALID_PARAMS);
        if (code >= RESERVED_FIRST && code < RPC_UNSUPPORTED_VERSION)
                return set_code(answer, RPC_INTERNAL_ERROR);
        return 0;
}

int bridge_finish(const char *method, const json_t *params, json_t *answer,
                  const json_t *server_info, int64_t ttl_ms)
{
        const struct method *m = method_find(method);
        int r = json_object_get(answer, "error") != NULL ? finish_error(m, params, answer) : 0;

        if (r == 0 && json_object_get(answer, "result") != NULL)
                r = finish_result(m, answer, server_info, ttl_ms);
        return r;
}

/* ---- answers to session clients ---- */

bool bridge_is_stateless_error(const json_t *error)
{
        json_int_t code = json_integer_value(json_object_get(error, "code"));

        return code == RPC_HEADER_MISMATCH || code == RPC_MISSING_CAPABILITY ||
               code == RPC_UNSUPPORTED_VERSION;
}

/* The older schemas know objects alone. What it says is in the content as well, or comes there. */
static void drop_structured_value(json_t *result)
{
        json_t *value = json_object_get(result, "structuredContent");
        struct str text;

        if (value == NULL || json_is_object(value))
                return;
        if (json_array_size(json_object_get(result, "content")) == 0 &&
            rpc_dump(value, &text) == 0) {
                json_object_set_new(
                        result, "content",
                        json_pack("[{s:s, s:s%}]", "type", "text", "text", text.p, text.n));
                free((void *)text.p);
        }
        json_object_del(result, "structuredContent");
}

/* Sets what was made of a member; the same is left alone. */
static int set_changed(json_t *result, const char *key, json_t *changed)
{
        if (changed == NULL)
                return -ENOMEM;
        return json_object_set_new(result, key, changed) < 0 ? -ENOMEM : 0;
}

static int convert_result(era_revision client, const char *method, json_t *result)
{
        json_t *messages = json_object_get(result, "messages");
        json_t *tools = json_object_get(result, "tools");
        json_t *content;

        if (strcmp(method, "prompts/get") == 0 && json_is_array(messages))
                return set_changed(result, "messages",
                                   bridge_messages_for_session(client, messages));
        if (strcmp(method, "tools/list") == 0 && json_is_array(tools))
                return set_changed(result, "tools", bridge_tools_for_session(tools));
        if (strcmp(method, "tools/call") != 0)
                return 0;
        drop_structured_value(result);
        content = json_object_get(result, "content");
        if (!json_is_array(content))
                return 0;
        return set_changed(result, "content", bridge_contents_for_session(client, content));
}

int bridge_finish_session(era_revision client, const char *method, json_t *answer,
                          bool is_stateless)
{
        const json_t *error = json_object_get(answer, "error");
        json_t *result = json_object_get(answer, "result");

        if (is_stateless && strcmp(method, "resources/read") == 0 &&
            json_integer_value(json_object_get(error, "code")) == RPC_INVALID_PARAMS)
                return set_code(answer, RPC_RESOURCE_NOT_FOUND);
        if (!json_is_object(result))
                return 0;
        result = json_copy(result);
        if (json_object_set_new(answer, "result", result) < 0)
                return -ENOMEM;
        json_object_del(result, "resultType");
        json_object_del(result, "ttlMs");
        json_object_del(result, "cacheScope");
        if (is_stateless)
                bridge_drop_meta(result, BRIDGE_KEY("serverInfo"));
        return convert_result(client, method, result);
}

json_t *bridge_init_result_of_discover(const json_t *discover, era_revision revision)
{
        json_t *info =
                json_object_get(json_object_get(discover, "_meta"), BRIDGE_KEY("serverInfo"));
        json_t *instructions = json_object_get(discover, "instructions");
        json_t *hello;

        hello = json_pack("{s:s, s:O*, s:o}", "protocolVersion", era_revision_name(revision),
                          "capabilities", json_object_get(discover, "capabilities"), "serverInfo",
                          bridge_is_implementation(info)
                                  ? json_incref(info)
                                  : json_pack("{s:s, s:s}", "name", "unknown", "version", "0"));
        if (hello != NULL && json_is_string(instructions))
                json_object_set(hello, "instructions", instructions);
        return hello;
}

/* What servers ask clients for: elicitation, sampling, roots. */
#include "bridge_inside.h"

#include "mgw/wire/rpc.h"

#include <errno.h>
#include <string.h>

enum asked { ASKED_OTHER, ASKED_FORM, ASKED_URL, ASKED_SAMPLING, ASKED_ROOTS };

static const char *text_of(const json_t *object, const char *key)
{
        const char *text = json_string_value(json_object_get(object, key));

        return text != NULL ? text : "";
}

static enum asked what_is_asked(const json_t *request)
{
        const char *method = text_of(request, "method");
        const char *mode = text_of(json_object_get(request, "params"), "mode");

        if (strcmp(method, "elicitation/create") == 0)
                return strcmp(mode, "url") == 0 ? ASKED_URL : ASKED_FORM;
        if (strcmp(method, "sampling/createMessage") == 0)
                return ASKED_SAMPLING;
        return strcmp(method, "roots/list") == 0 ? ASKED_ROOTS : ASKED_OTHER;
}

/* ---- capabilities ---- */

static bool wants_tools(const json_t *request)
{
        return json_object_get(json_object_get(request, "params"), "tools") != NULL;
}

bool bridge_can_ask(const json_t *capabilities, const json_t *request)
{
        const json_t *elicitation = json_object_get(capabilities, "elicitation");
        const json_t *sampling = json_object_get(capabilities, "sampling");

        switch (what_is_asked(request)) {
        case ASKED_FORM: /* who names no mode means forms, as before there were URLs */
                return json_object_get(elicitation, "form") != NULL ||
                       (json_is_object(elicitation) && json_object_get(elicitation, "url") == NULL);
        case ASKED_URL:
                return json_object_get(elicitation, "url") != NULL;
        case ASKED_SAMPLING:
                return sampling != NULL &&
                       (!wants_tools(request) || json_object_get(sampling, "tools") != NULL);
        case ASKED_ROOTS:
                return json_object_get(capabilities, "roots") != NULL;
        default:
                return false;
        }
}

bool bridge_client_can(const json_t *params, const json_t *request)
{
        return bridge_can_ask(bridge_client_capabilities(params), request);
}

json_t *bridge_required_capabilities(const json_t *request)
{
        switch (what_is_asked(request)) {
        case ASKED_FORM:
                return json_pack("{s:{s:{}}}", "elicitation", "form");
        case ASKED_URL:
                return json_pack("{s:{s:{}}}", "elicitation", "url");
        case ASKED_SAMPLING:
                return wants_tools(request) ? json_pack("{s:{s:{}}}", "sampling", "tools")
                                            : json_pack("{s:{}}", "sampling");
        case ASKED_ROOTS:
                return json_pack("{s:{}}", "roots");
        default:
                return json_object();
        }
}

/* ---- requests ---- */

json_t *bridge_input_request(const json_t *request)
{
        json_t *input = json_pack("{s:O}", "method", json_object_get(request, "method"));
        json_t *params = json_object_get(request, "params");

        if (input == NULL || params == NULL)
                return input;
        params = bridge_copy(params);
        bridge_drop_meta(params, "progressToken");
        json_object_del(params, "task"); /* of 2025-11-25's tasks */
        /* Stateless clients learn the outcome by retrying. */
        json_object_del(params, "elicitationId");
        if (json_object_set_new(input, "params", params) == 0)
                return input;
        json_decref(input);
        return NULL;
}

static bool asks_for_several(const json_t *params)
{
        const char *key;
        json_t *property;

        json_object_foreach (
                json_object_get(json_object_get(params, "requestedSchema"), "properties"), key,
                property)
                if (strcmp(text_of(property, "type"), "array") == 0)
                        return true;
        return false;
}

static int elicitation_for_session(era_revision client, const json_t *id, json_t *params,
                                   bool is_url, const char **whyp)
{
        if (!is_url) {
                if (era_has_choices(client) || !asks_for_several(params))
                        return 0;
                *whyp = "the client's protocol version has no lists of choices in elicitation";
                return BRIDGE_E_CANNOT;
        }
        if (!era_has_url_elicitation(client)) {
                *whyp = "the client's protocol version has no elicitation by URL";
                return BRIDGE_E_CANNOT;
        }
        if (json_object_get(params, "elicitationId") != NULL)
                return 0;
        return json_object_set_new(params, "elicitationId",
                                   json_is_string(id) ? json_string(json_string_value(id))
                                                      : json_sprintf("%" JSON_INTEGER_FORMAT,
                                                                     json_integer_value(id))) < 0
                       ? -ENOMEM
                       : 0;
}

static bool block_is_known(era_revision client, const json_t *block)
{
        const char *type = text_of(block, "type");

        return strcmp(type, "text") == 0 || strcmp(type, "image") == 0 ||
               (strcmp(type, "audio") == 0 && era_has_audio(client));
}

/* A message for each block of one that has several. 0, BRIDGE_E_CANNOT. */
static int add_messages(era_revision client, json_t *messages, const json_t *message)
{
        json_t *content = json_object_get(message, "content");
        size_t n = json_is_array(content) ? json_array_size(content) : 1;

        for (size_t i = 0; i < n; i++) {
                json_t *block = json_is_array(content) ? json_array_get(content, i) : content;
                json_t *copy;

                if (!block_is_known(client, block))
                        return BRIDGE_E_CANNOT;
                copy = json_copy((json_t *)message);
                json_object_set(copy, "content", block);
                json_array_append_new(messages, copy);
        }
        return 0;
}

static int sampling_for_session(era_revision client, json_t *params, const char **whyp)
{
        json_t *messages;
        const json_t *message;
        size_t i;
        int r = json_object_get(params, "tools") == NULL ? 0 : BRIDGE_E_CANNOT;

        if (era_has_sampling_blocks(client))
                return 0;
        messages = json_array();
        json_array_foreach (json_object_get(params, "messages"), i, message)
                if (r == 0)
                        r = add_messages(client, messages, message);
        if (r == BRIDGE_E_CANNOT)
                *whyp = "the client's protocol version has no such content in sampling";
        else
                r = json_object_set(params, "messages", messages) < 0 ? -ENOMEM : 0;
        json_decref(messages);
        return r;
}

int bridge_request_for_session(era_revision client, json_t *id, const json_t *input_request,
                               json_t **requestp, const char **whyp)
{
        const json_t *method = json_object_get(input_request, "method");
        json_t *params = json_object_get(input_request, "params");
        enum asked asked = what_is_asked(input_request);
        int r = 0;

        params = params != NULL || asked != ASKED_ROOTS ? bridge_copy(params) : NULL;
        if (asked == ASKED_OTHER) {
                *whyp = "the client cannot be asked for that";
                r = BRIDGE_E_CANNOT;
        } else if (asked == ASKED_FORM || asked == ASKED_URL) {
                r = elicitation_for_session(client, id, params, asked == ASKED_URL, whyp);
        } else if (asked == ASKED_SAMPLING) {
                r = sampling_for_session(client, params, whyp);
        }
        if (r != 0) {
                json_decref(params);
                return r;
        }
        *requestp = rpc_request_take(json_incref(id), json_string_value(method), params);
        return *requestp != NULL ? 0 : -ENOMEM;
}

/* ---- responses ---- */

static bool is_elicit_result(const json_t *result)
{
        const char *action = text_of(result, "action");

        return strcmp(action, "accept") == 0 || strcmp(action, "decline") == 0 ||
               strcmp(action, "cancel") == 0;
}

static bool is_sampling_result(const json_t *result)
{
        const json_t *content = json_object_get(result, "content");

        return json_is_string(json_object_get(result, "model")) &&
               json_is_string(json_object_get(result, "role")) &&
               (json_is_object(content) || json_is_array(content));
}

static bool fits(const json_t *input_request, const json_t *result)
{
        switch (what_is_asked(input_request)) {
        case ASKED_FORM:
        case ASKED_URL:
                return is_elicit_result(result);
        case ASKED_SAMPLING:
                return is_sampling_result(result);
        case ASKED_ROOTS:
                return json_is_array(json_object_get(result, "roots"));
        default:
                return false;
        }
}

json_t *bridge_reply(json_t *id, const json_t *input_request, const json_t *response)
{
        json_t *content = json_object_get(response, "content");
        json_t *result;

        if (!fits(input_request, response))
                return NULL;
        result = json_copy((json_t *)response);
        /* one block alone is what every revision takes */
        if (what_is_asked(input_request) == ASKED_SAMPLING && json_array_size(content) == 1)
                json_object_set(result, "content", json_array_get(content, 0));
        return rpc_result_take(id, result);
}

json_t *bridge_input_response(const json_t *input_request, const json_t *reply)
{
        json_t *result = json_object_get(reply, "result");
        enum asked asked = what_is_asked(input_request);

        if (fits(input_request, result))
                return json_incref(result);
        if (result == NULL && (asked == ASKED_FORM || asked == ASKED_URL))
                return json_pack("{s:s}", "action", "cancel");
        return NULL;
}

static bool is_object_of_objects(const json_t *value)
{
        const json_t *member;
        const char *key;

        json_object_foreach ((json_t *)value, key, member)
                if (!json_is_object(member))
                        return false;
        return json_is_object(value);
}

int bridge_check_input(const json_t *params, const char **whyp)
{
        const json_t *responses = json_object_get(params, "inputResponses");
        const json_t *state = json_object_get(params, "requestState");

        if (responses != NULL && !is_object_of_objects(responses))
                *whyp = "params.inputResponses must be an object of objects";
        else if (state != NULL && !json_is_string(state))
                *whyp = "params.requestState must be a string";
        else
                return 0;
        return BRIDGE_E_INVALID;
}

bool bridge_is_known(const json_t *result)
{
        return json_object_get(result, "resultType") == NULL ||
               strcmp(text_of(result, "resultType"), "complete") == 0 ||
               bridge_is_input_required(result);
}

bool bridge_is_input_required(const json_t *result)
{
        return strcmp(text_of(result, "resultType"), "input_required") == 0;
}

bool bridge_text_may_ask(struct str head)
{
        static const char *const signs[] = {"\"input_required\"", "\"inputRequests\"",
                                            "\"requestState\""};

        for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
                if (memmem(head.p, head.n, signs[i], strlen(signs[i])) != NULL)
                        return true;
        return false;
}

json_t *bridge_input_requests(const json_t *result)
{
        json_t *requests = json_object_get(result, "inputRequests");

        return json_object_size(requests) > 0 ? requests : NULL;
}

static bool asks_as_servers_do(const json_t *requests)
{
        const json_t *request;
        const char *key;

        json_object_foreach ((json_t *)requests, key, request)
                if (what_is_asked(request) == ASKED_OTHER)
                        return false;
        return true;
}

int bridge_check_input_required(const json_t *result, const char **whyp)
{
        const json_t *requests = json_object_get(result, "inputRequests");
        const json_t *state = json_object_get(result, "requestState");

        if (state != NULL && !json_is_string(state))
                *whyp = "it asks for input with a requestState that is no string";
        else if (requests == NULL && state == NULL)
                *whyp = "it asks for input and does not say for which";
        else if (requests != NULL && !json_is_object(requests))
                *whyp = "it asks for input with inputRequests that are no object";
        else if (!asks_as_servers_do(requests))
                *whyp = "it asks for input of a kind that there is not";
        else
                return 0;
        return BRIDGE_E_INVALID;
}

json_t *bridge_lacking_capabilities(const json_t *result, const json_t *capabilities)
{
        json_t *lacking = json_object(), *required;
        const json_t *request;
        const char *key;

        json_object_foreach (json_object_get(result, "inputRequests"), key, request) {
                if (bridge_can_ask(capabilities, request))
                        continue;
                required = bridge_required_capabilities(request);
                json_object_update_recursive(lacking, required);
                json_decref(required);
        }
        if (json_object_size(lacking) > 0)
                return lacking;
        json_decref(lacking);
        return NULL;
}

json_t *bridge_retry(const json_t *params, const json_t *result, const json_t *responses)
{
        json_t *copy = bridge_copy(params);
        json_t *state = json_object_get(result, "requestState");

        json_object_del(copy, "requestState");
        json_object_del(copy, "inputResponses");
        if (state != NULL)
                json_object_set(copy, "requestState", state);
        if (json_object_size(responses) > 0)
                json_object_set(copy, "inputResponses", (json_t *)responses);
        return copy;
}

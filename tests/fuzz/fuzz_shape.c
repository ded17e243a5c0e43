/* What a server lists, answers and tells, {"kind": value}: whatever it is, what leaves is as the
 * schemas of MCP want it, and mended once it is mended. */
#include "fuzz.h"
#include "mgw/mcp/shape.h"
#include "mgw/wire/rpc.h"
#include "mgw/wire/rpc_number.h"

#include <stdbool.h>

#define WHY_SIZE 160

static const char *const lists[] = {"tools", "prompts", "resources", "resourceTemplates"};
static const char *const methods[] = {"tools/call", "prompts/get", "resources/read",
                                      "completion/complete", "ping"};
static const char *const notices[] = {"notifications/message", "notifications/progress",
                                      "notifications/resources/updated",
                                      "notifications/elicitation/complete", "notifications/other"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- the schemas, in short ---- */

static void may_be_text(const json_t *object, const char *key)
{
        const json_t *value = json_object_get(object, key);

        REQUIRE(value == NULL || rpc_is_string(value));
}

static void must_be_text(const json_t *object, const char *key)
{
        REQUIRE(rpc_is_string(json_object_get(object, key)));
}

static void may_be_object(const json_t *object, const char *key)
{
        const json_t *value = json_object_get(object, key);

        REQUIRE(value == NULL || json_is_object(value));
}

static void check_texts(const json_t *array, const char *key)
{
        const json_t *texts = json_object_get(array, key);
        json_t *each;
        size_t i;

        REQUIRE(texts == NULL || json_is_array(texts));
        json_array_foreach ((json_t *)texts, i, each)
                REQUIRE(rpc_is_string(each));
}

static void must_be_uri(const json_t *object, const char *key)
{
        const char *uri = json_string_value(json_object_get(object, key));

        REQUIRE(uri != NULL && strchr(uri, ':') != NULL);
        for (; *uri != '\0'; uri++)
                REQUIRE(*uri > 0x20 && *uri < 0x7f && strchr("\"<>\\^`{|}", *uri) == NULL);
}

static void check_schema(const json_t *object, const char *key, bool is_needed)
{
        const json_t *schema = json_object_get(object, key);
        json_t *property;
        const char *name;

        REQUIRE(json_is_object(schema) || (!is_needed && schema == NULL));
        if (is_needed)
                REQUIRE(json_is_string(json_object_get(schema, "type")));
        may_be_object(schema, "properties");
        json_object_foreach (json_object_get(schema, "properties"), name, property)
                REQUIRE(json_is_object(property) || json_is_boolean(property));
        check_texts(schema, "required");
        may_be_text(schema, "$schema");
}

static void check_shown(const json_t *entry)
{
        json_t *icon;
        size_t i;

        may_be_text(entry, "title");
        may_be_text(entry, "description");
        may_be_object(entry, "_meta");
        json_array_foreach (json_object_get(entry, "icons"), i, icon) {
                must_be_uri(icon, "src");
                check_texts(icon, "sizes");
        }
}

static void check_entry(const char *list, const json_t *entry)
{
        check_shown(entry);
        if (strcmp(list, "resourceTemplates") == 0)
                must_be_text(entry, "uriTemplate");
        else if (strcmp(list, "resources") == 0)
                must_be_text(entry, "uri");
        must_be_text(entry, "name");
        if (strcmp(list, "tools") != 0)
                return;
        check_schema(entry, "inputSchema", true);
        check_schema(entry, "outputSchema", false);
        may_be_object(entry, "annotations");
        may_be_object(entry, "execution");
}

static void check_contents(const json_t *contents)
{
        must_be_uri(contents, "uri");
        may_be_text(contents, "text");
        may_be_text(contents, "blob");
        REQUIRE(json_object_get(contents, "text") != NULL ||
                json_object_get(contents, "blob") != NULL);
}

static void check_block(const json_t *block)
{
        const char *type = json_string_value(json_object_get(block, "type"));

        REQUIRE(type != NULL);
        may_be_object(block, "annotations");
        may_be_object(block, "_meta");
        if (strcmp(type, "text") == 0) {
                must_be_text(block, "text");
        } else if (strcmp(type, "image") == 0 || strcmp(type, "audio") == 0) {
                must_be_text(block, "data");
                must_be_text(block, "mimeType");
                REQUIRE(json_string_length(json_object_get(block, "data")) % 4 == 0);
        } else if (strcmp(type, "resource") == 0) {
                check_contents(json_object_get(block, "resource"));
        } else {
                REQUIRE(strcmp(type, "resource_link") == 0);
                must_be_uri(block, "uri");
                must_be_text(block, "name");
                check_shown(block);
        }
}

static void check_each(const json_t *result, const char *key, void (*check)(const json_t *))
{
        const json_t *list = json_object_get(result, key);
        json_t *each;
        size_t i;

        REQUIRE(json_is_array(list));
        json_array_foreach ((json_t *)list, i, each)
                check(each);
}

static void check_message(const json_t *message)
{
        must_be_text(message, "role");
        check_block(json_object_get(message, "content"));
}

static void check_result(const char *method, const json_t *result)
{
        const json_t *is_error = json_object_get(result, "isError");
        const char *type = json_string_value(json_object_get(result, "resultType"));

        if (type != NULL && strcmp(type, "complete") != 0)
                return;
        may_be_object(result, "_meta");
        if (strcmp(method, "tools/call") == 0) {
                check_each(result, "content", check_block);
                REQUIRE(is_error == NULL || json_is_boolean(is_error));
        } else if (strcmp(method, "prompts/get") == 0) {
                check_each(result, "messages", check_message);
        } else if (strcmp(method, "resources/read") == 0) {
                check_each(result, "contents", check_contents);
        } else if (strcmp(method, "completion/complete") == 0) {
                const json_t *completion = json_object_get(result, "completion");

                REQUIRE(json_is_array(json_object_get(completion, "values")));
                check_texts(completion, "values");
        }
}

static void check_notice(const char *method, const json_t *params)
{
        may_be_object(params, "_meta");
        if (strcmp(method, "notifications/message") == 0) {
                must_be_text(params, "level");
                may_be_text(params, "logger");
                REQUIRE(json_object_get(params, "data") != NULL);
        } else if (strcmp(method, "notifications/resources/updated") == 0) {
                must_be_text(params, "uri");
        }
}

/* ---- the input ---- */

static const char *one_of(const char *const *names, size_t n, const char *name)
{
        for (size_t i = 0; i < n; i++)
                if (strcmp(names[i], name) == 0)
                        return names[i];
        return NULL;
}

/* What is mended stays as it is. */
static void require_settled(const char *kind, json_t *value)
{
        json_t *again = json_deep_copy(value);
        char why[WHY_SIZE];

        if (one_of(lists, COUNT(lists), kind) != NULL)
                REQUIRE(shape_mend_entry(kind, again, why, sizeof(why)));
        else if (one_of(methods, COUNT(methods), kind) != NULL)
                (void)shape_mend_result(kind, again, why, sizeof(why));
        REQUIRE(json_equal(value, again));
        json_decref(again);
}

static void try_one(const char *kind, json_t *value)
{
        char why[WHY_SIZE], long_why[400];

        if (one_of(lists, COUNT(lists), kind) != NULL) {
                if (!shape_mend_entry(kind, value, why, sizeof(why))) {
                        REQUIRE(why[0] != '\0');
                        return;
                }
                if (strcmp(kind, "tools") == 0)
                        (void)shape_drop_unsound_output(value, long_why, sizeof(long_why));
                check_entry(kind, value);
                require_settled(kind, value);
        } else if (!json_is_object(value)) {
                return;
        } else if (one_of(methods, COUNT(methods), kind) != NULL) {
                REQUIRE(shape_mend_result(kind, value, why, sizeof(why)) == (why[0] == '\0'));
                check_result(kind, value);
                require_settled(kind, value);
        } else if (one_of(notices, COUNT(notices), kind) != NULL) {
                if (shape_mend_notice(kind, value, why, sizeof(why)))
                        check_notice(kind, value);
                else
                        REQUIRE(why[0] != '\0');
        } else if (strcmp(kind, "error") == 0) {
                shape_mend_error(value);
        } else if (strcmp(kind, "hello") == 0) {
                json_t *capability;
                const char *name;

                shape_mend_init_result(value);
                REQUIRE(json_is_object(json_object_get(value, "capabilities")));
                json_object_foreach (json_object_get(value, "capabilities"), name, capability)
                        REQUIRE(json_is_object(capability));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *copy = exact_copy(data, size);
        char why[WHY_SIZE];
        json_t *root, *value;
        const char *kind;

        if (rpc_parse((struct str){copy, size}, NULL, &root, why, sizeof(why)) == 0) {
                json_object_foreach (root, kind, value)
                        try_one(kind, value);
                json_decref(root);
        }
        free(copy);
        return 0;
}

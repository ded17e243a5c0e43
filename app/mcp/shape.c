/* What clients want of what servers list, answer and tell (schema of each revision): the tables. */
#include "mgw/mcp/shape.h"

#include "mgw/mcp/method.h"
#include "mgw/schema/schema.h"
#include "mgw/wire/json_str.h"
#include "mgw/wire/rpc.h"
#include "mgw/wire/rpc_number.h"
#include "shape_inside.h"

#include <stdio.h>
#include <string.h>

#define MAY(member_name, ...)                                                                      \
        {                                                                                          \
                .name = (member_name), .kind = __VA_ARGS__                                         \
        }
#define MUST(member_name, ...)                                                                     \
        {                                                                                          \
                .is_needed = true, .name = (member_name), .kind = __VA_ARGS__                      \
        }

static const char *const roles[] = {"user", "assistant", NULL};
static const char *const themes[] = {"light", "dark", NULL};
static const char *const supports[] = {"forbidden", "optional", "required", NULL};

static const struct member icon_members[] = {
        MUST("src", URI),
        MAY("mimeType", TEXT),
        MAY("sizes", TEXTS),
        MAY("theme", WORD, .words = themes),
        {0},
};
static const struct shape icon = {.members = icon_members};
static const struct member annotations_members[] = {
        MAY("audience", WORDS, .words = roles),
        MAY("lastModified", TEXT),
        MAY("priority", FRACTION),
        {0},
};
static const struct shape annotations = {.members = annotations_members};
static const struct member tool_annotations_members[] = {
        MAY("title", TEXT),          MAY("readOnlyHint", FLAG),  MAY("destructiveHint", FLAG),
        MAY("idempotentHint", FLAG), MAY("openWorldHint", FLAG), {0},
};
static const struct shape tool_annotations = {.members = tool_annotations_members};
static const struct member execution_members[] = {
        MAY("taskSupport", WORD, .words = supports),
        {0},
};
static const struct shape execution = {.members = execution_members};
static const struct member argument_members[] = {
        MUST("name", NAME),
        MAY("title", TEXT),
        MAY("description", TEXT),
        MAY("required", FLAG),
        {0},
};
static const struct shape argument = {.members = argument_members};

#define SHOWN                                                                                      \
        MAY("title", TEXT), MAY("description", TEXT), MAY("icons", LIST, .of = &icon),             \
                MAY("_meta", OBJECT)

static const struct member tool_members[] = {
        MUST("name", NAME),
        MUST("inputSchema", SCHEMA_IN, .otherwise = "{\"type\":\"object\"}"),
        MAY("outputSchema", SCHEMA_OUT),
        MAY("annotations", NEST, .of = &tool_annotations),
        MAY("execution", NEST, .of = &execution),
        SHOWN,
        {0},
};
static const struct shape tool = {.members = tool_members};
static const struct member prompt_members[] = {
        MUST("name", NAME),
        MAY("arguments", LIST, .of = &argument),
        SHOWN,
        {0},
};
static const struct shape prompt = {.members = prompt_members};

#define FILE_LIKE                                                                                  \
        MUST("name", TEXT, .otherwise = "\"\""), MAY("mimeType", TEXT),                            \
                MAY("annotations", NEST, .of = &annotations), SHOWN

/* Who gives no name is known by the address. */
static bool name_by(json_t *object, const char *key)
{
        const json_t *name = json_object_get(object, "name");

        if (json_string_length(name) == 0)
                json_object_set(object, "name", json_object_get(object, key));
        return true;
}

static bool settle_resource(struct mending *m, json_t *object)
{
        (void)m;
        return name_by(object, "uri");
}

static bool settle_template(struct mending *m, json_t *object)
{
        (void)m;
        return name_by(object, "uriTemplate");
}

static const struct member resource_members[] = {
        MUST("uri", ADDRESS),
        MAY("size", WHOLE),
        FILE_LIKE,
        {0},
};
static const struct shape resource = {.members = resource_members, .settle = settle_resource};
static const struct member resource_link_members[] = {
        MUST("uri", URI),
        MAY("size", WHOLE),
        FILE_LIKE,
        {0},
};
static const struct shape resource_link = {.members = resource_link_members,
                                           .settle = settle_resource};
static const struct member resource_template_members[] = {
        MUST("uriTemplate", TEMPLATE),
        FILE_LIKE,
        {0},
};
static const struct shape resource_template = {.members = resource_template_members,
                                               .settle = settle_template};

/* A text or bytes: what is neither is a text without any. */
static bool settle_contents(struct mending *m, json_t *object)
{
        (void)m;
        if (json_object_get(object, "text") == NULL && json_object_get(object, "blob") == NULL)
                json_object_set_new(object, "text", json_string(""));
        return true;
}

static const struct member contents_members[] = {
        MUST("uri", URI),   MAY("mimeType", TEXT), MAY("text", TEXT),
        MAY("blob", BYTES), MAY("_meta", OBJECT),  {0},
};
static const struct shape contents = {.members = contents_members, .settle = settle_contents};

static const struct member text_members[] = {
        MUST("text", TEXT, .otherwise = "\"\""),
        {0},
};
static const struct shape text = {.members = text_members};
static const struct member media_members[] = {
        MUST("data", BYTES),
        MUST("mimeType", TEXT, .otherwise = "\"application/octet-stream\""),
        {0},
};
static const struct shape media = {.members = media_members};
static const struct member embedded_members[] = {
        MUST("resource", NEST, .of = &contents),
        {0},
};
static const struct shape embedded = {.members = embedded_members};

/* What is no block says something all the same. NULL: nothing. */
static json_t *said_block(json_t *value)
{
        json_t *said = json_is_null(value) || shape_is_empty(value) ? NULL : shape_text(value);

        return said != NULL ? json_pack("{s:s, s:o}", "type", "text", "text", said) : NULL;
}

static const struct {
        const char *type;
        const struct shape *shape;
} blocks[] = {
        {"text", &text},
        {"image", &media},
        {"audio", &media},
        {"resource", &embedded},
        {"resource_link", &resource_link},
};

static const struct shape *shape_of_block(const char *type)
{
        for (size_t i = 0; type != NULL && i < sizeof(blocks) / sizeof(blocks[0]); i++)
                if (strcmp(blocks[i].type, type) == 0)
                        return blocks[i].shape;
        return NULL;
}

/* Of no known type, or not as its type wants it: what it says goes on as a text. */
static bool settle_block(struct mending *m, json_t *object)
{
        const struct shape *shape = shape_of_block(rpc_text(object, "type"));
        json_t *said;

        if (shape == NULL && rpc_is_string(json_object_get(object, "text")))
                return json_object_set_new(object, "type", json_string("text")) == 0;
        if (shape != NULL && shape_object(m, object, shape))
                return true;
        shape_note(m, "content", "has a block of no known kind");
        said = shape_text_of(object);
        json_object_clear(object);
        json_object_set_new(object, "type", json_string("text"));
        return said != NULL && json_object_set_new(object, "text", said) == 0;
}

static const struct member block_members[] = {
        MAY("annotations", NEST, .of = &annotations),
        MAY("_meta", OBJECT),
        {0},
};
static const struct shape block = {
        .members = block_members, .make = said_block, .settle = settle_block};

static const struct member message_members[] = {
        MUST("role", WORD, .words = roles),
        MUST("content", NEST, .of = &block),
        {0},
};
static const struct shape message = {.members = message_members};
static const struct member completion_members[] = {
        MUST("values", TEXTS, .otherwise = "[]"),
        MAY("total", WHOLE),
        MAY("hasMore", FLAG),
        {0},
};
static const struct shape completion = {.members = completion_members};

/* Who gives no content has said it elsewhere: in the structured content, which older clients do not
 * see, or as 2024-10-07 had it. */
static void settle_content(json_t *object)
{
        static const char *const elsewhere[] = {"structuredContent", "toolResult"};
        json_t *said_there = NULL;

        if (json_object_get(object, "content") != NULL)
                return;
        for (size_t i = 0; i < 2 && said_there == NULL; i++) {
                json_t *said = json_object_get(object, elsewhere[i]);

                said_there = said != NULL ? said_block(said) : NULL;
        }
        json_object_set_new(object, "content", json_pack("[o*]", said_there));
}

static bool settle_call(struct mending *m, json_t *object)
{
        (void)m;
        if (json_is_null(json_object_get(object, "structuredContent")))
                json_object_del(object, "structuredContent");
        settle_content(object);
        return true;
}

static const struct member call_result_members[] = {
        MAY("content", LIST, .of = &block),
        MAY("isError", FLAG),
        MAY("_meta", OBJECT),
        {0},
};
static const struct shape call_result = {.members = call_result_members, .settle = settle_call};
static const struct member prompt_result_members[] = {
        MUST("messages", LIST, .of = &message, .otherwise = "[]"),
        MAY("description", TEXT),
        MAY("_meta", OBJECT),
        {0},
};
static const struct shape prompt_result = {.members = prompt_result_members};
static const struct member read_result_members[] = {
        MUST("contents", LIST, .of = &contents, .otherwise = "[]"),
        MAY("_meta", OBJECT),
        {0},
};
static const struct shape read_result = {.members = read_result_members};
static const struct member complete_result_members[] = {
        MUST("completion", NEST, .of = &completion, .otherwise = "{\"values\":[]}"),
        MAY("_meta", OBJECT),
        {0},
};
static const struct shape complete_result = {.members = complete_result_members};
static const struct member any_result_members[] = {
        MAY("_meta", OBJECT),
        {0},
};
static const struct shape any_result = {.members = any_result_members};

/* ---- notifications ---- */

/* As other loggers call them. */
static const struct {
        const char *name, *level;
} other_levels[] = {
        {"warn", "warning"},    {"err", "error"},       {"fatal", "critical"}, {"crit", "critical"},
        {"panic", "emergency"}, {"emerg", "emergency"}, {"trace", "debug"},    {"verbose", "debug"},
};

static const char *level_of(struct str said)
{
        for (size_t i = 0; i < sizeof(other_levels) / sizeof(other_levels[0]); i++)
                if (str_eq_nocase(said, str_from(other_levels[i].name)))
                        return other_levels[i].level;
        for (int i = 0; i < METHOD_LOG_LEVELS; i++)
                if (str_eq_nocase(said, str_from(method_log_level_name(i))))
                        return method_log_level_name(i);
        return "info";
}

static bool settle_message(struct mending *m, json_t *object)
{
        const json_t *level = json_object_get(object, "level");

        if (json_object_get(object, "data") == NULL)
                json_object_set(object, "data", json_object_get(object, "message"));
        if (json_object_get(object, "data") == NULL) {
                shape_note(m, "data", "is missing");
                return false;
        }
        if (method_log_level(json_string_value(level)) < 0)
                json_object_set_new(object, "level", json_string(level_of(json_str(level))));
        return true;
}

static const struct member message_notice_members[] = {
        MAY("logger", TEXT),
        MAY("_meta", OBJECT),
        {0},
};
static const struct shape message_notice = {.members = message_notice_members,
                                            .settle = settle_message};
static const struct member progress_members[] = {
        MAY("total", NUMBER),
        MAY("message", TEXT),
        MAY("_meta", OBJECT),
        {0},
};
static const struct shape progress_notice = {.members = progress_members};
static const struct member updated_members[] = {
        MUST("uri", ADDRESS),
        MAY("_meta", OBJECT),
        {0},
};
static const struct shape updated_notice = {.members = updated_members};
static const struct member visited_members[] = {
        MUST("elicitationId", TEXT),
        MAY("_meta", OBJECT),
        {0},
};
static const struct shape visited_notice = {.members = visited_members};

/* ---- errors ---- */

static const char *const url_modes[] = {"url", NULL};
static const struct member url_members[] = {
        MUST("mode", WORD, .words = url_modes, .otherwise = "\"url\""),
        MUST("elicitationId", TEXT),
        MUST("url", URI),
        MUST("message", TEXT, .otherwise = "\"\""),
        {0},
};
static const struct shape url_to_visit = {.members = url_members};
static const struct member urls_members[] = {
        MUST("elicitations", LIST, .of = &url_to_visit),
        {0},
};
static const struct shape urls_to_visit = {.members = urls_members};

/* ---- all of them by name ---- */

struct named {
        const char *name;
        const struct shape *shape;
};

static const struct named entries[] = {
        {"tools", &tool},
        {"prompts", &prompt},
        {"resources", &resource},
        {"resourceTemplates", &resource_template},
        {NULL, NULL},
};

static const struct named results[] = {
        {"tools/call", &call_result},
        {"prompts/get", &prompt_result},
        {"resources/read", &read_result},
        {"completion/complete", &complete_result},
        {NULL, &any_result},
};

static const struct named notices[] = {
        {"notifications/message", &message_notice},
        {"notifications/progress", &progress_notice},
        {"notifications/resources/updated", &updated_notice},
        {"notifications/elicitation/complete", &visited_notice},
        {NULL, &any_result},
};

static const struct shape *find(const struct named *named, const char *name)
{
        while (named->name != NULL && strcmp(named->name, name) != 0)
                named++;
        return named->shape;
}

bool shape_mend_entry(const char *list_key, json_t *entry, char *why, size_t why_size)
{
        struct mending m = {why, why_size};

        why[0] = '\0';
        if (!json_is_object(entry)) {
                snprintf(why, why_size, "it is no object");
                return false;
        }
        return shape_object(&m, entry, find(entries, list_key));
}

bool shape_drop_unsound_output(json_t *tool_entry, char *why, size_t why_size)
{
        const json_t *output = json_object_get(tool_entry, "outputSchema");
        struct schema *schema = NULL;
        bool is_unsound =
                output != NULL && schema_create(output, &schema, why, why_size) == SCHEMA_E_UNSOUND;

        if (is_unsound)
                json_object_del(tool_entry, "outputSchema");
        schema_destroy(schema);
        return is_unsound;
}

bool shape_mend_result(const char *method, json_t *result, char *why, size_t why_size)
{
        const char *type = json_string_value(json_object_get(result, "resultType"));
        const struct shape *shape = find(results, method);
        struct mending m = {why, why_size};

        why[0] = '\0';
        if (type != NULL && strcmp(type, "complete") != 0)
                return true;
        if (!shape_object(&m, result, shape)) { /* a list or an object that is needed is none */
                for (const struct member *want = shape->members; want->name != NULL; want++)
                        if (want->otherwise != NULL)
                                json_object_set_new(result, want->name,
                                                    json_loads(want->otherwise, 0, NULL));
        }
        return why[0] == '\0';
}

bool shape_mend_notice(const char *method, json_t *params, char *why, size_t why_size)
{
        const struct shape *shape = find(notices, method);
        struct mending m = {why, why_size};

        why[0] = '\0';
        if (params != NULL)
                return shape_object(&m, params, shape);
        if (shape != &any_result)
                shape_note(&m, "params", "is missing");
        return why[0] == '\0';
}

void shape_mend_error(json_t *error)
{
        json_t *code = json_object_get(error, "code"), *data = json_object_get(error, "data");
        char why[160] = "";
        struct mending m = {why, sizeof(why)};

        if (json_integer_value(code) != RPC_URL_ELICITATION_REQUIRED)
                return;
        if (!json_is_object(data) || !shape_object(&m, data, &urls_to_visit) ||
            json_array_size(json_object_get(data, "elicitations")) == 0)
                json_object_set_new(error, "code", json_integer(RPC_INTERNAL_ERROR));
}

/* "tools" may be {}, true, or any word: it is there. */
static void mend_capability(json_t *capabilities, const char *name, json_t *value)
{
        if (!json_is_null(value) && !json_is_false(value))
                json_object_set_new(capabilities, name,
                                    json_is_object(value) ? json_incref(value) : json_object());
}

void shape_mend_init_result(json_t *hello)
{
        json_t *theirs = json_object_get(hello, "capabilities"), *sound = json_object(), *value;
        const char *name;
        size_t i;

        json_object_foreach (theirs, name, value)
                mend_capability(sound, name, value);
        json_array_foreach (theirs, i, value)
                if (rpc_is_string(value))
                        mend_capability(sound, json_string_value(value), value);
        json_object_set_new(hello, "capabilities", sound);
}

#include "mgw/mcp/shape.h"

#include "mgw/mcp/method.h"
#include "mgw/mcp/schema.h"
#include "mgw/wire/json_number.h"
#include "mgw/wire/json_str.h"
#include "mgw/wire/rpc.h"
#include "mgw/wire/uri.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mending;
struct shape;

enum kind {
        NAME, /* a text that is not empty and can be given back */
        TEXT,
        URI,
        ADDRESS, /* a URI as its server knows it: the catalog shows it mended */
        TEMPLATE,
        BYTES, /* base64 */
        WORD,  /* one of words */
        FLAG,
        NUMBER,
        WHOLE,    /* number, of 64 bits, and not negative */
        FRACTION, /* from 0 to 1 */
        OBJECT,   /* of any members */
        SCHEMA_IN,
        SCHEMA_OUT,
        NEST,  /* of a shape */
        LIST,  /* of objects of a shape */
        TEXTS, /* of texts */
        WORDS, /* of words */
};

struct member {
        const char *name;
        enum kind kind;
        bool is_needed;
        const struct shape *of;
        const char *const *words;
        const char *otherwise; /* JSON: where it is needed and there is none */
};

struct shape {
        const struct member *members; /* ended by one without a name */
        /* What no member tells by itself; NULL: nothing. false: it is unsound. */
        bool (*settle)(struct mending *m, json_t *object);
};

struct mending {
        char *why;
        size_t why_size;
};

/* The first that is wrong is what is told. */
static void note(struct mending *m, const char *name, const char *what)
{
        if (m->why[0] == '\0')
                snprintf(m->why, m->why_size, "%s %s", name, what);
}

/* ---- values ---- */

static json_t *text_of_value(json_t *value)
{
        json_t *text = NULL;
        struct str dumped;

        if (rpc_dump(value, &dumped) == 0) {
                text = json_stringn_nocheck(dumped.p, dumped.n);
                free((void *)dumped.p);
        }
        return text;
}

static json_t *mend_text(json_t *value)
{
        return rpc_is_string(value) ? json_incref(value) : text_of_value(value);
}

static json_t *mend_name(json_t *value)
{
        struct str name = json_str(value);
        bool is_sound = rpc_is_string(value) && name.n > 0 && memchr(name.p, '\0', name.n) == NULL;

        return is_sound ? json_incref(value) : NULL;
}

/* As RFC 3986 has it: clients that check look for that. */
static json_t *mend_uri(json_t *value)
{
        struct str uri = json_str(value), sound;
        json_t *mended = NULL;
        struct buf out;

        if (!rpc_is_string(value))
                return NULL;
        buf_init(&out, UINT32_MAX);
        if (uri_mend(&out, uri) == 0) {
                sound = buf_bytes(&out);
                mended = str_eq(sound, uri) ? json_incref(value)
                                            : json_stringn_nocheck(sound.p, sound.n);
        }
        buf_finish(&out);
        return mended;
}

static json_t *mend_address(json_t *value)
{
        json_t *shown = mend_uri(value);

        json_decref(shown);
        return shown != NULL ? json_incref(value) : NULL;
}

static json_t *mend_template(json_t *value)
{
        return json_string_length(value) > 0 && uri_template_is_sound(json_str(value))
                       ? mend_name(value)
                       : NULL;
}

static json_t *mend_whole(json_t *value)
{
        double number = rpc_number_value(value);

        if (json_is_integer(value) && json_integer_value(value) >= 0)
                return json_incref(value);
        if (!json_is_real(value) || !rpc_is_integral(value) || number < 0 || number >= 0x1p63)
                return NULL;
        return json_integer((json_int_t)number);
}

static bool is_base64(char c)
{
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               c == '+' || c == '/';
}

/* Digits, and then the '=' that fill up to four. */
static bool is_standard_base64(struct str s)
{
        size_t n = s.n, i = 0;

        if (n % 4 != 0)
                return false;
        for (int fill = 0; fill < 2 && n > 0 && s.p[n - 1] == '='; fill++)
                n--;
        while (i < n && is_base64(s.p[i]))
                i++;
        return i == n;
}

/* What a data: URL holds (RFC 2397). */
static struct str without_data_url(struct str s)
{
        static const char scheme[] = "data:", mark[] = ";base64,";
        const char *at = memmem(s.p, s.n, mark, sizeof(mark) - 1);

        if (at == NULL || memcmp(s.p, scheme, sizeof(scheme) - 1) != 0)
                return s;
        at += sizeof(mark) - 1;
        return (struct str){at, s.n - (size_t)(at - s.p)};
}

/* Without line ends (RFC 2045), of the alphabet that is safe in URLs (RFC 4648 5), or not filled
 * up: the same bytes. */
static json_t *mend_base64(json_t *value)
{
        struct str from = json_str(value);
        json_t *mended = NULL;
        char *to;
        size_t n = 0;

        if (!rpc_is_string(value))
                return NULL;
        if (is_standard_base64(from))
                return json_incref(value);
        from = without_data_url(from);
        to = malloc(from.n + 4);
        for (size_t i = 0; to != NULL && i < from.n; i++)
                if (strchr("\r\n\t =", from.p[i]) == NULL || from.p[i] == '\0')
                        to[n++] = from.p[i] == '-' ? '+' : from.p[i] == '_' ? '/' : from.p[i];
        while (to != NULL && n % 4 != 0)
                to[n++] = '=';
        if (to != NULL && is_standard_base64((struct str){to, n}))
                mended = json_stringn_nocheck(to, n);
        free(to);
        return mended;
}

static bool is_word(const json_t *value, const char *const *words)
{
        for (; *words != NULL; words++)
                if (rpc_is_string(value) && str_eq(json_str(value), str_from(*words)))
                        return true;
        return false;
}

static json_t *mend_flag(json_t *value)
{
        struct str text = json_str(value);

        if (json_is_boolean(value))
                return json_incref(value);
        if (str_eq_nocase(text, STR("true")) ||
            (json_is_integer(value) && json_integer_value(value) == 1))
                return json_true();
        if (str_eq_nocase(text, STR("false")) ||
            (json_is_integer(value) && json_integer_value(value) == 0))
                return json_false();
        return NULL;
}

static bool is_empty(const json_t *value)
{
        return (json_is_array(value) && json_array_size(value) == 0) ||
               (json_is_object(value) && json_object_size(value) == 0);
}

static json_t *mend_nest(json_t *value)
{
        if (json_is_object(value))
                return json_incref(value);
        return is_empty(value) ? json_object() : NULL;
}

static json_t *mend_list(struct mending *m, json_t *value, const struct member *want);

/* ---- schemas ---- */

static bool has_text(const json_t *array, const char *text)
{
        json_t *each;
        size_t i;

        json_array_foreach ((json_t *)array, i, each)
                if (json_is_string(each) && strcmp(json_string_value(each), text) == 0)
                        return true;
        return false;
}

/* A schema for each: nothing is the one that takes anything. */
static void mend_properties(struct mending *m, json_t *schema)
{
        json_t *properties = json_object_get(schema, "properties");
        const char *key;
        json_t *property;
        void *next;
        size_t n;

        if (properties == NULL)
                return;
        if (!json_is_object(properties)) {
                if (!json_is_null(properties) && !is_empty(properties))
                        note(m, "properties", "is no object");
                json_object_del(schema, "properties");
                return;
        }
        json_object_keylen_foreach_safe(properties, next, key, n, property)
        {
                if (!json_is_object(property) && !json_is_boolean(property))
                        json_object_setn_new_nocheck(properties, key, n, json_object());
        }
}

/* Each once. */
static json_t *unique(json_t *texts_take)
{
        json_t *seen = json_object(), *list = json_array(), *text;
        size_t i;

        json_array_foreach (texts_take, i, text) {
                struct str s = json_str(text);

                if (json_object_getn(seen, s.p, s.n) == NULL &&
                    json_object_setn_new_nocheck(seen, s.p, s.n, json_true()) == 0)
                        json_array_append(list, text);
        }
        json_decref(seen);
        json_decref(texts_take);
        return list;
}

static void mend_required(struct mending *m, json_t *schema)
{
        static const struct member names = {.name = "required", .kind = TEXTS};
        json_t *required = json_object_get(schema, "required");

        if (json_is_array(required) || rpc_is_string(required)) {
                json_object_set_new(schema, "required", unique(mend_list(m, required, &names)));
                return;
        }
        if (required != NULL && !json_is_null(required) && !json_is_boolean(required) &&
            !is_empty(required))
                note(m, "required", "is no array");
        json_object_del(schema, "required");
}

static bool says_object(const json_t *type)
{
        return str_eq_nocase(json_str(type), STR("object"));
}

/* Arguments are an object: a schema that does not say so means it. */
static json_t *mend_schema(struct mending *m, json_t *value, bool is_in)
{
        json_t *schema = json_is_true(value) ? json_object() : mend_nest(value);
        const json_t *type = json_object_get(schema, "type");
        bool is_open =
                type == NULL ? is_in
                             : json_is_null(type) || says_object(type) || has_text(type, "object");

        if (schema == NULL)
                return NULL;
        if (is_open)
                json_object_set_new(schema, "type", json_string("object"));
        type = json_object_get(schema, "type");
        if (is_in ? !says_object(type)
                  : type != NULL && !json_is_string(type) && !json_is_array(type)) {
                json_decref(schema);
                return NULL;
        }
        mend_properties(m, schema);
        mend_required(m, schema);
        if (!rpc_is_string(json_object_get(schema, "$schema")))
                json_object_del(schema, "$schema");
        return schema;
}

/* ---- objects ---- */

static bool mend_object(struct mending *m, json_t *object, const struct shape *shape);

/* What is no block says something all the same. NULL: nothing. */
static json_t *said_block(json_t *value)
{
        json_t *text = json_is_null(value) || is_empty(value) ? NULL : mend_text(value);

        return text != NULL ? json_pack("{s:s, s:o}", "type", "text", "text", text) : NULL;
}

static json_t *mend_part(struct mending *m, json_t *value, const struct shape *shape)
{
        json_t *nest = mend_nest(value);

        if (nest != NULL && mend_object(m, nest, shape))
                return nest;
        json_decref(nest);
        return NULL;
}

static const struct shape block;

/* NULL: it is none. */
static json_t *mend_entry(struct mending *m, json_t *entry, const struct member *want)
{
        switch (want->kind) {
        case TEXTS:
                return json_is_null(entry) ? NULL : mend_text(entry);
        case WORDS:
                return is_word(entry, want->words) ? json_incref(entry) : NULL;
        default:
                return want->of == &block && !json_is_object(entry) ? said_block(entry)
                                                                    : mend_part(m, entry, want->of);
        }
}

static json_t *mend_list(struct mending *m, json_t *value, const struct member *want)
{
        bool is_one = !json_is_array(value) && !is_empty(value);
        json_t *one = is_one ? json_pack("[O]", value) : NULL, *list = json_array(), *entry;
        bool is_same = json_is_array(value);
        size_t i;

        json_array_foreach (is_one ? one : value, i, entry) {
                json_t *new = mend_entry(m, entry, want);

                is_same &= new == entry;
                if (new == NULL)
                        note(m, want->name, "has an entry that is none");
                else
                        json_array_append_new(list, new);
        }
        json_decref(one);
        if (!is_same)
                return list;
        json_decref(list);
        return json_incref(value);
}

/* What the value is as its member wants it, a new reference; NULL: it cannot be that. */
static json_t *mended(struct mending *m, json_t *value, const struct member *want)
{
        double number = rpc_number_value(value);

        switch (want->kind) {
        case NAME:
                return mend_name(value);
        case TEXT:
                return mend_text(value);
        case URI:
                return mend_uri(value);
        case ADDRESS:
                return mend_address(value);
        case TEMPLATE:
                return mend_template(value);
        case BYTES:
                return mend_base64(value);
        case WORD:
                return is_word(value, want->words) ? json_incref(value) : NULL;
        case FLAG:
                return mend_flag(value);
        case NUMBER:
                return rpc_is_number(value) ? json_incref(value) : NULL;
        case WHOLE:
                return mend_whole(value);
        case FRACTION:
                return rpc_is_number(value) && number >= 0 && number <= 1 ? json_incref(value)
                                                                          : NULL;
        case OBJECT:
                return mend_nest(value);
        case SCHEMA_IN:
        case SCHEMA_OUT:
                return mend_schema(m, value, want->kind == SCHEMA_IN);
        case NEST:
                return want->of == &block && !json_is_object(value) ? said_block(value)
                                                                    : mend_part(m, value, want->of);
        default:
                return mend_list(m, value, want);
        }
}

static bool mend_member(struct mending *m, json_t *object, const struct member *want)
{
        json_t *old = json_object_get(object, want->name), *new = NULL;

        if (old == NULL && !want->is_needed)
                return true;
        if (old != NULL && !json_is_null(old))
                new = mended(m, old, want);
        if (new == NULL && old != NULL && !json_is_null(old))
                note(m, want->name, "is not what it must be");
        if (new == NULL && want->otherwise != NULL && (old == NULL || json_is_null(old)))
                new = json_loads(want->otherwise, JSON_DECODE_ANY, NULL);
        if (new == NULL && want->is_needed) {
                note(m, want->name, "is missing");
                return false;
        }
        if (new == NULL)
                json_object_del(object, want->name);
        else if (new != old)
                json_object_set(object, want->name, new);
        json_decref(new);
        return true;
}

static bool mend_object(struct mending *m, json_t *object, const struct shape *shape)
{
        for (const struct member *want = shape->members; want->name != NULL; want++)
                if (!mend_member(m, object, want))
                        return false;
        return shape->settle == NULL || shape->settle(m, object);
}

/* ---- the shapes ---- */

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
        if (shape != NULL && mend_object(m, object, shape))
                return true;
        note(m, "content", "has a block of no known kind");
        said = text_of_value(object);
        json_object_clear(object);
        json_object_set_new(object, "type", json_string("text"));
        return said != NULL && json_object_set_new(object, "text", said) == 0;
}

static const struct member block_members[] = {
        MAY("annotations", NEST, .of = &annotations),
        MAY("_meta", OBJECT),
        {0},
};
static const struct shape block = {.members = block_members, .settle = settle_block};

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
                note(m, "data", "is missing");
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
        return mend_object(&m, entry, find(entries, list_key));
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
        if (!mend_object(&m, result, shape)) { /* a list or an object that is needed is none */
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
                return mend_object(&m, params, shape);
        if (shape != &any_result)
                note(&m, "params", "is missing");
        return why[0] == '\0';
}

void shape_mend_error(json_t *error)
{
        json_t *code = json_object_get(error, "code"), *data = json_object_get(error, "data");
        char why[160] = "";
        struct mending m = {why, sizeof(why)};

        if (json_integer_value(code) != RPC_URL_ELICITATION_REQUIRED)
                return;
        if (!json_is_object(data) || !mend_object(&m, data, &urls_to_visit) ||
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

void shape_mend_hello(json_t *hello)
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

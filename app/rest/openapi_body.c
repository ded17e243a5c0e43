/* "requestBody" of OpenAPI (4.8.13 to 4.8.15): JSON as one argument, forms and parts as an argument
 * a field, all else as a text or as bytes in Base64. */
#include "openapi_inside.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define FIELDS_MAX 500

/* ---- media types ---- */

static bool type_is(const char *type, const char *wanted)
{
        size_t n = strcspn(type, "; ");

        return n == strlen(wanted) && strncasecmp(type, wanted, n) == 0;
}

static bool type_ends(const char *type, const char *end)
{
        size_t n = strcspn(type, "; "), n_end = strlen(end);

        return n > n_end && strncasecmp(type + n - n_end, end, n_end) == 0;
}

static bool type_begins(const char *type, const char *begin)
{
        return strncasecmp(type, begin, strlen(begin)) == 0;
}

/* The kinds of bodies, the one that is liked best first. */
enum kind {
        KIND_JSON,
        KIND_MERGE,
        KIND_JSON_LIKE,
        KIND_FORM,
        KIND_PARTS,
        KIND_ANY,
        KIND_TEXT,
        KIND_BYTES,
        KIND_NONE
};

static enum kind kind_of(const char *type)
{
        if (type_is(type, "application/json") || type_is(type, "text/json"))
                return KIND_JSON;
        if (type_is(type, "application/merge-patch+json"))
                return KIND_MERGE;
        if (type_ends(type, "+json"))
                return KIND_JSON_LIKE;
        if (type_is(type, "application/x-www-form-urlencoded"))
                return KIND_FORM;
        if (type_is(type, "multipart/form-data"))
                return KIND_PARTS;
        if (type_is(type, "*/*") || type_is(type, "application/*"))
                return KIND_ANY;
        if (type_begins(type, "text/") || type_ends(type, "/xml") || type_ends(type, "+xml") ||
            type_ends(type, "yaml") || type_ends(type, "/x-ndjson") || type_ends(type, "/jsonl") ||
            type_ends(type, "/graphql") || type_ends(type, "/sql"))
                return KIND_TEXT;
        return type_begins(type, "multipart/") ? KIND_NONE : KIND_BYTES;
}

static enum kind choose(json_t *content, const char **typep, json_t **mediap)
{
        enum kind best = KIND_NONE;
        const char *type;
        json_t *media;

        json_object_foreach (content, type, media)
                if (kind_of(type) < best || *mediap == NULL) {
                        best = kind_of(type);
                        *typep = type;
                        *mediap = media;
                }
        return best;
}

/* ---- bytes ---- */

static bool has_type(const json_t *schema, const char *name)
{
        const json_t *type = json_object_get(schema, "type");
        json_t *one;
        size_t i;

        json_array_foreach ((json_t *)type, i, one)
                if (json_is_string(one) && strcmp(json_string_value(one), name) == 0)
                        return true;
        return json_is_string(type) && strcmp(json_string_value(type), name) == 0;
}

static const char *text_of(const json_t *object, const char *key)
{
        const char *text = json_string_value(json_object_get(object, key));

        return text != NULL ? text : "";
}

/* "format": "binary" (OpenAPI 3.0), "contentMediaType" without an encoding (3.1), or no type at all
 * where the part is said to be one that holds bytes. */
static bool is_bytes(const json_t *schema, const char *part_type)
{
        const char *media = text_of(schema, "contentMediaType");
        bool has_no_type = json_object_get(schema, "type") == NULL &&
                           json_object_get(schema, "properties") == NULL &&
                           json_object_get(schema, "allOf") == NULL &&
                           json_object_get(schema, "anyOf") == NULL &&
                           json_object_get(schema, "oneOf") == NULL;

        if (strcmp(text_of(schema, "format"), "binary") == 0)
                return has_no_type || has_type(schema, "string");
        if (json_object_get(schema, "contentEncoding") != NULL)
                return false;
        if (media[0] == '\0' && has_no_type)
                media = part_type;
        return media[0] != '\0' && (has_no_type || has_type(schema, "string")) &&
               kind_of(media) == KIND_BYTES;
}

/* What an argument that is bytes takes; words of the document's stay. */
static json_t *bytes_schema(json_t *schema)
{
        json_t *words = json_object_get(schema, "description");

        return json_pack("{s:s, s:s, s:o}", "type", "string", "contentEncoding", "base64",
                         "description",
                         json_is_string(words) ? json_sprintf("%s (the bytes in Base64)",
                                                              json_string_value(words))
                                               : json_string("The bytes in Base64."));
}

/* ---- fields ---- */

/* Of the schema, and of all that is said of the same object beside it. */
static void gather_fields(struct openapi *o, json_t *schema, unsigned depth, json_t *fields,
                          json_t *required)
{
        json_t *part, *name;
        const char *key;
        size_t i;

        if (!openapi_may_step(o, depth))
                return;
        schema = openapi_resolve(o, schema);
        json_array_foreach (json_object_get(schema, "allOf"), i, part)
                gather_fields(o, part, depth + 1, fields, required);
        json_object_foreach (json_object_get(schema, "properties"), key, part)
                if (json_object_size(fields) < FIELDS_MAX)
                        json_object_set(fields, key, part);
        json_array_foreach (json_object_get(schema, "required"), i, name)
                if (json_is_string(name))
                        json_object_set_new(required, json_string_value(name), json_true());
        /* any one of them will do: what they have in common is not told apart */
        json_array_foreach (json_object_get(schema, "oneOf"), i, part)
                gather_fields(o, part, depth + 1, fields, NULL);
        json_array_foreach (json_object_get(schema, "anyOf"), i, part)
                gather_fields(o, part, depth + 1, fields, NULL);
}

static json_t *encoding_of(struct operation *op, const char *field)
{
        return openapi_object_in(openapi_object_in(op->tool, "encoding"), field);
}

/* "encoding": how a field is written (4.8.15). */
static void copy_encoding(struct operation *op, const char *field, const json_t *given)
{
        static const char *const keys[] = {"style", "explode", "allowReserved", "contentType"};

        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
                json_t *value = json_object_get(given, keys[i]);

                if (value != NULL &&
                    (i == 0 || i == 3 ? json_is_string(value) : json_is_boolean(value)))
                        json_object_set(encoding_of(op, field), keys[i], value);
        }
}

/* Bytes, or a list of them. */
static json_t *field_schema(struct operation *op, const char *field, json_t *schema, bool is_parts)
{
        json_t *target = openapi_resolve(op->o, schema), *items, *own;
        const char *type = text_of(json_object_get(json_object_get(op->tool, "encoding"), field),
                                   "contentType");

        items = openapi_resolve(op->o, json_object_get(target, "items"));
        if (is_parts && is_bytes(target, type))
                own = bytes_schema(target);
        else if (is_parts && has_type(target, "array") && is_bytes(items, type))
                own = json_pack("{s:s, s:o}", "type", "array", "items", bytes_schema(items));
        else
                return openapi_schema(op->o, schema);
        json_object_set_new(encoding_of(op, field), "base64", json_true());
        return own;
}

static void add_filename(struct operation *op, const char *field)
{
        char longer[300];
        const char *argument;

        snprintf(longer, sizeof(longer), "%s_filename", field);
        argument = openapi_argument_add(
                op, "filename", longer,
                json_pack("{s:s, s:s}", "type", "string", "description", "The name of the file."),
                false);
        json_object_set_new(encoding_of(op, field), "filename", json_string(argument));
}

static void add_field(struct operation *op, const char *field, json_t *schema, bool is_parts,
                      bool is_required)
{
        json_t *own = field_schema(op, field, schema, is_parts);
        bool is_file =
                is_parts &&
                json_is_true(json_object_get(
                        json_object_get(json_object_get(op->tool, "encoding"), field), "base64"));
        bool is_one = has_type(own, "string");
        const char *argument = openapi_argument_add(op, "form", field, own, is_required);

        json_object_set_new(openapi_object_in(op->tool, "body"), field,
                            json_sprintf("{%s}", argument));
        if (is_file && is_one)
                add_filename(op, field);
}

static bool is_only_read(struct openapi *o, json_t *field)
{
        return json_is_true(json_object_get(field, "readOnly")) ||
               json_is_true(json_object_get(openapi_resolve(o, field), "readOnly"));
}

static const char *add_fields(struct operation *op, json_t *media, bool is_parts)
{
        json_t *fields = json_object(), *required = json_object(), *schema;
        json_t *encoding = json_object_get(media, "encoding"), *own;
        const char *field;

        json_object_set_new(op->tool, "body_type", json_string(is_parts ? "multipart" : "form"));
        gather_fields(op->o, json_object_get(media, "schema"), 0, fields, required);
        openapi_object_in(op->tool, "body");
        json_object_foreach (fields, field, schema) {
                if (is_only_read(op->o, schema))
                        continue;
                copy_encoding(op, field, json_object_get(encoding, field));
                add_field(op, field, schema, is_parts, json_object_get(required, field) != NULL);
        }
        if (json_object_size(fields) == 0) {
                /* fields of any name */
                own = openapi_schema(op->o, json_object_get(media, "schema"));
                json_object_set_new(
                        op->tool, "body",
                        json_sprintf("{%s}", openapi_argument_add(op, "body", "body", own, false)));
        }
        json_decref(fields);
        json_decref(required);
        return NULL;
}

/* ---- one argument ---- */

static void add_whole(struct operation *op, json_t *own, json_t *body)
{
        const char *words = json_string_value(json_object_get(body, "description"));
        bool is_required = json_is_true(json_object_get(body, "required"));
        const char *argument;

        if (words != NULL && json_object_get(own, "description") == NULL)
                json_object_set_new(own, "description", json_string(words));
        argument = openapi_argument_add(op, "body", "body", own, is_required);
        if (!is_required)
                json_object_set_new(op->tool, "body_optional", json_true());
        json_object_set_new(op->tool, "body", json_sprintf("{%s}", argument));
}

static void set_content_type(struct operation *op, const char *type)
{
        if (strchr(type, '*') == NULL)
                json_object_set_new(op->tool, "content_type", json_string(type));
}

static void add_json(struct operation *op, json_t *media, json_t *body, const char *type)
{
        add_whole(op, openapi_schema(op->o, json_object_get(media, "schema")), body);
        if (strcmp(type, "application/json") != 0)
                set_content_type(op, type);
}

/* A text can be of any type, but an object that would have to be written as XML cannot. */
static const char *add_text(struct operation *op, json_t *media, json_t *body, const char *type)
{
        json_t *schema = openapi_resolve(op->o, json_object_get(media, "schema"));

        if (schema != NULL && json_object_size(schema) > 0 && !has_type(schema, "string"))
                return "its body is neither JSON nor a form, but an object of another form";
        json_object_set_new(op->tool, "body_type", json_string("text"));
        add_whole(op, json_pack("{s:s}", "type", "string"), body);
        set_content_type(op, type);
        return NULL;
}

static void add_bytes(struct operation *op, json_t *media, json_t *body, const char *type)
{
        json_object_set_new(op->tool, "body_type", json_string("base64"));
        add_whole(op, bytes_schema(openapi_resolve(op->o, json_object_get(media, "schema"))), body);
        set_content_type(op, type);
}

const char *openapi_body_add(struct operation *op, json_t *body)
{
        json_t *content = json_object_get(body, "content"), *media = NULL;
        const char *type = NULL;
        enum kind kind = choose(content, &type, &media);

        if (json_object_size(content) == 0)
                return NULL;
        switch (kind) {
        case KIND_JSON:
        case KIND_MERGE:
        case KIND_JSON_LIKE:
                add_json(op, media, body, type);
                return NULL;
        case KIND_ANY:
                if (is_bytes(openapi_resolve(op->o, json_object_get(media, "schema")), ""))
                        add_bytes(op, media, body, "application/octet-stream");
                else
                        add_json(op, media, body, "application/json");
                return NULL;
        case KIND_FORM:
                return add_fields(op, media, false);
        case KIND_PARTS:
                return add_fields(op, media, true);
        case KIND_TEXT:
                return add_text(op, media, body, type);
        case KIND_BYTES:
                add_bytes(op, media, body, type);
                return NULL;
        default:
                return "its body is of parts that cannot be made";
        }
}

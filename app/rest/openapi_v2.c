/* Operations of Swagger 2.0 as those of OpenAPI 3: what changed is where bodies stand, how
 * parameters have a schema, and what lists are called. */
#include "openapi_inside.h"

#include <string.h>

static const char *text_of(const json_t *object, const char *key)
{
        const char *text = json_string_value(json_object_get(object, key));

        return text != NULL ? text : "";
}

/* What of a parameter was its schema. */
static json_t *schema_of(json_t *parameter)
{
        static const char *const others[] = {
                "name", "in", "required", "description", "allowEmptyValue", "collectionFormat"};
        json_t *schema = json_copy(parameter);

        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
                json_object_del(schema, others[i]);
        if (strcmp(text_of(schema, "type"), "file") == 0) {
                json_object_set_new(schema, "type", json_string("string"));
                json_object_set_new(schema, "format", json_string("binary"));
        }
        return schema;
}

/* "collectionFormat" as "style" and "explode". There is none for tabs. */
static void set_style(json_t *out, const json_t *parameter)
{
        const char *format = text_of(parameter, "collectionFormat");
        const char *style = strcmp(format, "ssv") == 0     ? "spaceDelimited"
                            : strcmp(format, "pipes") == 0 ? "pipeDelimited"
                                                           : NULL;

        if (strcmp(text_of(parameter, "type"), "array") != 0)
                return;
        if (style != NULL)
                json_object_set_new(out, "style", json_string(style));
        json_object_set_new(out, "explode", json_boolean(strcmp(format, "multi") == 0));
}

static json_t *convert(json_t *parameter)
{
        json_t *out = json_pack(
                "{s:O*, s:O*, s:O*, s:O*, s:o}", "name", json_object_get(parameter, "name"), "in",
                json_object_get(parameter, "in"), "required",
                json_object_get(parameter, "required"), "description",
                json_object_get(parameter, "description"), "schema", schema_of(parameter));

        set_style(out, parameter);
        return out;
}

/* ---- bodies ---- */

static json_t *consumes(struct openapi *o, struct json_node *spec)
{
        json_t *own = openapi_member(o, spec, "consumes");

        return own != NULL ? own : openapi_member(o, json_lazy_root(o->lazy), "consumes");
}

static bool is_consumed(json_t *types, const char *wanted)
{
        json_t *type;
        size_t i;

        json_array_foreach (types, i, type)
                if (json_is_string(type) && strcmp(json_string_value(type), wanted) == 0)
                        return true;
        return false;
}

static json_t *convert_body(json_t *parameter, json_t *types)
{
        json_t *content = json_object(), *schema = json_object_get(parameter, "schema"), *type;
        json_t *body;
        size_t i;

        json_array_foreach (types, i, type)
                if (json_is_string(type))
                        json_object_set_new(content, json_string_value(type),
                                            json_pack("{s:O*}", "schema", schema));
        if (json_object_size(content) == 0)
                json_object_set_new(content, "application/json",
                                    json_pack("{s:O*}", "schema", schema));
        body = json_pack("{s:o, s:O*, s:O*}", "content", content, "required",
                         json_object_get(parameter, "required"), "description",
                         json_object_get(parameter, "description"));
        return body;
}

struct form {
        json_t *properties, *required, *encoding;
        bool has_file;
};

static void add_field(struct form *form, json_t *parameter)
{
        const char *name = text_of(parameter, "name");
        json_t *schema = schema_of(parameter), *style = json_object();
        json_t *words = json_object_get(parameter, "description");

        if (words != NULL)
                json_object_set(schema, "description", words);
        form->has_file = form->has_file || strcmp(text_of(parameter, "type"), "file") == 0;
        json_object_set_new(form->properties, name, schema);
        if (json_is_true(json_object_get(parameter, "required")))
                json_array_append_new(form->required, json_string(name));
        set_style(style, parameter);
        if (json_object_size(style) > 0)
                json_object_set(form->encoding, name, style);
        json_decref(style);
}

/* Parts where there is a file, or where nothing else is taken. */
static json_t *convert_form(struct form *form, json_t *types)
{
        bool is_parts =
                form->has_file || (is_consumed(types, "multipart/form-data") &&
                                   !is_consumed(types, "application/x-www-form-urlencoded"));

        return json_pack("{s:{s:{s:{s:s, s:O, s:O}, s:O}}}", "content",
                         is_parts ? "multipart/form-data" : "application/x-www-form-urlencoded",
                         "schema", "type", "object", "properties", form->properties, "required",
                         form->required, "encoding", form->encoding);
}

json_t *openapi_v2_parameters(struct openapi *o, struct json_node *spec, json_t *parameters,
                              json_t **bodyp)
{
        json_t *all = json_array(), *types = consumes(o, spec), *parameter;
        struct form form = {json_object(), json_array(), json_object(), false};
        size_t i;

        *bodyp = NULL;
        json_array_foreach (parameters, i, parameter) {
                const char *in = text_of(parameter, "in");

                if (strcmp(in, "body") == 0 && *bodyp == NULL)
                        *bodyp = convert_body(parameter, types);
                else if (strcmp(in, "formData") == 0)
                        add_field(&form, parameter);
                else
                        json_array_append_new(all, convert(parameter));
        }
        if (*bodyp == NULL && json_object_size(form.properties) > 0)
                *bodyp = convert_form(&form, types);
        json_decref(form.properties);
        json_decref(form.required);
        json_decref(form.encoding);
        return all;
}

/* The JSON Schemas of tools: what a strict client would refuse a tool for. */
#include "shape_inside.h"

#include "mgw/wire/json_str.h"
#include "mgw/wire/rpc_number.h"

#include <string.h>

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
                if (!json_is_null(properties) && !shape_is_empty(properties))
                        shape_note(m, "properties", "is no object");
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
                json_object_set_new(schema, "required",
                                    unique(shape_list(m, required, &names, shape_entry)));
                return;
        }
        if (required != NULL && !json_is_null(required) && !json_is_boolean(required) &&
            !shape_is_empty(required))
                shape_note(m, "required", "is no array");
        json_object_del(schema, "required");
}

static bool says_object(const json_t *type)
{
        return str_eq_nocase(json_str(type), STR("object"));
}

/* Arguments are an object: a schema that does not say so means it. */
json_t *shape_schema(struct mending *m, json_t *value, bool is_in)
{
        json_t *schema = json_is_true(value) ? json_object() : shape_nest(value);
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

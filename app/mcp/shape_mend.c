/* Objects, made what their shapes want, member by member. */
#include "shape_inside.h"

static json_t *mend_part(struct mending *m, json_t *value, const struct shape *shape)
{
        json_t *nest;

        if (shape->make != NULL && !json_is_object(value))
                return shape->make(value);
        nest = shape_nest(value);
        if (nest != NULL && shape_object(m, nest, shape))
                return nest;
        json_decref(nest);
        return NULL;
}

static json_t *mend_nest(struct mending *m, json_t *entry, const struct member *want)
{
        return mend_part(m, entry, want->of);
}

static json_t *mended(struct mending *m, json_t *value, const struct member *want)
{
        switch (want->kind) {
        case SCHEMA_IN:
        case SCHEMA_OUT:
                return shape_schema(m, value, want->kind == SCHEMA_IN);
        case NEST:
                return mend_nest(m, value, want);
        case LIST:
                return shape_list(m, value, want, mend_nest);
        case TEXTS:
        case WORDS:
                return shape_list(m, value, want, shape_entry);
        default:
                return shape_value(value, want);
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
                shape_note(m, want->name, "is not what it must be");
        if (new == NULL && want->otherwise != NULL && (old == NULL || json_is_null(old)))
                new = json_loads(want->otherwise, JSON_DECODE_ANY, NULL);
        if (new == NULL && want->is_needed) {
                shape_note(m, want->name, "is missing");
                return false;
        }
        if (new == NULL)
                json_object_del(object, want->name);
        else if (new != old)
                json_object_set(object, want->name, new);
        json_decref(new);
        return true;
}

bool shape_object(struct mending *m, json_t *object, const struct shape *shape)
{
        for (const struct member *want = shape->members; want->name != NULL; want++)
                if (!mend_member(m, object, want))
                        return false;
        return shape->settle == NULL || shape->settle(m, object);
}

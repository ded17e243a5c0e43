/* What a call is given, where that is switched on: values of members that are masked are not looked
 * at, at any depth. */
#include "audit_inside.h"
#include "mgw/base/strv.h"
#include "mgw/wire/json_raw.h"
#include "mgw/wire/json_str.h"
#include "mgw/wire/rpc.h"

#include <stdlib.h>
#include <strings.h>

static bool is_masked(char *const *mask, const char *key)
{
        for (; mask != NULL && *mask != NULL; mask++)
                if (strcasecmp(*mask, key) == 0)
                        return true;
        return false;
}

static void add_value(struct json_text *t, const json_t *value, char *const *mask);

static void add_object(struct json_text *t, const json_t *object, char *const *mask)
{
        const char *key;
        json_t *value;

        json_text_open(t, '{');
        json_object_foreach ((json_t *)object, key, value) {
                json_text_comma(t);
                json_text_put(t, '"');
                json_text_inside(t, str_from(key), SIZE_MAX);
                json_text_raw(t, STR("\":"));
                if (is_masked(mask, key))
                        json_text_raw(t, STR("\"***\""));
                else
                        add_value(t, value, mask);
        }
        json_text_close(t, '}');
}

static void add_array(struct json_text *t, const json_t *array, char *const *mask)
{
        const json_t *value;
        size_t i;

        json_text_open(t, '[');
        json_array_foreach ((json_t *)array, i, value) {
                json_text_comma(t);
                add_value(t, value, mask);
        }
        json_text_close(t, ']');
}

/* The depth is bounded by who has read it (RPC_DEPTH_MAX). */
static void add_value(struct json_text *t, const json_t *value, char *const *mask)
{
        struct str text = {NULL, 0};

        if (json_is_object(value)) {
                add_object(t, value, mask);
        } else if (json_is_array(value)) {
                add_array(t, value, mask);
        } else if (rpc_dump(value, &text) == 0) {
                json_text_raw(t, text);
                free((void *)text.p);
        }
        t->needs_comma = true; /* before what follows it */
}

void audit_arguments_add(struct json_text *t, const json_t *params, char *const *mask)
{
        json_t *open = json_raw_open_take(json_incref((json_t *)params));
        const json_t *arguments = json_object_get(open, "arguments");
        struct json_text before = *t;

        if (arguments != NULL) {
                t->max = t->n + AUDIT_ARGUMENTS_MAX < t->max ? t->n + AUDIT_ARGUMENTS_MAX : t->max;
                json_text_key(t, "arguments");
                add_value(t, arguments, mask);
                t->max = before.max;
                if (t->is_full) { /* a part of it could not be read by anybody */
                        *t = before;
                        json_text_key(t, "arguments_left_out");
                        json_text_raw(t, STR("true"));
                }
        }
        json_decref(open);
}

/* A table of styles: what stands before, between and behind the parts of a value. */
#include "rest_style.h"

#include "mgw/wire/rpc.h"
#include "mgw/wire/uri.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 16

struct style_kind {
        const char *name;
        const char *first;     /* before all of it */
        const char *between;   /* two parts that are exploded */
        const char *delimiter; /* two parts that are not */
        bool is_named;
        const char *if_empty; /* stands behind the name of an empty text */
        bool is_deep;
};

static const struct style_kind kinds[] = {
        {"simple", "", ",", ",", false, "", false},
        {"label", ".", ".", ",", false, "", false},
        {"matrix", ";", ";", ",", true, "", false},
        {"form", "", "&", ",", true, "=", false},
        {"spaceDelimited", "", "&", "%20", true, "=", false},
        {"pipeDelimited", "", "&", "%7C", true, "=", false},
        {"deepObject", "", "&", ",", true, "=", true},
        {"cookie", "", "&", ",", true, "=", false}, /* OpenAPI 3.2 */
};

const struct style_kind *rest_style_find(const char *name)
{
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
                if (strcmp(kinds[i].name, name) == 0)
                        return &kinds[i];
        return NULL;
}

bool rest_style_is_deep(const struct style_kind *kind)
{
        return kind->is_deep;
}

static int add_text(struct buf *out, const struct style *s, struct str text)
{
        if (s->is_raw)
                return buf_add_str(out, text);
        return s->allows_reserved ? uri_encode_in_query(out, text) : uri_encode(out, text);
}

/* A value that is one text, and whether it is none of it. */
static int add_value(struct buf *out, const struct style *s, const json_t *value)
{
        char number[URI_NUMBER_SIZE];
        struct str text, json = {NULL, 0};
        int r;

        if (uri_print(value, number, &text) == 0)
                return add_text(out, s, text);
        r = rpc_dump(value, &json);
        if (r == 0)
                r = add_text(out, s, json);
        free((void *)json.p);
        return r;
}

static bool is_empty(const json_t *value)
{
        return json_is_string(value) && json_string_length(value) == 0;
}

static int add_name(struct buf *out, const struct style *s, const char *name, bool is_value_empty)
{
        int r = uri_encode(out, str_from(name));

        return r != 0 ? r
                      : buf_add_str(out, is_value_empty ? str_from(s->kind->if_empty) : STR("="));
}

static const char *between(const struct style *s)
{
        return s->between != NULL ? s->between : s->kind->between;
}

static int add_pair(struct buf *out, const struct style *s, const char *name, const json_t *value)
{
        int r = add_name(out, s, name, is_empty(value));

        return r != 0 ? r : add_value(out, s, value);
}

/* One element, or one member under its key. */
static int add_part(struct buf *out, const struct style *s, const char *name, const char *key,
                    const json_t *value, bool is_first)
{
        int r;

        if (is_first)
                r = buf_add_str(out, str_from(s->kind->first));
        else
                r = buf_add_str(out, str_from(s->explodes ? between(s) : s->kind->delimiter));
        if (r == 0 && s->kind->is_named && (s->explodes ? key == NULL : is_first))
                r = add_name(out, s, name, s->explodes && is_empty(value));
        if (r != 0 || key == NULL)
                return r != 0 ? r : add_value(out, s, value);
        if (s->explodes && s->kind->is_named)
                return add_pair(out, s, key, value);
        r = add_text(out, s, str_from(key));
        if (r == 0)
                r = buf_add_str(out, str_from(s->explodes ? "=" : s->kind->delimiter));
        return r != 0 ? r : add_value(out, s, value);
}

static int add_list(struct buf *out, const struct style *s, const char *name, json_t *list)
{
        bool is_first = true;
        const char *key;
        json_t *part;
        size_t i;
        int r = 0;

        json_array_foreach (list, i, part) {
                if (r != 0 || json_is_null(part))
                        continue;
                r = add_part(out, s, name, NULL, part, is_first);
                is_first = false;
        }
        json_object_foreach (list, key, part) {
                if (r != 0 || json_is_null(part))
                        continue;
                r = add_part(out, s, name, key, part, is_first);
                is_first = false;
        }
        return r;
}

static int add_deep(struct buf *out, const struct style *s, const char *name, json_t *value,
                    unsigned depth);

static int add_bracketed(struct buf *out, const struct style *s, const char *name, const char *key,
                         json_t *value, unsigned depth)
{
        char *longer;
        int r;

        if (asprintf(&longer, "%s[%s]", name, key) < 0)
                return -ENOMEM;
        r = add_deep(out, s, longer, value, depth + 1);
        free(longer);
        return r;
}

static int add_deep(struct buf *out, const struct style *s, const char *name, json_t *value,
                    unsigned depth)
{
        const char *key;
        json_t *part;
        size_t i;
        int r = 0;

        if (json_is_null(value))
                return 0;
        if (depth < DEPTH_MAX && json_is_object(value)) {
                json_object_foreach (value, key, part)
                        if (r == 0)
                                r = add_bracketed(out, s, name, key, part, depth);
                return r;
        }
        if (depth < DEPTH_MAX && json_is_array(value)) {
                json_array_foreach (value, i, part) {
                        char number[24];

                        snprintf(number, sizeof(number), "%zu", i);
                        if (r == 0)
                                r = add_bracketed(out, s, name, number, part, depth);
                }
                return r;
        }
        if (out->len > 0)
                r = buf_add_str(out, str_from(between(s)));
        return r != 0 ? r : add_pair(out, s, name, value);
}

/* deepObject sets what it adds apart from what is there: it begins with nothing. */
static int add_deep_apart(struct buf *out, const struct style *s, const char *name, json_t *value)
{
        struct buf all;
        int r;

        buf_init(&all, out->max);
        r = add_deep(&all, s, name, value, 0);
        if (r == 0)
                r = buf_add_str(out, buf_bytes(&all));
        buf_finish(&all);
        return r;
}

int rest_style_add(struct buf *out, const struct style *s, const char *name, const json_t *value)
{
        int r;

        if (json_is_null(value))
                return 0;
        if (s->kind->is_deep)
                return add_deep_apart(out, s, name, (json_t *)value);
        if (json_is_array(value) || json_is_object(value))
                return add_list(out, s, name, (json_t *)value);
        r = buf_add_str(out, str_from(s->kind->first));
        if (r != 0)
                return r;
        return s->kind->is_named ? add_pair(out, s, name, value) : add_value(out, s, value);
}

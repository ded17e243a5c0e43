/* What a request carries: JSON, a form (RFC 1866 8.2.1, OpenAPI 4.8.15), parts (RFC 7578), a text,
 * or bytes that stand in the arguments as Base64. */
#include "rest_inside.h"

#include "mgw/base/base64.h"
#include "mgw/base/rand.h"
#include "mgw/wire/json_str.h"
#include "mgw/wire/rpc.h"
#include "mgw/wire/uri.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX_BYTES (16u << 20)
#define BOUNDARY_BYTES 18
#define BODY_E_BASE64 100

static const struct {
        const char *name;
        const char *content_type;
} kinds[] = {
        [REST_BODY_JSON] = {"json", "application/json"},
        [REST_BODY_FORM] = {"form", "application/x-www-form-urlencoded"},
        [REST_BODY_MULTIPART] = {"multipart", "multipart/form-data"},
        [REST_BODY_TEXT] = {"text", "text/plain; charset=utf-8"},
        [REST_BODY_BASE64] = {"base64", "application/octet-stream"},
};

static const char *text_of(const json_t *object, const char *key)
{
        return json_string_value(json_object_get(object, key));
}

/* ---- reading the description ---- */

/* Or some: what can stand in a header. */
static bool is_media_type(const char *type)
{
        for (; *type != '\0'; type++)
                if ((unsigned char)*type < 0x20 || (unsigned char)*type > 0x7e)
                        return false;
        return true;
}

static int check_encoding(json_t *encoding, char *why, size_t why_size)
{
        const char *field;
        json_t *e;

        json_object_foreach (encoding, field, e) {
                const char *style = text_of(e, "style"), *type = text_of(e, "contentType");

                if (style != NULL && rest_style_find(style) == NULL) {
                        snprintf(why, why_size, "%.100s: there is no style \"%.30s\"", field,
                                 style);
                        return REST_E_FAULT;
                }
                if (type != NULL && !is_media_type(type)) {
                        snprintf(why, why_size, "%.100s: contentType is no media type", field);
                        return REST_E_FAULT;
                }
        }
        return 0;
}

int rest_body_read(struct rest_tool *t, char *why, size_t why_size)
{
        const char *type = text_of(t->spec, "body_type"), *given;

        t->body = json_object_get(t->spec, "body");
        t->encoding = json_object_get(t->spec, "encoding");
        for (unsigned i = REST_BODY_JSON; i <= REST_BODY_BASE64; i++)
                if (strcmp(kinds[i].name, type != NULL ? type : "json") == 0)
                        t->body_type = (enum rest_body)i;
        if (t->body_type == REST_BODY_NONE) {
                snprintf(why, why_size,
                         "must be \"json\", \"form\", \"multipart\", \"text\" or \"base64\"");
                return REST_E_FAULT;
        }
        given = text_of(t->spec, "content_type");
        t->content_type = given != NULL ? given : kinds[t->body_type].content_type;
        if (!is_media_type(t->content_type)) {
                snprintf(why, why_size, "content_type is no media type");
                return REST_E_FAULT;
        }
        t->is_body_optional = json_is_true(json_object_get(t->spec, "body_optional"));
        if (t->body == NULL)
                t->body_type = REST_BODY_NONE;
        return check_encoding(t->encoding, why, why_size);
}

/* ---- values ---- */

static int add_base64(struct buf *out, const json_t *value)
{
        int r = base64_decode(out, BASE64_STANDARD, json_str(value));

        return r == BASE64_E_BAD ? BODY_E_BASE64 : r;
}

static int add_json(struct buf *out, const json_t *value)
{
        struct str text = {NULL, 0};
        int r = rpc_dump(value, &text);

        if (r == 0)
                r = buf_add_str(out, text);
        free((void *)text.p);
        return r;
}

/* A text as it is, and all else as JSON has it. */
static int add_plain(struct buf *out, const json_t *value)
{
        char number[URI_NUMBER_SIZE];
        struct str text;

        return uri_print(value, number, &text) == 0 ? buf_add_str(out, text) : add_json(out, value);
}

static bool is_json_type(const char *type)
{
        size_t n = type != NULL ? strcspn(type, ";, ") : 0;

        return (n == 16 && strncasecmp(type, "application/json", n) == 0) ||
               (n > 5 && strncasecmp(type + n - 5, "+json", 5) == 0);
}

/* ---- forms ---- */

/* Without a style an object is JSON, and the elements of an array repeat the name. */
static int add_field(struct buf *out, const char *name, const json_t *value, const json_t *e)
{
        const char *named = text_of(e, "style");
        const json_t *explode = json_object_get(e, "explode");
        struct style style = {
                .kind = rest_style_find(named != NULL ? named : "form"),
                .explodes = explode != NULL ? json_is_true(explode)
                                            : named == NULL || strcmp(named, "form") == 0,
                .allows_reserved = json_is_true(json_object_get(e, "allowReserved")),
        };
        bool is_styled = named != NULL || explode != NULL || style.allows_reserved;
        bool is_json =
                !is_styled && (json_is_object(value) || is_json_type(text_of(e, "contentType")));
        json_t *text;
        struct buf json;
        int r;

        if (!is_json)
                return rest_style_add(out, &style, name, value);
        buf_init(&json, out->max);
        r = add_json(&json, value);
        text = json_stringn((const char *)buf_bytes(&json).p, json.len);
        if (r == 0)
                r = text != NULL ? rest_style_add(out, &style, name, text) : -ENOMEM;
        json_decref(text);
        buf_finish(&json);
        return r;
}

static int make_form(const struct making *m, json_t *filled, struct buf *out)
{
        const char *name;
        json_t *value;
        int r = 0;

        json_object_foreach (filled, name, value) {
                struct buf pair;

                buf_init(&pair, out->max);
                r = add_field(&pair, name, value, json_object_get(m->run->tool->encoding, name));
                if (r == 0 && pair.len > 0 && out->len > 0)
                        r = buf_add_str(out, STR("&"));
                if (r == 0)
                        r = buf_add_str(out, buf_bytes(&pair));
                buf_finish(&pair);
                if (r != 0)
                        break;
        }
        return rest_making_outcome(m, "the form", r, "");
}

/* ---- parts ---- */

/* In quotes, where three characters are written as HTML has it (4.10.22.7). */
static int add_quoted(struct buf *out, struct str text)
{
        int r = buf_add_str(out, STR("\""));

        for (size_t i = 0; r == 0 && i < text.n; i++)
                if (text.p[i] == '"' || iscntrl((unsigned char)text.p[i]))
                        r = buf_addf(out, "%%%02X", (unsigned char)text.p[i]);
                else
                        r = buf_add(out, text.p + i, 1);
        return r != 0 ? r : buf_add_str(out, STR("\""));
}

/* The first type of a list; one with a wildcard is none. */
static struct str type_of(const json_t *e, bool is_bytes, bool is_json)
{
        const char *given = text_of(e, "contentType");
        struct str type = str_from(given);

        type = str_trim(str_cut(&type, ','));
        if (type.n > 0 && memchr(type.p, '*', type.n) == NULL)
                return type;
        return is_bytes  ? STR("application/octet-stream")
               : is_json ? STR("application/json")
                         : STR("");
}

static int add_part_head(const struct making *m, struct buf *out, const char *name, const json_t *e,
                         struct str type)
{
        const json_t *filename = json_object_get(
                m->run->arguments, text_of(e, "filename") != NULL ? text_of(e, "filename") : "");
        bool is_bytes = json_is_true(json_object_get(e, "base64"));
        int r = buf_add_str(out, STR("Content-Disposition: form-data; name="));

        if (r == 0)
                r = add_quoted(out, str_from(name));
        if (r == 0 && is_bytes)
                r = buf_add_str(out, STR("; filename="));
        if (r == 0 && is_bytes)
                r = add_quoted(out, json_is_string(filename) ? json_str(filename) : str_from(name));
        if (r == 0 && type.n > 0)
                r = buf_addf(out, "\r\nContent-Type: %.*s", STR_ARG(type));
        return r != 0 ? r : buf_add_str(out, STR("\r\n\r\n"));
}

static int add_part(const struct making *m, struct buf *out, const char *boundary, const char *name,
                    const json_t *value)
{
        const json_t *e = json_object_get(m->run->tool->encoding, name);
        bool is_bytes = json_is_true(json_object_get(e, "base64")) && json_is_string(value);
        bool is_json = !is_bytes && (json_is_object(value) || json_is_array(value) ||
                                     is_json_type(text_of(e, "contentType")));
        int r = buf_addf(out, "--%s\r\n", boundary);

        if (r == 0)
                r = add_part_head(m, out, name, e, type_of(e, is_bytes, is_json));
        if (r == 0)
                r = is_bytes  ? add_base64(out, value)
                    : is_json ? add_json(out, value)
                              : add_plain(out, value);
        if (r == 0)
                r = buf_add_str(out, STR("\r\n"));
        return rest_making_outcome(m, name, r, "must be Base64 (RFC 4648 4), with its padding");
}

/* An array is as many parts, unless it is said to be one. */
static int add_parts(const struct making *m, struct buf *out, const char *boundary,
                     const char *name, json_t *value)
{
        const json_t *e = json_object_get(m->run->tool->encoding, name);
        json_t *one;
        size_t i;
        int r = 0;

        if (json_is_null(value))
                return 0;
        if (!json_is_array(value) || is_json_type(text_of(e, "contentType")))
                return add_part(m, out, boundary, name, value);
        json_array_foreach (value, i, one)
                if (r == 0 && !json_is_null(one))
                        r = add_part(m, out, boundary, name, one);
        return r;
}

static int make_multipart(const struct making *m, json_t *filled, struct buf *out)
{
        char boundary[RAND_TEXT_SIZE(BOUNDARY_BYTES)], type[80];
        const char *name;
        json_t *value;
        int r = 0;

        rand_text(boundary, BOUNDARY_BYTES);
        json_object_foreach (filled, name, value)
                if (r == 0)
                        r = add_parts(m, out, boundary, name, value);
        if (r == 0)
                r = rest_making_outcome(m, "the body", buf_addf(out, "--%s--\r\n", boundary), "");
        snprintf(type, sizeof(type), "multipart/form-data; boundary=%s", boundary);
        return r != 0 ? r : rest_making_header(m, "Content-Type", type);
}

/* ---- the whole ---- */

static int make(const struct making *m, json_t *filled, struct buf *out)
{
        enum rest_body kind = m->run->tool->body_type;
        bool has_fields = kind == REST_BODY_FORM || kind == REST_BODY_MULTIPART;

        if (has_fields && !json_is_object(filled))
                return rest_making_refuse(m, "the body", "must be an object");
        if (kind == REST_BODY_FORM)
                return make_form(m, filled, out);
        if (kind == REST_BODY_MULTIPART)
                return make_multipart(m, filled, out);
        if (kind == REST_BODY_BASE64)
                return rest_making_outcome(m, "the body", add_base64(out, filled),
                                           "must be Base64 (RFC 4648 4), with its padding");
        return rest_making_outcome(
                m, "the body",
                kind == REST_BODY_TEXT ? add_plain(out, filled) : add_json(out, filled), "");
}

/* A body of which nothing is left is an empty object, or none. */
static int fill(const struct making *m, json_t **filledp)
{
        const struct rest_tool *t = m->run->tool;
        int r = rest_template_fill(t->body, m->run->arguments, filledp, m->why, m->why_size);

        if (r != 0 || *filledp != NULL || t->is_body_optional)
                return r;
        *filledp = json_object();
        return 0;
}

int rest_body_make(const struct making *m)
{
        json_t *filled = NULL;
        struct buf out;
        int r;

        if (m->run->tool->body_type == REST_BODY_NONE)
                return 0;
        r = fill(m, &filled);
        if (r != 0 || filled == NULL)
                return r;
        buf_init(&out, BODY_MAX_BYTES);
        r = make(m, filled, &out);
        if (r == 0 && (m->request->body = str_dup(buf_bytes(&out))) == NULL)
                r = -ENOMEM;
        m->request->body_n = out.len;
        if (r == 0)
                r = rest_making_header(m, "Content-Type", m->run->tool->content_type);
        json_decref(filled);
        buf_finish(&out);
        return r;
}

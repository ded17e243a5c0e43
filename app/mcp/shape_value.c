/* Single values, made what their member wants where that loses nothing. */
#include "shape_inside.h"

#include "mgw/wire/json_str.h"
#include "mgw/wire/rpc.h"
#include "mgw/wire/rpc_number.h"
#include "mgw/wire/uri.h"

#include <stdlib.h>
#include <string.h>

json_t *shape_text_of(json_t *value)
{
        json_t *text = NULL;
        struct str dumped;

        if (rpc_dump(value, &dumped) == 0) {
                text = json_stringn_nocheck(dumped.p, dumped.n);
                free((void *)dumped.p);
        }
        return text;
}

json_t *shape_text(json_t *value)
{
        return rpc_is_string(value) ? json_incref(value) : shape_text_of(value);
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

bool shape_is_word(const json_t *value, const char *const *words)
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

bool shape_is_empty(const json_t *value)
{
        return (json_is_array(value) && json_array_size(value) == 0) ||
               (json_is_object(value) && json_object_size(value) == 0);
}

json_t *shape_nest(json_t *value)
{
        if (json_is_object(value))
                return json_incref(value);
        return shape_is_empty(value) ? json_object() : NULL;
}

json_t *shape_value(json_t *value, const struct member *want)
{
        double number = rpc_number_value(value);

        switch (want->kind) {
        case NAME:
                return mend_name(value);
        case TEXT:
                return shape_text(value);
        case URI:
                return mend_uri(value);
        case ADDRESS:
                return mend_address(value);
        case TEMPLATE:
                return mend_template(value);
        case BYTES:
                return mend_base64(value);
        case WORD:
                return shape_is_word(value, want->words) ? json_incref(value) : NULL;
        case FLAG:
                return mend_flag(value);
        case NUMBER:
                return rpc_is_number(value) ? json_incref(value) : NULL;
        case WHOLE:
                return mend_whole(value);
        case FRACTION:
                return rpc_is_number(value) && number >= 0 && number <= 1 ? json_incref(value)
                                                                          : NULL;
        default:
                return shape_nest(value);
        }
}

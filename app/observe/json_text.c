/* A value goes out as it is but for what JSON escapes (RFC 8259 7). */
#include "json_text.h"

#include <string.h>

#define DIGITS_MAX 20

void json_text_init(struct json_text *t, char *p, size_t max)
{
        *t = (struct json_text){.p = p, .max = max};
}

void json_text_raw(struct json_text *t, struct str s)
{
        if (t->is_full || s.n > t->max - t->n) {
                t->is_full = true;
                return;
        }
        memcpy(t->p + t->n, s.p, s.n);
        t->n += s.n;
}

static void put(struct json_text *t, char c)
{
        json_text_raw(t, (struct str){&c, 1});
}

void json_text_open(struct json_text *t, char bracket)
{
        put(t, bracket);
        t->needs_comma = false;
}

void json_text_close(struct json_text *t, char bracket)
{
        put(t, bracket);
        t->needs_comma = true;
}

void json_text_key(struct json_text *t, const char *key)
{
        if (t->needs_comma)
                put(t, ',');
        t->needs_comma = true;
        if (key == NULL)
                return;
        put(t, '"');
        json_text_raw(t, str_from(key));
        json_text_raw(t, STR("\":"));
}

/* ---- strings ---- */

static bool is_plain(unsigned char c)
{
        return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

static void put_escaped(struct json_text *t, unsigned char c)
{
        static const char hex[] = "0123456789abcdef";
        const char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

        if (c == '"' || c == '\\') {
                put(t, '\\');
                put(t, (char)c);
        } else {
                json_text_raw(t, (struct str){text, sizeof(text)});
        }
}

/* One character that is not plain; how many bytes it has. */
static size_t put_odd(struct json_text *t, struct str rest)
{
        unsigned char c = (unsigned char)rest.p[0];
        uint32_t code_point;
        size_t n = c < 0x80 ? 0 : str_utf8_first(rest, &code_point);

        if (n > 0)
                json_text_raw(t, (struct str){rest.p, n});
        else if (c < 0x80)
                put_escaped(t, c);
        else
                put(t, '?');
        return n > 0 ? n : 1;
}

static void put_text(struct json_text *t, struct str s)
{
        while (s.n > 0 && !t->is_full) {
                size_t n = 0;

                while (n < s.n && is_plain((unsigned char)s.p[n]))
                        n++;
                json_text_raw(t, (struct str){s.p, n});
                s = (struct str){s.p + n, s.n - n};
                n = s.n > 0 ? put_odd(t, s) : 0;
                s = (struct str){s.p + n, s.n - n};
        }
}

void json_text_str(struct json_text *t, const char *key, struct str value, size_t max)
{
        bool is_cut = value.n > max;

        json_text_key(t, key);
        put(t, '"');
        while (is_cut && max > 0 && ((unsigned char)value.p[max] & 0xc0) == 0x80)
                max--;
        put_text(t, (struct str){value.p, is_cut ? max : value.n});
        json_text_raw(t, is_cut ? STR("...\"") : STR("\""));
}

void json_text_string(struct json_text *t, const char *key, const char *value, size_t max)
{
        if (value != NULL)
                json_text_str(t, key, str_from(value), max);
}

/* ---- numbers ---- */

void json_text_digits(struct json_text *t, uint64_t value, unsigned width)
{
        char digits[DIGITS_MAX];
        unsigned n = 0;

        do
                digits[DIGITS_MAX - ++n] = (char)('0' + value % 10);
        while ((value /= 10) > 0 || n < width);
        json_text_raw(t, (struct str){digits + DIGITS_MAX - n, n});
}

void json_text_int(struct json_text *t, const char *key, int64_t value)
{
        json_text_key(t, key);
        if (value < 0)
                put(t, '-');
        json_text_digits(t, value < 0 ? -(uint64_t)value : (uint64_t)value, 1);
}

void json_text_bool(struct json_text *t, const char *key, bool value)
{
        json_text_key(t, key);
        json_text_raw(t, value ? STR("true") : STR("false"));
}

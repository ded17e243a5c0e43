/* A value goes out as it is but for what JSON escapes (RFC 8259 7). */
#include "json_text.h"

#define DIGITS_MAX 20

static bool is_plain(unsigned char c)
{
        return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

static void put_escaped(struct json_text *t, unsigned char c)
{
        static const char hex[] = "0123456789abcdef";
        const char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

        if (c == '"' || c == '\\') {
                json_text_put(t, '\\');
                json_text_put(t, (char)c);
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
                json_text_put(t, '?');
        return n > 0 ? n : 1;
}

/* So many bytes are plain, and fit. */
static size_t put_plain(struct json_text *t, struct str s)
{
        size_t room = t->max - t->n, most = s.n < room ? s.n : room, n = 0;
        char *out = t->p + t->n;

        for (; n < most && is_plain((unsigned char)s.p[n]); n++)
                out[n] = s.p[n];
        t->n += n;
        return n;
}

void json_text_inside(struct json_text *t, struct str value, size_t max)
{
        bool is_cut = value.n > max;
        struct str s = {value.p, is_cut ? max : value.n};

        while (is_cut && s.n > 0 && ((unsigned char)value.p[s.n] & 0xc0) == 0x80)
                s.n--;
        while (s.n > 0 && !t->is_full) {
                size_t n = put_plain(t, s);

                s = (struct str){s.p + n, s.n - n};
                n = s.n > 0 ? put_odd(t, s) : 0;
                s = (struct str){s.p + n, s.n - n};
        }
        if (is_cut)
                json_text_raw(t, STR("..."));
}

void json_text_digits(struct json_text *t, uint64_t value, unsigned width)
{
        char digits[DIGITS_MAX];
        unsigned n = 0;

        do
                digits[DIGITS_MAX - ++n] = (char)('0' + value % 10);
        while ((value /= 10) > 0 || n < width);
        json_text_raw(t, (struct str){digits + DIGITS_MAX - n, n});
}

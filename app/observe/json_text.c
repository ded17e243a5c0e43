/* A value goes out as it is but for what JSON escapes (RFC 8259 7), and what its reader would not
 * see. */
#include "json_text.h"

#include "mgw/base/unseen.h"

#define DIGITS_MAX 20
#define EIGHT sizeof(uint64_t)
#define FOUR sizeof(uint32_t)

static bool is_plain(unsigned char c)
{
        return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

/* Of UTF-16. */
static void put_unit(struct json_text *t, uint32_t unit)
{
        static const char hex[] = "0123456789abcdef";
        const char text[6] = {
                '\\',          'u', hex[unit >> 12 & 15], hex[unit >> 8 & 15], hex[unit >> 4 & 15],
                hex[unit & 15]};

        json_text_raw(t, (struct str){text, sizeof(text)});
}

static void put_escaped(struct json_text *t, uint32_t code_point)
{
        if (code_point == '"' || code_point == '\\') {
                json_text_put(t, '\\');
                json_text_put(t, (char)code_point);
        } else if (code_point > 0xffff) {
                put_unit(t, 0xd7c0 + (code_point >> 10));
                put_unit(t, 0xdc00 + (code_point & 0x3ff));
        } else {
                put_unit(t, code_point);
        }
}

/* One character that is not plain; how many bytes it has. */
static size_t put_odd(struct json_text *t, struct str rest)
{
        uint32_t code_point = 0;
        size_t n = str_utf8_first(rest, &code_point);

        if (n == 0)
                json_text_put(t, '?');
        else if (code_point < 0x80 || unseen_is(code_point))
                put_escaped(t, code_point);
        else
                json_text_raw(t, (struct str){rest.p, n});
        return n > 0 ? n : 1;
}

static bool are_plain(uint64_t eight)
{
        const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
        uint64_t quote = eight ^ ones * '"', backslash = eight ^ ones * '\\';

        return ((eight | (eight + ones) | (eight - ones * ' ') | (quote - ones) |
                 (backslash - ones)) &
                highs) == 0;
}

static inline bool put_eight(char *out, const char *p)
{
        uint64_t eight;

        memcpy(&eight, p, EIGHT);
        memcpy(out, &eight, EIGHT);
        return are_plain(eight);
}

/* Of n bytes, four at least, up to eight: some are taken twice. */
static inline bool put_last(char *out, const char *p, size_t n)
{
        uint32_t first, last;

        if (n >= EIGHT)
                return put_eight(out + n - EIGHT, p + n - EIGHT);
        memcpy(&first, p, FOUR);
        memcpy(&last, p + n - FOUR, FOUR);
        memcpy(out, &first, FOUR);
        memcpy(out + n - FOUR, &last, FOUR);
        return are_plain((uint64_t)first << 32 | last);
}

/* So many bytes are plain, and fit. */
static size_t put_plain(struct json_text *t, struct str s)
{
        size_t room = t->max - t->n, most = s.n < room ? s.n : room, n = 0;
        char *out = t->p + t->n;

        while (most - n >= EIGHT && put_eight(out + n, s.p + n))
                n += EIGHT;
        if (most - n < EIGHT && most >= FOUR && put_last(out, s.p, most))
                n = most;
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

                if (n == s.n)
                        break;

                s = (struct str){s.p + n, s.n - n};
                n = put_odd(t, s);
                s = (struct str){s.p + n, s.n - n};
        }
        if (is_cut)
                json_text_raw(t, STR("..."));
}

void json_text_rest(struct json_text *t, const char *value, size_t max)
{
        struct str s = {value, strlen(value)};
        size_t before = t->n;

        if (s.n > max || put_plain(t, s) < s.n) {
                t->n = before;
                json_text_inside(t, s, max);
        }
        json_text_put(t, '"');
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

#include "rpc_read.h"

#include "rpc_plain.h"

#include "mgw/wire/rpc.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Of an int64_t, without its sign. */
#define DIGITS_MAX 19

/* Any function that fails leaves the rest unread. */
struct reader {
        const char *at;
        const char *end;
        unsigned depth;
        bool is_lenient;
};

static void skip_space(struct reader *r)
{
        while (r->at < r->end &&
               (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t'))
                r->at++;
}

/* The next byte that is no space; '\0' at the end. */
static char peek(struct reader *r)
{
        skip_space(r);
        return r->at < r->end ? *r->at : '\0';
}

static bool take(struct reader *r, char c)
{
        if (peek(r) != c)
                return false;
        r->at++;
        return true;
}

static bool take_word(struct reader *r, const char *word)
{
        size_t n = strlen(word);

        if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n) != 0)
                return false;
        r->at += n;
        return true;
}

/* ---- strings ---- */

/* Over what stands for itself; false: no UTF-8, or a control character. */
static bool skip_plain(struct reader *r)
{
        while (r->at < r->end && *r->at != '"' && *r->at != '\\') {
                uint32_t c;
                size_t n;

                if (r->end - r->at >= 8 && rpc_is_plain(r->at)) {
                        r->at += 8;
                        continue;
                }
                if ((unsigned char)*r->at < 0x20)
                        return false;
                n = str_utf8_first((struct str){r->at, (size_t)(r->end - r->at)}, &c);
                if (n == 0)
                        return false;
                r->at += n;
        }
        return r->at < r->end;
}

/* The four digits behind \u. */
static bool read_hex(struct reader *r, uint32_t *code)
{
        *code = 0;
        if (r->end - r->at < 4)
                return false;
        for (int i = 0; i < 4; i++) {
                int digit = str_hex_digit(*r->at++);

                if (digit < 0)
                        return false;
                *code = *code << 4 | (uint32_t)digit;
        }
        return true;
}

static size_t put_utf8(char *out, uint32_t c)
{
        size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        static const unsigned char firsts[] = {0, 0, 0xc0, 0xe0, 0xf0};

        for (size_t i = n - 1; i > 0; i--) {
                out[i] = (char)(0x80 | (c & 0x3f));
                c >>= 6;
        }
        out[0] = (char)(firsts[n] | c);
        return n;
}

/* Behind "\u". Surrogates come in pairs. */
static bool read_unicode(struct reader *r, char **out)
{
        uint32_t c, low;

        if (!read_hex(r, &c) || (c >= 0xdc00 && c <= 0xdfff))
                return false;
        if (c >= 0xd800 && c <= 0xdbff) {
                if (!take_word(r, "\\u") || !read_hex(r, &low) || low < 0xdc00 || low > 0xdfff)
                        return false;
                c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        }
        *out += put_utf8(*out, c);
        return true;
}

static bool read_escape(struct reader *r, char **out)
{
        static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
        const char *letter;

        r->at++;
        if (r->at == r->end || *r->at == '\0')
                return false;
        if (*r->at == 'u') {
                r->at++;
                return read_unicode(r, out);
        }
        letter = strchr(letters, *r->at++);
        if (letter == NULL)
                return false;
        *(*out)++ = meanings[letter - letters];
        return true;
}

struct text {
        const char *p;
        size_t n;
        char *owned; /* NULL: p lies in what is read */
};

/* The end of the string that r is in, seen from there; NULL: it has none. */
static const char *find_end(const struct reader *r)
{
        const char *at = r->at;

        while (at < r->end && *at != '"')
                at += *at == '\\' ? 2 : 1;
        return at < r->end ? at : NULL;
}

/* What has escapes takes no more bytes without them. */
static bool read_escaped(struct reader *r, const char *from, struct text *text)
{
        const char *end = find_end(r);
        char *out;

        if (end == NULL || (text->owned = malloc((size_t)(end - from) + 1)) == NULL)
                return false;
        out = text->owned;
        for (;;) {
                memcpy(out, from, (size_t)(r->at - from));
                out += r->at - from;
                if (*r->at == '"')
                        break;
                if (!read_escape(r, &out))
                        return false;
                from = r->at;
                if (!skip_plain(r))
                        return false;
        }
        text->p = text->owned;
        text->n = (size_t)(out - text->owned);
        return true;
}

/* r is at its quote. Whatever comes of it, text->owned is to be freed. */
static bool read_text(struct reader *r, struct text *text)
{
        const char *from = ++r->at;

        *text = (struct text){.p = NULL};
        if (!skip_plain(r))
                return false;
        if (*r->at == '"') {
                text->p = from;
                text->n = (size_t)(r->at - from);
        } else if (!read_escaped(r, from, text)) {
                return false;
        }
        r->at++;
        return true;
}

static json_t *read_string(struct reader *r)
{
        struct text text;
        json_t *string = read_text(r, &text) ? json_stringn_nocheck(text.p, text.n) : NULL;

        free(text.owned);
        return string;
}

/* ---- numbers ---- */

static bool is_digit(const struct reader *r)
{
        return r->at < r->end && *r->at >= '0' && *r->at <= '9';
}

static size_t skip_digits(struct reader *r)
{
        const char *from = r->at;

        while (is_digit(r))
                r->at++;
        return (size_t)(r->at - from);
}

static json_t *make_real(struct str digits)
{
        char *copy = str_dup(digits); /* strtod() wants an end */
        double value = copy != NULL ? strtod(copy, NULL) : HUGE_VAL;

        free(copy);
        return isfinite(value) ? json_real(value) : NULL;
}

static json_t *make_integer(struct str digits, bool may_be_real)
{
        char copy[DIGITS_MAX + 2];
        long long value;

        if (digits.n >= sizeof(copy))
                return may_be_real ? make_real(digits) : NULL;
        memcpy(copy, digits.p, digits.n);
        copy[digits.n] = '\0';
        errno = 0;
        value = strtoll(copy, NULL, 10);
        if (errno == 0)
                return json_integer(value);
        return may_be_real ? make_real(digits) : NULL;
}

static json_t *read_number(struct reader *r)
{
        const char *from = r->at;
        bool is_real = false;
        struct str digits;

        if (*r->at == '-')
                r->at++;
        if (r->at < r->end && *r->at == '0')
                r->at++;
        else if (skip_digits(r) == 0)
                return NULL;
        if (r->at < r->end && *r->at == '.') {
                is_real = true;
                r->at++;
                if (skip_digits(r) == 0)
                        return NULL;
        }
        if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
                is_real = true;
                r->at++;
                if (r->at < r->end && (*r->at == '+' || *r->at == '-'))
                        r->at++;
                if (skip_digits(r) == 0)
                        return NULL;
        }
        digits = (struct str){from, (size_t)(r->at - from)};
        return is_real ? make_real(digits) : make_integer(digits, r->is_lenient);
}

/* ---- values ---- */

static json_t *read_value(struct reader *r);

static bool read_member(struct reader *r, json_t *object)
{
        size_t n_members = json_object_size(object);
        struct text key = {.p = NULL};
        json_t *value = NULL;
        bool is_read = peek(r) == '"' && read_text(r, &key) && memchr(key.p, '\0', key.n) == NULL &&
                       take(r, ':') && (value = read_value(r)) != NULL &&
                       json_object_setn_new_nocheck(object, key.p, key.n, value) == 0;

        free(key.owned);
        /* what does not grow had it before */
        return is_read && (r->is_lenient || json_object_size(object) > n_members);
}

static bool read_members(struct reader *r, json_t *object)
{
        if (take(r, '}'))
                return true;
        do {
                if (!read_member(r, object))
                        return false;
        } while (take(r, ','));
        return take(r, '}');
}

static bool read_entries(struct reader *r, json_t *array)
{
        if (take(r, ']'))
                return true;
        do {
                json_t *value = read_value(r);

                if (value == NULL || json_array_append_new(array, value) != 0)
                        return false;
        } while (take(r, ','));
        return take(r, ']');
}

static json_t *read_nest(struct reader *r)
{
        bool is_object = *r->at++ == '{';
        json_t *nest = is_object ? json_object() : json_array();

        if (nest == NULL || ++r->depth > RPC_DEPTH_MAX ||
            !(is_object ? read_members(r, nest) : read_entries(r, nest))) {
                json_decref(nest);
                return NULL;
        }
        r->depth--;
        return nest;
}

static json_t *read_value(struct reader *r)
{
        switch (peek(r)) {
        case '{':
        case '[':
                return read_nest(r);
        case '"':
                return read_string(r);
        case 't':
                return take_word(r, "true") ? json_true() : NULL;
        case 'f':
                return take_word(r, "false") ? json_false() : NULL;
        case 'n':
                return take_word(r, "null") ? json_null() : NULL;
        default:
                return r->at < r->end ? read_number(r) : NULL;
        }
}

json_t *rpc_read(struct str text, size_t *stopp)
{
        struct reader r = {text.p, text.p + text.n, 0, false};
        char first = text.n > 0 ? peek(&r) : '\0';
        json_t *root = first == '{' || first == '[' ? read_nest(&r) : NULL;

        skip_space(&r);
        *stopp = (size_t)(r.at - text.p);
        if (root == NULL || r.at == r.end)
                return root;
        json_decref(root);
        return NULL;
}

json_t *rpc_read_lenient(struct str text)
{
        struct reader r = {text.p, text.p + text.n, 0, true};
        json_t *root = text.n > 0 ? read_value(&r) : NULL;

        skip_space(&r);
        if (r.at == r.end)
                return root;
        json_decref(root);
        return NULL;
}

/* A recursive descent, whose depth was bounded before it begins. Plain text is skipped eight bytes
 * at a time; only a string in which something must be mended is copied piece by piece. */
#include "rpc_read.h"

#include "mgw/wire/rpc.h"
#include "mgw/wire/rpc_number.h"
#include "rpc_plain.h"
#include "rpc_text.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A number of more bytes is the nearest double. */
#define NUMBER_MAX_BYTES 400

/* Any function that fails leaves the rest unread, and says why (no memory: it does not). */
struct reader {
        const char *at;
        const char *end;
        const char *why;
        unsigned depth;
        size_t n_grown; /* bytes that strings have more than their text had */
};

static bool fail(struct reader *r, const char *why)
{
        if (r->why == NULL)
                r->why = r->at < r->end ? why : "the text ends too early";
        return false;
}

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

/* Over what stands for itself, to a quote, a backslash, what is no UTF-8, or the end. Control
 * characters are taken too. */
static void skip_plain(struct reader *r)
{
        while (r->at < r->end && *r->at != '"' && *r->at != '\\') {
                uint32_t c;
                size_t n;

                if (r->end - r->at >= 8 && rpc_is_plain(r->at)) {
                        r->at += 8;
                        continue;
                }
                if (rpc_is_plain_char(*r->at)) {
                        r->at++;
                        continue;
                }
                n = str_utf8_first((struct str){r->at, (size_t)(r->end - r->at)}, &c);
                if (n == 0)
                        return;
                r->at += n;
        }
}

/* The four digits behind \u. */
static bool read_hex(struct reader *r, uint32_t *code)
{
        *code = 0;
        for (int i = 0; i < 4; i++) {
                int digit = r->at < r->end ? str_hex_digit(*r->at) : -1;

                if (digit < 0)
                        return fail(r, "four hexadecimal digits expected");
                r->at++;
                *code = *code << 4 | (uint32_t)digit;
        }
        return true;
}

/* Behind "\u". Half a pair is no character: U+FFFD. */
static bool read_unicode(struct reader *r, char **out)
{
        uint32_t c, low;

        if (!read_hex(r, &c))
                return false;
        while (rpc_is_high(c) && take_word(r, "\\u")) {
                if (!read_hex(r, &low))
                        return false;
                if (rpc_is_low(low)) {
                        c = rpc_of_pair(c, low);
                } else {
                        *out += rpc_put_utf8(*out, RPC_REPLACEMENT);
                        c = low;
                }
        }
        *out += rpc_put_utf8(*out, rpc_is_high(c) || rpc_is_low(c) ? RPC_REPLACEMENT : c);
        return true;
}

static bool read_escape(struct reader *r, char **out)
{
        static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
        const char *letter;

        r->at++;
        if (r->at < r->end && *r->at == 'u') {
                r->at++;
                return read_unicode(r, out);
        }
        letter = r->at < r->end && *r->at != '\0' ? strchr(letters, *r->at) : NULL;
        if (letter == NULL)
                return fail(r, "no such escape in a string");
        r->at++;
        *(*out)++ = meanings[letter - letters];
        return true;
}

struct text {
        const char *p;
        size_t n;
        char *owned;     /* NULL: p lies in what is read */
        size_t size;     /* of owned */
        const char *end; /* of what is read, where it is mended */
};

/* One that is no UTF-8: the character of a pair of surrogates, else U+FFFD. */
static bool read_broken(struct reader *r, struct text *text, char **out)
{
        size_t n = (size_t)(*out - text->owned), size = n + 3 * (size_t)(text->end - r->at) + 1;
        uint32_t high = rpc_surrogate_at(r->at, text->end);
        uint32_t low = rpc_is_high(high) ? rpc_surrogate_at(r->at + 3, text->end) : 0;
        bool is_pair = rpc_is_low(low);
        size_t wants;
        size_t used = is_pair ? 6 : high != 0 ? 3 : rpc_broken_length(r->at, text->end, &wants);

        if (text->size < size) {
                char *owned = realloc(text->owned, size);

                if (owned == NULL)
                        return false;
                text->owned = owned;
                text->size = size;
                *out = owned + n;
        }
        r->at += used;
        *out += rpc_put_utf8(*out, is_pair ? rpc_of_pair(high, low) : RPC_REPLACEMENT);
        r->n_grown += used < 3 ? 3 - used : 0;
        return true;
}

/* The end of the string that r is in, seen from there; NULL: it has none. */
static const char *find_end(const struct reader *r)
{
        const char *at = r->at;

        while (at < r->end && *at != '"')
                at += *at == '\\' ? 2 : 1;
        return at < r->end ? at : NULL;
}

/* What has escapes takes no more bytes without them; what is no UTF-8 up to three times as many. */
static bool read_mended(struct reader *r, const char *from, struct text *text)
{
        char *out;

        text->end = find_end(r);
        if (text->end == NULL) {
                r->at = r->end;
                return fail(r, "");
        }
        text->size = (size_t)(text->end - from) + 1;
        if ((text->owned = malloc(text->size)) == NULL)
                return false;
        out = text->owned;
        for (;;) {
                memcpy(out, from, (size_t)(r->at - from));
                out += r->at - from;
                if (*r->at == '"')
                        break;
                if (!(*r->at == '\\' ? read_escape(r, &out) : read_broken(r, text, &out)))
                        return false;
                from = r->at;
                skip_plain(r);
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
        skip_plain(r);
        if (r->at == r->end)
                return fail(r, "");
        if (*r->at == '"') {
                text->p = from;
                text->n = (size_t)(r->at - from);
        } else if (!read_mended(r, from, text)) {
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

static json_t *nearest(double value)
{
        return json_real(isinf(value) ? copysign(DBL_MAX, value) : value);
}

/* The double that is nearest, or the text itself where that is not what was written. */
static json_t *make_real(struct str digits, size_t n_digits)
{
        char copy[NUMBER_MAX_BYTES + 1], *whole;
        double value;

        if (digits.n > NUMBER_MAX_BYTES) {
                whole = str_dup(digits); /* strtod() wants an end */
                value = whole != NULL ? strtod(whole, NULL) : 0;
                free(whole);
                return whole != NULL ? nearest(value) : NULL;
        }
        memcpy(copy, digits.p, digits.n);
        copy[digits.n] = '\0';
        value = strtod(copy, NULL);
        return isinf(value) || n_digits <= REAL_DIGITS_MAX ? nearest(value)
                                                           : rpc_number_as_written(digits);
}

static json_t *make_integer(struct str digits)
{
        bool is_negative = *digits.p == '-';
        size_t n_digits = digits.n - is_negative;
        json_int_t value = 0;

        for (size_t i = is_negative; i < digits.n; i++) {
                int digit = digits.p[i] - '0';

                if (n_digits > INTEGER_DIGITS_SAFE &&
                    (__builtin_mul_overflow(value, 10, &value) ||
                     __builtin_sub_overflow(value, digit, &value)))
                        return make_real(digits, n_digits);
                if (n_digits <= INTEGER_DIGITS_SAFE)
                        value = value * 10 - digit;
        }
        /* counted below 0, where there is one more */
        if (!is_negative && value == INT64_MIN)
                return make_real(digits, n_digits);
        return json_integer(is_negative ? value : -value);
}

/* Of the digits of a number: those that count. */
static size_t significant(struct str digits)
{
        size_t n = 0;

        for (size_t i = 0; i < digits.n && digits.p[i] != 'e' && digits.p[i] != 'E'; i++)
                n += digits.p[i] >= '0' && digits.p[i] <= '9' && (n > 0 || digits.p[i] != '0');
        return n;
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
                return take_word(r, "Infinity") ? nearest(*from == '-' ? -HUGE_VAL : HUGE_VAL)
                                                : NULL;
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
        return is_real ? make_real(digits, significant(digits)) : make_integer(digits);
}

/* ---- values ---- */

static json_t *read_value(struct reader *r);

/* Most of what looks at names takes them as C's, which end at a NUL: to it "name\0x" would be
 * another "name". So a NUL in a name is no text either. */
static bool replace_nuls(struct reader *r, struct text *name)
{
        size_t n_nuls = 0;
        char *owned, *out;

        for (size_t i = 0; i < name->n; i++)
                n_nuls += name->p[i] == '\0';
        if (n_nuls == 0)
                return true;
        owned = out = calloc(name->n + 2 * n_nuls, 1);
        if (owned == NULL)
                return false;
        for (size_t i = 0; i < name->n; i++)
                if (name->p[i] != '\0')
                        *out++ = name->p[i];
                else
                        out += rpc_put_utf8(out, RPC_REPLACEMENT);
        free(name->owned);
        name->p = name->owned = owned;
        name->n = (size_t)(out - owned);
        r->n_grown += 2 * n_nuls;
        return true;
}

/* Of two of one name the last counts. */
static bool read_member(struct reader *r, json_t *object)
{
        struct text key = {.p = NULL};
        json_t *value = NULL;
        bool is_read;

        if (peek(r) != '"')
                return fail(r, "the name of a member expected");
        is_read = read_text(r, &key) && replace_nuls(r, &key) &&
                  (take(r, ':') || fail(r, "':' expected")) && (value = read_value(r)) != NULL &&
                  json_object_setn_new_nocheck(object, key.p, key.n, value) == 0;
        free(key.owned);
        return is_read;
}

static bool read_members(struct reader *r, json_t *object)
{
        if (take(r, '}'))
                return true;
        do {
                if (!read_member(r, object))
                        return false;
        } while (take(r, ','));
        return take(r, '}') || fail(r, "',' or '}' expected");
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
        return take(r, ']') || fail(r, "',' or ']' expected");
}

static json_t *read_nest(struct reader *r)
{
        bool is_object = *r->at++ == '{';
        json_t *nest = is_object ? json_object() : json_array();

        if (++r->depth > RPC_DEPTH_MAX ||
            !(is_object ? read_members(r, nest) : read_entries(r, nest))) {
                json_decref(nest);
                return NULL;
        }
        r->depth--;
        return nest;
}

/* What is none of JSON's, or a number. Python writes NaN and Infinity. */
static json_t *read_other(struct reader *r)
{
        json_t *value = NULL;

        if (r->at < r->end && (*r->at == '-' || is_digit(r)))
                value = read_number(r);
        else if (take_word(r, "NaN"))
                return json_null();
        else if (take_word(r, "Infinity"))
                return nearest(HUGE_VAL);
        if (value == NULL)
                (void)fail(r, "no value of JSON");
        return value;
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
                if (take_word(r, "true"))
                        return json_true();
                break;
        case 'f':
                if (take_word(r, "false"))
                        return json_false();
                break;
        case 'n':
                if (take_word(r, "null"))
                        return json_null();
                break;
        default:
                break;
        }
        return read_other(r);
}

json_t *rpc_read(struct str text, bool is_any, struct rpc_read *outcome)
{
        struct reader r = {.at = text.p, .end = text.p + text.n};
        json_t *root = NULL;
        char first;

        if (str_has_prefix(text, STR("\xef\xbb\xbf")))
                r.at += 3;
        first = text.n > 0 ? peek(&r) : '\0';
        if (is_any || first == '{' || first == '[')
                root = read_value(&r);
        else
                (void)fail(&r, "'{' or '[' expected");
        skip_space(&r);
        if (root != NULL && r.at < r.end) {
                (void)fail(&r, "more text behind the message");
                json_decref(root);
                root = NULL;
        }
        *outcome = (struct rpc_read){
                .stop = (size_t)(r.at - text.p), .n_grown = r.n_grown, .why = r.why};
        return root;
}

/* Into one buffer, which doubles. Plain text is copied at once. */
#include "rpc_write.h"

#include "mgw/wire/json_raw.h"
#include "mgw/wire/rpc_number.h"
#include "rpc_plain.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was read is nested 64 levels deep, and is put into a few of ours. */
#define DEPTH_MAX 256
/* Of a number, and of the escapes of one character. */
#define SHORT_MAX_BYTES 64
#define SPARE_MAX_BYTES 512
#define DEL 0x7f

struct writer {
        char *p;
        size_t n;
        size_t size;
        unsigned depth;
        const struct rpc_write_style *style;
};

/* Room for n more bytes. */
static bool reserve(struct writer *w, size_t n)
{
        size_t size = w->size == 0 ? 256 : w->size;
        char *p;

        if (w->size - w->n >= n)
                return true;
        while (size - w->n < n)
                size *= 2;
        p = realloc(w->p, size);
        if (p == NULL)
                return false;
        w->p = p;
        w->size = size;
        return true;
}

static bool put(struct writer *w, const char *p, size_t n)
{
        if (n == 0)
                return true;
        if (!reserve(w, n) || w->p == NULL)
                return false;
        memcpy(w->p + w->n, p, n);
        w->n += n;
        return true;
}

static bool put_char(struct writer *w, char c)
{
        return put(w, &c, 1);
}

/* Past 16 bits as two (RFC 8259 7). */
static bool put_escape(struct writer *w, uint32_t c)
{
        static const char meanings[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
        const char *meaning = c != 0 && c < 0x80 ? strchr(meanings, (int)c) : NULL;
        char text[16] = "\\";
        size_t n = 2;

        if (meaning != NULL)
                text[1] = letters[meaning - meanings];
        else if (c < 0x10000)
                n = (size_t)snprintf(text, sizeof(text), "\\u%04X", (unsigned)c);
        else
                n = (size_t)snprintf(text, sizeof(text), "\\u%04X\\u%04X",
                                     (unsigned)(0xd800 + ((c - 0x10000) >> 10)),
                                     (unsigned)(0xdc00 + (c & 0x3ff)));
        return put(w, text, n);
}

static bool put_text(struct writer *w, const char *p, size_t n)
{
        const bool is_ascii = w->style->is_ascii;
        const char *end = p + n, *from = p;

        if (!reserve(w, n + 2) || !put_char(w, '"'))
                return false;
        while (p < end) {
                uint32_t c = (unsigned char)*p;
                size_t length = 1;

                if (!is_ascii && end - p >= 8 && rpc_is_plain(p)) {
                        p += 8;
                        continue;
                }
                if (rpc_is_plain_char(*p) && !(is_ascii && c == DEL)) {
                        p++;
                        continue;
                }
                if (c >= 0x80)
                        length = str_utf8_first((struct str){p, (size_t)(end - p)}, &c);
                if (length == 0)
                        return false;
                p += length;
                if (c >= 0x80 && !is_ascii)
                        continue;
                if (!put(w, from, (size_t)(p - length - from)) || !put_escape(w, c))
                        return false;
                from = p;
        }
        return put(w, from, (size_t)(end - from)) && put_char(w, '"');
}

static bool put_value(struct writer *w, const json_t *value);

static bool put_break(struct writer *w, unsigned depth)
{
        size_t n = (size_t)depth * w->style->indent;

        if (w->style->indent == 0)
                return true;
        if (!put_char(w, '\n') || !reserve(w, n))
                return false;
        memset(w->p + w->n, ' ', n);
        w->n += n;
        return true;
}

/* What stands before a member or an entry. */
static bool put_start(struct writer *w, bool is_first)
{
        return (is_first || put_char(w, ',')) && put_break(w, w->depth);
}

static bool put_end(struct writer *w, char c, bool is_empty)
{
        return (is_empty || put_break(w, w->depth - 1)) && put_char(w, c);
}

static bool put_member(struct writer *w, struct str name, const json_t *member, bool is_first)
{
        return put_start(w, is_first) && put_text(w, name.p, name.n) && put_char(w, ':') &&
               (w->style->indent == 0 || put_char(w, ' ')) && put_value(w, member);
}

struct member {
        struct str name;
        const json_t *value;
};

static int compare(const void *a, const void *b)
{
        const struct str *left = &((const struct member *)a)->name,
                         *right = &((const struct member *)b)->name;
        int order = memcmp(left->p, right->p, left->n < right->n ? left->n : right->n);

        return order != 0 ? order : (left->n > right->n) - (left->n < right->n);
}

static bool put_sorted(struct writer *w, json_t *object)
{
        struct member *members = calloc(json_object_size(object) + 1, sizeof(*members));
        bool is_put = members != NULL;
        const char *key;
        json_t *member;
        size_t n, n_members = 0;

        json_object_keylen_foreach(object, key, n, member)
        {
                if (is_put)
                        members[n_members++] = (struct member){{key, n}, member};
        }
        if (is_put)
                qsort(members, n_members, sizeof(*members), compare);
        for (size_t i = 0; is_put && i < n_members; i++)
                is_put = put_member(w, members[i].name, members[i].value, i == 0);
        free(members);
        return is_put;
}

static bool put_members(struct writer *w, json_t *object)
{
        const char *key;
        json_t *member;
        size_t n;
        bool is_first = true;

        if (!put_char(w, '{'))
                return false;
        if (w->style->is_sorted)
                return put_sorted(w, object) && put_end(w, '}', json_object_size(object) == 0);
        json_object_keylen_foreach(object, key, n, member)
        {
                if (!put_member(w, (struct str){key, n}, member, is_first))
                        return false;
                is_first = false;
        }
        return put_end(w, '}', is_first);
}

static bool put_entries(struct writer *w, const json_t *array)
{
        const json_t *entry;
        size_t i;

        if (!put_char(w, '['))
                return false;
        json_array_foreach (array, i, entry)
                if (!put_start(w, i == 0) || !put_value(w, entry))
                        return false;
        return put_end(w, ']', i == 0);
}

/* The shortest that is read back the same. Two steps at most for any but the smallest numbers: 15
 * digits always come back from a double, and 17 always give it. */
static bool put_real(struct writer *w, double value)
{
        char text[SHORT_MAX_BYTES], *exponent;
        int digits = isnormal(value) ? 15 : 1;
        size_t n;

        do
                n = (size_t)snprintf(text, sizeof(text) - 2, "%.*g", digits, value);
        while (strtod(text, NULL) != value && ++digits <= 17); /* NOLINT: not near, the same */
        exponent = strchr(text, 'e');
        if (exponent != NULL && exponent[1] == '+') {
                memmove(exponent + 1, exponent + 2, strlen(exponent + 2) + 1);
                n--;
        }
        /* an integer is something else for who reads it back */
        return put(w, text, n) && (strpbrk(text, ".e") != NULL || put(w, ".0", 2));
}

static bool put_integer(struct writer *w, json_int_t value)
{
        char text[SHORT_MAX_BYTES], *at = text + sizeof(text);
        unsigned long long left =
                value < 0 ? 0 - (unsigned long long)value : (unsigned long long)value;

        do
                *--at = (char)('0' + left % 10);
        while ((left /= 10) > 0);
        if (value < 0)
                *--at = '-';
        return put(w, at, (size_t)(text + sizeof(text) - at));
}

static bool put_string(struct writer *w, const json_t *string)
{
        const char *text = json_string_value(string);
        size_t n = json_string_length(string);
        bool is_bare = rpc_number_text(string).p != NULL || json_is_raw(string);

        return is_bare ? put(w, text + 1, n - 1) : put_text(w, text, n);
}

static bool put_nest(struct writer *w, const json_t *nest)
{
        bool is_put =
                ++w->depth <= DEPTH_MAX &&
                (json_is_object(nest) ? put_members(w, (json_t *)nest) : put_entries(w, nest));

        w->depth--;
        return is_put;
}

static bool put_value(struct writer *w, const json_t *value)
{
        if (value == NULL)
                return false;
        switch (json_typeof(value)) {
        case JSON_OBJECT:
        case JSON_ARRAY:
                return put_nest(w, value);
        case JSON_STRING:
                return put_string(w, value);
        case JSON_INTEGER:
                return put_integer(w, json_integer_value(value));
        case JSON_REAL:
                return put_real(w, json_real_value(value));
        case JSON_TRUE:
                return put(w, "true", 4);
        case JSON_FALSE:
                return put(w, "false", 5);
        case JSON_NULL:
                return put(w, "null", 4);
        }
        return false;
}

int rpc_write(const json_t *value, const struct rpc_write_style *style, struct str *out)
{
        struct writer w = {.style = style};
        char *p;

        if (!put_value(&w, value) || !put_char(&w, '\0')) {
                free(w.p);
                return -ENOMEM;
        }
        /* gives back what it has not used, where that is worth it */
        p = w.size - w.n > SPARE_MAX_BYTES ? realloc(w.p, w.n) : w.p;
        *out = (struct str){p != NULL ? p : w.p, w.n - 1};
        return 0;
}

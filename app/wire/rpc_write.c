#include "rpc_write.h"

#include "rpc_plain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was read is nested 64 levels deep, and is put into a few of ours. */
#define DEPTH_MAX 256
/* Of a number, and of the escapes of one character. */
#define SHORT_MAX_BYTES 64

struct writer {
        char *p;
        size_t n;
        size_t size;
        unsigned depth;
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
        if (!reserve(w, n))
                return false;
        memcpy(w->p + w->n, p, n);
        w->n += n;
        return true;
}

static bool put_char(struct writer *w, char c)
{
        return put(w, &c, 1);
}

static bool is_plain(unsigned char c)
{
        return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static bool put_escape(struct writer *w, char c)
{
        static const char meanings[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
        const char *meaning = c != '\0' ? strchr(meanings, c) : NULL;
        char escape[8] = "\\";
        size_t n = 2;

        if (meaning != NULL)
                escape[1] = letters[meaning - meanings];
        else
                n = (size_t)snprintf(escape, sizeof(escape), "\\u%04X", (unsigned)c);
        return put(w, escape, n);
}

static bool put_text(struct writer *w, const char *p, size_t n)
{
        const char *end = p + n, *from = p;

        if (!reserve(w, n + 2) || !put_char(w, '"'))
                return false;
        while (p < end) {
                uint32_t c;
                size_t length = 1;

                if (end - p >= 8 && rpc_is_plain(p)) {
                        p += 8;
                        continue;
                }
                if (is_plain((unsigned char)*p)) {
                        p++;
                        continue;
                }
                if ((unsigned char)*p >= 0x80) {
                        length = str_utf8_first((struct str){p, (size_t)(end - p)}, &c);
                        if (length == 0)
                                return false;
                        p += length;
                        continue;
                }
                if (!put(w, from, (size_t)(p - from)) || !put_escape(w, *p))
                        return false;
                from = ++p;
        }
        return put(w, from, (size_t)(end - from)) && put_char(w, '"');
}

static bool put_value(struct writer *w, const json_t *value);

static bool put_members(struct writer *w, json_t *object)
{
        const char *key;
        json_t *member;
        size_t n;
        bool is_first = true;

        if (!put_char(w, '{'))
                return false;
        json_object_keylen_foreach(object, key, n, member)
        {
                if ((!is_first && !put_char(w, ',')) || !put_text(w, key, n) || !put_char(w, ':') ||
                    !put_value(w, member))
                        return false;
                is_first = false;
        }
        return put_char(w, '}');
}

static bool put_entries(struct writer *w, const json_t *array)
{
        const json_t *entry;
        size_t i;

        if (!put_char(w, '['))
                return false;
        json_array_foreach (array, i, entry)
                if ((i > 0 && !put_char(w, ',')) || !put_value(w, entry))
                        return false;
        return put_char(w, ']');
}

/* As jansson does, which knows how to print a double so that it is read back the same. */
static bool put_real(struct writer *w, const json_t *value)
{
        char text[SHORT_MAX_BYTES];
        size_t n = json_dumpb(value, text, sizeof(text), JSON_ENCODE_ANY);

        return n > 0 && n <= sizeof(text) && put(w, text, n);
}

static bool put_integer(struct writer *w, const json_t *value)
{
        char text[SHORT_MAX_BYTES];

        return put(w, text,
                   (size_t)snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT,
                                    json_integer_value(value)));
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
                return put_text(w, json_string_value(value), json_string_length(value));
        case JSON_INTEGER:
                return put_integer(w, value);
        case JSON_REAL:
                return put_real(w, value);
        case JSON_TRUE:
                return put(w, "true", 4);
        case JSON_FALSE:
                return put(w, "false", 5);
        case JSON_NULL:
                return put(w, "null", 4);
        }
        return false;
}

int rpc_write(const json_t *value, struct str *out)
{
        struct writer w = {0};
        char *p;

        if ((!json_is_object(value) && !json_is_array(value)) || !put_nest(&w, value) ||
            !put_char(&w, '\0')) {
                free(w.p);
                return -ENOMEM;
        }
        p = realloc(w.p, w.n); /* gives back what it has not used */
        *out = (struct str){p != NULL ? p : w.p, w.n - 1};
        return 0;
}

/* JSON that is written member by member into memory of a fixed size: lines of the audit, spans. */
#pragma once

#include "mgw/base/str.h"

#include <string.h>

/* What does not fit any more is left out whole, and is_full says so. */
struct json_text {
        char *p;
        size_t n;
        size_t max;
        bool is_full;
        bool needs_comma;
};

static inline void json_text_init(struct json_text *t, char *p, size_t max)
{
        *t = (struct json_text){.p = p, .max = max};
}

/* There is no room for anything more. */
static inline void json_text_fill(struct json_text *t)
{
        t->is_full = true;
        t->max = t->n;
}

/* As it is. */
static inline void json_text_raw(struct json_text *t, struct str s)
{
        if (s.n > t->max - t->n) {
                json_text_fill(t);
                return;
        }
        memcpy(t->p + t->n, s.p, s.n);
        t->n += s.n;
}

static inline void json_text_put(struct json_text *t, char c)
{
        if (t->n == t->max)
                json_text_fill(t);
        else
                t->p[t->n++] = c;
}

/* '{' or '[', and their ends. */
static inline void json_text_open(struct json_text *t, char bracket)
{
        json_text_put(t, bracket);
        t->needs_comma = false;
}

static inline void json_text_close(struct json_text *t, char bracket)
{
        json_text_put(t, bracket);
        t->needs_comma = true;
}

/* An element of an array is to follow. */
static inline void json_text_comma(struct json_text *t)
{
        if (t->needs_comma)
                json_text_put(t, ',');
        t->needs_comma = true;
}

/* A member's name; its value is to follow. */
static inline void json_text_key(struct json_text *t, const char *key)
{
        json_text_comma(t);
        json_text_put(t, '"');
        json_text_raw(t, (struct str){key, strlen(key)});
        json_text_raw(t, STR("\":"));
}

/* At most max bytes of it, as they stand between quotes; a '?' stands for each byte that is no
 * UTF-8. */
void json_text_inside(struct json_text *t, struct str value, size_t max);
/* Digits alone, a zero before them where they are fewer. */
void json_text_digits(struct json_text *t, uint64_t value, unsigned width);

static inline void json_text_str(struct json_text *t, const char *key, struct str value, size_t max)
{
        json_text_key(t, key);
        json_text_put(t, '"');
        json_text_inside(t, value, max);
        json_text_put(t, '"');
}

/* A value to its end, and the quote behind it. */
void json_text_rest(struct json_text *t, const char *value, size_t max);

static inline void json_text_member(struct json_text *t, struct str head, const char *value,
                                    size_t max)
{
        if (value == NULL)
                return;
        json_text_raw(t, head);
        json_text_rest(t, value, max);
}

/* NULL: nothing is written. */
static inline void json_text_string(struct json_text *t, const char *key, const char *value,
                                    size_t max)
{
        if (value != NULL)
                json_text_str(t, key, (struct str){value, strlen(value)}, max);
}

static inline void json_text_number(struct json_text *t, int64_t value)
{
        if (value < 0)
                json_text_put(t, '-');
        json_text_digits(t, value < 0 ? -(uint64_t)value : (uint64_t)value, 1);
}

static inline void json_text_int(struct json_text *t, const char *key, int64_t value)
{
        json_text_key(t, key);
        json_text_number(t, value);
}

/* As json_text_string() and json_text_int(), for less: the name is a literal, and not the first of
 * its object. */
#define JSON_TEXT_STRING(t, key, value, max)                                                       \
        json_text_member(t, (struct str){",\"" key "\":\"", sizeof(key) + 4}, value, max)
#define JSON_TEXT_INT(t, key, value)                                                               \
        do {                                                                                       \
                json_text_raw(t, (struct str){",\"" key "\":", sizeof(key) + 3});                  \
                json_text_number(t, value);                                                        \
        } while (0)

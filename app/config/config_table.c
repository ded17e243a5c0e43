/* The reader of all tables. What a file has is filled in (${...}) and becomes a text, as the
 * environment and the defaults have it; the text is checked, and put where the row says. */
#include "config_table.h"

#include "config_inside.h"
#include "config_source.h"
#include "mgw/base/alloc.h"
#include "mgw/base/strv.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

const struct config_row *config_table_find(const struct config_row *rows, const char *key,
                                           unsigned marks)
{
        const struct config_row *found = NULL;

        for (; rows->key != NULL; rows++)
                if (strcmp(rows->key, key) == 0 && (found == NULL || (rows->marks & marks) != 0))
                        found = rows;
        return found;
}

const char *config_table_near(const struct config_row *rows, const char *word)
{
        for (; rows->key != NULL; rows++)
                if (config_is_slip(word, rows->key))
                        return rows->key;
        return NULL;
}

/* ---- texts ---- */

static const char *why_not(const struct config_row *row)
{
        static char why[96];

        if (row->why != NULL)
                return row->why;
        if (row->kind == KIND_BOOL)
                return "must be true or false";
        snprintf(why, sizeof(why), "must be a%s number from %.15g to %.15g",
                 row->kind == KIND_SECONDS || row->kind == KIND_NUMBER ? "" : " whole", row->min,
                 row->max);
        return why;
}

static void set_text(char **fieldp, const char *text)
{
        char *copy = alloc_text(text);

        free(*fieldp);
        *fieldp = copy;
}

static const char *set_word(const struct config_row *row, void *field, const char *text)
{
        static const char *const truth[] = {"false", "true", NULL};
        const char *const *words = row->words != NULL ? row->words : truth;

        for (int i = 0; words[i] != NULL; i++)
                if (strcmp(words[i], text) == 0) {
                        if (row->kind == KIND_BOOL)
                                *(bool *)field = i == 1;
                        else
                                *(int *)field = i;
                        return NULL;
                }
        return why_not(row);
}

static const char *set_number(const struct config_row *row, void *field, const char *text)
{
        char *end;
        double x = row->kind == KIND_OCTAL ? (double)strtoul(text, &end, 8) : strtod(text, &end);

        if (end == text || *end != '\0' || !(x >= row->min && x <= row->max) ||
            (row->kind != KIND_SECONDS && row->kind != KIND_NUMBER && x != floor(x)))
                return why_not(row);
        if (row->kind == KIND_NUMBER)
                *(double *)field = x;
        else if (row->kind == KIND_UINT64)
                *(uint64_t *)field = (uint64_t)x;
        else if (row->kind == KIND_INT64)
                *(int64_t *)field = (int64_t)x;
        else if (row->kind == KIND_SECONDS)
                *(int64_t *)field = (int64_t)(x * 1000);
        else
                *(uint32_t *)field = (uint32_t)x;
        return NULL;
}

static void add_text(const struct config_row *row, char ***textsp, const char *text)
{
        struct str rest = str_from(text);

        if (!row->is_split)
                (void)strv_add_take(textsp, alloc_text(text));
        while (row->is_split && rest.n > 0) {
                struct str one = str_trim(str_cut(&rest, ','));

                if (one.n > 0)
                        (void)strv_add_take(textsp, alloc_str(one));
        }
}

const char *config_table_set(const struct config_row *row, void *into, const char *text)
{
        void *field = (char *)into + row->offset;

        if (row->is_right != NULL && !row->is_right(text))
                return why_not(row);
        switch (row->kind) {
        case KIND_TEXT:
        case KIND_FILE:
                set_text(field, text);
                return NULL;
        case KIND_WORD:
        case KIND_BOOL:
                return set_word(row, field, text);
        case KIND_TEXTS:
                strv_free(*(char ***)field);
                *(char ***)field = NULL;
                add_text(row, field, text);
                return NULL;
        case KIND_PAIRS:
        case KIND_OTHER:
                return NULL;
        default:
                return set_number(row, field, text);
        }
}

void config_table_default(const struct config_row *rows, void *into)
{
        for (; rows->key != NULL; rows++) {
                const char *why = rows->standard != NULL
                                          ? config_table_set(rows, into, rows->standard)
                                          : NULL;

                assert(why == NULL);
                (void)why;
        }
}

/* ---- values of files ---- */

static const char *literal(const struct config_row *row, const json_t *value)
{
        if (row->kind == KIND_BOOL && json_is_boolean(value))
                return json_is_true(value) ? "true" : "false";
        return row->kind != KIND_BOOL && json_is_string(value) ? json_string_value(value) : "";
}

/* NULL: it has been told, or is none. */
static char *text_of(struct loading *l, const struct config_row *row, const char *at,
                     const json_t *value)
{
        bool is_number = row->kind >= KIND_UINT32 && row->kind <= KIND_SECONDS;
        bool is_truth = row->kind == KIND_BOOL && row->words == NULL;
        json_type want = is_number ? JSON_REAL : is_truth ? JSON_TRUE : JSON_STRING;
        char *text =
                row->is_literal ? alloc_text(literal(row, value)) : config_text(l, at, want, value);
        char *path;

        if (row->kind != KIND_FILE || text == NULL || (text[0] == '\0' && row->standard != NULL))
                return text;
        path = text[0] != '\0' ? config_source_beside(l->path, text) : NULL;
        free(text);
        return path;
}

static void load_text(struct loading *l, const struct config_row *row, const char *at,
                      const json_t *value, void *into)
{
        char *text = text_of(l, row, at, value), **field = (char **)((char *)into + row->offset);
        const char *why;

        if (row->kind <= KIND_FILE && row->standard == NULL) {
                free(*field);
                *field = NULL;
        }
        why = text != NULL ? config_table_set(row, into, text) : NULL;
        if (why != NULL)
                config_fault(l, at, "%s", why);
        free(text);
}

static void load_texts(struct loading *l, const struct config_row *row, const char *at,
                       const json_t *array, char ***textsp)
{
        const json_t *one;
        size_t i;

        if (!json_is_array(array)) {
                config_fault(l, at, "must be an array of strings");
                return;
        }
        if (row->standard != NULL) {
                strv_free(*textsp);
                *textsp = NULL;
        }
        json_array_foreach ((json_t *)array, i, one) {
                char *text = config_text(l, at, JSON_STRING, one);

                if (text != NULL)
                        add_text(row, textsp, text);
                free(text);
        }
}

static void load_pairs(struct loading *l, const struct config_row *row, const char *at,
                       json_t *object, char ***textsp)
{
        const char *name;
        json_t *value;

        if (!json_is_object(object)) {
                config_fault(l, at, "must be an object of strings");
                return;
        }
        json_object_foreach (object, name, value) {
                char *text = config_text(l, at, JSON_STRING, value);

                if (text == NULL)
                        continue;
                if (strpbrk(text, "\r\n") != NULL || strpbrk(name, "\r\n:= ") != NULL)
                        config_fault(l, at,
                                     "%s: a value here holds no line break, a name no ':', '=' or "
                                     "blank either",
                                     name);
                else
                        (void)strv_add_take(textsp,
                                            alloc_format("%s%s%s", name, row->between, text));
                free(text);
        }
}

void config_table_load(struct loading *l, const struct config_row *row, const char *at,
                       json_t *value, void *into)
{
        void *field = (char *)into + row->offset;

        if (row->load != NULL)
                row->load(l, at, value, field);
        else if (row->kind == KIND_TEXTS)
                load_texts(l, row, at, value, field);
        else if (row->kind == KIND_PAIRS)
                load_pairs(l, row, at, value, field);
        else if (row->kind != KIND_OTHER)
                load_text(l, row, at, value, into);
}

static bool text_is_same(const char *a, const char *b)
{
        return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static const size_t sizes[] = {
        [KIND_TEXT] = sizeof(char *),
        [KIND_FILE] = sizeof(char *),
        [KIND_WORD] = sizeof(int),
        [KIND_BOOL] = sizeof(bool),
        [KIND_OCTAL] = sizeof(uint32_t),
        [KIND_UINT32] = sizeof(uint32_t),
        [KIND_UINT64] = sizeof(uint64_t),
        [KIND_INT64] = sizeof(int64_t),
        [KIND_SECONDS] = sizeof(int64_t),
        [KIND_TEXTS] = sizeof(char **),
        [KIND_PAIRS] = sizeof(char **),
        [KIND_NUMBER] = sizeof(double),
        [KIND_OTHER] = 0,
};

bool config_row_is_same(const struct config_row *row, const void *a, const void *b)
{
        const void *one = (const char *)a + row->offset, *other = (const char *)b + row->offset;

        if (row->kind == KIND_TEXT || row->kind == KIND_FILE)
                return text_is_same(*(char *const *)one, *(char *const *)other);
        if (row->kind == KIND_TEXTS || row->kind == KIND_PAIRS)
                return strv_is_same(*(const char *const *const *)one,
                                    *(const char *const *const *)other);
        return memcmp(one, other, sizes[row->kind]) == 0;
}

bool config_table_is_same(const struct config_row *rows, const void *a, const void *b)
{
        for (; rows->key != NULL; rows++)
                if (!config_row_is_same(rows, a, b))
                        return false;
        return true;
}

void config_row_swap(const struct config_row *row, void *a, void *b)
{
        char *one = (char *)a + row->offset, *other = (char *)b + row->offset;

        for (size_t i = 0; i < sizes[row->kind]; i++) {
                char byte = one[i];

                one[i] = other[i];
                other[i] = byte;
        }
}

void config_table_finish(const struct config_row *rows, void *into)
{
        for (; rows->key != NULL; rows++) {
                void *field = (char *)into + rows->offset;

                if (rows->kind == KIND_TEXT || rows->kind == KIND_FILE) {
                        free(*(char **)field);
                        *(char **)field = NULL;
                } else if (rows->kind == KIND_TEXTS || rows->kind == KIND_PAIRS) {
                        strv_free(*(char ***)field);
                        *(char ***)field = NULL;
                }
        }
}

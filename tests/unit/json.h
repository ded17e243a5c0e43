/* JSON in tests, written with single quotes for reading's sake. */
#pragma once

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline json_t *json_from(const char *text)
{
        char *copy = strdup(text);
        json_error_t error;
        json_t *json;

        for (char *c = copy; *c != '\0'; c++)
                if (*c == '\'')
                        *c = '"';
        json = json_loads(copy, JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);
        cr_assert_not_null(json, "%s: %s", text, error.text);
        free(copy);
        return json;
}

/* What stands at a path of keys and indices, "result/content/0/text"; borrowed. NULL: nothing. */
static inline const json_t *json_at(const json_t *json, const char *path)
{
        char key[128];

        while (json != NULL && *path != '\0') {
                size_t n = strcspn(path, "/");

                snprintf(key, sizeof(key), "%.*s", (int)n, path);
                json = json_is_array(json) ? json_array_get(json, strtoul(key, NULL, 10))
                                           : json_object_get(json, key);
                path += n + (path[n] == '/');
        }
        return json;
}

/* Its text; "": there is none. */
static inline const char *json_text_at(const json_t *json, const char *path)
{
        const char *text = json_string_value(json_at(json, path));

        return text != NULL ? text : "";
}

#define check_json_is(actual, expected)                                                            \
        do {                                                                                       \
                const json_t *actual_ = (actual);                                                  \
                json_t *expected_ = json_from(expected);                                           \
                char *text_ = json_dumps(actual_, JSON_ENCODE_ANY | JSON_COMPACT);                 \
                                                                                                   \
                cr_assert(json_equal((json_t *)actual_, expected_), "got %s, want %s",             \
                          text_ != NULL ? text_ : "nothing", expected);                            \
                free(text_);                                                                       \
                json_decref(expected_);                                                            \
        } while (0)

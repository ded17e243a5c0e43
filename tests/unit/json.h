/* JSON in tests, written with single quotes for reading's sake. */
#pragma once

#include <criterion/criterion.h>
#include <jansson.h>
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

/* Texts are taken eight bytes at a time: they come out as byte by byte. */
#include "../../../app/observe/json_text.h"

#include "../check.h"

#include <stdio.h>
#include <stdlib.h>

#define LONGEST 40

static void expect(char *out, const char *value)
{
        for (; *value != '\0'; value++)
                if (*value == '"' || *value == '\\')
                        out += sprintf(out, "\\%c", *value);
                else if ((unsigned char)*value < ' ' || *value == 0x7f)
                        out += sprintf(out, "\\u%04x", (unsigned)*value);
                else
                        *out++ = (char)((unsigned char)*value < 0x80 ? *value : '?');
        strcpy(out, "\"");
}

/* What is behind the room that it has is not touched. */
static void check_value(const char *value, size_t max)
{
        char expected[8 * LONGEST], *text = malloc(max + 1);
        struct json_text t;
        size_t n;

        expect(expected, value);
        n = strlen(expected);
        text[max] = '#';
        json_text_init(&t, text, max);
        json_text_rest(&t, value, SIZE_MAX);
        check_int(t.is_full, n > max);
        if (!t.is_full)
                check_int(t.n, n);
        cr_assert(memcmp(text, expected, t.n < n ? t.n : n) == 0, "%s", value);
        cr_assert_eq(text[max], '#');
        free(text);
}

Test(json_text, a_character_is_escaped_wherever_it_stands)
{
        static const char odd[] = "\"\\\x01\x1f\x7f\x80\xff~ !";
        char value[LONGEST + 1];

        for (size_t n = 0; n <= LONGEST; n++)
                for (size_t at = 0; at <= n; at++)
                        for (const char *c = odd; *c != '\0'; c++) {
                                memset(value, 'x', n);
                                value[n] = '\0';
                                if (at < n)
                                        value[at] = *c;
                                check_value(value, 8 * LONGEST);
                        }
}

Test(json_text, what_does_not_fit_is_told)
{
        for (size_t max = 0; max <= LONGEST; max++)
                for (size_t n = 0; n <= LONGEST; n++) {
                        char value[LONGEST + 1];

                        memset(value, 'x', n);
                        value[n] = '\0';
                        check_value(value, max);
                        if (n > 0)
                                value[n / 2] = '"';
                        check_value(value, max);
                }
}

Test(json_text, what_is_full_takes_nothing_more)
{
        char text[8];
        struct json_text t;

        json_text_init(&t, text, sizeof(text));
        json_text_raw(&t, STR("123456789"));
        cr_assert(t.is_full);
        json_text_put(&t, 'x');
        json_text_raw(&t, STR("x"));
        json_text_inside(&t, STR("x"), SIZE_MAX);
        JSON_TEXT_STRING(&t, "", "", SIZE_MAX);
        check_int(t.n, 0);
}

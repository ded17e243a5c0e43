/* One walk over the text. Strings are skipped, so that what looks like a comment in one stays. */
#include "mgw/wire/jsonc.h"

#include <string.h>

static void blank(char *from, const char *to)
{
        for (; from < to; from++)
                if (*from != '\n' && *from != '\r')
                        *from = ' ';
}

/* Behind the string that begins at p. */
static char *skip_string(char *p, const char *end)
{
        for (p++; p < end && *p != '"'; p++)
                if (*p == '\\' && p + 1 < end)
                        p++;
        return p < end ? p + 1 : p;
}

/* Behind the comment that begins at p; p: there is none. */
static char *skip_comment(char *p, const char *end)
{
        char *to;

        if (end - p < 2 || p[0] != '/')
                return p;
        if (p[1] == '/') {
                for (to = p; to < end && *to != '\n' && *to != '\r';)
                        to++;
                return to;
        }
        if (p[1] != '*')
                return p;
        to = memmem(p + 2, (size_t)(end - p) - 2, "*/", 2);
        return to != NULL ? to + 2 : p + (end - p);
}

static bool opens(char c)
{
        return c == '{' || c == '[' || c == ',' || c == ':' || c == '\0';
}

void jsonc_to_json(char *text, size_t n)
{
        char *p = text, *comma = NULL; /* the last token, where it may be one too many */
        const char *end = text + n;
        char last = '\0'; /* the first character of the last token */

        if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
                blank(text, text + 3);
        while (p < end) {
                char *behind = skip_comment(p, end);

                if (behind > p) {
                        blank(p, behind);
                        p = behind;
                        continue;
                }
                if (strchr(" \t\r\n", *p) != NULL && *p != '\0') {
                        p++;
                        continue;
                }
                if ((*p == '}' || *p == ']') && comma != NULL)
                        *comma = ' ';
                comma = *p == ',' && !opens(last) ? p : NULL;
                last = *p;
                p = *p == '"' ? skip_string(p, end) : p + 1;
        }
}

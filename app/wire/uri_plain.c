#include "mgw/wire/uri_plain.h"

#include "mgw/base/alloc.h"
#include "mgw/base/str.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The byte that %XX stands for; 0: it is left as it is. */
static char escaped(const char *at, unsigned how)
{
        int high = at[0] == '%' ? str_hex_digit(at[1]) : -1;
        int low = high >= 0 ? str_hex_digit(at[2]) : -1;
        char c = (char)(low >= 0 ? high * 16 + low : 0);

        return (c == '/' || c == '\\') && (how & URI_PLAIN_SLASHES) == 0 ? '\0' : c;
}

static char *decode(const char *uri, unsigned how)
{
        char *text = alloc_zeroed(strlen(uri) + 1), *to = text;
        bool is_loose = (how & URI_PLAIN_LOOSE) != 0;

        while (*uri != '\0') {
                char c = escaped(uri, how);

                uri += c != '\0' ? 3 : 1;
                c = c != '\0' ? c : uri[-1];
                if (is_loose && strchr("\t\r\n", c) != NULL)
                        continue;
                *to++ = (char)(is_loose && c == '\\' ? '/' : c);
        }
        for (char *c = text; is_loose && *c != '\0' && *c != ':'; c++)
                *c = (char)tolower((unsigned char)*c);
        return text;
}

/* file:/x, file://localhost/x and file:///x?y are file:///x. */
static char *file_take(char *text)
{
        char *path = text + strlen("file:"), *file;

        if (strncmp(text, "file:", strlen("file:")) != 0 || *path != '/')
                return text;
        if (path[1] == '/') {
                size_t n_host = strcspn(path + 2, "/");

                if (n_host != 0 && (n_host != 9 || strncasecmp(path + 2, "localhost", 9) != 0))
                        return text;
                path += 2 + n_host;
        }
        file = alloc_format("file://%.*s", (int)strcspn(path, "?#"), path);
        free(text);
        return file;
}

/* Behind the scheme, and behind "//" and the authority. */
static char *path_of(char *text)
{
        char *path = strchr(text, ':');

        path = path != NULL ? path + 1 : text + strlen(text);
        return strncmp(path, "//", 2) == 0 ? path + 2 + strcspn(path + 2, "/") : path;
}

static void squeeze(char *path)
{
        char *to = path;

        for (const char *from = path; *from != '\0'; from++)
                if (from[0] != '/' || from[1] != '/')
                        *to++ = *from;
        *to = '\0';
}

static void take_back(char *path)
{
        for (char *dots = strstr(path, "/."); dots != NULL; dots = strstr(dots, "/.")) {
                size_t n_dots = strspn(dots + 1, ".");
                char *end = dots + 1 + n_dots, *start = dots;

                if (n_dots > 2 || (*end != '/' && *end != '\0')) {
                        dots = end;
                        continue;
                }
                while (n_dots == 2 && start > path && *--start != '/')
                        ;
                memmove(start, end, strlen(end) + 1);
                dots = start;
        }
}

char *uri_plain(const char *uri, unsigned how)
{
        char *text = decode(uri, how);

        if ((how & URI_PLAIN_LOOSE) != 0) {
                text = file_take(text);
                squeeze(path_of(text));
        }
        take_back(path_of(text));
        if (strcmp(text, uri) != 0)
                return text;
        free(text);
        return NULL;
}

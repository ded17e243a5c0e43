/* Files that people write, of a bounded size, and where in them a key stands. */
#include "config_source.h"

#include "mgw/base/alloc.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int read_all(FILE *f, size_t max, struct str *text)
{
        size_t n = 0, size = 0;
        char *p = NULL;

        do {
                size_t more = size == 0 ? 65536 : 2 * size < max ? 2 * size : max + 1;
                char *longer = realloc(p, more);

                if (longer == NULL) {
                        free(p);
                        return -ENOMEM;
                }
                p = longer;
                size = more;
                n += fread(p + n, 1, size - n, f);
        } while (n == size && size <= max);
        if (ferror(f) || n > max) {
                int r = !ferror(f) ? -EFBIG : errno != 0 ? -errno : -EIO;

                free(p);
                return r;
        }
        *text = (struct str){p, n};
        return 0;
}

int config_source_read(const char *path, size_t max_bytes, struct str *text)
{
        FILE *f = fopen(path, "re");
        int r = f != NULL ? read_all(f, max_bytes, text) : -errno;

        if (f != NULL)
                fclose(f);
        return r;
}

char *config_source_beside(const char *config_path, const char *file)
{
        const char *slash = strrchr(config_path, '/');

        if (file[0] == '/' || slash == NULL)
                return alloc_text(file);
        return alloc_format("%.*s/%s", (int)(slash - config_path), config_path, file);
}

/* ---- lines ---- */

/* jansson keeps no line numbers, so keys are looked up in the text again when a fault must name
 * one. The text has been parsed before: the walk may rely on it being JSON. */
struct walk {
        const char *p, *end;
        unsigned line;
};

static void walk_space(struct walk *w)
{
        while (w->p < w->end && strchr(" \t\r\n,:", *w->p) != NULL)
                w->line += *w->p++ == '\n';
}

static struct str walk_string(struct walk *w)
{
        const char *start = ++w->p;

        while (w->p < w->end && *w->p != '"')
                w->p += *w->p == '\\' ? 2 : 1;
        return (struct str){start, (size_t)(w->p++ - start)};
}

static void walk_value(struct walk *w)
{
        int depth = 0;

        do {
                walk_space(w);
                if (w->p >= w->end)
                        return;
                if (*w->p == '"') {
                        walk_string(w);
                } else {
                        depth += *w->p == '{' || *w->p == '[';
                        depth -= *w->p == '}' || *w->p == ']';
                        w->p++;
                        while (w->p < w->end && strchr(" \t\r\n,:{}[]\"", *w->p) == NULL)
                                w->p++;
                }
        } while (depth > 0);
}

/* Into the object's value of the key that path begins with (the longest, for keys that hold dots):
 * what is left of the path. NULL: it has none. */
static const char *walk_into(struct walk *w, const char *path)
{
        struct walk found = {NULL, NULL, 0};
        size_t n = 0;

        walk_space(w);
        if (w->p >= w->end || *w->p++ != '{')
                return NULL;
        for (walk_space(w); w->p < w->end && *w->p == '"'; walk_space(w)) {
                struct str key = walk_string(w);

                if (key.n >= n && strncmp(path, key.p, key.n) == 0 &&
                    (path[key.n] == '.' || path[key.n] == '\0')) {
                        found = *w;
                        n = key.n;
                }
                walk_value(w);
        }
        if (found.p == NULL)
                return NULL;
        *w = found;
        return path + n + (path[n] == '.');
}

/* Likewise into the array's element whose number, from 1, the path begins with. */
static const char *walk_to_element(struct walk *w, const char *path)
{
        char *rest;
        unsigned long n = strtoul(path, &rest, 10);

        w->p++;
        walk_space(w);
        while (n > 1 && w->p < w->end && *w->p != ']') {
                walk_value(w);
                walk_space(w);
                n--;
        }
        if (n != 1 || w->p >= w->end || *w->p == ']')
                return NULL;
        return rest + (*rest == '.');
}

static const char *walk_on(struct walk *w, const char *path)
{
        walk_space(w);
        return w->p < w->end && *w->p == '[' ? walk_to_element(w, path) : walk_into(w, path);
}

unsigned config_source_line(struct str text, const char *path)
{
        struct walk w = {text.p, text.p + text.n, 1};
        unsigned line = 1;

        while (*path != '\0' && (path = walk_on(&w, path)) != NULL)
                line = w.line;
        return line;
}

void config_source_env_name(const char *key, char *out, size_t size)
{
        snprintf(out, size, "MGW_%s", key);
        for (char *p = out; *p != '\0'; p++)
                *p = *p == '.' ? '_' : (char)toupper((unsigned char)*p);
}

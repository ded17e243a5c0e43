#include "schema_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX 64

static const char more[] = "...";

/* The most of s that fits into n bytes and ends with a whole character. */
static size_t whole(const char *s, size_t n)
{
        while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80)
                n--;
        return n;
}

/* Copies s, cut with "..." when it does not fit. */
static void cut(char *out, size_t size, const char *s)
{
        size_t n = strlen(s);

        if (n < size) {
                memcpy(out, s, n + 1);
        } else if (size >= sizeof(more)) {
                n = whole(s, size - sizeof(more));
                memcpy(out, s, n);
                memcpy(out + n, more, sizeof(more));
        } else if (size > 0) {
                out[0] = '\0';
        }
}

void reason_quote(const json_t *json, char *out, size_t size)
{
        char *text = json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));

        cut(out, size, text == NULL ? more : text);
        free(text);
}

/* As a token of a JSON pointer (RFC 6901). */
static void print_key(FILE *f, const char *key)
{
        char shown[KEY_MAX];

        cut(shown, sizeof(shown), key);
        fputc('/', f);
        for (const char *c = shown; *c != '\0'; c++) {
                if (*c == '~' || *c == '/')
                        fputs(*c == '~' ? "~0" : "~1", f);
                else
                        fputc((unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c, f);
        }
}

static void print_place(FILE *f, const struct place *place, size_t *depthp)
{
        if (place->up == NULL) {
                fputs(place->key, f);
                return;
        }
        print_place(f, place->up, depthp);
        ++*depthp;
        if (place->key != NULL)
                print_key(f, place->key);
        else
                fprintf(f, "/%zu", place->index);
}

void reason_write(struct reason *reason, const struct place *place, const char *what, va_list ap)
{
        bool is_root = place->up == NULL && place->key[0] == '\0';
        char *text = NULL;
        size_t n;
        FILE *f = open_memstream(&text, &n);

        reason->depth = 0;
        if (f != NULL) {
                print_place(f, place, &reason->depth);
                fputs(is_root ? reason->root : ": ", f);
                vfprintf(f, what, ap);
                fclose(f);
        }
        cut(reason->text, reason->size, text == NULL ? "out of memory" : text);
        free(text);
}

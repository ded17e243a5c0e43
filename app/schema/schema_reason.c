/* What is wrong, in words by which a model can mend its call: the place, and what the schema wants
 * there, cut to a bounded size. */
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

/* Copies s, cut with "..." when it does not fit, with '?' for control characters. */
static void cut(char *out, size_t size, const char *s)
{
        size_t n = strlen(s);

        if (n >= size)
                n = size < sizeof(more) ? 0 : whole(s, size - sizeof(more));
        if (size == 0)
                return;
        for (size_t i = 0; i < n; i++)
                out[i] = (unsigned char)s[i] < 0x20 || s[i] == 0x7f ? '?' : s[i];
        out[n] = '\0';
        if (s[n] != '\0' && size >= sizeof(more))
                memcpy(out + n, more, sizeof(more));
}

struct quote {
        char *text;
        size_t size, n;
};

/* Keeps what fits, and ends the dump as soon as something does not. */
static int on_dumped(const char *piece, size_t n, void *data)
{
        struct quote *quote = data;
        size_t fits = n < quote->size - quote->n ? n : quote->size - quote->n;

        memcpy(quote->text + quote->n, piece, fits);
        quote->n += fits;
        return fits == n ? 0 : -1;
}

void schema_reason_quote(const json_t *json, char out[SCHEMA_QUOTE_SIZE])
{
        const size_t flags = JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15);
        char text[SCHEMA_QUOTE_SIZE + 1];
        struct quote quote = {text, SCHEMA_QUOTE_SIZE, 0};
        struct str number = rpc_number_text(json);

        if (number.p != NULL)
                (void)on_dumped(number.p, number.n, &quote);
        else
                json_dump_callback(json, on_dumped, &quote, flags);
        text[quote.n] = '\0';
        cut(out, SCHEMA_QUOTE_SIZE, text);
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
                        fputc(*c, f);
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

void schema_reason_write(struct reason *reason, const struct place *place, const char *what,
                         va_list ap)
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

/* Forms. The text is copied once; names and values are decoded in place, where they only shrink,
 * and each ends where its '=' or '&' stood. */
#include "mgw/wire/form.h"

#include "mgw/base/alloc.h"
#include "mgw/wire/uri.h"

#include <stdlib.h>
#include <string.h>

struct field {
        const char *name;
        const char *value;
};

struct form {
        struct field fields[FORM_FIELDS_MAX];
        size_t n;
        char *text;
};

/* Takes one character, escaped or not, off s: 1 to 255, or -1 for a broken escape or a NUL. */
static int take_char(struct str *s)
{
        int c = (unsigned char)s->p[0];
        size_t n = 1;

        if (c == '%') {
                int high = s->n < 3 ? -1 : str_hex_digit(s->p[1]);
                int low = high < 0 ? -1 : str_hex_digit(s->p[2]);

                c = low < 0 ? -1 : high << 4 | low;
                n = 3;
        } else if (c == '+') {
                c = ' ';
        }
        if (c <= 0)
                return -1;
        s->p += n;
        s->n -= n;
        return c;
}

int form_decode(struct str value, char *out, size_t size)
{
        size_t n = 0;

        while (value.n > 0) {
                int c = take_char(&value);

                if (c < 0 || n + 1 >= size)
                        return FORM_E_BAD;
                out[n++] = (char)c;
        }
        out[n] = '\0';
        return 0;
}

static bool is_utf8(struct str s)
{
        uint32_t c;

        while (s.n > 0) {
                size_t n = str_utf8_first(s, &c);

                if (n == 0)
                        return false;
                s.p += n;
                s.n -= n;
        }
        return true;
}

/* Decodes a piece of the form's own text where it lies; behind it is room for a NUL. NULL: no. */
static const char *decode_here(struct str piece)
{
        char *at = (char *)piece.p;

        if (form_decode(piece, at, piece.n + 1) != 0 || !is_utf8(str_from(at)))
                return NULL;
        return at;
}

/* One of "name=value"; nothing stands between two '&'. 0, FORM_E_BAD. */
static int add_field(struct form *form, struct str piece)
{
        struct field *field = &form->fields[form->n];
        struct str value = piece, name;

        if (piece.n == 0)
                return 0;
        if (form->n == FORM_FIELDS_MAX)
                return FORM_E_BAD;
        name = str_cut(&value, '=');
        field->value = decode_here(value);
        field->name = decode_here(name);
        form->n++;
        return field->name != NULL && field->value != NULL ? 0 : FORM_E_BAD;
}

int form_read(struct form **formp, struct str text)
{
        struct form *form;
        struct str rest;
        int r = 0;

        *formp = NULL;
        if (text.n > FORM_MAX_BYTES)
                return FORM_E_BAD;
        form = alloc_zeroed(sizeof(*form));
        form->text = alloc_zeroed(text.n + 1);
        if (text.n > 0)
                memcpy(form->text, text.p, text.n);
        rest = (struct str){form->text, text.n};
        while (rest.n > 0 && r == 0)
                r = add_field(form, str_cut(&rest, '&'));
        if (r == 0)
                *formp = form;
        else
                form_destroy(form);
        return r;
}

void form_destroy(struct form *form)
{
        if (form == NULL)
                return;
        free(form->text);
        free(form);
}

const char *form_get(const struct form *form, const char *name)
{
        for (size_t i = 0; i < form->n; i++)
                if (strcmp(form->fields[i].name, name) == 0)
                        return form->fields[i].value;
        return NULL;
}

const char *form_repeated(const struct form *form)
{
        for (size_t i = 1; i < form->n; i++)
                for (size_t j = 0; j < i; j++)
                        if (strcmp(form->fields[i].name, form->fields[j].name) == 0)
                                return form->fields[i].name;
        return NULL;
}

int form_add(struct buf *out, const char *name, const char *value)
{
        struct buf pair;
        int r;

        if (value == NULL)
                return 0;
        buf_init(&pair, out->max - out->len);
        r = out->len > 0 ? buf_add_str(&pair, STR("&")) : 0;
        if (r == 0)
                r = uri_encode(&pair, str_from(name));
        if (r == 0)
                r = buf_add_str(&pair, STR("="));
        if (r == 0)
                r = uri_encode(&pair, str_from(value));
        if (r == 0)
                r = buf_add_str(out, buf_bytes(&pair));
        buf_finish(&pair);
        return r;
}

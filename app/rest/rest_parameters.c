/* Parameters as OpenAPI has them: an argument, what the API calls it, where it stands, and how. */
#include "rest_inside.h"

#include "mgw/wire/hdr.h"
#include "mgw/wire/rpc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
        const char *name;
        const char *styles; /* that go with it; the first is what it has when none is given */
} places[] = {
        [REST_PATH] = {"path", "simple label matrix"},
        [REST_QUERY] = {"query", "form spaceDelimited pipeDelimited deepObject"},
        [REST_HEADER] = {"header", "simple"},
        [REST_COOKIE] = {"cookie", "form cookie"},
};

/* Is word one of the words, which have blanks between them? */
static bool is_among(const char *words, const char *word)
{
        struct str rest = str_from(words);

        while (rest.n > 0)
                if (str_eq(str_cut(&rest, ' '), str_from(word)))
                        return true;
        return false;
}

static const char *text_of(json_t *spec, const char *key, const char *otherwise)
{
        const char *text = json_string_value(json_object_get(spec, key));

        return text != NULL ? text : otherwise;
}

static int find_place(const char *in, enum rest_place *placep)
{
        for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++)
                if (strcmp(places[i].name, in) == 0) {
                        *placep = (enum rest_place)i;
                        return 0;
                }
        return REST_E_FAULT;
}

static int read_style(struct rest_parameter *p, json_t *spec, char *why, size_t why_size)
{
        const char *styles = places[p->place].styles;
        char first[20];
        const char *name;
        json_t *explode = json_object_get(spec, "explode");

        snprintf(first, sizeof(first), "%.*s", (int)strcspn(styles, " "), styles);
        name = text_of(spec, "style", first);
        if (!is_among(styles, name)) {
                snprintf(why, why_size, "style \"%s\" does not go with \"in\": \"%s\" (%s)", name,
                         places[p->place].name, styles);
                return REST_E_FAULT;
        }
        p->style.kind = rest_style_find(name);
        p->style.explodes = explode != NULL
                                    ? json_is_true(explode)
                                    : strcmp(name, "form") == 0 || strcmp(name, "cookie") == 0;
        p->style.allows_reserved = json_is_true(json_object_get(spec, "allowReserved"));
        p->style.is_raw = p->place == REST_HEADER;
        p->style.between = p->place == REST_COOKIE ? "; " : NULL;
        return 0;
}

static int read_one(struct rest_parameter *p, json_t *spec, const json_t *input, char *why,
                    size_t why_size)
{
        const char *content = text_of(spec, "content", NULL);

        p->argument = text_of(spec, "argument", "");
        p->name = text_of(spec, "name", p->argument);
        if (!rest_template_knows(input, str_from(p->argument))) {
                snprintf(why, why_size, "argument \"%.100s\": inputSchema.properties has none",
                         p->argument);
                return REST_E_FAULT;
        }
        if (find_place(text_of(spec, "in", ""), &p->place) != 0) {
                snprintf(why, why_size,
                         "%.100s: \"in\" must be \"path\", \"query\", \"header\" or \"cookie\"",
                         p->name);
                return REST_E_FAULT;
        }
        if (p->place == REST_HEADER && !hdr_is_token(str_from(p->name))) {
                snprintf(why, why_size, "\"%.100s\" is no name of a header", p->name);
                return REST_E_FAULT;
        }
        p->is_json = content != NULL && strcmp(content, "json") == 0;
        if (content != NULL && !p->is_json) {
                snprintf(why, why_size, "%.100s: \"content\" must be \"json\"", p->name);
                return REST_E_FAULT;
        }
        return read_style(p, spec, why, why_size);
}

int rest_parameters_read(struct rest_tool *t, const json_t *input, char *why, size_t why_size)
{
        json_t *all = json_object_get(t->spec, "parameters"), *spec;
        size_t i;
        int r;

        if (all == NULL)
                return 0;
        t->parameters = calloc(json_array_size(all) + 1, sizeof(*t->parameters));
        if (t->parameters == NULL)
                return -ENOMEM;
        json_array_foreach (all, i, spec) {
                r = read_one(&t->parameters[t->n_parameters], spec, input, why, why_size);
                if (r != 0)
                        return r;
                t->n_parameters++;
        }
        return 0;
}

int rest_parameter_add(const struct rest_parameter *p, const json_t *arguments, struct buf *out)
{
        const json_t *value = json_object_get(arguments, p->argument);
        struct str text = {NULL, 0};
        json_t *json;
        int r;

        if (value == NULL)
                return 0;
        if (!p->is_json)
                return rest_style_add(out, &p->style, p->name, value);
        json = rpc_dump(value, &text) == 0 ? json_stringn(text.p, text.n) : NULL;
        r = json != NULL ? rest_style_add(out, &p->style, p->name, json) : -ENOMEM;
        json_decref(json);
        free((void *)text.p);
        return r;
}

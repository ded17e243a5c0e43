/* The inside of shape*.c: how a shape is written down, and what mends by it. All that mends answers
 * a new reference, to the same value where that is sound; NULL: it cannot be made so. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct mending;
struct shape;

enum kind {
        NAME, /* a text that is not empty and can be given back */
        TEXT,
        URI,
        ADDRESS, /* a URI as its server knows it: the catalog shows it mended */
        TEMPLATE,
        BYTES, /* base64 */
        WORD,  /* one of words */
        FLAG,
        NUMBER,
        WHOLE,    /* number, of 64 bits, and not negative */
        FRACTION, /* from 0 to 1 */
        OBJECT,   /* of any members */
        SCHEMA_IN,
        SCHEMA_OUT,
        NEST,  /* of a shape */
        LIST,  /* of objects of a shape */
        TEXTS, /* of texts */
        WORDS, /* of words */
};

struct member {
        const char *name;
        enum kind kind;
        bool is_needed;
        const struct shape *of;
        const char *const *words;
        const char *otherwise; /* JSON: where it is needed and there is none */
};

struct shape {
        const struct member *members; /* ended by one without a name */
        /* Of what is no object, for the caller to release; NULL: nothing. Without it that is none.
         */
        json_t *(*make)(json_t *value);
        /* What no member tells by itself; NULL: nothing. false: it is unsound. */
        bool (*settle)(struct mending *m, json_t *object);
};

struct mending {
        char *why;
        size_t why_size;
};

/* ---- shape_value.c: of one value, by itself ---- */

/* Of the kinds up to OBJECT. */
json_t *shape_value(json_t *value, const struct member *want);
/* A string as it is, of any other value its text. */
json_t *shape_text(json_t *value);
json_t *shape_text_of(json_t *value);
/* An object; of what is empty an empty one. */
json_t *shape_nest(json_t *value);
bool shape_is_word(const json_t *value, const char *const *words);
/* An array or an object without members. */
bool shape_is_empty(const json_t *value);

/* ---- shape_list.c ---- */

/* Tells the first that is wrong. */
void shape_note(struct mending *m, const char *name, const char *what);
/* Of TEXTS or WORDS. */
json_t *shape_entry(struct mending *m, json_t *entry, const struct member *want);
/* Each entry by mend(). */
json_t *shape_list(struct mending *m, json_t *value, const struct member *want,
                   json_t *(*mend)(struct mending *m, json_t *entry, const struct member *want));

/* ---- shape_schema.c ---- */

/* The JSON Schema of a tool: is_in, of its arguments. */
json_t *shape_schema(struct mending *m, json_t *value, bool is_in);

/* ---- shape_mend.c: of objects, member by member ---- */

/* In place. False: it cannot be made sound. */
bool shape_object(struct mending *m, json_t *object, const struct shape *shape);

/* A table of keys: what each takes, and where it goes. "gateway", an entry of mcpServers, a user's
 * account and "oauth" have one, and all are read by the same reader. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct loading;

enum config_kind {
        KIND_TEXT,  /* char * */
        KIND_FILE,  /* char *, a path: meant from the configuration's folder */
        KIND_WORD,  /* int: which of the row's words */
        KIND_BOOL,  /* bool: likewise; without words, of "false" and "true" */
        KIND_OCTAL, /* uint32_t, written as a string of octal digits */
        KIND_UINT32,
        KIND_UINT64,
        KIND_INT64,
        KIND_NUMBER,  /* double */
        KIND_SECONDS, /* int64_t milliseconds, written in seconds with fractions */
        KIND_TEXTS,   /* char **, as base/strv has them: an array of strings */
        KIND_PAIRS,   /* char **: an object of strings, as "name<between>value" */
        KIND_OTHER,   /* as load() takes it; without one it is read elsewhere, or ignored */
};

/* What a row does not name is 0. A table ends with a row without a key. */
struct config_row {
        const char *key;
        enum config_kind kind;
        size_t offset;
        const char *standard; /* its default, as text; NULL: none, and texts are NULL */
        double min, max;      /* of numbers */
        const char *help;
        unsigned marks;           /* bits that mean what the table says */
        bool is_literal;          /* a word or boolean of JSON: no ${...} and no "true" */
        bool is_split;            /* texts: a comma ends one, too */
        bool is_shown;            /* texts: never a secret (config_show) */
        const char *between;      /* of pairs */
        const char *const *words; /* ends with NULL */
        bool (*is_right)(const char *text);
        const char *why; /* what is told of a value that is not right; NULL: as the kind has it */
        void (*load)(struct loading *l, const char *at, json_t *value, void *field);
};

/* The row of the key that has one of the marks, or else another one of it; NULL: none has it. */
const struct config_row *config_table_find(const struct config_row *rows, const char *key,
                                           unsigned marks);
/* The first key that the word may be a slip in; NULL: none. */
const char *config_table_near(const struct config_row *rows, const char *word);
/* Sets what the rows have defaults for. */
void config_table_default(const struct config_row *rows, void *into);
/* The value of the key at, from a file, into the row's place. Faults are told. */
void config_table_load(struct loading *l, const struct config_row *row, const char *at,
                       json_t *value, void *into);
/* A value as the environment has it. NULL, or what is wrong with it, until the next call. */
const char *config_table_set(const struct config_row *row, void *into, const char *text);
/* Have both the same there? Of what is KIND_OTHER nothing is known. */
bool config_row_is_same(const struct config_row *row, const void *a, const void *b);
void config_row_swap(const struct config_row *row, void *a, void *b);
/* The same of all rows. */
bool config_table_is_same(const struct config_row *rows, const void *a, const void *b);
/* Frees what the rows have put into it, but for those of KIND_OTHER. */
void config_table_finish(const struct config_row *rows, void *into);

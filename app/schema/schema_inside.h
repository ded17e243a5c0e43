/* What the files of the schema share, from the ground up: schema_reason.c puts what is wrong into
 * words, schema_node.c looks into a compiled schema, schema_check.c walks values by it,
 * schema_same.c compares, schema_count.c counts; schema_parts.c, schema_logic.c and schema_rules.c
 * have the keywords, the latter their table; schema_ref.c leads references, schema.c compiles. */
#pragma once

#include "mgw/base/hash.h"
#include "mgw/base/str.h"
#include "mgw/schema/pattern.h"
#include "mgw/schema/schema.h"
#include "mgw/wire/json_str.h"
#include "mgw/wire/rpc_number.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#define SCHEMA_QUOTE_SIZE 160

/* Where we are, in a schema or in a value; the head is printed as it is. */
struct place {
        const struct place *up;
        const char *key; /* NULL: the index */
        size_t index;
};

struct reason {
        char *text;
        size_t size;
        size_t depth;     /* of the place that was named last */
        const char *root; /* what stands for the empty pointer */
};

/* "<place>: <what>", cut to the size between characters, without control characters. */
void schema_reason_write(struct reason *reason, const struct place *place, const char *what,
                         va_list ap) __attribute__((format(printf, 3, 0)));
/* Compact JSON, cut to the size. */
void schema_reason_quote(const json_t *json, char out[SCHEMA_QUOTE_SIZE]);

/* What the value of a keyword must look like. */
enum shape {
        SHAPE_SCHEMA,
        SHAPE_SCHEMA_LIST,
        SHAPE_SCHEMA_MAP,
        SHAPE_PATTERN_MAP, /* of schemas */
        SHAPE_TYPE,
        SHAPE_ARRAY,
        SHAPE_STRINGS,
        SHAPE_STRINGS_MAP,
        SHAPE_COUNT,
        SHAPE_NUMBER,
        SHAPE_POSITIVE,
        SHAPE_BOOLEAN,
        SHAPE_STRING,
        SHAPE_PATTERN,
        SHAPE_ID,
        SHAPE_ANY,
        SHAPE_REFUSED,
};

/* One value before one schema. */
struct spot {
        struct run *run;
        const struct node *node;
        json_t *value;
        const struct place *place;
        bool *marks; /* which members or items have been evaluated; NULL when nobody asks */
};

json_t *schema_spot_sibling(const struct spot *at, const char *keyword);

struct keyword {
        const char *name;
        enum shape shape;
        /* 0, SCHEMA_E_INVALID, SCHEMA_E_LIMIT, -ENOMEM. NULL: another keyword reads this one. Of
         * neighbours with the same function one is called, for all of them. */
        int (*check)(struct spot *at, json_t *json);
        bool is_in_place; /* its schemas are for the value itself, not for parts of it */
};

/* In the order in which they are checked; ended by a NULL name. */
extern const struct keyword schema_keywords[];

/* A schema that is an object: the document's own or one within it. */
struct node {
        UT_hash_handle hh; /* by json */
        json_t *json;
        json_t *resource; /* what "#" means here */
        json_t *target;   /* of $ref */
        unsigned height;  /* of the chain of schemas in place below; 0: not known yet */
        bool is_on_path;
        unsigned n_rules;
        struct rule {
                const struct keyword *keyword;
                json_t *json;
        } rules[];
};

struct named_pattern {
        UT_hash_handle hh;
        struct pattern *pattern;
};

struct schema {
        json_t *json;
        struct node *nodes;
        struct named_pattern *patterns;
        bool has_unevaluated;
};

/* NULL: there is none. */
const struct node *schema_node(const struct schema *schema, const json_t *json);
const struct pattern *schema_pattern(const struct schema *schema, struct str text);
/* Leads node->target to where its $ref says, NULL when there is nothing; *resourcep is what "#"
 * means there, NULL when the $ref leaves the document. 0, -ENOMEM. */
int schema_find_target(const struct schema *schema, struct node *node, json_t **resourcep);
/* Is every chain of schemas for one value that begins here short enough, and without a loop? */
bool schema_is_bounded(const struct schema *schema, struct node *node);
/* A count as JSON Schema writes it: 3 or 3.0. */
bool schema_count(const json_t *json, uint64_t *np);
uint64_t schema_count_or(const json_t *json, uint64_t otherwise);
/* No deeper than SCHEMA_DEPTH_MAX? */
bool schema_is_shallow(const json_t *json);

/* One check. */
struct run {
        const struct schema *schema;
        struct reason reason;
        uint32_t steps; /* left */
        unsigned depth;
        unsigned quiet; /* > 0: nobody reads the reason */
};

/* Takes n steps; false: none are left. */
bool schema_run_spend(struct run *run, size_t n);
/* Checks a value by a schema; marks of what it evaluated are added to marks, unless NULL. */
int schema_run_check(struct run *run, json_t *schema, json_t *value, const struct place *place,
                     bool *marks);
int schema_run_match(struct run *run, struct str pattern, struct str text);
/* Writes the reason, if anybody reads it; SCHEMA_E_INVALID. */
int schema_run_refuse(struct run *run, const struct place *place, const char *what, ...)
        __attribute__((format(printf, 3, 4)));

/* The same, of the spot, with JSON of the schema after the words. */
int schema_spot_refuse_quoting(struct spot *at, const char *words, const json_t *json);

/* As JSON Schema compares: 1 is 1.0, and members have no order. False too when the steps are spent.
 */
bool schema_run_same(struct run *run, json_t *a, json_t *b);
/* 0; SCHEMA_E_INVALID with the indexes of two items that are the same; SCHEMA_E_LIMIT, -ENOMEM. */
int schema_run_find_twins(struct run *run, json_t *array, size_t *ap, size_t *bp);
/* Less than, equal to, greater than 0. */
int schema_number_compare(const json_t *a, const json_t *b);

/* The keywords of schema_parts.c and schema_logic.c. */
int schema_check_required(struct spot *at, json_t *json);
int schema_check_dependent_required(struct spot *at, json_t *json);
int schema_check_members(struct spot *at, json_t *json);
int schema_check_property_names(struct spot *at, json_t *json);
int schema_check_unevaluated_properties(struct spot *at, json_t *json);
int schema_check_items(struct spot *at, json_t *json);
int schema_check_contains(struct spot *at, json_t *json);
int schema_check_unique_items(struct spot *at, json_t *json);
int schema_check_unevaluated_items(struct spot *at, json_t *json);
int schema_check_ref(struct spot *at, json_t *json);
int schema_check_all_of(struct spot *at, json_t *json);
int schema_check_any_of(struct spot *at, json_t *json);
int schema_check_one_of(struct spot *at, json_t *json);
int schema_check_not(struct spot *at, json_t *json);
int schema_check_if(struct spot *at, json_t *json);
int schema_check_dependent_schemas(struct spot *at, json_t *json);
struct noun {
        const char *one, *many;
};
extern const struct noun schema_noun_characters, schema_noun_items, schema_noun_properties;
/* Are n of these enough, and not too many? 0, SCHEMA_E_INVALID. */
int schema_check_least(struct spot *at, uint64_t least, uint64_t n, const struct noun *what);
int schema_check_most(struct spot *at, uint64_t most, uint64_t n, const struct noun *what);

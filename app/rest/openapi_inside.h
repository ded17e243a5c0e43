/* What the files of openapi share: the document while it is read, and one operation of it on its
 * way to being a tool. */
#pragma once

#include "mgw/rest/openapi.h"
#include "mgw/rest/rest.h"

#define OPENAPI_NAME_MAX 64
/* Of the walks over "allOf" and the like: of one, and of all together. */
#define OPENAPI_WALK_MAX 500
#define OPENAPI_STEPS_MAX 2000000

struct openapi {
        struct json_lazy *lazy;
        const struct openapi_caller *caller;
        bool is_v2;        /* Swagger 2.0 */
        bool is_v30;       /* OpenAPI 3.0 */
        json_t *names;     /* of all operations: name -> true */
        json_t *defs;      /* what schemas refer to: its name -> {"schema", "refs": {name: true}} */
        json_t *def_names; /* where it stands -> its name in defs */
        json_t *servers;   /* of their own, that operations have: URL -> true */
        json_t *schemes;   /* for security, as a description has them */
        char *base_url;    /* NULL: none is known */
        size_t n_values;   /* of the tools so far */
        size_t n_walk;     /* from schema to schema that belong to one object */
        size_t n_steps;    /* the same, of all objects so far */
        size_t n_patterns;
        size_t n_lost; /* references that lead nowhere, or out of the document */
        size_t n_cut;  /* tools of which a schema was cut */
        json_t *tools;
};

struct operation {
        struct openapi *o;
        const char *path, *method, *name;
        struct json_node *item, *spec;
        json_t *tool;
        json_t *properties, *required;
        json_t *arguments; /* "in name" of a parameter -> its argument */
};

/* ---- openapi_document.c ---- */

/* Where a reference within the document leads, borrowed; NULL: nowhere, or out of it. */
json_t *openapi_at(struct openapi *o, const char *ref);
/* Follows "$ref" as far as it leads. NULL: nowhere. */
json_t *openapi_resolve(struct openapi *o, json_t *value);
struct json_node *openapi_node_resolve(struct openapi *o, struct json_node *node);
/* node[key] as a value, or as a text; NULL: none. */
json_t *openapi_member(struct openapi *o, struct json_node *node, const char *key);
const char *openapi_text(struct openapi *o, struct json_node *node, const char *key);
/* object[key], made when it is not there. */
json_t *openapi_object_in(json_t *object, const char *key);
/* May such a walk go a step further? It begins with depth 0. */
bool openapi_may_step(struct openapi *o, unsigned depth);
/* What a tool or an argument may be called. */
void openapi_name(char out[OPENAPI_NAME_MAX + 1], const char *text);
/* Tells the caller what of the document is not as it stands there (on_note()). */
void openapi_tell(struct openapi *o, const char *where, const char *why, bool is_left_out);
void openapi_note(struct operation *op, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- openapi_argument.c ---- */

/* The argument for a parameter or field, whatever it is called. */
const char *openapi_argument_name(struct operation *op, const char *in, const char *name);
/* Adds an argument; own is consumed. */
const char *openapi_argument_add(struct operation *op, const char *in, const char *name,
                                 json_t *own, bool is_required);

/* ---- openapi_operation.c ---- */

/* NULL: a tool (op->tool). Else why it is none. */
const char *openapi_operation_read(struct operation *op);

/* ---- openapi_body.c ---- */

/* NULL, or why it cannot be made. */
const char *openapi_body_add(struct operation *op, json_t *body);

/* ---- openapi_schema.c ---- */

/* A schema of OpenAPI for a request, as JSON Schema 2020-12: a copy whose "$ref"s lead into
 * "$defs". NULL gives the schema that takes everything. */
json_t *openapi_schema(struct openapi *o, json_t *schema);
/* Adds the names that a schema of ours refers to. */
void openapi_refs(const json_t *schema, json_t *refs);
/* All that the names lead to, as "$defs", at most n_max objects and lists, counted in *np; what
 * lies further away is {}. NULL: out of memory. */
json_t *openapi_defs(struct openapi *o, json_t *refs, size_t n_max, size_t *np);
/* Objects and lists in a value. */
size_t openapi_count(const json_t *value);

/* ---- openapi_server.c ---- */

/* The first of "servers" with an absolute URL, its variables filled in; the caller frees it. NULL:
 * there is none. */
char *openapi_server(struct openapi *o, json_t *servers);
/* The same of a Swagger 2.0 document. */
char *openapi_v2_server(struct openapi *o);

/* ---- openapi_security.c ---- */

/* The document's schemes as a description's "security_schemes". */
json_t *openapi_security_schemes(struct openapi *o);
/* An operation's "security", NULL: none is asked for. */
json_t *openapi_security(struct openapi *o, struct json_node *spec);

/* ---- openapi_v2.c ---- */

/* Resolved parameters of Swagger 2.0 as those of OpenAPI 3, new; *bodyp is a requestBody, new, or
 * NULL. */
json_t *openapi_v2_parameters(struct openapi *o, struct json_node *spec, json_t *parameters,
                              json_t **bodyp);

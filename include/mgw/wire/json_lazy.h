/* A JSON text whose values are made when somebody asks for them: of a document of many megabytes,
 * of which little is wanted, the rest costs a walk over its bytes. An object is a node with
 * members; all else is a value. */
#pragma once

#include "mgw/base/str.h"

#include <jansson.h>

#define JSON_LAZY_E_TEXT 1 /* it is no JSON, as far as it was looked at */
#define JSON_LAZY_E_BIG 2  /* more members than are kept */

/* Members of all objects that were looked into. */
#define JSON_LAZY_NODES_MAX 400000
/* Of the values that were made, about. */
#define JSON_LAZY_BYTES_MAX (256u << 20)

struct json_lazy;
struct json_node;

/* An object's text, borrowed until the end. 0, JSON_LAZY_E_TEXT with *atp about where. */
int json_lazy_create(struct str text, struct json_lazy **lazyp, size_t *atp);
/* The same of values that are there; root is consumed. */
struct json_lazy *json_lazy_of_take(json_t *root);
void json_lazy_destroy(struct json_lazy *lazy);
/* Has something been asked for that was past a bound? It was said not to be there. */
bool json_lazy_was_short(const struct json_lazy *lazy);

struct json_node *json_lazy_root(struct json_lazy *lazy);
/* NULL: it has none, or is no object. Of members that are called the same the last one counts. */
struct json_node *json_lazy_get(struct json_lazy *lazy, struct json_node *node, const char *key);
/* The members in their order; NULL: there are no more. */
struct json_node *json_lazy_first(struct json_lazy *lazy, struct json_node *node);
struct json_node *json_lazy_next(struct json_node *node);
const char *json_lazy_key(const struct json_node *node);
/* Borrowed; NULL node: NULL. NULL: no JSON, nested deeper than RPC_DEPTH_MAX, or past the bound. */
json_t *json_lazy_value(struct json_lazy *lazy, struct json_node *node);
/* What stands at a JSON pointer, as far as it leads through objects: *restp is what is left of it
 * from there, within an array, or "". NULL: nothing. */
struct json_node *json_lazy_at(struct json_lazy *lazy, const char *pointer, const char **restp);

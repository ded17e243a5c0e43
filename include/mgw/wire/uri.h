/* URI templates (RFC 6570, all four levels) over JSON values.
 *
 * A value cannot leave its place: everything but letters, digits and "-._~" is percent-encoded,
 * except that "+" and "#" expansions let reserved characters and whole %XX triplets through, which
 * is what a template asks for by using them. An expansion whose path would get a "." or ".."
 * segment, in whatever spelling, is refused, under every operator: escaping does not help there,
 * since clients and servers resolve "%2e%2e" too. So the path keeps the shape of the template, but
 * for "+" at whose place it may get longer. A template ought to begin with the path or with a
 * literal scheme and host: "{+url}" lets the value choose the host. */
#pragma once

#include "mgw/base/buf.h"

#include <jansson.h>
#include <stdbool.h>

#define URI_E_TEMPLATE 2 /* the template is malformed */
#define URI_E_VALUE 3    /* a value that cannot stand there */

/* For the time of configuration. 0, URI_E_TEMPLATE with *whyp a constant sentence. */
int uri_template_check(struct str template, const char **whyp);
/* Is it one at all, wherever it leads? */
bool uri_template_is_sound(struct str template);

/* Walks the variables a template names, in order and as often as it names them; init with
 * {.rest = template}. A sound template is expected; the walk of another one ends early. */
struct uri_vars {
        struct str rest;
        char op; /* of the expression that the last variable stands in: one of "+#./;?&", or 0 */
        bool is_inside;
};
/* 0: the name, borrowed from the template. -ENOENT: no more. */
int uri_vars_next(struct uri_vars *vars, struct str *namep);

/* Appends the template with its variables replaced from the object vars. Strings, numbers (3.0 is
 * "3") and booleans; arrays and objects of these; null, [], {} and what is missing are undefined.
 * 0; URI_E_TEMPLATE or URI_E_VALUE with *whyp a constant sentence; BUF_E_FULL, -ENOMEM; all or
 * nothing. */
int uri_template_expand(struct buf *out, struct str template, const json_t *vars,
                        const char **whyp);

/* Appends s with everything but unreserved characters percent-encoded (RFC 3986 2.3): a path
 * segment, or a name or value of a query or a form. 0, BUF_E_FULL, -ENOMEM. */
int uri_encode(struct buf *out, struct str s);
/* The same, but for what a query's value may hold as it is: ":/?@!$'()*,;=" and whole %XX triplets.
 * 0, BUF_E_FULL, -ENOMEM; at a failure a part may be there. */
int uri_encode_in_query(struct buf *out, struct str s);

/* Appends a URI as people write it ("file:///a b") as RFC 3986 has it: what may not stand where it
 * stands is percent-encoded, a sound one is as it was. 0; URI_E_VALUE: it has no scheme, nothing
 * behind that, a control character, or a port that is none; BUF_E_FULL, -ENOMEM; at a failure a
 * part may be there. */
int uri_mend(struct buf *out, struct str uri);

#define URI_NUMBER_SIZE 32
/* The text of a string, number or boolean: *textp borrows from it or from number. 0, URI_E_VALUE.
 */
int uri_print(const json_t *value, char number[URI_NUMBER_SIZE], struct str *textp);

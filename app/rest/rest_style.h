/* Values of parameters as text: "style" and "explode" of OpenAPI 3 (4.7.12 of 3.0.4, 4.8.12 of
 * 3.1.1), whose examples are those of RFC 6570. */
#pragma once

#include "mgw/base/buf.h"

#include <jansson.h>
#include <stdbool.h>

struct style_kind;

struct style {
        const struct style_kind *kind;
        bool explodes;
        bool allows_reserved;
        bool is_raw;         /* nothing is percent-encoded: a header */
        const char *between; /* NULL: as the kind has it; else what stands between two names */
};

/* "form", "simple"...; NULL: there is none of this name. */
const struct style_kind *rest_style_find(const char *name);
/* Objects as "name[key]=value", whatever explode says. */
bool rest_style_is_deep(const struct style_kind *kind);

/* Appends name and value; nothing for null, [] and {}, which are undefined (RFC 6570 2.3). What
 * OpenAPI leaves undefined: a list or object within one is its JSON text, or more brackets under
 * deepObject, where an element stands under its number ("a[0]=1"). 0, BUF_E_FULL, -ENOMEM. */
int rest_style_add(struct buf *out, const struct style *style, const char *name,
                   const json_t *value);

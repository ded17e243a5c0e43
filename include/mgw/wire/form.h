/* Names and values of application/x-www-form-urlencoded (WHATWG URL, 5), as bodies and queries
 * have them: percent escapes and '+' are decoded. */
#pragma once

#include "mgw/base/buf.h"

#define FORM_E_BAD 2 /* a broken escape, a NUL, no UTF-8, too many fields or bytes */

#define FORM_FIELDS_MAX 64
#define FORM_MAX_BYTES (64u << 10)

struct form;

/* 0, FORM_E_BAD. *formp is NULL unless 0. */
int form_read(struct form **formp, struct str text);
/* NULL is fine. */
void form_destroy(struct form *form);
/* The first value of that name, NUL-terminated, borrowed from the form; NULL: it is not there. An
 * empty value counts as absent where OAuth says so (RFC 6749 3.1): "" all the same here. */
const char *form_get(const struct form *form, const char *name);
/* A name that stands there twice, borrowed; NULL: none does (RFC 6749 3.1 forbids it). */
const char *form_repeated(const struct form *form);

/* Decodes one name or value to out, with a NUL; out may begin where value does. 0, FORM_E_BAD (a
 * broken escape, a NUL, longer than size - 1). */
int form_decode(struct str value, char *out, size_t size);

/* Appends "name=value" ('&' before it unless out is empty), encoded; value NULL: nothing. 0,
 * BUF_E_FULL, -ENOMEM; all or nothing. */
int form_add(struct buf *out, const char *name, const char *value);

/* Scopes that our authorization server knows (RFC 6749 3.3). */
#pragma once

#include "mgw/core/context.h"

/* What every login has. */
#define SCOPE_BASIC "mcp"

/* All that there are (that, and what rules of the policy ask for), ended by NULL; owned by the
 * context. */
char *const *scope_supported(const struct context *context);
/* Those of text (with spaces between) that are supported, each once; of NULL or "" all. The caller
 * frees them (strv); never NULL unless none is left. */
char **scope_choose(const struct context *context, const char *text);
/* Has list each of those in text? Of NULL or "" it has. */
bool scope_has_all(char *const *list, const char *text);
/* With spaces between; new memory. */
char *scope_text(char *const *list);
/* What it lets a client do, for people. */
const char *scope_in_words(const struct context *context, const char *scope);

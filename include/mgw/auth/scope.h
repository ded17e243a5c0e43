/* Scopes that our authorization server knows (RFC 6749 3.3). */
#pragma once

#include "mgw/core/context.h"

/* What every login has. */
#define SCOPE_BASIC "mcp"

struct policy;

/* "mcp", and those that rules of the policy (NULL: there is none) name. The caller frees them. */
char **scope_all(const struct policy *policy);
/* The same, as our authorization server has them; where there is one. */
char *const *scope_supported(const struct context *context);
/* Those of text (with spaces between) that are supported, each once; of NULL or "" all. The caller
 * frees them. NULL: none. */
char **scope_choose(const struct context *context, const char *text);
/* Has list each of those in text? Of NULL or "" it has. */
bool scope_has_all(char *const *list, const char *text);
/* With spaces between; new memory. */
char *scope_text(char *const *list);
/* What it lets a client do, for people. NULL: its name says it. */
const char *scope_in_words(const char *scope);

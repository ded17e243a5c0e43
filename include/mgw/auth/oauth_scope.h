/* Lists of scopes (RFC 6749 3.3): each NULL, or words with spaces between. */
#pragma once

/* The scopes of both (each NULL or separated by spaces), each once; the caller frees it. NULL:
 * none, or more than OAUTH_SCOPE_MAX bytes. */
char *oauth_scope_union(const char *a, const char *b);
/* Those of wanted that granted has not; the caller frees it. NULL: it has all. */
char *oauth_scope_lacking(const char *wanted, const char *granted);

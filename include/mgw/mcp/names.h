/* Names in the merged catalog: a tool or prompt `list` of server `gmail` is `gmail_list`. */
#pragma once

#include <jansson.h>

/* Puts "<server>_" before the name of every entry of the array; entries without a name are removed.
 * 0, -ENOMEM. */
int names_add_prefix(json_t *entries, const char *server);
/* The name as the server knows it, borrowed from name; NULL when it is not one of this server's. */
const char *names_strip_prefix(const char *name, const char *server);

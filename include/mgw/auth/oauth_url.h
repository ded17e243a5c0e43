/* Addresses that an authorization server, or what it protects, has named. */
#pragma once

#include <stdbool.h>

/* Is it an address that a browser or a request may be sent to: absolute, with a host, without user
 * or fragment? */
bool oauth_url_is_sound(const char *url, bool takes_http);
/* scheme://host:port of both is the same. */
bool oauth_url_same_origin(const char *a, const char *b);

/* Cookies of our pages: HttpOnly, SameSite=Lax, for all paths. Over https they are Secure, and
 * their names begin with "__Host-": no other host can set them (RFC 6265bis 4.1.3.2). Over plain
 * http, which is for this machine alone, browsers take no such. */
#pragma once

#include "mgw/fastcgi/request.h"

#define COOKIE_LOGIN "mgw"           /* who has signed in */
#define COOKIE_BROWSER "mgw-browser" /* which browser it is: a random id */

/* A browser drops a cookie whose name and value are over 4096 bytes. */
#define COOKIE_VALUE_MAX_BYTES 4000
#define COOKIES_MAX 6

/* Headers of an answer that set cookies. Zeroed: none. */
struct cookies {
        struct cgi_header headers[COOKIES_MAX + 1];
        size_t n;
};

/* The value that came, empty when there is none. */
struct str cookie_find(const struct request *req, const char *name);
/* life_ms 0: it goes. */
void cookies_add(struct cookies *cookies, const struct context *context, const char *name,
                 struct str value, int64_t life_ms);
void cookies_finish(struct cookies *cookies);

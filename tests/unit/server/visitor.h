/* People with a browser: cookies are kept and brought back, forms are sent. */
#pragma once

#include "client.h"

#define VISITOR_COOKIES_MAX 12

struct visitor {
        char *names[VISITOR_COOKIES_MAX];
        char *values[VISITOR_COOKIES_MAX];
        const char *address; /* NULL: this machine's */
        const char *origin;  /* with forms; NULL: none */
        bool keeps_no_cookies;
        struct answer *page; /* the last */
};

/* Goes there, by a link. */
struct answer *visitor_open(struct visitor *v, const char *uri);
/* Sends a form, encoded as it is. */
struct answer *visitor_send(struct visitor *v, const char *uri, const char *form);
/* The value of a hidden field of the page, until the next call. "": there is none. */
const char *visitor_field(const struct visitor *v, const char *name);
/* That of a cookie, borrowed; NULL: there is none. */
const char *visitor_cookie(const struct visitor *v, const char *name);
/* Has the page this text? */
bool visitor_sees(const struct visitor *v, const char *text);
void visitor_finish(struct visitor *v);

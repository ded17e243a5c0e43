/* What the pages for signing in and out share. */
#pragma once

#include "cookie.h"
#include "mgw/auth/issuer.h"
#include "mgw/auth/sealed.h"
#include "mgw/login/browser.h"
#include "mgw/store/store_set.h"
#include "person.h"

struct form;

/* Text of 16 random bytes, and a NUL: the name of a browser, of a login, of an attempt. */
#define BROWSER_ID_SIZE 23

struct browser {
        struct context *context;
        struct sealed_keys keys;
        struct issuer *issuer;       /* the OpenID provider; NULL: there is none */
        struct http_source source;   /* of what it is asked for */
        char *ca_file;               /* that it is trusted by; NULL: the system's */
        struct store_set signed_out; /* names of logins that have ended before their time */
        struct list sign_ins;        /* login/sign_in: under way */
        unsigned n_sign_ins;
};

/* As the configuration has it, or none. */
void browser_open_issuer(struct browser *browser);
/* The name of the browser that the request comes from: a new one, which page_reply() gives it,
 * where it has brought none. */
const char *browser_id(struct request *req);
/* That it has brought; empty: none. */
struct str browser_id_brought(const struct request *req);
/* The name of the login that it has brought; "": nobody is signed in. */
void browser_login_id(const struct request *req, char id[BROWSER_ID_SIZE]);
/* Adds the cookie by which the person is signed in. false: they have so many groups that no browser
 * would keep it. */
bool browser_add_login(struct cookies *cookies, const struct browser *browser,
                       const struct person *person);
/* The form that the body is, with its token checked; the caller destroys it. NULL: the request has
 * been answered. */
struct form *browser_require_form(struct request *req);

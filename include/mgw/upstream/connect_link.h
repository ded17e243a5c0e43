/* The way to connect an account: a link that names the user it was given to, sealed, so that it is
 * of no use to anybody else who opens it. */
#pragma once

#include "mgw/auth/sealed.h"
#include "mgw/core/context.h"

/* Kinds of sealed texts (auth/sealed) under the keys from connect_link_keys(). */
#define SEALED_CONNECT_LINK "connect link 1"
#define SEALED_CONNECT_STATE "connect state 1"

#define CONNECT_LINK_LIFE_MS (INT64_C(600) * 1000)

/* What it says. Texts are owned. */
struct connect_link {
        char *server;
        char *email;
        char *scope; /* that a call has lacked; NULL: none is known */
};

void connect_link_keys(const struct context *context, struct sealed_keys *keys);
/* The whole address; the caller frees it. scope may be NULL. */
char *connect_link_make(const struct context *context, const char *server, const char *email,
                        const char *scope);
/* From its parameter "t". 0, SEAL_E_BAD, SEAL_E_EXPIRED. */
int connect_link_open(struct connect_link *link, const struct context *context, struct str text);
void connect_link_finish(struct connect_link *link);

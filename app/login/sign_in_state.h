/* What is to be remembered of a sign-in while the browser is at the OpenID provider: sealed into
 * "state" (RFC 6749 10.12), which is good for ten minutes, in the browser that began it: that has a
 * cookie of the same name. A return path that is too long for a URL waits in cookies, too, of which
 * the state has the digest. */
#pragma once

#include "browser_inside.h"
#include "mgw/auth/pkce.h"

#define SIGN_IN_LIFE_MS (INT64_C(600) * 1000)

/* Outcomes of sign_in_state_open(), beside 0, SEAL_E_BAD and SEAL_E_EXPIRED. */
#define SIGN_IN_STATE_E_BROWSER 4    /* another browser's */
#define SIGN_IN_STATE_E_NO_COOKIES 5 /* there is no saying whose */
#define SIGN_IN_STATE_E_ISSUER 6     /* the provider is another one since */

struct sign_in_state {
        char id[BROWSER_ID_SIZE]; /* also the nonce (OpenID Connect Core 3.1.2.1) */
        char verifier[PKCE_SIZE];
        char *path; /* owned. After opening NULL: its cookie is gone */
};

void sign_in_state_finish(struct sign_in_state *state);
/* A text; the caller frees it. Cookies that it needs are added, but for the browser's own, which
 * page_reply() sets. */
char *sign_in_state_close(struct request *req, struct cookies *cookies,
                          const struct sign_in_state *state);
/* The cookies that it needs no more are told to go. */
int sign_in_state_open(struct request *req, struct cookies *cookies, struct sign_in_state *state,
                       struct str text);

/* An access token for one upstream: fetched when it is needed, again before it expires, and when
 * the upstream refuses it. However many wait, one request is on its way. It comes by the
 * configuration (OAuth 2.0, RFC 6749 4.4 and 6), or by what its user has granted (upstream/grant).
 */
#pragma once

#include "mgw/core/context.h"

struct account;
struct credential;

#define CREDENTIAL_E_WAIT 1

/* One request's use of it, embedded by who sends the request; zeroed, but for the credential and
 * the handlers, before it is asked for the first time. */
struct credential_use {
        struct list node;
        struct credential *credential; /* NULL: the request needs no token */
        char *header; /* "Authorization: Bearer ...", for the next request; NULL: none */
        bool was_renewed;
        bool is_lacking; /* there is none before its user has granted it */
        /* Of these one is called after CREDENTIAL_E_WAIT, never from within credential_ask(). */
        void (*on_token)(struct credential_use *use);
        void (*on_fail)(struct credential_use *use, const char *why);
};

/* For the requests of an account whose configuration has "oauth"; borrows the account. */
struct credential *credential_create(struct account *account);
/* After the HTTP client; who waits still is told. NULL is fine. */
void credential_destroy(struct credential *credential);
/* Sets use->header (NULL: see is_lacking). 0; CREDENTIAL_E_WAIT: a token has to be waited for;
 * -errno. */
int credential_ask(struct credential_use *use);
/* The request was answered with this status. true: its token was refused, for the first time: it
 * is to be asked for once more. */
bool credential_refused(struct credential_use *use, unsigned status);
/* Is it its user who has to grant it, in a browser? NULL is fine. */
bool credential_is_grant(const struct credential *credential);
/* Nothing is waited for any more. Harmless when zeroed. */
void credential_leave(struct credential_use *use);

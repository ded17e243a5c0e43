/* The gateway's own access token for one API (OAuth 2.0, RFC 6749 4.4 and 6): fetched when it is
 * needed, again before it expires, and when the API refuses it. However many wait, one request is
 * on its way. */
#pragma once

#include "mgw/gate/gate.h"

struct credential;

/* Embedded by who waits for a token. */
struct credential_wait {
        struct list link;
        void (*on_token)(struct credential_wait *wait);
        void (*on_fail)(struct credential_wait *wait, const char *why);
};

/* 0, -ENOMEM. oauth is borrowed. */
int credential_create(struct gate *gate, const struct config_oauth *oauth,
                      struct credential **credentialp);
/* After the HTTP client and all who wait are gone; NULL is fine. */
void credential_destroy(struct credential *credential);
/* The line "Authorization: Bearer ...", borrowed until the next turn. NULL: it has to be waited
 * for. */
const char *credential_header(struct credential *credential);
/* One handler is called, perhaps from within; in on_token credential_header() gives the line. */
void credential_wait(struct credential *credential, struct credential_wait *wait);
/* Harmless when it does not wait. */
void credential_unwait(struct credential_wait *wait);
/* The API has refused this line: it is not used again. */
void credential_refused(struct credential *credential, const char *header);

/* private_key_jwt: a client shows who it is by a token that it has signed (RFC 7523 2.2, 3; OpenID
 * Connect Core 9). It is good once. */
#pragma once

#include "mgw/auth/authority.h"
#include "mgw/auth/client.h"

#define CLIENT_ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

/* Of all clients; within the hour that one may be good for, a fifth of what a store in memory has
 * room for. Of those that come with what one user has given them: so many. */
#define CLIENT_ASSERTIONS_A_SECOND 5
#define CLIENT_ASSERTIONS_BURST 1000
#define CLIENT_ASSERTIONS_OF_USER_BURST 100

/* Sets of keys of clients. */
extern const struct fetched_kind client_keys_kind;

struct client_assertion;

/* fault: NULL, or a constant sentence; is_of_network: it may be good the next time. */
typedef void client_assertion_fn(void *owner, const char *fault, bool is_of_network);

/* Who it says it is, not to be believed: its sub. New memory; NULL: it is no token. */
char *client_assertion_subject(struct str text);
struct client_assertion_options {
        struct client *client; /* held while it is judged */
        struct share *share;   /* whose request it came with */
        /* Of the user whose code or token came with it. NULL: nobody's has, and what it asks for is
         * refused in any case, so that its use need not be remembered. */
        struct share *user;
};

/* on_done is called once, from the loop, never from within; then it is gone. NULL: *faultp. Of the
 * options the shares are there while it is. */
struct client_assertion *client_assertion_start(struct authority *authority,
                                                const struct client_assertion_options *options,
                                                struct str text, client_assertion_fn *on_done,
                                                void *owner, const char **faultp);
/* on_done is not called any more. NULL is fine. */
void client_assertion_cancel(struct client_assertion *assertion);

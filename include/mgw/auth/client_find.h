/* Which client an id stands for. */
#pragma once

#include "mgw/auth/authority.h"
#include "mgw/auth/client.h"

/* Embedded by who waits, zeroed but for on_found. */
struct client_find {
        struct fetched_wait wait;
        void (*on_found)(struct client_find *find);
        struct client *client;    /* held by who asked; NULL: the fault */
        const char *fault;        /* for the client's author, a constant sentence */
        bool is_fault_of_network; /* it may be there the next time */
};

/* Documents of clients (draft-ietf-oauth-client-id-metadata-document). */
extern const struct fetched_kind client_document_kind;

/* share: whose request it is for. True: it has been found, or not, and on_found is not called.
 * False: on_found will be, from the loop. */
bool client_find_start(struct authority *authority, struct client_find *find, struct share *share,
                       const char *id);
/* on_found is not called any more. Harmless when it is not waiting. */
void client_find_cancel(struct client_find *find);

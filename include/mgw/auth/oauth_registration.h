/* Who we are at an authorization server: as the configuration says; else by our client ID metadata
 * document, where it takes such; else by dynamic registration (RFC 7591), which is kept in the
 * store for all who connect there (MCP authorization, "Client Registration Approaches"). */
#pragma once

#include "mgw/auth/oauth_http.h"
#include "mgw/auth/oauth_party.h"
#include "mgw/base/rate.h"
#include "mgw/store/store.h"

struct config_oauth;
struct oauth_registration;

/* Where our document stands below public_url, and where browsers come back to. */
#define OAUTH_CLIENT_DOCUMENT_PATH "/oauth/client.json"
#define OAUTH_CALLBACK_PATH "/connect/callback"

/* fault: NULL when the party's client is known. */
typedef void oauth_registration_fn(void *owner, const char *fault);

/* Where registrations are kept, and whose they are. */
struct oauth_registrar {
        struct store *store;
        const char *public_url;
        struct rate *rate; /* of new ones: each is kept */
};

/* Sets the client of the party, which is borrowed until on_done, as are http and what the registrar
 * names. on_done is called once, from the loop or from within. NULL: it has been called. */
struct oauth_registration *oauth_registration_start(const struct oauth_http *http,
                                                    const struct oauth_registrar *registrar,
                                                    const struct config_oauth *oauth,
                                                    struct oauth_party *party,
                                                    oauth_registration_fn *on_done, void *owner);
void oauth_registration_cancel(struct oauth_registration *registration);
/* The server does not know the client any more: the next registers anew. false: it is none that was
 * registered so, and op is not used. */
bool oauth_registration_forget(struct store *store, struct store_op *op, const char *public_url,
                               const struct oauth_party *party);

/* What we say of ourselves, in a document or a registration; a new object. */
json_t *oauth_registration_metadata(const char *public_url);
/* Takes the answer to a registration (RFC 7591 3.2.1). NULL, or what is wrong: a constant. */
const char *oauth_registration_take(struct oauth_party *party, const json_t *answer);

/* OAuth clients, as our authorization server knows them (RFC 6749 2). Three kinds: those of the
 * configuration; those that register (RFC 7591), of whom nothing is kept, since their id holds
 * what they said, sealed; and those whose id is the address of a document that says it
 * (draft-ietf-oauth-client-id-metadata-document). */
#pragma once

#include "mgw/auth/sealed.h"

#include <jansson.h>

#define CLIENT_ID_MAX_BYTES 4096
#define CLIENT_NAME_MAX_BYTES 100
#define CLIENT_REDIRECTS_MAX 16
/* What may be said in an id, as JSON. */
#define CLIENT_SAID_MAX_BYTES 1500

enum client_kind { CLIENT_STATIC, CLIENT_REGISTERED, CLIENT_DOCUMENT };

/* How it shows who it is (token_endpoint_auth_method). */
enum client_auth {
        CLIENT_AUTH_NONE,
        CLIENT_AUTH_SECRET, /* client_secret_basic or client_secret_post, whichever it likes */
        CLIENT_AUTH_KEY,    /* private_key_jwt */
};

/* Shared by all who act for it; never changed once it is made. */
struct client {
        unsigned n_holders;
        enum client_kind kind;
        enum client_auth auth;
        char *id;
        char *key;        /* tells it apart in tokens, in the store and in the log: its id, or, of a
                             registered one, "dcr:" and a digest of it */
        char *name;       /* as it calls itself: UTF-8 without controls; "": it does not */
        char **redirects; /* each of them is taken (wire/redirect) */
        char *secret;     /* of a static one; NULL: none */
        json_t *jwks;     /* private_key_jwt: a set of keys (RFC 7517), or where it is */
        char *jwks_uri;
};

/* What is wrong with what a client says of itself (RFC 7591 3.2.2). */
struct client_fault {
        const char *error;
        char why[200];
};

struct client *client_hold(struct client *client);
/* NULL is fine. */
void client_let_go(struct client *client);

/* A client of that kind and id, with what its metadata say (RFC 7591 2): unknown ones are ignored.
 * Held by the caller. NULL: the fault. */
struct client *client_from_metadata(enum client_kind kind, const char *id, const json_t *metadata,
                                    struct client_fault *fault);
/* One that is configured; secret may be NULL. Held by the caller. */
struct client *client_new_static(const char *id, const char *name, const char *secret,
                                 char *const *redirects);

/* Registers what metadata say: gives it an id that holds it. Held by the caller. NULL: the fault.
 */
struct client *client_register(const struct sealed_keys *keys, const json_t *metadata,
                               struct client_fault *fault);
/* The client that an id of ours stands for. Held by the caller. NULL: it is none of ours. */
struct client *client_from_id(const struct sealed_keys *keys, struct str id);
/* The secret of a registered one that has one: made of its id. New memory. */
char *client_secret(const struct sealed_keys *keys, const struct client *client);
/* Compared in constant time. */
bool client_has_secret(const struct sealed_keys *keys, const struct client *client,
                       struct str secret);

/* Is the id the address of a document: https, a host and a path, no user, no fragment, no dots?
 * Where that is fine: or http, at a loopback address. */
bool client_id_is_document(struct str id, bool is_private_fine);
/* Is the address one of the client's? The very one, but for a loopback address's port. */
bool client_has_redirect(const struct client *client, struct str redirect);

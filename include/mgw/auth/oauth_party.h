/* An authorization server as its client knows it: what its metadata say (RFC 8414 2, OpenID Connect
 * Discovery 3), and who the client is there. It is kept with a grant, so that a token can be
 * refreshed without asking for all of it again. */
#pragma once

#include "mgw/base/str.h"

#include <jansson.h>
#include <stdbool.h>

struct config_oauth;

/* Of an address, and of a list of scopes. */
#define OAUTH_URL_MAX 2048
#define OAUTH_SCOPE_MAX 4096

enum oauth_client_auth { OAUTH_CLIENT_PUBLIC, OAUTH_CLIENT_POST, OAUTH_CLIENT_BASIC };

/* Texts are owned; NULL: not known, or there is none. */
struct oauth_party {
        char *issuer;
        char *authorization_url;
        char *token_url;
        char *registration_url;
        char *revocation_url;
        char *resource; /* RFC 8707 2: what tokens are asked for */
        char *scope;    /* what the resource says that it takes (RFC 9728 2, scopes_supported) */
        bool sends_iss; /* RFC 9207 3 */
        bool takes_documents; /* client ID metadata documents */
        bool takes_public, takes_post, takes_basic;
        char *client_id;
        char *client_secret;
        enum oauth_client_auth auth;
};

void oauth_party_finish(struct oauth_party *party);
/* As text of JSON, a new object; and back. 0, -EINVAL. */
json_t *oauth_party_json(const struct oauth_party *party);
int oauth_party_read(struct oauth_party *party, const json_t *object);
/* The endpoints that the configuration names: true when it names them all. */
bool oauth_party_configured(struct oauth_party *party, const struct config_oauth *oauth);
/* Metadata of an authorization server, which must be those of this issuer, announce S256, and name
 * its endpoints. takes_http: an address without TLS is fine. NULL, or what is wrong: a constant. */
const char *oauth_party_take_metadata(struct oauth_party *party, const json_t *metadata,
                                      const char *issuer, bool takes_http);
/* Metadata of a protected resource (RFC 9728 2), which must be of the server at url. *issuerp: its
 * first authorization server, owned by the caller. NULL, or what is wrong: a constant. */
const char *oauth_party_take_resource(struct oauth_party *party, const json_t *metadata,
                                      const char *url, char **issuerp);

/* The requests of an OAuth client (OAuth 2.1, draft 13): to authorize, for tokens, to revoke. */
#pragma once

#include "mgw/auth/oauth_http.h"
#include "mgw/auth/oauth_party.h"

#define OAUTH_TOKEN_MAX 16384

struct oauth_request;

/* Appends the address that a browser is sent to (4.1.1). Those that are NULL are left out; params:
 * more of them, "name=value" (a strv, or NULL). 0, BUF_E_FULL, -ENOMEM. */
int oauth_flow_authorization_url(struct buf *out, const struct oauth_party *party,
                                 const char *redirect_uri, const char *state, const char *challenge,
                                 const char *scope, char *const *params);

/* The answer of a token endpoint; borrowed, for the call only. */
struct oauth_tokens {
        const char *fault; /* NULL, or what failed, in words that hold no secret */
        const char *error; /* with a fault: a code of RFC 6749 5.2; NULL: none of them */
        bool is_theirs;    /* with a fault: the endpoint has judged (4xx), and is not down */
        const char *access_token;
        const char *refresh_token; /* NULL: none, or as before */
        const char *scope;         /* NULL: as it was asked for */
        const char *id_token;      /* NULL: none */
        int64_t life_ms;           /* 0: not said */
};

typedef void oauth_tokens_fn(void *owner, const struct oauth_tokens *tokens);

/* form: the fields but for those that say who we are; it is taken (and finished). on_done is called
 * once, from the loop. */
struct oauth_request *oauth_flow_tokens(const struct oauth_http *http,
                                        const struct oauth_party *party, struct buf *form_take,
                                        oauth_tokens_fn *on_done, void *owner);
/* RFC 7009. fault: NULL when the token is good no more. */
typedef void oauth_revoked_fn(void *owner, const char *fault);
struct oauth_request *oauth_flow_revoke(const struct oauth_http *http,
                                        const struct oauth_party *party, const char *token,
                                        oauth_revoked_fn *on_done, void *owner);
/* on_done is not called any more; NULL is fine. */
void oauth_flow_cancel(struct oauth_request *request);

/* The claim of an id_token that came from the token endpoint itself, over TLS, and so is not
 * verified by its signature (OpenID Connect Core 3.1.3.7, 6); the caller frees it. NULL: none. */
char *oauth_flow_id_token_claim(const char *id_token, const char *claim);

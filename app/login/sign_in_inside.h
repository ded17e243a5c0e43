/* Signing in at the OpenID provider (OpenID Connect Core 3.1): away with a state, a nonce and a
 * challenge (sign_in_away), back with a code (sign_in_back), which is exchanged for an ID token
 * (sign_in_claims). What comes back is believed in this order: the state (sealed, of this browser),
 * the issuer (RFC 9207), the code (by its exchange, with the verifier), the ID token (by its
 * signature and nonce), and, once all of it is good, the state is used up. Each step waits for one
 * thing, and has a deadline; a browser that leaves ends them all. */
#pragma once

#include "mgw/auth/oauth_flow.h"
#include "mgw/wire/form.h"
#include "sign_in.h"
#include "sign_in_state.h"

/* Of each step. */
#define SIGN_IN_STEP_MS 10000

struct sign_in {
        struct list node; /* browser->sign_ins */
        struct browser *browser;
        struct request *req;
        struct share *share; /* held: the address's that it comes from */
        struct sign_in_state state;
        struct cookies cookies; /* that go with the answer */
        bool asks_who;          /* the provider is to ask, whoever is signed in there */

        /* what is waited for: one of them */
        void (*on_known)(struct sign_in *in); /* what the issuer says has come, or cannot come */
        struct issuer_wait wait;
        struct oauth_request *exchange;
        struct http_document *user_info;
        struct store_op used;

        struct form *answer; /* of the provider, by the browser */
        struct oauth_party party;
        struct oauth_http http;
        char *id_token;
        char *access_token;
        json_t *claims;
        struct person person;
};

const struct config_login *sign_in_login(const struct sign_in *in);
/* It counts as a call: who drains waits for it. NULL: the request has been answered. */
struct sign_in *sign_in_begin(struct request *req);
/* It is over, and its request is nobody's: what it holds is there until the turn ends. */
void sign_in_end(struct sign_in *in);

/* Ends of it, which answer. */
void sign_in_refuse(struct sign_in *in, const struct sign_in_fault *fault);
/* Where it may be that it works in a while. */
void sign_in_refuse_for_now(struct sign_in *in, const char *detail);
/* Where the operator has to do something. */
void sign_in_refuse_for_good(struct sign_in *in, const char *detail);

/* Calls on_known, now or later, when what the issuer says of itself has come, or cannot come. It
 * may end the sign-in. */
void sign_in_require_metadata(struct sign_in *in, void (*on_known)(struct sign_in *in));
/* Who we are there: party and http. false: it cannot be said, and the sign-in is over. */
bool sign_in_read_party(struct sign_in *in);
/* The caller frees it. */
char *sign_in_redirect_uri(const struct sign_in *in);

/* The ID token has come: judges who it is, and answers. */
void sign_in_read_id_token(struct sign_in *in);

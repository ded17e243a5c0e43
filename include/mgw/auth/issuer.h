/* An issuer of tokens: an OpenID provider (OpenID Connect Discovery 1.0) or an OAuth authorization
 * server (RFC 8414). Its metadata and its keys are fetched in the background from its making on,
 * and again as their Cache-Control says (5 minutes to 24 hours). A token whose key is not known has
 * them fetched, once in 30 s. While the issuer is down, lies or hangs, what is known stays. */
#pragma once

#include "mgw/auth/jwt.h"
#include "mgw/core/context.h"

struct issuer;

struct issuer_options {
        const char *url;               /* as it calls itself: compared byte for byte */
        const char *jwks_url;          /* NULL: its metadata tell; else these are not asked for */
        const char *const *algorithms; /* of its tokens; NULL: all of enum jwt_algorithm */
};

/* What its metadata say; NULL where they do not. */
struct issuer_metadata {
        char *authorization_endpoint;
        char *token_endpoint;
        char *jwks_uri;
        char *userinfo_endpoint;
        char *end_session_endpoint;
        bool tells_issuer; /* authorization_response_iss_parameter_supported (RFC 9207 3) */
        bool has_basic; /* token_endpoint_auth_methods_supported: client_secret_basic, or unsaid */
};

/* Of the text of a document (OpenID Connect Discovery 3, RFC 8414 2), of the issuer that calls
 * itself so. NULL, to be finished; or what is wrong with it, a constant sentence. What an issuer by
 * https names is https. */
const char *issuer_metadata_read(struct issuer_metadata *metadata, struct str text,
                                 const char *issuer);
void issuer_metadata_finish(struct issuer_metadata *metadata);

/* options are copied. */
struct issuer *issuer_create(struct context *context, const struct issuer_options *options);
/* Who waits is told; NULL is fine. While the HTTP client is there. */
void issuer_destroy(struct issuer *issuer);
/* NULL: not known (yet). Borrowed until the loop's next turn. */
const struct issuer_metadata *issuer_metadata(const struct issuer *issuer);
/* Grows with each change of its keys. */
uint64_t issuer_generation(const struct issuer *issuer);

/* Embedded by who waits, zeroed but for on_ready. */
struct issuer_wait {
        struct list node;
        struct issuer *issuer; /* NULL: it waits for none */
        struct share *share;   /* held meanwhile */
        /* Once, from the loop: what was asked for has come, or cannot come now. */
        void (*on_ready)(struct issuer_wait *wait);
};

#define ISSUER_WAITS_MAX 128
/* Of one share: anybody can name a key that is not known. */
#define ISSUER_WAITS_PER_SHARE_MAX 32

/* Waits for what is being fetched, 10 s at most; share: of the address that it comes from. false:
 * nothing is, or too many wait. */
bool issuer_wait(struct issuer *issuer, struct issuer_wait *wait, struct share *share);
/* on_ready is not called any more. Harmless when zeroed. */
void issuer_leave(struct issuer_wait *wait);

/* Outcomes beside those of jwt_check(). */
#define ISSUER_E_WAIT 3   /* its key is not known: issuer_wait(), and then once more */
#define ISSUER_E_AWAY 4   /* its key is not known, and the issuer has not told any */
#define ISSUER_E_FORGED 5 /* its signature is wrong, which takes its time to find out */

/* Is the token of this issuer, for whom and what is demanded (demand->issuer is not looked at), and
 * signed by a key of its? 0: *claimsp is the caller's to json_decref(), *expires_msp of the wall
 * clock. Else *whyp is a constant sentence, without anything of the token. */
int issuer_read(struct issuer *issuer, struct str token, const struct jwt_demand *demand,
                int64_t wall_ms, json_t **claimsp, int64_t *expires_msp, const char **whyp);

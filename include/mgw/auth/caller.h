/* Who makes a request, by its Authorization header (RFC 6750 2.1): a token of the file, one that
 * mgw has given out, or one of an issuer. Where none of these is set up everybody is anonymous. */
#pragma once

#include "mgw/auth/issuer.h"
#include "mgw/core/context.h"
#include "mgw/core/identity.h"

struct caller_issuers;
struct config_login;

/* Is there nobody to tell apart? */
bool caller_is_anybody(const struct config *config);
/* Where there is not: is who comes from that address let in? Without users the door is open to this
 * machine alone, unless it is said that it is to all (auth.anonymous). */
bool caller_may_be_anybody(const struct config *config, struct str address);
/* authorization is the header's value, address the client's. USER_OK: *identityp is held for the
 * caller. USER_WAIT: *issuerp is asked for its keys (issuer_wait()), then this is to be asked
 * again; with issuerp NULL it is USER_UNSURE. Else *whyp is NULL, or a constant sentence about the
 * token. */
enum user_verdict caller_find(struct context *context, struct str authorization, struct str address,
                              int64_t wall_ms, struct issuer **issuerp, struct identity **identityp,
                              const char **whyp);

/* Would somebody with such a token be let in now? Of an issuer's no more is looked at than that the
 * issuer is one of the configuration's. */
bool caller_may_stay(const struct context *context, const struct identity *identity);

/* ---- caller_token.c ---- */

/* The same of a token that mgw has given out (auth.login); USER_BAD_TOKEN: it is none. */
enum user_verdict caller_read_token(struct context *context, struct str text,
                                    const uint8_t digest[USER_DIGEST_BYTES], int64_t wall_ms,
                                    struct identity **identityp);

/* May who signed in at the provider, with an account of that domain (NULL: not known) and in those
 * groups, use the gateway? NULL, or what keeps them out, in words for them and for the log. */
const char *caller_is_kept_out(const struct config_login *login, const char *domain,
                               char *const *groups);
/* Does the configuration let who came by a login of ours (IDENTITY_LOGIN) go on? */
bool caller_may_go_on(const struct context *context, const struct identity *identity);

/* ---- caller_jwt.c ---- */

/* Sets context->issuers, those of auth.jwt. Needs the HTTP client, which must go after them. */
void caller_issuers_create(struct context *context);
/* The configuration is another than before: where its issuers are others, all are asked anew. */
void caller_issuers_follow(struct context *context, const struct config *before);
bool caller_has_issuer(const struct config *config, const char *issuer);
/* Do both take the same tokens of the issuer? */
bool caller_issuer_is_same(const struct config *config, const struct config *before,
                           const char *issuer);
/* NULL is fine. */
void caller_issuers_destroy(struct caller_issuers *issuers);
/* As caller_find(), of an issuer's token. An address from which many have come whose signatures are
 * wrong is told USER_UNSURE for a while. */
enum user_verdict caller_read_jwt(struct context *context, struct str text,
                                  const uint8_t digest[USER_DIGEST_BYTES], struct str address,
                                  int64_t wall_ms, struct issuer **issuerp,
                                  struct identity **identityp, const char **whyp);

/* ---- caller_known.c ---- */

/* Sets context->known. */
void caller_known_create(struct context *context);
/* While issuers and users are there. Harmless when there is none. */
void caller_known_destroy(struct context *context);
/* A token that has been found good; issuer: NULL, it is of ours. */
void caller_known_add(struct context *context, const uint8_t digest[USER_DIGEST_BYTES],
                      size_t n_text, struct identity *identity, const struct issuer *issuer);
/* Of one that is good still. NULL: of none. Borrowed. */
struct identity *caller_known_find(struct context *context, const uint8_t digest[USER_DIGEST_BYTES],
                                   int64_t wall_ms);
/* What is good no more is known no more, and holds its user no more. Walks 4096 at most. Harmless
 * when there is none. */
void caller_known_check(struct context *context, int64_t wall_ms);

/* Tokens of issuers: whose they say they are tells whose keys to try. */
#include "mgw/auth/caller.h"

#include "mgw/auth/claims.h"
#include "mgw/base/alloc.h"
#include "mgw/base/log.h"
#include "mgw/config/config.h"
#include "mgw/core/share.h"

#include <stdlib.h>
#include <string.h>

/* Beside the outcomes of issuer_read(). */
#define E_TOO_MANY 100

struct caller_issuers {
        struct context *context;
        struct issuer **issuers; /* in the order of the configuration */
        size_t n;
};

/* ---- the issuers ---- */

static const struct config_jwt *find_jwt(const struct config *config, const char *issuer)
{
        for (size_t i = 0; issuer != NULL && i < config->n_jwt; i++)
                if (strcmp(config->jwt[i].issuer, issuer) == 0)
                        return &config->jwt[i];
        return NULL;
}

static void issuers_destroy(struct caller_issuers *issuers)
{
        if (issuers == NULL)
                return;
        for (size_t i = 0; i < issuers->n; i++)
                issuer_destroy(issuers->issuers[i]);
        free(issuers->issuers);
        free(issuers);
}

static struct issuer *create(struct context *context, const struct config_jwt *jwt)
{
        const struct issuer_options options = {
                .url = jwt->issuer,
                .jwks_url = jwt->jwks_url,
                .algorithms = (const char *const *)jwt->algorithms,
        };

        return issuer_create(context, &options);
}

void caller_issuers_create(struct context *context)
{
        const struct config *config = context->config;
        struct caller_issuers *issuers;

        if (config->n_jwt == 0)
                return;
        issuers = alloc_zeroed(sizeof(*issuers));
        issuers->context = context;
        issuers->n = config->n_jwt;
        issuers->issuers = alloc_array(issuers->n, sizeof(struct issuer *));
        for (size_t i = 0; i < issuers->n; i++)
                issuers->issuers[i] = create(context, &config->jwt[i]);
        context->issuers = issuers;
}

static bool is_same(const struct config *a, const struct config *b)
{
        bool is = a->n_jwt == b->n_jwt && strcmp(a->upstream_ca_file, b->upstream_ca_file) == 0;

        for (size_t i = 0; is && i < a->n_jwt; i++)
                is = config_jwt_is_same(&a->jwt[i], &b->jwt[i]);
        return is;
}

/* Who waits for one of before is judged once more, by what holds now. */
void caller_issuers_follow(struct context *context, const struct config *before)
{
        struct caller_issuers *old = context->issuers;

        if (is_same(context->config, before))
                return;
        context->issuers = NULL;
        caller_issuers_create(context);
        issuers_destroy(old);
}

bool caller_has_issuer(const struct config *config, const char *issuer)
{
        return find_jwt(config, issuer) != NULL;
}

bool caller_issuer_is_same(const struct config *config, const struct config *before,
                           const char *issuer)
{
        const struct config_jwt *now = find_jwt(config, issuer), *then = find_jwt(before, issuer);

        return now != NULL && then != NULL && config_jwt_is_same(now, then);
}

void caller_issuers_destroy(struct caller_issuers *issuers)
{
        if (issuers == NULL)
                return;
        issuers->context->issuers = NULL;
        issuers_destroy(issuers);
}

/* ---- a token ---- */

static void log_refusal(struct context *context, const struct config_jwt *rules, const char *why)
{
        if (share_may_log(context->own_share, "tokens that are refused"))
                log_info(LOG_FIELDS({"issuer", rules != NULL ? rules->issuer : NULL}),
                         "[auth] a token is refused: %s", why);
}

/* Whose it says it is: so much is believed to know whose keys to ask. NULL: nobody's here. */
static struct issuer *issuer_of(const struct caller_issuers *issuers, struct str text,
                                const struct config_jwt **rulesp, const char **whyp)
{
        const struct config *config = issuers->context->config;
        struct issuer *issuer = NULL;
        const char *iss;
        struct jwt jwt;

        if (jwt_read(&jwt, text, whyp) == 0) {
                iss = json_string_value(json_object_get(jwt.claims, "iss"));
                *whyp = "it is of no issuer that is known here (iss)";
                for (size_t i = 0; iss != NULL && i < issuers->n; i++)
                        if (strcmp(config->jwt[i].issuer, iss) == 0) {
                                issuer = issuers->issuers[i];
                                *rulesp = &config->jwt[i];
                        }
        }
        jwt_finish(&jwt);
        return issuer;
}

static enum user_verdict verdict_of(int outcome)
{
        switch (outcome) {
        case JWT_E_EXPIRED:
                return USER_EXPIRED;
        case ISSUER_E_WAIT:
        case ISSUER_E_AWAY:
        case E_TOO_MANY:
                return USER_UNSURE;
        default:
                return USER_BAD_TOKEN;
        }
}

/* What a good one says. */
static enum user_verdict take(struct context *context, const struct issuer *issuer,
                              const struct config_jwt *rules, struct str text,
                              const uint8_t digest[USER_DIGEST_BYTES], const json_t *claims,
                              int64_t expires_ms, struct identity **identityp, const char **whyp)
{
        enum user_verdict verdict = claims_identity(context->users, rules, claims,
                                                    expires_ms + rules->skew_ms, identityp, whyp);

        if (verdict == USER_OK && context->config->has_exchanges)
                (*identityp)->token = alloc_str(text);
        if (verdict == USER_OK)
                (*identityp)->issuer = alloc_text(rules->issuer);
        if (verdict == USER_OK)
                caller_known_add(context, digest, text.n, *identityp, issuer);
        return verdict;
}

/* As issuer_read(), and E_TOO_MANY. Whoever has no token can have signatures looked at; what is
 * wrong counts, so that users of one address may come all at once. */
static int read(struct context *context, struct issuer *issuer, const struct config_jwt *rules,
                struct str text, struct str address, int64_t wall_ms, json_t **claimsp,
                int64_t *expires_msp, const char **whyp)
{
        const struct jwt_demand demand = {.audiences = (const char *const *)rules->audiences,
                                          .typ = rules->typ,
                                          .skew_s = rules->skew_ms / 1000};
        struct share *share = share_of_address(context, address);
        struct rate before = share->signatures;
        int r = E_TOO_MANY;

        *whyp = "too many have come from this address whose signatures are wrong";
        if (share_takes_signature(share)) {
                r = issuer_read(issuer, text, &demand, wall_ms, claimsp, expires_msp, whyp);
                if (r != ISSUER_E_FORGED)
                        share->signatures = before;
        }
        share_let_go(share);
        return r;
}

enum user_verdict caller_read_jwt(struct context *context, struct str text,
                                  const uint8_t digest[USER_DIGEST_BYTES], struct str address,
                                  int64_t wall_ms, struct issuer **issuerp,
                                  struct identity **identityp, const char **whyp)
{
        const struct config_jwt *rules = NULL;
        struct issuer *issuer = issuer_of(context->issuers, text, &rules, whyp);
        enum user_verdict verdict = USER_BAD_TOKEN;
        int64_t expires_ms = 0;
        json_t *claims = NULL;
        int r;

        if (issuer != NULL) {
                r = read(context, issuer, rules, text, address, wall_ms, &claims, &expires_ms,
                         whyp);
                if (r == ISSUER_E_WAIT && issuerp != NULL) {
                        *issuerp = issuer;
                        return USER_WAIT;
                }
                verdict = r != 0 ? verdict_of(r)
                                 : take(context, issuer, rules, text, digest, claims, expires_ms,
                                        identityp, whyp);
        }
        json_decref(claims);
        if (verdict != USER_OK)
                log_refusal(context, rules, *whyp);
        return verdict;
}

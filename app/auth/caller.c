/* The kinds of token are tried in the order of what they cost: two look-ups by one digest, then
 * what is sealed, then signatures. */
#include "mgw/auth/caller.h"

#include "mgw/auth/token.h"
#include "mgw/base/clock.h"
#include "mgw/config/config.h"
#include "mgw/wire/hdr.h"

bool caller_is_anybody(const struct config *config)
{
        return config->auth_tokens_file[0] == '\0' && config->n_jwt == 0 &&
               !config_has_login(config);
}

/* A client of the socket that is no web server names no address: it is of this machine. */
bool caller_may_be_anybody(const struct config *config, struct str address)
{
        return config->auth_anonymous || address.n == 0 || str_has_prefix(address, STR("127.")) ||
               str_eq(address, STR("::1")) || str_has_prefix(address, STR("::ffff:127."));
}

bool caller_may_stay(const struct context *context, const struct identity *identity)
{
        int64_t wall_ms = clock_wall_ms();

        switch (identity->source) {
        case IDENTITY_ANONYMOUS:
                return caller_is_anybody(context->config);
        case IDENTITY_FILE:
                return user_is_listed(context->users, identity->user->email, wall_ms);
        case IDENTITY_JWT:
                return caller_has_issuer(context->config, identity->issuer);
        default:
                return caller_may_go_on(context, identity) &&
                       !token_login_is_over(context->authority, identity, wall_ms);
        }
}

enum user_verdict caller_find(struct context *context, struct str authorization, struct str address,
                              int64_t wall_ms, struct issuer **issuerp, struct identity **identityp,
                              const char **whyp)
{
        struct str text = hdr_bearer(authorization);
        uint8_t digest[USER_DIGEST_BYTES];
        enum user_verdict verdict;
        struct identity *known;

        *whyp = NULL;
        if (caller_is_anybody(context->config)) {
                *identityp = identity_hold(user_table_anonymous(context->users));
                return USER_OK;
        }
        if (text.n == 0)
                return USER_NO_TOKEN;
        user_digest(text, digest);
        verdict = user_find(context->users, digest, wall_ms, identityp);
        if (verdict != USER_BAD_TOKEN)
                return verdict;
        known = caller_known_find(context, digest, wall_ms);
        if (known != NULL) {
                *identityp = identity_hold(known);
                return USER_OK;
        }
        verdict = caller_read_token(context, text, digest, wall_ms, identityp);
        if (verdict != USER_BAD_TOKEN || context->issuers == NULL || !jwt_is_like(text))
                return verdict;
        return caller_read_jwt(context, text, digest, address, wall_ms, issuerp, identityp, whyp);
}

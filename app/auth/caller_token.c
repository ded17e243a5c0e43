/* Tokens that mgw has given out: nobody is asked, all that an identity needs is sealed in them. */
#include "mgw/auth/caller.h"

#include "mgw/auth/token.h"
#include "mgw/config/config.h"

static struct identity *identity_of(struct context *context, struct authorization *of,
                                    int64_t expires_ms)
{
        struct user *user = user_of_email(context->users, str_from(of->email), expires_ms);
        struct identity *identity;

        if (user == NULL)
                return NULL;
        identity = identity_create(IDENTITY_LOGIN, user);
        user_let_go(user);
        identity->subject = of->subject;
        identity->groups = of->groups;
        identity->scopes = of->scopes;
        identity->client = of->client;
        identity->expires_ms = expires_ms;
        of->subject = of->client = NULL;
        of->groups = of->scopes = NULL;
        return identity;
}

/* Others may have our key: whose state_key is the same, and public_url another. */
static bool is_for_us(const struct config *config, const struct authorization *of)
{
        struct str base = str_from(config->public_url), resource = str_from(of->resource);

        return str_has_prefix(resource, base) &&
               (resource.n == base.n || resource.p[base.n] == '/');
}

enum user_verdict caller_read_token(struct context *context, struct str text, int64_t wall_ms,
                                    struct identity **identityp)
{
        struct authorization of;
        int64_t expires_ms;
        int r;

        if (context->authority == NULL || !sealed_is(text))
                return USER_BAD_TOKEN;
        if (store_set_is_reading(&context->authority->ended))
                return USER_UNSURE;
        r = token_read_access(context->authority, text, wall_ms, &of, &expires_ms);
        if (r == 0 && !is_for_us(context->config, &of))
                r = TOKEN_E_BAD;
        *identityp = r == 0 ? identity_of(context, &of, expires_ms) : NULL;
        authorization_finish(&of);
        if (r == 0)
                return *identityp != NULL ? USER_OK : USER_TOO_MANY;
        return r == TOKEN_E_EXPIRED ? USER_EXPIRED : USER_BAD_TOKEN;
}

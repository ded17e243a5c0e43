/* Tokens that mgw has given out: nobody is asked, all that an identity needs is sealed in them. */
#include "mgw/auth/caller.h"

#include "mgw/auth/authorization_request.h"
#include "mgw/auth/token.h"
#include "mgw/base/strv.h"
#include "mgw/config/config.h"

#include <stdlib.h>
#include <string.h>

static struct identity *identity_of(struct context *context, struct authorization *of,
                                    int64_t expires_ms)
{
        struct user *user = user_of_email(context->users, str_from(of->email), of->ends_ms);
        struct identity *identity;

        if (user == NULL)
                return NULL;
        identity = identity_create(IDENTITY_LOGIN, user);
        user_let_go(user);
        identity->subject = of->subject;
        identity->domain = of->domain;
        identity->groups = of->groups;
        identity->scopes = of->scopes;
        identity->client = of->client;
        identity->login = of->family;
        identity->is_of_file = of->is_of_file;
        identity->expires_ms = expires_ms;
        of->subject = of->domain = of->client = of->family = NULL;
        of->groups = of->scopes = NULL;
        return identity;
}

/* Others may have our key: whose state_key is the same, and public_url another. */
static bool is_for_us(const struct context *context, const struct authorization *of)
{
        char *resource = authorization_resource(context, of->resource);

        free(resource);
        return resource != NULL;
}

static bool is_of_domain(const char *domain, char *const *domains)
{
        for (; *domains != NULL; domains++)
                if (strcmp(*domains, "*") == 0 ||
                    (domain != NULL && strcasecmp(*domains, domain) == 0))
                        return true;
        return false;
}

const char *caller_is_kept_out(const struct config_login *login, const char *domain,
                               char *const *groups)
{
        if (login->issuer[0] == '\0')
                return "People do not sign in at a provider here any more.";
        if (login->domains != NULL && !is_of_domain(domain, login->domains))
                return "This account is not of an organization that may use this gateway.";
        if (login->groups != NULL &&
            !strv_has_any((const char *const *)groups, (const char *const *)login->groups))
                return "This account is in none of the groups that may use this gateway.";
        return NULL;
}

/* Registered ones and those with documents are known by what they are; of the configuration's it is
 * the configuration that says so. */
static bool has_client(const struct context *context, const char *key)
{
        struct str text = str_from(key);

        return text.n == 0 || str_has_prefix(text, STR("dcr:")) ||
               str_has_prefix(text, STR("http")) || authority_has_client(context->authority, key);
}

bool caller_may_go_on(const struct context *context, const struct identity *identity)
{
        if (!config_has_login(context->config) || !has_client(context, identity->client))
                return false;
        return identity->is_of_file || caller_is_kept_out(&context->config->login, identity->domain,
                                                          identity->groups) == NULL;
}

enum user_verdict caller_read_token(struct context *context, struct str text,
                                    const uint8_t digest[USER_DIGEST_BYTES], int64_t wall_ms,
                                    struct identity **identityp)
{
        struct authorization of;
        int64_t expires_ms;
        int r;

        if (context->authority == NULL || !config_has_login(context->config) || !sealed_is(text))
                return USER_BAD_TOKEN;
        r = token_read_access(context->authority, text, wall_ms, &of, &expires_ms);
        if (r == 0 && !is_for_us(context, &of))
                r = TOKEN_E_BAD;
        *identityp = r == 0 ? identity_of(context, &of, expires_ms) : NULL;
        if (*identityp != NULL && !caller_may_go_on(context, *identityp)) {
                identity_let_go(*identityp);
                *identityp = NULL;
                r = TOKEN_E_BAD;
        }
        if (*identityp != NULL)
                caller_known_add(context, digest, text.n, *identityp, NULL);
        authorization_finish(&of);
        if (r == 0)
                return *identityp != NULL ? USER_OK : USER_TOO_MANY;
        if (r == TOKEN_E_UNSURE)
                return USER_UNSURE;
        return r == TOKEN_E_EXPIRED ? USER_EXPIRED : USER_BAD_TOKEN;
}

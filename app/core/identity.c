#include "mgw/core/identity.h"

#include "mgw/base/alloc.h"
#include "mgw/base/strv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct identity *identity_create(enum identity_source source, struct user *user)
{
        struct identity *identity = alloc_zeroed(sizeof(*identity));

        identity->n_holders = 1;
        identity->source = source;
        identity->user = user_hold(user);
        identity->expires_ms = INT64_MAX;
        return identity;
}

struct identity *identity_hold(struct identity *identity)
{
        identity->n_holders++;
        return identity;
}

void identity_let_go(struct identity *identity)
{
        if (identity == NULL)
                return;
        assert(identity->n_holders > 0);
        if (--identity->n_holders > 0)
                return;
        user_let_go(identity->user);
        free(identity->subject);
        free(identity->domain);
        free(identity->client);
        free(identity->login);
        free(identity->browser_login);
        free(identity->token);
        free(identity->issuer);
        strv_free(identity->groups);
        strv_free(identity->scopes);
        free(identity);
}

bool identity_is_of_login(const struct identity *identity, const char *login)
{
        return identity != NULL && identity->login != NULL && strcmp(identity->login, login) == 0;
}

bool identity_has_scope(const struct identity *identity, const char *scope)
{
        return identity->has_all_scopes || strv_has((const char *const *)identity->scopes, scope);
}

bool identity_has_group(const struct identity *identity, const char *group)
{
        return strv_has((const char *const *)identity->groups, group);
}

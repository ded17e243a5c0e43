/* The accounts of an upstream are an array: first that of all others, then those of users. */
#include "mgw/upstream/account.h"

#include "mgw/base/alloc.h"
#include "mgw/base/strv.h"
#include "mgw/config/config.h"
#include "mgw/core/back_off.h"
#include "mgw/upstream/credential.h"

#include <stdlib.h>
#include <string.h>

/* A longer Retry-After is not waited for. */
#define BACK_OFF_MAX_MS (INT64_C(60) * 1000)

/* The first is everybody's; then come those of the users, in the order of the configuration. */
static size_t n_accounts(const struct upstream *u)
{
        return u->server->n_users + 1;
}

static void account_init(struct upstream *u, struct account *a, const struct config_account *config)
{
        struct account *all = &u->accounts[0];

        a->upstream = u;
        a->config = config;
        if (config->oauth == NULL)
                return;
        if (a != all && config->oauth == all->config->oauth)
                a->credential = all->credential;
        else
                a->credential = credential_create(u, config->oauth, config->email);
}

void accounts_create(struct upstream *u)
{
        u->accounts = alloc_array(n_accounts(u), sizeof(*u->accounts));
        account_init(u, &u->accounts[0], &u->server->account);
        for (size_t i = 0; i < u->server->n_users; i++)
                account_init(u, &u->accounts[i + 1], &u->server->users[i]);
}

void accounts_destroy(struct upstream *u)
{
        if (u->accounts == NULL)
                return;
        for (size_t i = n_accounts(u) - 1; i > 0; i--)
                if (u->accounts[i].credential != u->accounts[0].credential)
                        credential_destroy(u->accounts[i].credential);
        credential_destroy(u->accounts[0].credential);
        free(u->accounts);
        u->accounts = NULL;
}

struct account *account_find(const struct upstream *u, const struct user *user)
{
        for (size_t i = 1; i < n_accounts(u); i++)
                if (strcmp(u->accounts[i].config->email, user->email) == 0)
                        return &u->accounts[i];
        return u->server->per_user ? NULL : &u->accounts[0];
}

const char **account_headers(const struct account *a, const char *const *first,
                             const char *authorization)
{
        const char *const *own = (const char *const *)a->config->headers;
        size_t n_first = strv_count(first), n_own = strv_count(own);
        const char **lines = alloc_array(n_first + n_own + 2, sizeof(*lines));

        for (size_t i = 0; i < n_first; i++)
                lines[i] = first[i];
        for (size_t i = 0; i < n_own; i++)
                lines[n_first + i] = own[i];
        lines[n_first + n_own] = authorization;
        return lines;
}

bool account_is_silent(const struct account *a, unsigned question)
{
        return a != NULL && (a->silent & 1u << question) != 0;
}

bool account_falls_silent(struct account *a, unsigned question)
{
        bool is_news = a != NULL && !account_is_silent(a, question);

        if (is_news)
                a->silent |= 1u << question;
        return is_news;
}

bool account_speaks(struct account *a, unsigned question)
{
        bool is_news = account_is_silent(a, question);

        if (is_news)
                a->silent &= ~(1u << question);
        return is_news;
}

void account_back_off(const struct account *a, struct share *share, int64_t ms)
{
        back_off_set(share, a, ms < BACK_OFF_MAX_MS ? ms : BACK_OFF_MAX_MS);
}

int64_t account_back_off_ms(const struct account *a, struct share *share)
{
        return a != NULL ? back_off_left_ms(share, a) : 0;
}

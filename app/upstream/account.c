/* The accounts of an upstream are an array: first that of all others, then those of users; and a
 * table of those that users connect themselves. */
#include "mgw/upstream/account.h"

#include "credential_inside.h"
#include "mgw/base/alloc.h"
#include "mgw/base/strv.h"
#include "mgw/config/config.h"
#include "mgw/core/back_off.h"
#include "mgw/loop/http.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A longer Retry-After is not waited for. */
#define BACK_OFF_MAX_MS (INT64_C(60) * 1000)

/* The first is everybody's; then come those of the users, in the order of the configuration. */
static size_t n_accounts(const struct upstream *u)
{
        return u->server->n_users + 1;
}

/* Does each user have tokens of their own by it? */
static bool is_personal(const struct config_account *config)
{
        return config->oauth != NULL &&
               (config->oauth->connects || config->oauth->exchange != NULL);
}

static void account_init(struct upstream *u, struct account *a, const struct config_account *config,
                         const char *email)
{
        struct account *all = &u->accounts[0];

        a->upstream = u;
        a->config = config;
        a->email = email != NULL ? alloc_text(email) : NULL;
        list_init(&a->callers);
        list_init(&a->waits);
        if (config->oauth == NULL || (email == NULL && is_personal(config)))
                return;
        if (a != all && config->oauth == all->config->oauth && !is_personal(config))
                a->credential = all->credential;
        else
                a->credential = credential_create(a);
}

static void account_finish(struct account *a)
{
        if (a->credential != a->upstream->accounts[0].credential || a == &a->upstream->accounts[0])
                credential_destroy(a->credential);
        oauth_challenge_finish(&a->challenge);
        free(a->email);
}

void accounts_create(struct upstream *u)
{
        u->accounts = alloc_array(n_accounts(u), sizeof(*u->accounts));
        account_init(u, &u->accounts[0], &u->server->account, NULL);
        for (size_t i = 0; i < u->server->n_users; i++)
                account_init(u, &u->accounts[i + 1], &u->server->users[i],
                             u->server->users[i].email);
}

void accounts_destroy(struct upstream *u)
{
        struct account *a, *next;

        if (u->accounts == NULL)
                return;
        HASH_ITER(hh, u->own_accounts, a, next)
        {
                HASH_DEL(u->own_accounts, a);
                account_finish(a);
                free(a);
        }
        for (size_t i = n_accounts(u); i-- > 0;)
                account_finish(&u->accounts[i]);
        free(u->accounts);
        u->accounts = NULL;
}

/* ---- who holds them ---- */

bool accounts_are_idle(const struct upstream *u)
{
        for (size_t i = 0; i < n_accounts(u); i++)
                if (u->accounts[i].n_holders > 0)
                        return false;
        return u->own_accounts == NULL;
}

static struct account *own_account(struct upstream *u, const char *email)
{
        struct account *a = NULL;

        HASH_FIND_STR(u->own_accounts, email, a);
        if (a != NULL)
                return a;
        a = alloc_zeroed(sizeof(*a));
        account_init(u, a, &u->server->account, email);
        a->is_own = true;
        HASH_ADD_KEYPTR(hh, u->own_accounts, a->email, strlen(a->email), a);
        return a;
}

struct account *account_of(struct upstream *u, const char *email)
{
        for (size_t i = 1; i < n_accounts(u); i++)
                if (strcmp(u->accounts[i].config->email, email) == 0)
                        return account_hold(&u->accounts[i]);
        if (u->server->per_user)
                return NULL;
        if (is_personal(&u->server->account))
                return account_hold(own_account(u, email));
        return account_hold(&u->accounts[0]);
}

struct account *account_hold(struct account *a)
{
        a->n_holders++;
        return a;
}

void account_let_go(struct account *a)
{
        if (a == NULL)
                return;
        assert(a->n_holders > 0);
        if (--a->n_holders > 0 || !a->is_own)
                return;
        assert(list_is_empty(&a->callers) && list_is_empty(&a->waits));
        HASH_DEL(a->upstream->own_accounts, a);
        account_finish(a);
        free(a);
}

/* ---- what it sends ---- */

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

/* ---- how its server answers it ---- */

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

/* ---- what its user connects ---- */

bool account_connects(const struct account *a)
{
        return a != NULL && credential_is_grant(a->credential);
}

bool account_is_challenged(struct account *a, const struct http_response *response)
{
        struct oauth_challenge challenge;

        if (!account_connects(a) || (response->status != 401 && response->status != 403))
                return false;
        oauth_challenge_read(&challenge, response->www_authenticate);
        if (response->status == 403 && !challenge.is_insufficient) {
                oauth_challenge_finish(&challenge);
                return false;
        }
        oauth_challenge_finish(&a->challenge);
        a->challenge = challenge;
        return true;
}

void account_connected(struct account *a)
{
        struct list told;
        struct list *it;

        account_hold(a);
        credential_forget(a->credential);
        list_for_each_safe (one, &a->callers) {
                struct account_caller *caller = container_of(one, struct account_caller, node);

                caller->on_connected(caller);
        }
        list_take_all(&told, &a->waits);
        while ((it = list_first(&told)) != NULL) {
                struct account_wait *wait = container_of(it, struct account_wait, node);

                list_unlink(&wait->node);
                wait->on_connected(wait);
        }
        account_let_go(a);
}

void account_disconnected(struct account *a)
{
        account_hold(a);
        credential_forget(a->credential);
        list_for_each_safe (one, &a->callers) {
                struct account_caller *caller = container_of(one, struct account_caller, node);

                caller->on_disconnected(caller);
        }
        account_let_go(a);
}

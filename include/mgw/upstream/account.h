/* As whom a user's sessions call an upstream: the headers, variables and tokens of one user, or of
 * all who have none of their own. Nothing of it is ever used for another user. */
#pragma once

#include "mgw/upstream/upstream.h"

struct credential;

/* What its server is asked while clients wait. */
enum account_question {
        ACCOUNT_HANDSHAKE,
        ACCOUNT_LIST, /* + enum list_kind */
};

struct account {
        struct upstream *upstream;
        const struct config_account *config;
        struct credential *credential; /* NULL: no token is fetched */
        unsigned silent;               /* one bit a question: account_is_silent() */
};

/* Into upstream->accounts. */
void accounts_create(struct upstream *upstream);
/* After all who use them; NULL accounts are fine. */
void accounts_destroy(struct upstream *upstream);
/* NULL: the upstream is only for users who have one of their own ("per_user"). */
struct account *account_find(const struct upstream *upstream, const struct user *user);
/* Lines for http_options.headers: first (ended by NULL), then the account's own, then authorization
 * unless it is NULL. The lines are borrowed, the caller frees the array. */
const char **account_headers(const struct account *account, const char *const *first,
                             const char *authorization);
/* Was the question left without an answer for upstream_grace_ms? Then no client of the account
 * waits for it again until it has been answered. false for NULL: there is nothing to wait for. */
bool account_is_silent(const struct account *account, unsigned question);
/* true: this is news. NULL is fine. */
bool account_falls_silent(struct account *account, unsigned question);
bool account_speaks(struct account *account, unsigned question);
/* The server has asked, when this user called, to be left alone for so long (Retry-After): it is by
 * this user, as this account. Who shares the account is told so too when it is meant for them. */
void account_back_off(const struct account *account, struct share *share, int64_t ms);
/* How long still; 0: not. */
int64_t account_back_off_ms(const struct account *account, struct share *share);

/* As whom a user's sessions call an upstream: the headers, variables and tokens of one user, or of
 * all who have none of their own. Nothing of it is ever used for another user. */
#pragma once

#include "mgw/gate/upstream.h"

struct credential;

struct account {
        struct upstream *upstream;
        const struct config_account *config;
        struct credential *credential; /* NULL: no token is fetched */
        int64_t rest_until_ms;         /* by the server's word (Retry-After) */
};

/* Into upstream->accounts. 0, -ENOMEM. */
int accounts_create(struct upstream *upstream);
/* After all who use them; NULL accounts are fine. */
void accounts_destroy(struct upstream *upstream);
/* NULL: the upstream is only for users who have one of their own ("per_user"). */
struct account *account_find(const struct upstream *upstream, const struct user *user);
/* Lines for http_options.headers: first (ended by NULL), then the account's own, then authorization
 * unless it is NULL. The lines are borrowed, the caller frees the array. NULL: out of memory. */
const char **account_headers(const struct account *account, const char *const *first,
                             const char *authorization);
/* Does this status speak of the account alone? Other users of the upstream may fare better. */
bool account_is_refused(unsigned status);
/* The server asked to be left alone for so long. Only a user's own account rests: what all share is
 * not withheld from them for what one did with it. */
void account_rest(struct account *account, int64_t ms);
bool account_rests(const struct account *account);

/* As whom a user's sessions call an upstream: the headers, variables and tokens of one user, or of
 * all who have none of their own. Nothing of it is ever used for another user. Where users connect
 * accounts of their own in a browser ("oauth" without a token), each has one, made when first
 * needed and freed when nobody holds it. */
#pragma once

#include "mgw/auth/oauth_challenge.h"
#include "mgw/base/hash.h"
#include "mgw/upstream/upstream.h"

struct credential;
struct http_response;
struct upstream_client;

/* What its server is asked while clients wait. */
enum account_question {
        ACCOUNT_HANDSHAKE,
        ACCOUNT_LIST, /* + enum list_kind */
};

struct account {
        UT_hash_handle hh; /* upstream->own_accounts: those that are made when needed, by email */
        struct upstream *upstream;
        const struct config_account *config;
        char *email;                      /* whose alone it is; NULL: of all others */
        struct credential *credential;    /* NULL: no token is fetched */
        struct oauth_challenge challenge; /* what its server has said last of the token it wants */
        struct list callers;              /* struct account_caller */
        struct list waits;                /* struct account_wait */
        unsigned n_holders;
        unsigned silent; /* one bit a question: account_is_silent() */
        bool is_own;     /* made when needed */
};

/* Who calls as it: an upstream session, which embeds it. */
struct account_caller {
        struct list node;
        const struct upstream_client *client;
        /* Its user has connected it; has disconnected it. */
        void (*on_connected)(struct account_caller *caller);
        void (*on_disconnected)(struct account_caller *caller);
};

/* Who waits for its user to connect it; embedded. */
struct account_wait {
        struct list node; /* unlinked: it does not wait */
        /* From the loop: there is a grant now. */
        void (*on_connected)(struct account_wait *wait);
};

/* Into upstream->accounts. */
void accounts_create(struct upstream *upstream);
/* After all who use them; NULL accounts are fine. */
void accounts_destroy(struct upstream *upstream);
/* Does nobody hold one? */
bool accounts_are_idle(const struct upstream *upstream);
/* Held by the caller. NULL: the upstream is only for users who have one of their own ("per_user").
 */
struct account *account_of(struct upstream *upstream, const char *email);
struct account *account_hold(struct account *account);
/* NULL is fine. */
void account_let_go(struct account *account);
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

/* Does its user connect it in a browser? NULL is fine. */
bool account_connects(const struct account *account);
/* The head of an answer has come: is it (by status and WWW-Authenticate) one that its user can
 * change, by connecting it, or by granting more? */
bool account_is_challenged(struct account *account, const struct http_response *response);
/* Its user has connected it: the grant is in the store. Its upstream sessions open, or tell that
 * their lists may have changed, and who waits goes on. */
void account_connected(struct account *account);
/* Its user has taken the grant back: its upstream sessions begin anew, without. */
void account_disconnected(struct account *account);

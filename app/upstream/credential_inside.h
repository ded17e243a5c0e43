/* A credential between credential.c (who waits, one fetch at a time) and where its tokens come
 * from: credential_config.c (what the configuration says), grant.c (what a user has granted),
 * credential_exchange.c (the caller's own token). */
#pragma once

#include "mgw/base/list.h"
#include "mgw/upstream/credential.h"

struct account;

struct credential_source {
        /* Begins to fetch a token: it ends in credential_succeed(), _lack() or _fail(), from the
         * loop. 0; -errno: it could not begin. */
        int (*fetch)(struct credential *credential);
        /* The token that it gave last was refused. NULL: it need not know. */
        void (*on_refused)(struct credential *credential);
        /* What it knows may not hold any more. NULL: it always does. */
        void (*on_forget)(struct credential *credential);
        void (*destroy)(struct credential *credential);
};

struct credential {
        const struct credential_source *source;
        void *state; /* the source's */
        struct account *account;
        char *header;        /* NULL: none */
        int64_t renew_at_ms; /* 0: when the upstream refuses it */
        bool is_fetching;
        bool is_lacking; /* its user has to grant something first: nothing is fetched */
        struct list waiting;
};

/* life_ms: 0, it is not known. */
void credential_succeed(struct credential *credential, const char *token, int64_t life_ms);
/* There is no token to be had before its user has been asked: who waits goes on without one. */
void credential_lack(struct credential *credential);
void credential_fail(struct credential *credential, const char *fault);
/* What was found out, that there is a token or none, holds no more. */
void credential_forget(struct credential *credential);

/* The sources, by their oauth (account->config->oauth). */
void credential_config_init(struct credential *credential);
void credential_exchange_init(struct credential *credential);
void grant_init(struct credential *credential);

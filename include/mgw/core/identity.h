/* As whom a request is made: a user, and what their token says of them. Shared by all who act by
 * it; never changed once it is made, but for what auth/policy has found out of it. */
#pragma once

#include "mgw/core/user.h"

enum identity_source {
        IDENTITY_ANONYMOUS,
        IDENTITY_FILE,  /* a token of auth.tokens_file */
        IDENTITY_JWT,   /* of an issuer in auth.jwt */
        IDENTITY_LOGIN, /* a token that mgw has given out (auth.login) */
};

struct policy_class;

/* Which rules of the policy are for somebody: for whom the same are, they see the same. */
struct identity_rules {
        uint64_t bits[4];
        const struct policy_class *class; /* what these let see; NULL: too many differ */
        uint64_t of;                      /* by which policy (its number); 0: by none */
};

struct identity {
        unsigned n_holders;
        enum identity_source source;
        struct user *user;   /* held */
        char *subject;       /* of the issuer; NULL: there is none */
        char *domain;        /* of whose accounts it is; NULL: not known */
        char **groups;       /* ended by NULL; NULL: none */
        char **scopes;       /* likewise */
        bool has_all_scopes; /* its kind of token has no scopes: none is missing */
        char *client;        /* the OAuth client, for the log; NULL: not known */
        char *login;         /* that its token has come of (auth/family); NULL: of none */
        char *browser_login; /* by which a browser has shown it (login/browser); NULL: by none */
        bool is_of_file;     /* for that its user has shown a token of the file */
        char *token;         /* itself, where one of an issuer is to be exchanged; or NULL */
        char *issuer;        /* of the token, IDENTITY_JWT; else NULL */
        int64_t expires_ms;  /* wall clock; INT64_MAX: never */
        struct identity_rules rules; /* kept by auth/policy */
};

/* Of that user (held), with no more known; held for the caller, who fills it in. */
struct identity *identity_create(enum identity_source source, struct user *user);
struct identity *identity_hold(struct identity *identity);
/* NULL is fine. */
void identity_let_go(struct identity *identity);
bool identity_has_scope(const struct identity *identity, const char *scope);
/* NULL is of none. */
bool identity_is_of_login(const struct identity *identity, const char *login);
bool identity_has_group(const struct identity *identity, const char *group);

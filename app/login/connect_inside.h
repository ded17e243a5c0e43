/* What the pages for connecting accounts share. */
#pragma once

#include "mgw/auth/oauth_discovery.h"
#include "mgw/auth/oauth_flow.h"
#include "mgw/auth/oauth_registration.h"
#include "mgw/core/identity.h"
#include "mgw/login/connect.h"
#include "mgw/login/page.h"
#include "mgw/store/store.h"
#include "mgw/upstream/account.h"
#include "mgw/upstream/grant.h"

struct connect {
        struct context *context;
        struct list tasks;
        unsigned n_tasks;
};

/* One visit that takes time. It goes to its end when its browser has left: what a provider has
 * given is not lost. */
struct connect_task {
        struct list node;
        struct connect *connect;
        struct request *req;       /* NULL: its browser has left, or has been answered */
        struct identity *identity; /* held; who is signed in */
        struct account *account;   /* held */
        struct oauth_http http;
        struct store_op op;
        struct oauth_request *request;
        struct oauth_discovery *discovery;
        struct oauth_registration *registration;
        struct oauth_party party;
        struct grant grant;
        void *state; /* of the file whose task it is */
        void (*state_free)(void *state);
};

/* NULL: it has been answered (too many are under way). */
struct connect_task *connect_task_create(struct request *req, struct identity *identity,
                                         struct account *account_take);
const char *connect_task_email(const struct connect_task *task);
/* It is over; its request, if it is still there, must have been answered. */
void connect_task_end(struct connect_task *task);
/* Ends it with a page, or another address of ours. */
void connect_task_fault(struct connect_task *task, unsigned status, const char *what,
                        const char *what_to_do);
void connect_task_lead(struct connect_task *task, const char *url);

/* Who is signed in, held. NULL: it has been answered: they sign in first, and come back here. */
struct identity *connect_user(struct request *req);
/* May they connect an account at this one? */
bool connect_is_for(struct identity *identity, const struct upstream *upstream);
/* The user's account at that server, held. NULL: it has been answered. */
struct account *connect_account(struct request *req, const char *server, struct identity *identity);
/* A line for the log, with who, and what of the request an operator looks for. */
void connect_log(const struct connect_task *task, const char *what, const char *detail);
/* The same for the audit. */
void connect_decide(const struct connect_task *task, const char *kind, const char *outcome,
                    const char *reason);
/* What is kept of a visit to the provider, until it comes back: its key, for the caller to free. */
char *connect_pending_key(const struct connect_task *task);

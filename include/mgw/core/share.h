/* What one user holds of what all share; without users, what one address holds (an IPv6 address's
 * /64, as HAProxy counts). Who is full gives up their own first, and is refused then. */
#pragma once

#include "mgw/base/hash.h"
#include "mgw/base/log_budget.h"
#include "mgw/base/rate.h"
#include "mgw/core/context.h"

struct session;

struct share {
        UT_hash_handle hh; /* context->shares: those of addresses */
        struct context *context;
        struct user *user; /* whose it is; NULL: an address's, or the gateway's own */
        struct ledger_payer memory;
        struct replay_owner replay; /* of its sessions */
        struct list idle_node;      /* context->idle_shares while it has idle sessions */
        struct list idle_sessions;  /* in order of last use */
        struct list children;       /* stdio servers of its sessions, in order of last use */
        struct timer expiry;   /* of the longest idle session; of itself when nobody holds it */
        struct list back_offs; /* core/back_off */
        struct rate calls;
        struct rate sign_ins;   /* tries to sign in by a token */
        struct rate logins;     /* of the user in a browser, and of clients they have let in */
        struct rate exchanges;  /* codes that a provider was asked about */
        struct rate signatures; /* looked at of who is not known */
        struct rate assertions; /* of clients, with what they have of the user's */
        struct log_budget log;
        struct list work;      /* core/work: what waits for a turn */
        struct list busy_node; /* context->busy_shares while something does */
        uint64_t work_turn;    /* in which so much was done: */
        int64_t work_us;
        unsigned n_holders;
        unsigned n_sessions;
        unsigned n_idle_sessions;
        unsigned n_streams;
        unsigned n_calls;     /* without those that listen */
        uint16_t n_asked;     /* of its clients by upstreams, in a standing session */
        unsigned n_children;  /* that serve, or are being started */
        unsigned n_sign_ins;  /* on their way */
        unsigned n_waits;     /* for keys of issuers */
        unsigned n_held;      /* requests whose session another process has */
        unsigned n_fetches;   /* of documents that it has named (auth/fetched) */
        unsigned n_audit;     /* blocks of the audit's room, of lines that are not written yet */
        unsigned n_processes; /* of them, and of those that are about to end */
        bool is_address;
        uint8_t address[16];
};

void share_context_init(struct context *context);
/* After all who hold one have been ended; they may still lie in the morgue. */
void share_context_finish(struct context *context);
/* The share of that user, or of the address where all are one user; held for the caller. */
struct share *share_of(struct context *context, struct user *user, struct str address);
/* The address of one that is an address's, as share_of() reads it. */
#define SHARE_ADDRESS_SIZE 46
void share_address(const struct share *share, char text[SHARE_ADDRESS_SIZE]);
/* The share of that address; held for the caller. */
struct share *share_of_address(struct context *context, struct str address);
/* NULL is fine. */
struct share *share_hold(struct share *share);
/* A user's, with its user. NULL is fine. */
void share_destroy(struct share *share);
/* NULL is fine. */
void share_let_go(struct share *share);
/* Nobody holds its user any more: both go in a while, if nobody holds the share either. */
void share_watch_end(struct share *share);

/* For lines that this user can make come without end: is there room in the log now? whose: as they
 * are to be called. */
bool share_may_log(struct share *share, const char *whose);

/* May n messages of which n_calls are requests come in now? 0, or the status to refuse with. */
unsigned share_refuses_calls(struct share *share, unsigned n, unsigned n_calls);
/* May its user sign in once more, or let in one more client, which is then remembered for as long
 * as that lasts? */
bool share_takes_login(struct share *share);
/* May one more signature be looked at of who is not known? It takes milliseconds to find that it is
 * wrong. */
bool share_takes_signature(struct share *share);
/* May a stream be opened? Likewise. */
unsigned share_refuses_stream(const struct share *share);

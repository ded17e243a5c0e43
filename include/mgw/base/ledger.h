/* Who holds how much memory. Bytes are charged to a payer where they are kept, and released where
 * they are freed; the ledger has the sum of all, by kind. What is charged is what the heap gives
 * for it, about: the sum is to be near the truth, so that new work is refused before the kernel
 * has to choose. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEDGER_E_PAYER 1 /* the payer would hold more than it may: nothing was charged */
#define LEDGER_E_WHOLE 2 /* all together would, or do already: nothing was charged */

enum ledger_kind {
        LEDGER_BODY,         /* bodies that are coming in */
        LEDGER_CALL,         /* requests that run or wait, with what they asked for */
        LEDGER_ANSWER,       /* what clients have not taken yet */
        LEDGER_SESSION,      /* sessions, with what their clients said of themselves */
        LEDGER_REPLAY,       /* events kept for clients that come back */
        LEDGER_SUBSCRIPTION, /* what clients want to be told of */
        LEDGER_LIST,         /* lists of upstreams, and what upstreams said of themselves */
        LEDGER_MESSAGE,      /* what is coming from upstreams */
        LEDGER_N_KINDS,
};

struct ledger {
        uint64_t bytes;
        uint64_t max_bytes; /* 0: no cap */
        uint64_t by_kind[LEDGER_N_KINDS];
        uint64_t refused; /* charges, for want of room */
        bool is_tight;    /* the process as a whole is over its cap, however that came */
        /* Told of the next charge or release, once; may be NULL. */
        void (*on_move)(struct ledger *ledger);
};

/* A user, an address, an upstream: embedded by it, and outlives what is charged to it. */
struct ledger_payer {
        struct ledger *ledger;
        uint64_t bytes;
        uint64_t max_bytes; /* 0: no cap of its own */
};

/* As metrics name it: "body". */
const char *ledger_kind_name(enum ledger_kind kind);
/* 0, LEDGER_E_PAYER, LEDGER_E_WHOLE. */
int ledger_charge(struct ledger_payer *payer, enum ledger_kind kind, size_t n);
/* As ledger_charge(), for what is kept only in case it is asked for: half of the payer's cap stays
 * for work. */
int ledger_charge_spare(struct ledger_payer *payer, enum ledger_kind kind, size_t n);
/* As ledger_charge(), for what is there and cannot be refused any more: may pass the caps. */
void ledger_charge_past(struct ledger_payer *payer, enum ledger_kind kind, size_t n);
void ledger_release(struct ledger_payer *payer, enum ledger_kind kind, size_t n);
/* What ledger_charge() would say. */
int ledger_check(const struct ledger_payer *payer, size_t n);

/* What one object holds that grows and shrinks; embedded by it, zeroed: nothing. */
struct ledger_hold {
        struct ledger_payer *payer;
        size_t bytes;
        enum ledger_kind kind;
};

static inline void ledger_hold_init(struct ledger_hold *hold, struct ledger_payer *payer,
                                    enum ledger_kind kind)
{
        *hold = (struct ledger_hold){payer, 0, kind};
}

/* It holds n bytes now. Outcomes as ledger_charge(): then it holds what it held. Less is always
 * possible. */
int ledger_hold_set(struct ledger_hold *hold, size_t n);
/* As that, past the caps. */
void ledger_hold_set_past(struct ledger_hold *hold, size_t n);

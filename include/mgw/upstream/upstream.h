/* One configured MCP server: its place in the catalog, and how it fares. When the configuration is
 * read again, and has its entry as it was, it stays what it is. Else it is retired: no list has it
 * any more, calls that it is at work on may end. */
#pragma once

#include "mgw/base/log_budget.h"
#include "mgw/base/rate.h"
#include "mgw/core/context.h"
#include "mgw/mcp/catalog.h"
#include "mgw/upstream/breaker.h"
#include "mgw/upstream/upstream_list.h"

struct account;
struct share;
struct transport;

/* Does its server speak one era or the other? Found out by whoever opens it, and kept while that
 * holds. */
enum upstream_speaks { UPSTREAM_MAY_SPEAK, UPSTREAM_SPEAKS, UPSTREAM_SPEAKS_NOT };

/* What it said last: upstream sessions share what is the same. */
struct upstream_recent {
        json_t *init_result;            /* of itself */
        struct upstream_list *lists[4]; /* by enum list_kind */
};

#define UPSTREAM_FAULT_SIZE 96

/* How it has answered, for people who look. */
struct upstream_health {
        uint64_t n_faults; /* that say that it is not well */
        uint64_t n_answers;
        int64_t latency_us;              /* of them, a new one counting an eighth */
        int64_t fault_at_ms;             /* of the loop */
        char fault[UPSTREAM_FAULT_SIZE]; /* the last, in words of ours; "": there was none */
};

struct upstream {
        struct list node; /* context->retired */
        struct context *context;
        struct config_server *server;            /* held */
        const struct transport *transport;       /* how its upstream sessions are carried */
        const struct transport *first_transport; /* what is tried when that is not known */
        const struct transport *sharing;         /* how those are that share another */
        enum upstream_speaks speaks[2];          /* with sessions [0], without [1] */
        struct catalog_rule rule;
        struct account *accounts;     /* as whom it is called: account_of() */
        struct account *own_accounts; /* that users connect themselves: hash */
        struct http_source http;    /* its requests: what they bring in a turn, where they may go */
        struct ledger_payer memory; /* pays for what it says and what is known of it */
        unsigned index;             /* in context->slots, and in each session's upstream_sessions */
        unsigned place;             /* in context->upstreams, as the policy counts them */
        unsigned n_sessions;        /* upstream sessions with it */
        unsigned n_ending;          /* its sessions and children that are still ending */
        const char *retired;        /* why, for its callers; NULL: it is not */
        int64_t retired_until_ms;   /* calls have so long to end */
        struct breaker breaker;
        struct upstream_health health;
        struct log_budget log;
        struct rate registrations; /* of ours with authorization servers that it names */
        struct upstream_recent recent[2];
        json_t *recent_params; /* what was said to it of a client */
};

/* One for each server of the configuration, into context->upstreams. */
void upstreams_create(struct context *context);
void upstreams_destroy(struct context *context);
/* The configuration is another: those whose entries it has stay, others are retired, new ones come.
 * True: what clients are shown may be something else. */
bool upstreams_follow(struct context *context);
/* Frees those retired ones that nobody has anything to do with any more. */
void upstreams_forget_retired(struct context *context);
/* Upstream sessions and children whose end is not confirmed yet. */
unsigned upstreams_n_ending(const struct context *context);

const char *upstream_name(const struct upstream *upstream);
long upstream_connect_timeout_ms(const struct upstream *upstream);
/* Is what stands behind an upstream session that session's alone? Else its child serves several at
 * once, and a slow client must not hold up the others. */
bool upstream_is_private(const struct upstream *upstream);
/* May this user try it now? */
bool upstream_may_try(struct upstream *upstream, const struct share *share);
void upstream_worked(struct upstream *upstream);
/* A request of that method has its answer; NULL: it is a big result that is passed on. */
void upstream_answered(struct upstream *upstream, const char *method, const json_t *answer,
                       int64_t took_us);
/* why: for the log. */
void upstream_failed(struct upstream *upstream, const struct share *share, enum breaker_sign sign,
                     const char *why);
/* What is said of it while the breaker is open: nothing of what it said to anybody. */
extern const char upstream_backing_off[];
/* For lines that an upstream can make come without end: is there room in the log now? */
bool upstream_may_log(struct upstream *upstream);
/* A message of it, or one who is told of one, makes work in this turn. */
void upstream_spend(struct upstream *upstream);
/* So much in all, so far (http_source). */
uint32_t upstream_spent(const struct upstream *upstream);
/* When an upstream session that is down should try again, from now: not before at_least_ms (of
 * upstream_retry_s, if that is longer); different for each that asks. */
int64_t upstream_retry_in_ms(const struct upstream *upstream, const struct share *share,
                             int64_t at_least_ms);
/* Does a list that it has sent of late show that name of its own? list: enum list_kind. */
bool upstream_has_listed(const struct upstream *upstream, unsigned list, const char *theirs);
/* Which transport its server speaks is to be found out again. */
void upstream_forget_transport(struct upstream *upstream);
/* The same of the eras. */
void upstream_forget_eras(struct upstream *upstream);

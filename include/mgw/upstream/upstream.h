/* One configured MCP server: its place in the catalog, and how it fares. */
#pragma once

#include "mgw/base/log_budget.h"
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

struct upstream {
        struct context *context;
        const struct config_server *server;
        const struct transport *transport;       /* how its upstream sessions are carried */
        const struct transport *first_transport; /* what is tried when that is not known */
        const struct transport *sharing;         /* how those are that share another */
        enum upstream_speaks speaks[2];          /* with sessions [0], without [1] */
        struct catalog_rule rule;
        struct account *accounts;     /* as whom it is called: account_of() */
        struct account *own_accounts; /* that users connect themselves: hash */
        struct http_source http;    /* its requests: what they bring in a turn, where they may go */
        struct ledger_payer memory; /* pays for what it says and what is known of it */
        unsigned index;    /* in context->upstreams, and in each session's upstream_sessions */
        unsigned n_ending; /* its sessions and children that are still ending */
        struct breaker breaker;
        uint64_t n_failures; /* ever, which the breaker has heard of */
        struct log_budget log;
        struct upstream_recent recent[2];
        json_t *recent_params; /* what was said to it of a client */
};

/* One for each server of the configuration, into context->upstreams. */
void upstreams_create(struct context *context);
void upstreams_destroy(struct context *context);
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
/* why: for the log. */
void upstream_failed(struct upstream *upstream, const struct share *share, enum breaker_sign sign,
                     const char *why);
/* What is said of it while the breaker is open: nothing of what it said to anybody. */
extern const char upstream_backing_off[];
/* For lines that an upstream can make come without end: is there room in the log now? */
bool upstream_may_log(struct upstream *upstream);
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

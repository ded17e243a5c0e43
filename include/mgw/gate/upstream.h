/* One configured MCP server: its place in the catalog, and how it fares. */
#pragma once

#include "mgw/base/log_budget.h"
#include "mgw/gate/breaker.h"
#include "mgw/gate/gate.h"
#include "mgw/gate/upstream_list.h"
#include "mgw/mcp/catalog.h"

struct account;
struct share;
struct transport;

/* Does its server speak one era or the other? Found out by whoever opens it, and kept while that
 * holds. */
enum upstream_speaks { UPSTREAM_MAY_SPEAK, UPSTREAM_SPEAKS, UPSTREAM_SPEAKS_NOT };

/* What it said last: links share what is the same. */
struct upstream_recent {
        json_t *hello;                  /* of itself */
        struct upstream_list *lists[4]; /* by enum link_list */
};

struct upstream {
        struct gate *gate;
        const struct config_server *server;
        const struct transport *transport; /* how its links are carried */
        enum upstream_speaks speaks[2];    /* with sessions [0], without [1] */
        struct catalog_rule rule;
        struct account *accounts;   /* as whom it is called: account_find() */
        struct http_source http;    /* its requests: what they bring in a turn, where they may go */
        struct ledger_payer memory; /* pays for what it says and what is known of it */
        unsigned index;             /* in gate->upstreams, and of its link in a session */
        unsigned n_ending;          /* its sessions and children that are still ending */
        struct breaker breaker;
        struct log_budget log;
        struct upstream_recent recent[2];
        json_t *recent_params; /* what was said to it of a client */
};

/* One for each server of the configuration, into gate->upstreams. 0, -errno. */
int upstreams_create(struct gate *gate);
void upstreams_destroy(struct gate *gate);
/* Upstream sessions and children whose end is not confirmed yet. */
unsigned upstreams_n_ending(const struct gate *gate);

const char *upstream_name(const struct upstream *upstream);
long upstream_connect_timeout_ms(const struct upstream *upstream);
/* Is what stands behind a link that session's alone? Else its child serves several at once, and a
 * slow client must not hold up the others. */
bool upstream_is_private(const struct upstream *upstream);
/* May this user try it now? */
bool upstream_may_try(struct upstream *upstream, const struct share *share);
void upstream_worked(struct upstream *upstream);
/* why: for the log. */
void upstream_failed(struct upstream *upstream, const struct share *share, enum breaker_sign sign,
                     const char *why);
/* What is said of it while the breaker is open: nothing of what it said to anybody. */
extern const char upstream_left_alone[];
/* For lines that an upstream can make come without end: is there room in the log now? */
bool upstream_may_log(struct upstream *upstream);
/* When a link that is down should try again, from now: not before at_least_ms (of upstream_retry_s,
 * if that is longer); different for each that asks. */
int64_t upstream_retry_in_ms(const struct upstream *upstream, const struct share *share,
                             int64_t at_least_ms);
/* Which transport its server speaks is to be found out again. */
void upstream_forget_transport(struct upstream *upstream);
/* The same of the eras. */
void upstream_forget_eras(struct upstream *upstream);

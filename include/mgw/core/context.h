/* What all share: made and ended by server/server, borrowed by all others. */
#pragma once

#include "mgw/base/ledger.h"
#include "mgw/core/user.h"
#include "mgw/loop/child.h"
#include "mgw/loop/http.h"
#include "mgw/loop/timer.h"
#include "mgw/mcp/replay.h"
#include "mgw/mcp/seal.h"

struct audit;
struct authority;
struct browser;
struct caller_issuers;
struct caller_known;
struct connect;
struct config;
struct metrics;
struct policy;
struct policy_counts;
struct recent;
struct series;
struct session;
struct session_handover_events;
struct share;
struct status;
struct store;
struct traces;
struct upstream;
struct upstream_client_events;
struct upstream_list;

/* What one user may have; 0: no limit. */
struct share_limits {
        uint32_t calls_max; /* at once */
        uint32_t calls_per_s;
        uint32_t streams_max;
};

/* Counters for /metrics and gateway_status; they only grow, but for those named n_x. */
struct context_stats {
        unsigned n_connections;
        unsigned n_streams;
        unsigned n_sessions;
        unsigned n_calls;
        unsigned n_suspended; /* of them, those that wait for their client's retry */
        uint64_t streams_opened;
        uint64_t streams_overflowed; /* ended because the client did not read */
        uint64_t keepalives;
        uint64_t events;
        uint64_t calls;
        uint64_t requests;
        uint64_t protocol_faults; /* FastCGI connections that spoke something else */
        uint64_t longest_stream_ms;
};

struct context {
        struct loop *loop;
        const struct config *config;
        struct user_table *users;
        struct policy *policy;               /* auth/policy; NULL: all may all */
        struct policy_counts *policy_counts; /* auth/policy_limit; NULL likewise */
        struct user everybody;               /* in whose name runs what all users share */
        struct store *store;                 /* what outlives the process */
        struct caller_known *known;          /* auth/caller_known: tokens that are good */
        struct caller_issuers *issuers;      /* auth/caller_jwt; NULL: there is no auth.jwt */
        struct authority *authority;         /* auth/authority; NULL: there is no auth.login */
        struct connect *connects;            /* login/connect: people who connect their accounts */
        struct browser *browser;             /* login/browser: people who sign in */
        struct metrics *metrics;             /* observe/metrics */
        struct recent *recent;               /* observe/recent */
        struct series *series;               /* observe/series */
        struct audit *audit;                 /* observe/audit; NULL: there is none */
        struct traces *traces;               /* observe/traces; NULL: there are none */
        struct status *status;               /* status/status: who watches */
        struct http_client *http;
        struct children *children;
        struct confine *confine;     /* upstream/confine: what children are kept from */
        struct upstream **upstreams; /* in the order of the configuration */
        size_t n_upstreams;
        struct upstream **slots; /* those, and retired ones, by index; NULL: free */
        size_t n_slots;
        struct list retired; /* upstream/upstreams: in no configuration any more, and in use */
        struct timer retire; /* looks after them; kept by session/session_upstreams */
        struct replay_pool replay;
        struct context_stats stats;
        int64_t started_ms;
        uint32_t streams_max; /* the configured number, or what the descriptors allow */
        bool is_draining;
        bool has_successor; /* another process serves: what has come here is served to its end */
        void (*on_calm)(struct context *context); /* a stream or call ended while draining */
        /* A stream has come or is about to go, or some may watch no more; set by
         * status/status_feed while somebody watches, NULL else. */
        void (*on_change)(struct context *context);
        /* A login (auth/family) was ended: who came by it goes. */
        void (*on_login_end)(struct context *context, const char *login);

        struct list streams; /* session/stream: in order of their last write */
        struct timer sweep;
        struct timer sweep_report;
        uint64_t keepalives_reported;
        struct timer trim;
        unsigned streams_peak;    /* since the last trim */
        unsigned streams_to_trim; /* as many were open when the next one was planned */

        uint8_t state_key[SEAL_KEY_BYTES]; /* session/request_state */

        const struct upstream_client_events *client_events; /* session/session_client */
        struct session *sessions;                           /* session/session: hash by id */
        json_t *recent_init;     /* session/session_upstreams: what a client said last of itself */
        struct share *shares;    /* core/share: of addresses, hash */
        struct share *own_share; /* pays for what is nobody's, without a cap of its own */
        struct list idle_shares; /* those with idle sessions */
        void (*on_idle_due)(
                struct share *share); /* its idle sessions may be over; set by session/session */
        struct list leftovers;        /* upstream/leftover */

        const struct session_handover_events *handover; /* session/session_handover; NULL: no other
                                                           process is there */

        struct list cached_pages; /* session/page_cache */
        unsigned n_cached_pages;
        /* A list of an upstream ends: what was made of it goes; set by session/page_cache. NULL:
         * nothing is. */
        void (*on_list_end)(struct context *context, const struct upstream_list *list);

        struct loop_task work; /* core/work */
        struct list busy_shares;

        struct ledger ledger;
        uint64_t memory_per_user_max_bytes;
        struct share_limits per_user;
        struct timer memory_look; /* server/memory */
        uint64_t memory_slack; /* held and not in use, when the heap last gave back what it could */
};

static inline void context_tell_change(struct context *context)
{
        if (context->on_change != NULL)
                context->on_change(context);
}

/* Does it take no new work? */
static inline bool context_refuses(const struct context *context)
{
        return context->is_draining && !context->has_successor;
}

/* What we say of ourselves to clients and upstreams (schema, Implementation). A new object. */
json_t *context_implementation(void);

/* What the rooms of this floor share: made and ended by gate/server, borrowed by all others. */
#pragma once

#include "mgw/base/ledger.h"
#include "mgw/gate/config.h"
#include "mgw/gate/user.h"
#include "mgw/loop/child.h"
#include "mgw/loop/http.h"
#include "mgw/loop/timer.h"
#include "mgw/mcp/replay.h"
#include "mgw/mcp/seal.h"

struct session;
struct share;
struct upstream;

/* Counters for /metrics and gateway_status; they only grow, but for those named n_x. */
struct gate_stats {
        unsigned n_connections;
        unsigned n_streams;
        unsigned n_sessions;
        unsigned n_calls;
        uint64_t streams_opened;
        uint64_t streams_overflowed; /* ended because the client did not read */
        uint64_t keepalives;
        uint64_t events;
        uint64_t calls;
        uint64_t requests;
        uint64_t protocol_faults; /* FastCGI connections that spoke something else */
        uint64_t longest_stream_ms;
};

struct gate {
        struct loop *loop;
        const struct config *config;
        struct user_table *users;
        struct user everybody; /* in whose name runs what all users share */
        struct http_client *http;
        struct children *children;
        struct confine *confine;    /* gate/confine: what children are kept from */
        struct upstream *upstreams; /* in the order of the configuration */
        size_t n_upstreams;
        struct replay_pool replay;
        struct gate_stats stats;
        int64_t started_ms;
        uint32_t streams_max; /* the configured number, or what the descriptors allow */
        bool is_draining;
        void (*on_calm)(struct gate *gate); /* a stream or call ended while draining */

        struct list streams; /* gate/stream: in order of their last write */
        struct timer sweep;
        struct timer sweep_report;
        uint64_t keepalives_reported;
        struct timer trim;
        unsigned streams_peak; /* since the last trim */

        uint8_t state_key[SEAL_KEY_BYTES]; /* gate/request_state */

        struct session *sessions; /* gate/session: hash by id */
        struct share *shares;     /* gate/share: of addresses, hash */
        struct share *own_share;  /* pays for what is nobody's, without a cap of its own */
        struct list idle_shares;  /* those with idle sessions */
        struct list leftovers;    /* gate/leftover */

        struct list shown; /* gate/shown */
        unsigned n_shown;

        struct loop_task work; /* gate/work */
        struct list busy_shares;

        struct ledger ledger;
        uint64_t memory_per_user_max_bytes;
        struct timer memory_look; /* gate/memory */
        uint64_t memory_slack; /* held and not in use, when the heap last gave back what it could */
};

/* What we say of ourselves to clients and upstreams (schema, Implementation). A new object, NULL:
 * out of memory. */
json_t *gate_implementation(void);

/* What metrics counts and metrics_print prints. */
#pragma once

#include "mgw/base/hash.h"
#include "mgw/observe/metrics.h"

/* Calls of one set of labels, or answers of servers. */
struct call_series {
        UT_hash_handle hh;
        const char *server; /* these three lie in key; "": none */
        const char *method;
        const char *name;
        enum call_outcome outcome;
        struct histogram took;
        char key[];
};

/* How many of them with a name are of one server. */
struct named_series {
        UT_hash_handle hh;
        size_t n;
        char server[];
};

struct metrics {
        const struct context *context;
        struct call_series *calls;   /* hash by key */
        struct call_series *answers; /* likewise: of servers to us, without names */
        struct named_series *named;  /* hash by server */
        size_t n_named;              /* of all servers */
        size_t n_common;             /* of them beyond the servers' own parts */
        struct metrics_calls sums;
        uint64_t bytes_in, bytes_out;
        unsigned n_open[STREAM_KIND_N];
        uint64_t ended[STREAM_KIND_N][STREAM_CAUSE_N];
        struct histogram lived[STREAM_KIND_N];
        struct histogram keepalives_late;
};

/* What was seen of a stream, judged: a function of the record and of what is known of the way. */
#pragma once

#include "probe_party.h"
#include "probe_record.h"

enum probe_verdict {
        PROBE_VERDICT_NONE, /* the server offers no such stream, or refused it */
        PROBE_VERDICT_LIVED,
        PROBE_VERDICT_CLOSED,  /* by the server, which told when to come back */
        PROBE_VERDICT_UNCLEAR, /* too little time: no keep-alive came, and none had to */
        PROBE_VERDICT_SILENT,  /* it lived here, but so silently that others would cut it */
        PROBE_VERDICT_BUFFERED,
        PROBE_VERDICT_CUT,
};

/* How it is known that something holds back what the server sends. */
enum probe_held {
        PROBE_HELD_NOT,
        PROBE_HELD_CLUMPS,   /* keep-alives came several at once */
        PROBE_HELD_PROGRESS, /* a call's progress came with its answer */
        PROBE_HELD_HEAD,     /* no head came, though the server answers other requests */
        PROBE_HELD_OPENING,  /* the event that opens such a stream did not come, or late */
        PROBE_HELD_ECHO, /* a request was taken, and its answer did not come on the stream, or late
                          */
};

/* What is known of the way, from all streams and requests. */
struct probe_view {
        double scale;        /* timeouts on it are so many times shorter than usual */
        int64_t answer_ms;   /* how long the server takes to answer a small request */
        probe_parties seen;  /* by their marks */
        int64_t interval_ms; /* the longest between keep-alives of the server; 0: none came */
};

#define PROBE_SUSPECTS_MAX 3

struct probe_finding {
        enum probe_verdict verdict;
        enum probe_held held;
        bool is_head_late;
        bool is_packed; /* the body came compressed */
        unsigned n_keep_alives;
        unsigned n_intervals; /* between keep-alives; where there are none the rest is 0 */
        int64_t interval_ms;  /* the median */
        int64_t interval_least_ms, interval_most_ms;
        int64_t jitter_ms; /* the largest distance from the median */
        /* PROBE_VERDICT_CUT: who may have, the likeliest first. SILENT: who would. */
        const struct probe_limit *suspects[PROBE_SUSPECTS_MAX];
        size_t n_suspects;
        bool is_total; /* the first suspect looks at the age, not at the silence */
};

/* Is what arrived then a sign of life, and not the head, nor the answer of a call? */
bool probe_judge_is_keep_alive(const struct probe_record *r, const struct probe_beat *beat);
/* The longest time between two keep-alives of the server, progress aside; 0: none came. */
int64_t probe_judge_interval_ms(const struct probe_record *r);
struct probe_finding probe_judge(const struct probe_record *r, const struct probe_view *view);
/* Is it one for which the exit status is 1? */
bool probe_verdict_is_bad(enum probe_verdict verdict);
/* "lived" and the like. */
const char *probe_verdict_word(enum probe_verdict verdict);

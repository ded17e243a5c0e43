/* Who stands between a client and a server: the marks that they leave in heads, and the timeouts
 * that they are known for. Tables alone; the figures are defaults as their makers document them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A bit for each party. */
typedef uint32_t probe_parties;

/* Those whose marks stand in a head's lines ("Name: value\n" each; NULL: none). */
probe_parties probe_party_seen(const char *lines);
size_t probe_party_count(void);
const char *probe_party_name(size_t party);
/* The line of the head in which the party was seen, borrowed; *np is its length. NULL: in none. */
const char *probe_party_mark(size_t party, const char *lines, size_t *np);
/* What to change there so that it does not hold back what it passes on. */
const char *probe_party_unbuffer(size_t party);

struct probe_limit {
        const char *who; /* "an AWS ALB with its default idle timeout" */
        size_t party;
        unsigned seconds;
        bool is_total;    /* of a whole answer, silent or not; else of silence */
        unsigned status;  /* what it answers where no head has come; 0: it just closes */
        const char *cure; /* what to do */
};

/* NULL behind the last. */
const struct probe_limit *probe_limit_at(size_t i);
/* Does the party of this limit leave a mark in each head that it passes on? */
bool probe_limit_is_marked(const struct probe_limit *limit);
/* How far what was seen is from the limit, in thousandths of it, the times on the way being `scale`
 * times shorter than usual; -1: it cannot be it. */
int64_t probe_limit_distance(const struct probe_limit *limit, int64_t seen_ms, double scale);

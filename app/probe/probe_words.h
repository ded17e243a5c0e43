/* A finding in words, for people and for scripts. */
#pragma once

#include "probe_judge.h"

#define PROBE_WORDS_MAX 1024

struct probe_words {
        char what[PROBE_WORDS_MAX]; /* what happened, and who it may have been */
        char how[PROBE_WORDS_MAX];  /* how that is known; "" where what says it all */
        char cure[PROBE_WORDS_MAX]; /* what to do; "": nothing */
};

void probe_words_of(const struct probe_record *r, const struct probe_view *view,
                    const struct probe_finding *f, struct probe_words *words);
/* "12 ms", "3.0 s", "10 min". */
#define PROBE_TIME_SIZE 32
const char *probe_words_time(int64_t ms, char text[PROBE_TIME_SIZE]);

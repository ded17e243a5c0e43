/* The last hour, by samples, for people who look. */
#pragma once

#include "mgw/core/context.h"

#define SERIES_STEP_MS 10000
#define SERIES_MAX 360

struct series_sample {
        uint32_t n_streams; /* at its end */
        uint32_t n_sessions;
        uint32_t n_calls;  /* that were running then */
        uint32_t calls;    /* that have ended in it */
        uint32_t failures; /* of them (call_record_has_failed) */
};

/* Sets context->series, which takes its samples from the loop's clock; after the metrics. */
void series_create(struct context *context);
/* NULL is fine. */
void series_destroy(struct series *series);

/* One more sample, as the clock takes them. */
void series_take(struct series *series);
/* Samples so far, SERIES_MAX at most. */
size_t series_n(const struct series *series);
/* The newest for 0, which is at most SERIES_STEP_MS old; borrowed for this turn. n < series_n(). */
const struct series_sample *series_ago(const struct series *series, size_t n);

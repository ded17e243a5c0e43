/* A ring of samples, and what the counters were at the newest. */
#include "mgw/observe/series.h"

#include "mgw/base/alloc.h"
#include "mgw/observe/metrics.h"

#include <assert.h>
#include <stdlib.h>

struct series {
        struct context *context;
        struct timer timer;
        size_t n; /* ever */
        struct metrics_calls before;
        struct series_sample samples[SERIES_MAX];
};

void series_take(struct series *series)
{
        const struct context_stats *stats = &series->context->stats;
        struct metrics_calls now = metrics_calls(series->context->metrics);

        series->samples[series->n++ % SERIES_MAX] = (struct series_sample){
                .n_streams = stats->n_streams,
                .n_sessions = stats->n_sessions,
                .n_calls = stats->n_calls,
                .calls = (uint32_t)(now.ended - series->before.ended),
                .failures = (uint32_t)(now.failed - series->before.failed),
        };
        series->before = now;
}

static void on_due(struct timer *timer)
{
        struct series *series = container_of(timer, struct series, timer);

        series_take(series);
        timer_arm(series->context->loop, timer, SERIES_STEP_MS);
}

void series_create(struct context *context)
{
        struct series *series = alloc_zeroed(sizeof(*series));

        series->context = context;
        series->timer.on_due = on_due;
        context->series = series;
        timer_arm(context->loop, &series->timer, SERIES_STEP_MS);
}

void series_destroy(struct series *series)
{
        if (series != NULL)
                timer_disarm(series->context->loop, &series->timer);
        free(series);
}

size_t series_n(const struct series *series)
{
        return series->n < SERIES_MAX ? series->n : SERIES_MAX;
}

const struct series_sample *series_ago(const struct series *series, size_t n)
{
        assert(n < series_n(series));
        return &series->samples[(series->n - 1 - n) % SERIES_MAX];
}

/* What the files of the status page share. What goes into it is bounded: rows by number, texts by
 * length, walks by steps. */
#pragma once

#include "mgw/core/context.h"
#include "mgw/status/status.h"

#include <jansson.h>

#define STATUS_GROUP "admins"
/* Who looks by the inside port, as the policy and the log name them. */
#define STATUS_OPERATOR "operator@inside"

/* Of each kind. */
#define STATUS_ROWS_MAX 100
/* Of a text that somebody else has chosen. */
#define STATUS_TEXT_SIZE 81
/* Steps of a walk over what there may be many of: a few milliseconds. */
#define STATUS_WALK_MAX 50000

struct status {
        struct context *context;
        struct list watches; /* kept by status_feed */
        unsigned n_watches;
        struct timer tick;
        bool is_hurried;        /* it is armed for less than a period */
        int64_t told_ms;        /* when the last snapshot went out */
        struct str told_config; /* the text that all have been told */
};

/* A new string: as much of it as fits, without controls. NULL gives null. */
json_t *status_text(const char *text);
/* {"n", "rows"}; consumed. */
json_t *status_rows_take(size_t n, json_t *rows);

/* Rows with the highest rank, of any number of candidates; the first of those that are alike. */
struct status_best {
        struct status_ranked {
                const void *of;
                uint64_t rank;
        } rows[STATUS_ROWS_MAX]; /* the highest first */
        size_t n;
};
void status_best_add(struct status_best *best, const void *of, uint64_t rank);

/* Each a new object; see status_snapshot(). */
json_t *status_streams(const struct context *context);
json_t *status_users(const struct context *context);
json_t *status_upstreams(const struct context *context);
json_t *status_lifetimes(const struct context *context);
json_t *status_series(const struct context *context);
json_t *status_ends(const struct context *context);
/* What is in force, without secrets. */
json_t *status_config(const struct context *context);
/* All that changes by itself. */
json_t *status_snapshot(const struct context *context);

/* May who was found to be a viewer (status_viewer_find) still look? */
bool status_viewer_may_stay(const struct context *context, const struct identity *identity);

/* For all watches: who opens and ends them is status_feed's to know. */
void status_feed_init(struct status *status);
void status_feed_close(struct status *status);

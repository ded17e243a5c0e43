/* The text that Prometheus reads (text exposition format 0.0.4). What finds no room in the buf is
 * left out. */
#pragma once

#include "mgw/base/buf.h"
#include "mgw/observe/histogram.h"

enum exposition_type { EXPOSITION_COUNTER, EXPOSITION_GAUGE, EXPOSITION_HISTOGRAM };

/* Before its samples. help: without line ends. */
void exposition_family(struct buf *out, const char *name, enum exposition_type type,
                       const char *help);

/* Adds one to a set of labels, which begins empty. The value may be of others: it is escaped. NULL
 * and "" are no label. */
void exposition_label(struct buf *labels, const char *name, const char *value);

/* labels: NULL, or such a set. */
void exposition_sample(struct buf *out, const char *name, const struct buf *labels, uint64_t value);
void exposition_seconds(struct buf *out, const char *name, const struct buf *labels, double value);
void exposition_histogram(struct buf *out, const char *name, const struct buf *labels,
                          const struct histogram *histogram);

/* A family of one sample without labels. */
void exposition_single(struct buf *out, const char *name, enum exposition_type type,
                       const char *help, uint64_t value);

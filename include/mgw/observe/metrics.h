/* What is counted of calls and streams. The label sets are bounded: names of tools and prompts are
 * labels where a list has shown them, and while their server has less of them than there is room
 * for more; else a label says "other". */
#pragma once

#include "mgw/base/buf.h"
#include "mgw/core/context.h"
#include "mgw/observe/call_record.h"
#include "mgw/observe/histogram.h"
#include "mgw/observe/stream_record.h"

/* Sets of labels with a name in them; a tool has one for each outcome that it has had. Each server
 * has a part of its own of one half, and of the other no more than it leaves: ever new names of
 * some take none from the next. */
#define METRICS_NAMED_MAX 1000

/* Sets context->metrics. */
void metrics_create(struct context *context);
/* NULL is fine. */
void metrics_destroy(struct metrics *metrics);

void metrics_add_call(struct metrics *metrics, const struct call_record *record);
/* Of a server: without a name there are no more than methods and outcomes allow. */
void metrics_add_answer(struct metrics *metrics, const struct call_record *record);
void metrics_add_open(struct metrics *metrics, enum stream_kind kind, int by);
void metrics_add_stream(struct metrics *metrics, const struct stream_record *record);
/* late_ms: after it was due. */
void metrics_add_keepalive(struct metrics *metrics, int64_t late_ms);

/* Since the start. */
struct metrics_calls {
        uint64_t ended;
        uint64_t failed; /* of them (call_record_has_failed) */
};
struct metrics_calls metrics_calls(const struct metrics *metrics);
/* How long streams have lived, of all kinds. */
struct histogram metrics_lifetimes(const struct metrics *metrics);

/* All of it in the form of Prometheus, and what audit and traces count. */
void metrics_print(struct context *context, struct buf *out);

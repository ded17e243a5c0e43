/* The one place to which floors above tell what has happened; who wants to know is told from here:
 * metrics, audit, traces. Nothing of this waits. */
#pragma once

#include "mgw/core/context.h"
#include "mgw/observe/call_record.h"
#include "mgw/observe/stream_record.h"

#include <stdio.h>

/* After the configuration, the loop and the HTTP client are there. 0, -errno: told in the log. */
int observe_open(struct context *context);
/* Before the HTTP client goes. What waits to be written has a deadline. */
void observe_close(struct context *context);

/* Can be had what a configuration wants that is read while mgw runs? 0, -EINVAL: told to err. */
int observe_check(const struct context *context, const struct config *next, FILE *err);
/* The configuration has been read again, and context->config is the new one; or it had a fault
 * (is_taken: false), and all stays as it was. Files that have been moved away are made anew
 * (logrotate). 0, -errno: told in the log, and as it was before. */
int observe_reload(struct context *context, bool is_taken);

/* A call ends: before its answer goes out. */
void observe_call(struct context *context, const struct call_record *record);
/* A server has answered a request of ours: server, method, outcome and took_us are read. */
void observe_answer(struct context *context, const struct call_record *record);
/* So many more streams of that kind are here: 1, or -1. One that goes on in another process has not
 * ended, and one that has come from there was not opened. */
void observe_streams_here(struct context *context, enum stream_kind kind, int by);
/* It has ended. */
void observe_stream(struct context *context, const struct stream_record *record);
/* A keep-alive has gone out, so long after it was due (less than 0: before). */
void observe_keepalive(struct context *context, int64_t late_ms);

/* Spans on their way to the collector. */
#pragma once

#include "mgw/core/context.h"
#include "mgw/observe/span.h"

struct traces_stats {
        uint64_t sent; /* spans */
        uint64_t dropped;
        bool is_away; /* the collector takes none */
};

/* 0, -errno. Where no collector is configured there are none. */
int traces_open(struct context *context);
/* What waits has so long to leave. */
void traces_close(struct context *context);
int traces_reload(struct context *context);
/* The text of a span (OTLP 1.x, JSON); dropped where there is no room. */
void traces_add(struct traces *traces, struct str span);
/* 64 bits that nobody else has drawn: no secret. */
uint64_t traces_random(struct traces *traces);
/* NULL: there are none. */
const struct traces_stats *traces_stats(const struct context *context);

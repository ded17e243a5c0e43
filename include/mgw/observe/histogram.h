/* Times, counted by bounds. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BOUNDS_MAX 28

struct histogram_bounds {
        size_t n;
        int64_t us[HISTOGRAM_BOUNDS_MAX]; /* growing */
};

struct histogram {
        const struct histogram_bounds *bounds;
        uint64_t n[HISTOGRAM_BOUNDS_MAX + 1]; /* each time once: by the least bound it kept, or
                                                 past all of them */
        int64_t sum_us;
};

/* Those of OpenTelemetry's conventions for MCP (mcp.server.operation.duration). */
extern const struct histogram_bounds histogram_of_calls;

void histogram_add(struct histogram *histogram, int64_t us);
uint64_t histogram_count(const struct histogram *histogram);
/* Of the same bounds. */
void histogram_add_all(struct histogram *sum, const struct histogram *histogram);

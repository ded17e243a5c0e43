/* Time, in milliseconds and microseconds. */
#pragma once

#include <stdint.h>

/* Since some fixed moment, never going back. */
int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_us(void);
/* Since 1970-01-01T00:00:00Z. */
int64_t clock_wall_ms(void);
int64_t clock_wall_us(void);

/* How many lines of the log one party may cause, a user or a server: so many a second, and a burst.
 * What is left out is counted, and told when there is room again. */
#pragma once

#include "mgw/base/list.h"
#include "mgw/base/rate.h"

#include <stdbool.h>
#include <stdint.h>

#define LOG_BUDGET_A_SECOND 20
#define LOG_BUDGET_BURST 300

/* Embedded by the party, zeroed. */
struct log_budget {
        struct rate rate;
        struct list node; /* of those that have left lines out */
        uint64_t n_left_out;
        char whose[64];
};

/* May one more line come? whose: how it is told, copied. */
bool log_budget_take(struct log_budget *budget, const char *whose, int64_t now_ms);
/* The party goes; what was left out is told. */
void log_budget_finish(struct log_budget *budget);
/* Tells of those that have room again. To be called now and then. */
void log_budgets_tell(int64_t now_ms);

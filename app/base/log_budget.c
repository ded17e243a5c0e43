/* Parties that have left lines out stand in a list. Who has not costs nothing when it is walked. */
#include "mgw/base/log_budget.h"

#include "mgw/base/log.h"

#include <inttypes.h>
#include <stdio.h>

static struct list waiting = {&waiting, &waiting};

static void tell(struct log_budget *budget)
{
        list_unlink(&budget->node);
        log_warn(NULL, "[log] %s: %" PRIu64 " lines were left out", budget->whose,
                 budget->n_left_out);
        budget->n_left_out = 0;
}

static bool take(struct log_budget *budget, int64_t now_ms)
{
        return rate_take(&budget->rate, LOG_BUDGET_A_SECOND, LOG_BUDGET_BURST, 1, now_ms);
}

bool log_budget_take(struct log_budget *budget, const char *whose, int64_t now_ms)
{
        /* Till it is told how many were left out nothing more comes, or the order would deceive. */
        if (budget->n_left_out == 0 && take(budget, now_ms))
                return true;
        if (budget->n_left_out++ == 0) {
                snprintf(budget->whose, sizeof(budget->whose), "%s", whose);
                list_append(&waiting, &budget->node);
        }
        return false;
}

void log_budget_finish(struct log_budget *budget)
{
        if (budget->n_left_out > 0)
                tell(budget);
}

void log_budgets_tell(int64_t now_ms)
{
        list_for_each_safe (it, &waiting) {
                struct log_budget *budget = container_of(it, struct log_budget, node);

                if (take(budget, now_ms))
                        tell(budget);
        }
}

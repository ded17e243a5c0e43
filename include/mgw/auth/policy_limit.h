/* How often somebody has called a tool: of a minute and of a day, each from the first call in it.
 * Kept in memory alone: a restart begins anew. */
#pragma once

#include "mgw/base/ledger.h"
#include "mgw/base/str.h"

#include <stdint.h>

struct policy_counts;

/* payer: pays for what is counted, and is borrowed. Users come and go, and what they did is to
 * outlive them, so it is not they who pay. */
struct policy_counts *policy_counts_create(struct ledger_payer *payer);
/* NULL is fine. */
void policy_counts_destroy(struct policy_counts *counts);
/* Counts one more call, where the limits (0: none) let it. 0, or in how many seconds they will;
 * such a call is not counted. now_ms never goes back. */
int64_t policy_limit_take(struct policy_counts *counts, const char *user, const char *tool,
                          uint32_t per_minute, uint32_t per_day, int64_t now_ms);
